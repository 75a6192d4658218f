// The norms of the parameters' gradients as bars on a logarithmic scale, each with its number.

const USUAL = [-6, 1]; // powers of ten between which norms mostly lie

export function makeBars(table) {
  const caption = table.querySelector("caption");
  const body = table.querySelector("tbody");
  let rows = new Map(); // path -> { fill, bar, number }
  let range = [...USUAL];

  function open(paths) {
    if (String([...rows.keys()]) === String(paths) && rows.size === paths.length) return;
    rows = new Map();
    body.replaceChildren(...paths.map(makeRow));
    table.hidden = paths.length === 0;
    clear();
  }

  function makeRow(path) {
    const row = document.createElement("tr");
    const name = Object.assign(document.createElement("th"), { scope: "row", textContent: path, title: path });
    const bar = Object.assign(document.createElement("td"), { className: "track" });
    const fill = document.createElement("div");
    const number = Object.assign(document.createElement("td"), { className: "norm" });
    bar.append(fill);
    row.append(name, bar, number);
    rows.set(path, { fill, bar, number });
    return row;
  }

  function clear() {
    range = [...USUAL];
    for (const { fill, number } of rows.values()) {
      fill.style.width = "0";
      number.textContent = "–";
    }
    tellRange();
  }

  function draw(norms) {
    if (!norms) return;
    const powers = Object.values(norms).filter((x) => Number.isFinite(x) && x > 0).map(Math.log10);
    const wider = [Math.min(range[0], ...powers.map(Math.floor)), Math.max(range[1], ...powers.map(Math.ceil))];
    if (String(wider) !== String(range)) {
      range = wider;
      tellRange();
    }
    for (const [path, norm] of Object.entries(norms)) {
      const row = rows.get(path);
      if (!row) continue;
      row.number.textContent = figure(norm);
      row.fill.style.width = `${(100 * share(norm)).toFixed(2)}%`;
    }
  }

  // What is no number any more fills the whole bar; its text says so.
  const share = (norm) => (!Number.isFinite(norm) ? 1 : norm <= 0 ? 0 : (Math.log10(norm) - range[0]) / (range[1] - range[0]));
  const figure = (norm) => (norm === 0 ? "0" : !Number.isFinite(norm) ? String(norm) : norm >= 0.001 && norm < 10000 ? norm.toPrecision(3) : norm.toExponential(2).replace("-", "−"));

  function tellRange() {
    const power = (k) => `1e${k}`.replace("-", "−");
    caption.textContent = `Norm of each gradient in the last step, before clipping. Bars from ${power(range[0])} to ${power(range[1])}, a mark for every power of ten.`;
    for (const { bar } of rows.values()) bar.style.backgroundSize = `${100 / (range[1] - range[0])}% 100%`;
  }

  return { open, clear, draw };
}
