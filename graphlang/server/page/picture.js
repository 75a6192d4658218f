// The picture: the server's SVG, made safe once more, with marks for hovering, choosing and stepping.

const ALLOWED = new Set(["svg", "g", "path", "rect", "circle", "ellipse", "line", "polygon", "polyline", "text", "tspan", "title", "defs", "marker"]);
const [SMALLEST, LARGEST] = [0.1, 4];
// A picture that fits only if its numbers cannot be read any more is scrolled instead.
const LEGIBLE = 0.85;

export function makePicture(host, { onHover, onClick, onGrab }) {
  let svg = null;
  let size = [1, 1];
  let zoom = null; // null: as fits
  let groups = new Map(); // id -> elements; of an open box it is "box:" and its path
  let dragged = false;

  function show(text) {
    const scroll = [host.scrollLeft, host.scrollTop];
    // The page's theme decides the colours here, not the style sheet for those who open the file elsewhere.
    const bare = text.replace(/<style>[^]*?<\/style>/, "");
    const parsed = new DOMParser().parseFromString(bare, "image/svg+xml");
    if (parsed.querySelector("parsererror")) return;
    const fresh = document.importNode(cleaned(parsed.documentElement), true);
    groups = new Map();
    for (const group of fresh.querySelectorAll("g[data-id]")) {
      const id = group.dataset.id;
      groups.set(id, [...(groups.get(id) ?? []), group]);
    }
    size = (fresh.getAttribute("viewBox") ?? "0 0 1 1").split(" ").slice(2).map(Number);
    host.replaceChildren((svg = fresh));
    resize();
    [host.scrollLeft, host.scrollTop] = scroll;
  }

  // The server escapes every name; nothing that could act gets in here even if it did not. Ids are taken out of
  // the page's own namespace: a node may be called "editor".
  function cleaned(root) {
    for (const element of [...root.querySelectorAll("*")]) {
      if (!ALLOWED.has(element.localName)) {
        element.remove();
        continue;
      }
      for (const { name } of [...element.attributes]) {
        if (name.startsWith("on") || name.endsWith("href") || name === "style") element.removeAttribute(name);
      }
      if (element.id) {
        if (element.localName === "g") element.setAttribute("data-id", element.id);
        element.removeAttribute("id");
      }
    }
    return root;
  }

  const fitting = () => Math.min((host.clientWidth - 24) / size[0], (host.clientHeight - 24) / size[1], 2.2);
  const scale = () => zoom ?? Math.max(fitting(), LEGIBLE);

  function resize() {
    if (!svg) return;
    svg.setAttribute("width", size[0] * scale());
    svg.setAttribute("height", size[1] * scale());
  }

  function zoomBy(factor) {
    zoom = Math.min(LARGEST, Math.max(SMALLEST, scale() * factor));
    resize();
  }

  const groupAt = (event) => event.target.closest?.("g[data-id]")?.dataset.id ?? null;

  host.addEventListener("pointerover", (event) => onHover(groupAt(event)));
  host.addEventListener("pointerleave", () => onHover(null));
  host.addEventListener("click", (event) => !dragged && onClick(groupAt(event), Boolean(event.target.closest?.("text"))));
  host.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    zoomBy(Math.exp(-event.deltaY / 300));
  }, { passive: false });
  host.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const start = [event.clientX, event.clientY, host.scrollLeft, host.scrollTop];
    const scrub = onGrab(groupAt(event)); // what changes a number; null where the picture itself is moved
    dragged = false;
    const move = (e) => {
      const by = [e.clientX - start[0], e.clientY - start[1]];
      dragged ||= Math.hypot(...by) > 5;
      if (!dragged) return;
      if (scrub) scrub(by[0]);
      else [host.scrollLeft, host.scrollTop] = [start[2] - by[0], start[3] - by[1]];
    };
    const up = () => removeEventListener("pointermove", move);
    addEventListener("pointermove", move);
    addEventListener("pointerup", up, { once: true });
    addEventListener("pointercancel", up, { once: true });
  });
  new ResizeObserver(resize).observe(host);

  return {
    show,
    clear() {
      svg = null;
      groups = new Map();
      host.replaceChildren();
      host.classList.remove("stale");
    },
    zoomBy,
    fit() {
      zoom = null;
      resize();
    },
    stale: (is) => host.classList.toggle("stale", is),
    // Puts a class on the groups with these ids and on no others.
    mark(name, ids) {
      svg?.querySelectorAll(`.${name}`).forEach((element) => element.classList.remove(name));
      for (const id of ids) for (const group of groups.get(id) ?? []) group.classList.add(name);
    },
    reveal(id) {
      groups.get(id)?.[0]?.scrollIntoView({ block: "nearest", inline: "nearest" });
    },
    ids: () => [...groups.keys()],
    stepping: (is) => host.classList.toggle("stepping", is),
    isEmpty: () => svg === null,
  };
}
