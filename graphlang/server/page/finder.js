// Find a node of the picture by a part of its name or of its formula.

export function makeFinder({ field, said }, { picture, about, onFound }) {
  let found = []; // ids, in the order of the picture
  let at = -1;

  function matches() {
    const wanted = field.value.trim().toLowerCase();
    if (!wanted || !about()) return [[], 0];
    const has = (text) => text?.toLowerCase().includes(wanted);
    const items = Object.entries(about().items).filter(([id]) => !id.endsWith(">") && !id.startsWith(">"));
    const shown = items.filter(([, item]) => has(item.title) || has(item.formula)).map(([id]) => id);
    const titles = new Set(items.map(([, item]) => item.title));
    return [shown, Object.keys(about().numbers).filter((name) => has(name) && !titles.has(name)).length];
  }

  function refresh() {
    let hidden;
    [found, hidden] = matches();
    at = -1;
    picture.mark("found", found.flatMap((id) => [id, `${id}>`]));
    const inside = hidden ? `${hidden} in closed boxes` : "";
    said.textContent = field.value.trim() ? [found.length || !hidden ? `${found.length} found` : "", inside].filter(Boolean).join(", ") : "";
  }

  function go(by) {
    if (!found.length) return;
    at = (at + by + found.length) % found.length;
    said.textContent = `${at + 1} of ${found.length}`;
    picture.reveal(found[at]);
    onFound(found[at]);
  }

  field.oninput = refresh;
  field.onkeydown = (event) => {
    if (event.key === "Enter") go(event.shiftKey ? (at < 0 ? 0 : -1) : 1);
    else if (event.key === "Escape") {
      field.value = "";
      refresh();
    } else return;
    event.preventDefault();
  };

  return { refresh, focus: () => field.select() };
}
