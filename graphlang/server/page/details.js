// The panel about the node that was clicked. Whatever comes from the file is set as text, never as HTML.

export function showDetails(host, about, { of, box, toggle, local, reveal }) {
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
  if (about.path && about.value && about.kind !== "input") addLocal(host, about, local);
}

// The derivatives of a gate by its operands are only worked out when somebody wants to see them.
async function addLocal(host, about, local) {
  const place = document.createElement("div");
  place.id = "local";
  host.append(place);
  const answer = await local(about.path);
  if (!answer?.local?.length || !place.isConnected) return;
  const list = document.createElement("dl");
  for (const { operand, derivative } of answer.local) {
    list.append(
      Object.assign(document.createElement("dt"), { textContent: `∂/∂${operand}` }),
      Object.assign(document.createElement("dd"), { textContent: derivative }),
    );
  }
  place.append(Object.assign(document.createElement("p"), { textContent: "local derivatives" }), list);
}
