// The panel about the node that was clicked. Whatever comes from the file is set as text, never as HTML.

export function showDetails(host, about, { of, box, toggle, reveal }) {
  host.replaceChildren();
  if (!about) return;
  const heading = Object.assign(document.createElement("h3"), { textContent: about.title });
  const list = document.createElement("dl");
  const row = (name, value, kind = "") => {
    if (value === undefined || value === null || value === "") return;
    list.append(
      Object.assign(document.createElement("dt"), { textContent: name }),
      Object.assign(document.createElement("dd"), { textContent: value, className: kind }),
    );
  };
  row("formula", about.formula);
  row("value", about.value, "value");
  row(of ? `∂${of}/∂…` : "gradient", about.gradient, "gradient");
  row("type", about.type === "[]" ? "scalar" : about.type);
  row("operation", about.op);
  host.append(heading, list);
  if (about.doc) host.append(Object.assign(document.createElement("p"), { textContent: about.doc }));
  const button = (text, act) => {
    const element = Object.assign(document.createElement("button"), { type: "button", textContent: text });
    element.onclick = act;
    host.append(element, " ");
    return element;
  };
  if (box) button(box.open ? "Close this box" : "Open this box", () => toggle(box)).id = "toggle-box";
  if (about.place) button(`Go to line ${about.line}`, () => reveal(about.place));
  if (about.local?.length) addLocal(host, about.local);
}

// The derivatives of a gate by its operands, whatever is upstream.
function addLocal(host, local) {
  const list = document.createElement("dl");
  for (const [operand, derivative] of local) {
    list.append(
      Object.assign(document.createElement("dt"), { textContent: `∂/∂${operand}` }),
      Object.assign(document.createElement("dd"), { textContent: derivative }),
    );
  }
  const place = Object.assign(document.createElement("div"), { id: "local" });
  place.append(Object.assign(document.createElement("p"), { textContent: "local derivatives" }), list);
  host.append(place);
}
