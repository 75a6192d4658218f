// Points that are added to the training data: by a click or the keyboard on the map, or by numbers in a form.
// They stay on the page and go to the server with every question about the training; the text knows nothing of them.

import { swatch } from "./plots.js";

const [NEAR, STILL] = [14, 4]; // pixels: within which a point is taken hold of, and up to which it was not moved
const NUMBER = /^[-+−]?(\d+\.?\d*|\.\d+)(e[-+−]?\d+)?$/i;

export function makePoints(elements, { map, onChange }) {
  const { canvas, form, classes, fields } = elements;
  let points = []; // each its features and its label
  let history = []; // what `points` were before each change
  let adding = null; // what a point consists of; null where none can be added
  let used = new Set();
  let fresh = -1; // the point that was added last, until the server has said whether it fits
  let cross = null; // where the keyboard points at

  // --- what can be added ---------------------------------------------------------------------------

  function tell(told) {
    elements.none.textContent = told.none ?? "";
    elements.none.hidden = !told.none;
    elements.body.hidden = Boolean(told.none);
    classes.hidden = !told.classes?.length;
    used = new Set(told.used);
    if (!told.none && JSON.stringify([told.names, told.classes]) !== JSON.stringify([adding?.names, adding?.classes])) makeForm(told);
    adding = told.none ? null : told;
    canvas.setAttribute("role", adding ? "application" : "img");
    for (const [name, value] of [["tabindex", "0"], ["aria-describedby", "add-hint"]]) {
      if (adding) canvas.setAttribute(name, value);
      else canvas.removeAttribute(name);
    }
    canvas.classList.toggle("adds", Boolean(adding));
    if (told.why && fresh >= 0 && !used.has(fresh)) {
      // One that nobody has seen yet goes away again; one that a changed text does not fit waits for the next.
      points = history.pop();
      say(`Not added: ${told.why}`);
    } else if (told.why) say(`Left out: ${told.why}`);
    fresh = -1;
    show();
  }

  function makeForm({ names, classes: called, limits }) {
    const isNumber = called.length === 0;
    const kept = chosenClass();
    classes.querySelector("div").replaceChildren(
      ...called.map((name, c) => {
        const label = document.createElement("label");
        const input = Object.assign(document.createElement("input"), { type: "radio", name: "class", value: c, checked: c === (kept < called.length ? kept : 0) });
        label.append(input, swatch(c), name);
        return label;
      }),
    );
    fields.replaceChildren(
      ...(isNumber ? names : names.slice(0, -1)).map((name, i) => {
        const label = Object.assign(document.createElement("label"), { className: "field", textContent: `${name} ` });
        const input = Object.assign(document.createElement("input"), { type: "text", inputMode: "decimal", size: 7, autocomplete: "off" });
        // The middle of what the data have is a value to begin with.
        if (isNumber && i === names.length - 1) input.value = rounded((limits[i][0] + limits[i][1]) / 2, limits[i]);
        label.append(input);
        return label;
      }),
    );
  }

  const chosenClass = () => Number(classes.querySelector("input:checked")?.value ?? 0);
  const inputs = () => [...fields.querySelectorAll("input")];
  const isCurve = () => adding.names.length === 2;

  // The label of a point at a place of the map.
  function labelAt(place) {
    if (adding.classes.length) return chosenClass();
    return isCurve() ? place[1] : read(inputs().at(-1), adding.names.at(-1));
  }

  function pointAt(place) {
    const label = labelAt(place);
    if (label === null) return null;
    return [...(isCurve() ? place.slice(0, 1) : place), label].map((x, i) => rounded(x, adding.limits[i]));
  }

  // No more digits than a place on the screen has.
  const rounded = (x, limits) => (limits ? Number(x.toFixed(Math.max(0, 5 - Math.ceil(Math.log10(limits[1] - limits[0]))))) : x);

  // The number in a field; null, with a message, for anything else.
  function read(input, name) {
    const text = input.value.trim();
    const number = NUMBER.test(text) ? Number(text.replaceAll("−", "-")) : NaN;
    input.setAttribute("aria-invalid", String(!Number.isFinite(number)));
    if (Number.isFinite(number)) return number;
    say(`Not added: ${name} has to be a number${text ? `, not “${text.slice(0, 40)}”` : ""}.`);
    input.focus();
    return null;
  }

  // --- changes ---------------------------------------------------------------------------------------

  function change(next, said, isNew = false) {
    fresh = isNew ? points.length : -1;
    history.push(points);
    points = next;
    say(said);
    show();
    onChange();
  }

  function add(point) {
    if (!point) return;
    used.add(points.length);
    change([...points, point], `Added ${told(point)}.`, true);
  }

  function remove(i) {
    used = new Set([...points.keys()].slice(0, -1));
    change(points.filter((_, k) => k !== i), `Removed ${told(points[i])}.`);
  }

  function told(point) {
    const label = point.at(-1);
    const numbers = adding.names.slice(0, -1).map((name, i) => `${name} = ${signed(point[i])}`);
    return [...numbers, adding.classes.length ? (adding.classes[label] ?? `class ${label}`) : `${adding.names.at(-1)} = ${signed(label)}`].join(", ");
  }

  const signed = (x) => String(x).replace("-", "−");
  const say = (text) => (elements.said.textContent = text);

  function show() {
    map.add(points.filter((_, i) => used.has(i)));
    elements.undo.disabled = history.length === 0;
    elements.clear.disabled = points.length === 0;
    elements.box.hidden = points.length === 0 || !adding;
    elements.count.textContent = `${points.length} point${points.length === 1 ? "" : "s"} added`;
    if (adding) elements.list.replaceChildren(...points.map(item));
  }

  function item(point, i) {
    const element = document.createElement("li");
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: "Remove" });
    button.setAttribute("aria-label", `Remove point ${i + 1}`);
    button.onclick = () => {
      remove(i);
      (elements.list.querySelectorAll("button")[Math.min(i, points.length - 1)] ?? elements.undo).focus();
    };
    element.append(told(point) + (used.has(i) ? " " : " (left out) "), button);
    return element;
  }

  // --- by pointer --------------------------------------------------------------------------------------

  // The added point at a place of the screen, or -1.
  function hit(event) {
    const away = points.map((p, i) => (used.has(i) ? map.distance(p, event) : Infinity));
    const least = Math.min(...away);
    return least <= NEAR ? away.indexOf(least) : -1;
  }

  canvas.addEventListener("pointerdown", (down) => {
    if (!adding || down.button !== 0) return;
    const [held, before] = [hit(down), points];
    let isMoved = false;
    canvas.setPointerCapture(down.pointerId);
    canvas.onpointermove = (move) => {
      isMoved ||= Math.hypot(move.clientX - down.clientX, move.clientY - down.clientY) > STILL;
      if (!isMoved || held < 0) return;
      const place = map.place(move);
      const moved = isCurve() && !adding.classes.length ? place : [...(isCurve() ? place.slice(0, 1) : place), before[held].at(-1)];
      points = before.map((p, i) => (i === held ? moved.map((x, k) => rounded(x, adding.limits[k])) : p));
      show();
      onChange();
    };
    canvas.onpointerup = (up) => {
      canvas.onpointermove = canvas.onpointerup = null;
      if (isMoved && held >= 0) {
        history.push(before);
        say(`Moved it to ${told(points[held])}.`);
        show();
      } else if (down.shiftKey) held >= 0 && remove(held);
      else if (!isMoved) add(pointAt(map.place(up)));
    };
  });
  canvas.addEventListener("pointercancel", () => (canvas.onpointermove = canvas.onpointerup = null));

  // --- by key --------------------------------------------------------------------------------------------

  const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

  canvas.addEventListener("keydown", (event) => {
    if (!adding || event.ctrlKey || event.metaKey || event.altKey) return;
    const way = WAYS[event.key];
    const isChoice = /^\d$/.test(event.key) && classes.querySelector(`input[value="${event.key}"]`);
    if (way) moveCross(way, event.shiftKey ? 0.005 : 0.025);
    else if (event.key === "Enter" || event.key === " ") add(pointAt((cross ??= map.middle())));
    else if (event.key === "Delete" || event.key === "Backspace") removeNearest();
    else if (event.key === "Escape") setCross(null);
    else if (isChoice) {
      isChoice.checked = true;
      say(`New points are ${adding.classes[event.key]}.`);
    } else return;
    event.preventDefault();
  });
  canvas.addEventListener("focus", () => canvas.matches(":focus-visible") && adding && setCross(cross ?? map.middle()));
  canvas.addEventListener("blur", () => map.cross(null));

  function moveCross(way, share) {
    const ranges = map.ranges();
    const from = cross ?? map.middle();
    setCross(from.map((x, i) => Math.min(ranges[i][1], Math.max(ranges[i][0], x + way[i] * share * (ranges[i][1] - ranges[i][0])))));
    say(cross.map((x, i) => `${adding.names[i]} = ${signed(Number(x.toPrecision(3)))}`).join(", "));
  }

  function setCross(place) {
    cross = place;
    map.cross(place);
  }

  function removeNearest() {
    const away = points.map((p, i) => (used.has(i) ? map.distance(p, null, cross ?? map.middle()) : Infinity));
    if (away.length) remove(away.indexOf(Math.min(...away)));
  }

  // --- by form -------------------------------------------------------------------------------------------

  form.onsubmit = (event) => {
    event.preventDefault();
    const numbers = [];
    for (const [i, input] of inputs().entries()) {
      const number = read(input, adding.names[i]);
      if (number === null) return;
      numbers.push(number);
    }
    add(adding.classes.length ? [...numbers, chosenClass()] : numbers);
  };
  elements.undo.onclick = () => {
    points = history.pop() ?? [];
    used = new Set(points.keys());
    say(`Undone. ${points.length} points are added.`);
    show();
    onChange();
  };
  elements.clear.onclick = () => change([], "All points that were added are gone.");

  return {
    tell,
    all: () => points,
    count: () => used.size,
    // Another file: it has other data.
    forget() {
      [points, history, adding, cross, fresh] = [[], [], null, null, -1];
      used = new Set();
      say("");
      map.cross(null);
      show();
    },
  };
}
