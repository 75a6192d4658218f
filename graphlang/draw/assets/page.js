// The page that shows a model: pictures with open and closed boxes, what is known of each part, and the
// computation step by step. All texts come from the data and are written as text, never as HTML.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const SVG = "http://www.w3.org/2000/svg";
  const FRAME = "box:"; // what stands before the path in the id of an open box
  const $ = (id) => document.getElementById(id);
  const setText = (id, text) => { $(id).textContent = text; };

  let picture = data.pictures[0];
  let svg = null;
  let parts = []; // the groups of the picture that can be gone to, in order
  let groups = new Map(); // id -> group
  let place = 0; // 0: nothing computed; 1 to n: after that step; n + 1: the whole picture
  let zoom = 0; // 0 fits the window
  let timer = null;

  const last = () => picture.steps.length + 1;

  // --- the picture -----------------------------------------------------------------------------

  function show(next, focused) {
    picture = next;
    const parsed = new DOMParser().parseFromString(picture.svg, "image/svg+xml");
    svg = document.importNode(parsed.documentElement, true);
    svg.setAttribute("role", "group");
    svg.removeAttribute("aria-label");
    $("picture").replaceChildren(svg);
    prepare(focused);
    resize();
    showBoxes();
    $("place").max = String(last());
    $("controls").hidden = picture.steps.length === 0;
  }

  function prepare(focused) {
    const opened = new Set(picture.open);
    const closed = new Set(picture.closed);
    parts = [];
    groups = new Map();
    for (const group of svg.querySelectorAll("g[id]")) {
      // A node may be called like a part of the page, so the picture has no ids of its own in it.
      const element = group.getAttribute("id");
      group.dataset.id = element;
      group.removeAttribute("id");
      const isBox = element.startsWith(FRAME);
      const id = isBox ? element.slice(FRAME.length) : element;
      const toggles = isBox ? opened.has(id) : closed.has(id) && !group.classList.contains("wire");
      const path = isBox ? undefined : picture.tells[id];
      group.about = { id, box: toggles || data.boxes[id] && !path ? id : null, toggles, isOpen: isBox, path };
      groups.set(element, group);
      if (!toggles && path === undefined && !data.boxes[id]) continue;
      group.setAttribute(toggles ? "data-toggles" : "data-told", "");
      group.setAttribute("role", toggles ? "button" : "img");
      if (toggles) group.setAttribute("aria-expanded", String(isBox));
      group.setAttribute("aria-label", labelOf(group.about));
      group.setAttribute("tabindex", "-1");
      for (const title of group.querySelectorAll("title")) title.remove(); // the panel says more
      addLens(group);
      parts.push(group);
    }
    const same = parts.find((g) => focused && g.about.id === focused && g.about.toggles);
    if (parts.length) (same || parts[0]).setAttribute("tabindex", "0");
    if (same) same.focus();
  }

  // What can be pointed at: the whole of a wire's label or a name, not just its strokes.
  function addLens(group) {
    const box = group.getBBox();
    if (!group.classList.contains("wire") && group.querySelector("rect,circle")) return;
    group.prepend(rectangle("lens", box, 2));
  }

  function rectangle(kind, box, grow) {
    const rect = document.createElementNS(SVG, "rect");
    rect.setAttribute("class", kind);
    rect.setAttribute("x", box.x - grow);
    rect.setAttribute("y", box.y - grow);
    rect.setAttribute("width", box.width + 2 * grow);
    rect.setAttribute("height", box.height + 2 * grow);
    rect.setAttribute("rx", 8);
    return rect;
  }

  function mark(kind, group) {
    const lens = group.querySelector(":scope > .lens");
    const shape = group.querySelector(":scope > rect:not(.lens), :scope > circle");
    const box = (shape && !group.classList.contains("wire") ? shape : lens || group).getBBox();
    const ring = rectangle(`mark ${kind}`, box, 5);
    if (shape && shape.tagName === "circle") ring.setAttribute("rx", box.width / 2 + 5);
    svg.append(ring);
  }

  const clearMarks = (kind) => { for (const m of svg.querySelectorAll(`.mark.${kind}`)) m.remove(); };

  function resize() {
    const [, , width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
    const stage = $("stage");
    const fits = Math.min((stage.clientWidth - 34) / width, (stage.clientHeight - 34) / height);
    const scale = zoom || Math.max(Math.min(fits, 2.2), 0.55);
    svg.setAttribute("width", String(width * scale));
    svg.setAttribute("height", String(height * scale));
    svg.scale = scale;
  }

  function zoomBy(factor) {
    zoom = Math.min(Math.max(svg.scale * factor, 0.1), 8);
    resize();
  }

  // --- what is known of a part -------------------------------------------------------------------

  function labelOf(part) {
    const words = [part.box && !part.path ? data.boxes[part.box].title : part.path || part.id];
    const node = data.nodes[part.path];
    if (part.toggles) words[0] = data.boxes[part.id].title;
    if (node && !part.toggles) {
      if (node.value !== undefined) words.push(`value ${node.value}`);
      if (node.gradient !== undefined) words.push(`gradient ${node.gradient}`);
    }
    return words.join(", ");
  }

  function tell(part) {
    const list = $("part");
    list.replaceChildren();
    if (part.box) return tellBox(part, data.boxes[part.box]);
    const node = data.nodes[part.path];
    if (!node) return;
    setText("part-title", part.path);
    entry("value", node.value, "exact value");
    entry(data.of ? `d${data.of}/d…` : "gradient", node.gradient, "exact gradient");
    entry("formula", node.formula, "code");
    entry("shape", node.shape, "code");
    if (node.line) entry(`line ${node.line}`, node.source, "code");
    entry("about", node.doc, "");
  }

  function tellBox(part, box) {
    setText("part-title", box.title);
    entry("box", part.box, "code");
    entry("kind", box.kind === "loop" ? `loop, ${box.times} alike iterations` : box.kind, "");
    if (box.parameters) entry("parameters", box.parameters.toLocaleString("en"), "");
    for (const path of box.outputs) {
      const node = data.nodes[path];
      entry("result", path, "code");
      if (!node) continue;
      entry("value", node.value, "exact value");
      entry("gradient", node.gradient, "exact gradient");
      entry("shape", node.shape, "code");
      if (node.line) entry(`line ${node.line}`, node.source, "code");
    }
  }

  function entry(term, text, kind) {
    if (text === undefined || text === "") return;
    const dt = document.createElement("dt");
    const dd = document.createElement("dd");
    dt.textContent = term;
    dd.textContent = text;
    dd.className = kind;
    $("part").append(dt, dd);
  }

  // The title of an open box may stand apart from its frame, in front of the wires.
  function partAt(event) {
    const title = event.target.closest("#picture g[data-title]");
    return title ? groups.get(title.dataset.title) : event.target.closest("#picture g[role]");
  }

  // --- boxes ---------------------------------------------------------------------------------------

  function toggle(path) {
    const isOpen = picture.open.includes(path);
    const wish = new Set(picture.open);
    if (isOpen) wish.delete(path);
    else wish.add(path);
    const next = nearest(wish, (p) => p.open.includes(path) !== isOpen && (isOpen || reaches(p, path)));
    if (next) change(next, path);
  }

  const reaches = (p, path) => p.open.includes(path);

  // Of the pictures that were painted, the one that differs in the fewest boxes.
  function nearest(wish, isWanted) {
    let best = null;
    let least = Infinity;
    for (const p of data.pictures) {
      if (!isWanted(p)) continue;
      const extra = p.open.filter((b) => !wish.has(b)).length;
      const missing = [...wish].filter((b) => !p.open.includes(b)).length;
      if (extra + missing < least) [best, least] = [p, extra + missing];
    }
    return best;
  }

  function change(next, focused) {
    const here = place === last() ? null : place;
    const done = picture.steps.slice(0, place).reverse().map(keyOf);
    show(next, focused);
    if (here === null) return go(last());
    const keys = picture.steps.map(keyOf);
    const known = done.find((key) => keys.includes(key));
    go(known === undefined ? 0 : keys.indexOf(known) + 1);
  }

  const keyOf = (step) => `${step.back ? "-" : "+"}${step.wires[0]}`;

  function showBoxes() {
    const opened = new Set(picture.open);
    const shown = new Set([...picture.open, ...picture.closed]);
    const lists = new Map([["", $("boxes")]]);
    $("boxes").replaceChildren();
    $("boxes-section").hidden = Object.keys(data.boxes).length === 0;
    for (const [path, box] of Object.entries(data.boxes).sort(([a], [b]) => depth(a) - depth(b))) {
      if (!shown.has(path)) continue;
      const button = document.createElement("button");
      const small = document.createElement("small");
      const name = document.createElement("span");
      button.type = "button";
      name.textContent = box.title;
      small.textContent = path === box.title ? "" : path;
      name.append(small);
      button.append(name);
      button.setAttribute("aria-expanded", String(opened.has(path)));
      button.dataset.box = path;
      button.disabled = !data.pictures.some((p) => p.open.includes(path) !== opened.has(path));
      button.addEventListener("click", () => { toggle(path); focusBox(path); });
      const item = document.createElement("li");
      item.append(button);
      let parent = box.parent;
      while (parent && !lists.has(parent)) parent = data.boxes[parent].parent;
      if (opened.has(path)) {
        const inner = document.createElement("ul");
        item.append(inner);
        lists.set(path, inner);
      }
      lists.get(parent || "").append(item);
    }
  }

  function depth(path) {
    let count = 0;
    for (let p = data.boxes[path].parent; p; p = data.boxes[p].parent) count += 1;
    return count;
  }

  function focusBox(path) {
    for (const button of $("boxes").querySelectorAll("button")) {
      if (button.dataset.box === path) button.focus();
    }
  }

  const byOpen = () => [...data.pictures].sort((a, b) => a.open.length - b.open.length);

  // --- steps -----------------------------------------------------------------------------------------

  function go(to) {
    place = Math.min(Math.max(to, 0), last());
    const known = { value: new Set(), gradient: new Set() };
    for (const step of picture.steps.slice(0, place)) {
      const kind = step.back ? "gradient" : "value";
      for (const wire of step.wires) known[kind].add(wire);
      for (const wire of step.also || []) known.gradient.add(wire);
    }
    for (const wire of svg.querySelectorAll("g.wire")) {
      const id = wire.dataset.id;
      for (const kind of ["value", "gradient"]) {
        const group = wire.querySelector(`:scope > .${kind}`);
        if (group) group.classList.toggle("unseen", picture.steps.length > 0 && !known[kind].has(id));
      }
    }
    const graded = new Set([...known.gradient].map((id) => picture.tells[id]));
    for (const part of svg.querySelectorAll("[data-node]")) {
      part.classList.toggle("unseen", picture.steps.length > 0 && !graded.has(part.dataset.node));
    }
    highlight(place >= 1 && place < last() ? picture.steps[place - 1] : null);
    caption();
  }

  function highlight(step) {
    clearMarks("current");
    if (!step) return;
    const way = step.back ? "backward" : "forward";
    for (const id of [...step.items, ...step.wires]) {
      const group = groups.get(id);
      if (group) mark(`current ${way}`, group);
    }
    const first = groups.get(step.wires[0]);
    if (first) first.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  function caption() {
    const steps = picture.steps;
    const step = place >= 1 && place < last() ? steps[place - 1] : null;
    $("formula").className = step ? (step.back ? "gradient" : "value") : "";
    $("place").value = String(place);
    $("back").disabled = place === 0;
    $("first").disabled = place === 0;
    $("last").disabled = place === last();
    if (!steps.length) {
      setText("count", "");
      setText("formula", data.name);
      setText("more", "There are no numbers to step through: some inputs have no value.");
    } else if (!step) {
      setText("count", place === 0 ? "Before the first step" : "The whole picture");
      const all = steps.some((s) => s.back) ? "All values and gradients" : "All values";
      const whole = picture.numbers ? all : `${all}: point at a part for its numbers`;
      setText("formula", place === 0 ? "Nothing is computed yet" : whole);
      setText("more", place === 0 ? "→ goes on." : "→ begins at the start.");
    } else {
      const same = steps.filter((s) => !s.back === !step.back);
      const way = step.back ? "backward" : "forward";
      setText("count", `${way} ${same.indexOf(step) + 1} of ${same.length}`);
      setText("formula", data.texts[step.lines[0]]);
      setText("more", step.lines.slice(1).map((i) => data.texts[i]).join("   "));
    }
    $("place").setAttribute("aria-valuetext", `${$("count").textContent}: ${$("formula").textContent}`);
  }

  const next = () => go(place === last() ? 0 : place + 1);

  function play(on) {
    clearInterval(timer);
    timer = null;
    if (on) {
      if (place === last()) go(0);
      timer = setInterval(() => { next(); if (place === last()) play(false); }, 1500);
    }
    $("play").setAttribute("aria-pressed", String(on));
    setText("play", on ? "Pause" : "Play");
  }

  // --- light and dark -----------------------------------------------------------------------------------

  const root = document.documentElement;
  const isDark = () => getComputedStyle(root).colorScheme === "dark";

  function turn() {
    root.dataset.side = isDark() ? "light" : "dark";
    setText("side", isDark() ? "Light" : "Dark");
  }

  // --- what the user does ---------------------------------------------------------------------------------

  function focusPart(group) {
    for (const other of parts) other.setAttribute("tabindex", other === group ? "0" : "-1");
    group.focus();
  }

  function act(group) {
    if (group.about.toggles) toggle(group.about.id);
  }

  $("picture").addEventListener("pointerover", (event) => {
    const group = partAt(event);
    if (group) tell(group.about);
  });
  $("picture").addEventListener("click", (event) => {
    const group = partAt(event);
    if (!group) return;
    focusPart(group);
    act(group);
  });
  $("picture").addEventListener("focusin", (event) => {
    const group = partAt(event);
    clearMarks("focus");
    if (!group) return;
    tell(group.about);
    mark("focus", group);
  });
  $("picture").addEventListener("focusout", () => clearMarks("focus"));

  function inPicture(event, key) {
    const group = partAt(event);
    if (!group) return false;
    const by = { ArrowDown: 1, ArrowUp: -1 }[key];
    if (by) {
      const to = parts[parts.indexOf(group) + by];
      if (to) focusPart(to);
      return true;
    }
    if (key === "Enter" || key === " ") {
      act(group);
      return true;
    }
    return false;
  }

  const KEYS = {
    ArrowRight: next, ArrowLeft: () => go(place - 1), Home: () => go(0), End: () => go(last()),
    "+": () => zoomBy(1.25), "-": () => zoomBy(0.8), "0": () => { zoom = 0; resize(); },
    p: () => play(timer === null), d: () => $("side").click(), i: () => $("panel").click(),
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const action = KEYS[event.key];
    if (inPicture(event, event.key)) event.preventDefault();
    else if (action && (picture.steps.length || !/^(Arrow|Home|End|p$)/.test(event.key))) {
      if (event.key !== "p") play(false);
      action();
      event.preventDefault();
    }
  });

  const onClick = (id, action) => $(id).addEventListener("click", action);
  const byHand = (action) => () => { play(false); action(); };
  onClick("first", byHand(() => go(0)));
  onClick("back", byHand(() => go(place - 1)));
  onClick("next", byHand(next));
  onClick("last", byHand(() => go(last())));
  onClick("play", () => play(timer === null));
  onClick("smaller", () => zoomBy(0.8));
  onClick("larger", () => zoomBy(1.25));
  onClick("fit", () => { zoom = 0; resize(); });
  onClick("side", turn);
  onClick("panel", () => {
    const hides = document.body.classList.toggle("wide");
    $("panel").setAttribute("aria-expanded", String(!hides));
    if (!zoom) resize();
  });
  onClick("open-all", () => change(byOpen()[data.pictures.length - 1], null));
  onClick("close-all", () => change(byOpen()[0], null));
  $("place").addEventListener("input", () => { play(false); go(Number($("place").value)); });
  window.addEventListener("resize", () => { if (!zoom) resize(); });

  setText("name", data.name);
  const about = data.description.trim();
  setText("description", about.split("\n")[0]);
  setText("about", about);
  $("about-section").hidden = !about.includes("\n");
  if (data.theme === "dark") $("side").hidden = true;
  else setText("side", isDark() ? "Light" : "Dark");
  if (data.pictures.length === 1) {
    $("open-all").disabled = true;
    $("close-all").disabled = true;
  }
  show(picture, null);
  go(data.start ?? last());
})();
