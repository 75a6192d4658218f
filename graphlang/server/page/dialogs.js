// The one dialog of the page.

const dialog = document.getElementById("dialog");
const body = document.getElementById("dialog-body");
const form = document.getElementById("dialog-buttons");

const KEYS = [
  ["→  ←", "one step forward, one step back"], ["space", "play the steps, or pause"], ["Home  End", "the first step; everything"],
  ["Ctrl-S", "save"], ["Ctrl-F", "find: in the text, or outside of it in the picture; Enter goes to the next"], ["Ctrl-Z", "undo, also what a slider did"], ["Ctrl-wheel", "zoom the picture"], ["Tab", "out of the editor, to the next control"],
];

// Shows something with buttons; the answer is the button and what was typed, or null after Escape.
export function choose(title, text, buttons, { input, isLong = false } = {}) {
  open(title, [paragraph(text)]);
  let field = null;
  if (input !== undefined) {
    field = Object.assign(document.createElement(isLong ? "textarea" : "input"), { value: input });
    if (isLong) field.rows = input.split("\n").length + 1;
    field.setAttribute("aria-label", title);
    body.append(field);
    field.select();
  }
  return new Promise((answer) => {
    form.replaceChildren(...buttons.map((name, i) => button(name, i === buttons.length - 1)));
    dialog.onclose = () => answer(dialog.returnValue ? { button: dialog.returnValue, value: field?.value ?? "" } : null);
  });
}

export function tell(title, text, kind) {
  if (kind === "help") {
    open(title, [table(["key", "does"], KEYS), paragraph("Not in the editor or a field: click beside it, or leave it with Tab. Sliders edit the numbers in the text.")]);
  } else open(title, [paragraph(text)]);
  form.replaceChildren(button("Close", true));
  dialog.onclose = null;
}

// The comparisons of a gradient check.
export function shown(answer) {
  const { checks, wrong, kinks, worst, left_out } = answer;
  const parts = [`${checks.length - wrong} of ${checks.length} gradients agree with finite differences.`];
  if (worst) parts.push(`Largest relative error ${Number(worst).toExponential(1)}.`);
  if (kinks) parts.push(`${kinks} at a kink, where any value between the one-sided slopes is right.`);
  if (left_out) parts.push(`${left_out} nodes were left out, to be quick.`);
  const figure = (x) => (typeof x === "number" ? String(Number(x.toPrecision(6))) : x);
  const rows = checks.map((c) => [c.name, figure(c.numerical), figure(c.analytic), typeof c.error === "number" ? c.error.toExponential(1) : c.error, c.verdict === "ok" ? "✓" : c.verdict]);
  const scroll = Object.assign(document.createElement("div"), { className: "scroll", tabIndex: 0 });
  scroll.append(table([`∂${answer.of}/∂…`, "numerical", "analytic", "error", ""], rows));
  open(wrong ? "Gradients disagree" : "Gradients agree", [paragraph(parts.join(" ")), scroll]);
  form.replaceChildren(button("Close", true));
  dialog.onclose = null;
}

function open(title, parts) {
  document.getElementById("dialog-title").textContent = title;
  body.replaceChildren(...parts);
  dialog.returnValue = "";
  if (!dialog.open) dialog.showModal();
}

const paragraph = (text) => Object.assign(document.createElement("p"), { textContent: text });

function button(name, isMain) {
  return Object.assign(document.createElement("button"), { value: name, textContent: name, className: isMain ? "main" : "" });
}

function table(head, rows) {
  const element = document.createElement("table");
  const line = (cells, tag) => {
    const row = document.createElement("tr");
    row.append(...cells.map((text) => Object.assign(document.createElement(tag), { textContent: text })));
    return row;
  };
  element.append(line(head, "th"), ...rows.map((cells) => line(cells, "td")));
  return element;
}
