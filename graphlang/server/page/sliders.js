// Sliders for numbers that stand in the text. Moving one edits the text; the text's own answer moves the slider.

const STEPS = 400;
const WAY = 400; // pixels from one end to the other

export function makeSliders(host, replace) {
  let rows = new Map(); // key -> row
  let controls = [];

  // Ranges stay as they were while a value is inside, or they would run away under the hand.
  function show(fresh) {
    controls = fresh;
    const kept = new Map();
    for (const [i, control] of fresh.entries()) {
      const key = `${control.group}.${control.name}.${control.choices ? "choice" : "number"}`;
      const row = rows.get(key) ?? (control.choices ? makeChoice() : makeNumber());
      row.update(control, i);
      kept.set(key, row);
    }
    const elements = [...kept.values()].map((row) => row.element);
    const isSame = elements.length === host.children.length && elements.every((e, i) => e === host.children[i]);
    if (!isSame) host.replaceChildren(...elements);
    rows = kept;
  }

  // The text has changed: the places that are known move along, so that a drag can go on before the next answer.
  function map(changes) {
    for (const control of controls) {
      control.from = changes.mapPos(control.from, -1);
      control.to = changes.mapPos(control.to, 1);
    }
  }

  function write(control, text) {
    if (control.before || control.after) {
      const whole = control.before + text + control.after;
      const from = control.from;
      replace(from, control.to, whole);
      // From now on the number stands there.
      control.from = from + control.before.length;
      control.to = control.from + text.length;
      control.before = control.after = "";
    } else {
      const from = control.from;
      replace(from, control.to, text);
      control.from = from;
      control.to = from + text.length;
    }
  }

  function makeChoice() {
    const { element, label } = makeRow();
    const select = document.createElement("select");
    element.append(select);
    let control;
    select.onchange = () => write(control, control.choices[select.selectedIndex][1]);
    return {
      element,
      update(fresh, i) {
        control = fresh;
        name(label, select, control, i);
        select.replaceChildren(...control.choices.map(([text]) => new Option(text, text, false, text === control.value)));
      },
    };
  }

  function makeNumber() {
    const { element, label } = makeRow();
    const range = Object.assign(document.createElement("input"), { type: "range", min: 0, max: STEPS, step: 1 });
    const number = Object.assign(document.createElement("input"), { type: "number", step: "any" });
    element.append(range, number);
    let control;
    let limits;
    const toValue = (share) => {
      const { min, max, is_log, is_whole } = limits;
      const value = is_log ? min * (max / min) ** share : min + (max - min) * share;
      return is_whole ? Math.round(value) : value;
    };
    const toShare = (value) => {
      const { min, max, is_log } = limits;
      if (max === min) return 0;
      return is_log ? Math.log(Math.max(value, min) / min) / Math.log(max / min) : (value - min) / (max - min);
    };
    // A constant that was a float stays one: `1` would be an integer.
    const asFloat = (text) =>
      control.group === "const" && !control.is_whole && /^-?\d+$/.test(text) ? `${text}.0` : text;
    function set(share) {
      const text = asFloat(spelled(toValue(share), limits));
      number.value = text;
      range.value = Math.round(share * STEPS);
      range.setAttribute("aria-valuetext", text);
      write(control, text);
    }
    range.oninput = () => set(range.value / STEPS);
    number.oninput = () => {
      if (number.value === "" || !number.checkValidity()) return;
      const value = Number(number.value);
      if (!Number.isFinite(value) || (limits.is_whole && !Number.isInteger(value))) return;
      write(control, control.is_whole ? String(value) : asFloat(spelledExactly(number.value)));
    };
    return {
      element,
      // What a hand does that holds the number elsewhere: pixels from where it took hold.
      grab() {
        const start = toShare(Number(number.value));
        return (pixels) => set(Math.min(1, Math.max(0, start + pixels / WAY)));
      },
      update(fresh, i) {
        const isInside = limits && fresh.value >= limits.min && fresh.value <= limits.max && limits.is_whole === fresh.is_whole;
        if (!isInside) {
          limits = { min: Math.min(fresh.min, fresh.value), max: Math.max(fresh.max, fresh.value), is_log: fresh.is_log && fresh.value > 0, is_whole: fresh.is_whole };
        }
        control = fresh;
        name(label, range, control, i);
        number.setAttribute("aria-label", `${control.name}, as a number`);
        const held = document.activeElement;
        if (held !== range) range.value = Math.round(toShare(control.value) * STEPS);
        if (held !== number) number.value = control.value;
        range.setAttribute("aria-valuetext", String(control.value));
      },
    };
  }

  function makeRow() {
    const element = Object.assign(document.createElement("div"), { className: "slider" });
    const label = document.createElement("label");
    element.append(label);
    return { element, label };
  }

  function name(label, input, control, i) {
    input.id = `${host.id}-${i}`;
    input.dataset.name = control.name;
    label.htmlFor = input.id;
    const called = { lr: "learning rate", "data.seed": "data seed" };
    label.textContent = label.title = called[`${control.group}.${control.name}`] ?? called[control.name] ?? control.name;
  }

  return {
    show,
    map,
    // The inputs that have a slider, and how to take hold of one.
    inputs: () => controls.filter((c) => c.group === "input" && !c.choices).map((c) => c.name),
    grab: (name) => rows.get(`input.${name}.number`)?.grab() ?? null,
  };
}

// A number as the language writes it, no longer than the slider is precise.
function spelled(value, { min, max, is_log, is_whole }) {
  if (is_whole) return String(Math.round(value));
  if (is_log) return spelledExactly(String(Number(value.toPrecision(2))));
  const digits = Math.max(0, 2 - Math.floor(Math.log10((max - min) / 2)));
  return spelledExactly(String(Number(value.toFixed(digits))));
}

// JavaScript writes 1e-7 and 1e+21; the language reads the first, and wants no plus sign or bare point.
function spelledExactly(text) {
  const value = Number(text);
  return String(value).replace("e+", "e");
}
