// The canvases of a training run: what the model answers over its inputs, and the loss over the steps.

// Okabe and Ito's colours, which most people can tell apart; the shapes of the points say the same again.
const CLASSES = [[0, 114, 178], [230, 120, 0], [0, 158, 115], [204, 121, 167], [86, 180, 233], [150, 110, 30], [110, 110, 110]];
const SHAPES = ["circle", "square", "triangle", "diamond", "cross"];
const LOW = [33, 102, 172];
const HIGH = [214, 96, 30];
const css = (rgb) => `rgb(${rgb.join(" ")})`;
export const classColour = (c) => CLASSES[c % CLASSES.length];

// The sign of a class as a small picture.
export function swatch(c) {
  const canvas = Object.assign(document.createElement("canvas"), { width: 32, height: 32, className: "swatch" });
  const context = canvas.getContext("2d");
  canvas.setAttribute("aria-hidden", "true");
  trace(context, SHAPES[c % SHAPES.length], 16, 16, 10);
  context.fillStyle = css(classColour(c));
  context.fill();
  return canvas;
}

function trace(context, shape, x, y, r) {
  context.beginPath();
  if (shape === "circle") context.arc(x, y, r, 0, 2 * Math.PI);
  else if (shape === "square") context.rect(x - r * 0.9, y - r * 0.9, r * 1.8, r * 1.8);
  else {
    const corners = { triangle: 3, diamond: 4, cross: 5 }[shape];
    for (let k = 0; k < corners; k++) {
      const angle = -Math.PI / 2 + (2 * Math.PI * k) / corners;
      context.lineTo(x + r * 1.25 * Math.cos(angle), y + r * 1.25 * Math.sin(angle));
    }
    context.closePath();
  }
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const mixed = (a, b, share) => a.map((x, i) => Math.round(x + (b[i] - x) * share));
function rgb(hex) {
  return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
}
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

// --- what the model answers ------------------------------------------------------------------------

export function makeMap(canvas, legend) {
  const context = canvas.getContext("2d");
  let about = null;
  let last = null;
  let added = []; // points that somebody has added, each its features and its label
  let cross = null;

  function open(fresh) {
    about = fresh;
    last = null;
    canvas.parentElement.hidden = !about;
    if (about) tellLegend();
  }

  function draw(frame) {
    last = frame ?? last;
    if (!about || !last) return;
    context.fillStyle = colour("--ground");
    context.fillRect(0, 0, canvas.width, canvas.height);
    if (about.inputs === 2) drawField(last);
    else drawCurves(last);
    added.forEach(drawAdded);
    if (cross) drawCross();
  }

  // --- places --------------------------------------------------------------------------------------

  const isNumber = () => about.kind === "NUMBER";
  const padded = ([low, high]) => [low - 0.15 * (high - low), high + 0.15 * (high - low)];
  const ranges = () => [about.extent.slice(0, 2), about.inputs === 2 ? about.extent.slice(2) : isNumber() ? padded(about.scale) : [-0.05, 1.05]];
  const toX = (x) => share(x, ranges()[0]) * canvas.width;
  const toY = (y) => (1 - share(y, ranges()[1])) * canvas.height;
  const share = (x, [low, high]) => (x - low) / (high - low);
  // Where a point is drawn; over a single input its height is its label.
  const placeOf = (point) => (about.inputs === 2 ? point.slice(0, 2) : [point[0], isNumber() ? point[1] : Math.min(1, point[1])]);

  // Where on the map the pointer is.
  function place(event) {
    const box = canvas.getBoundingClientRect();
    const shares = [(event.clientX - box.left) / box.width, 1 - (event.clientY - box.top) / box.height];
    return ranges().map(([low, high], i) => low + (high - low) * Math.min(1, Math.max(0, shares[i])));
  }

  // Pixels of the screen between a point and the pointer, or a place.
  function distance(point, event, from = place(event)) {
    const [[x, y], box] = [placeOf(point), canvas.getBoundingClientRect()];
    return Math.hypot(((toX(x) - toX(from[0])) / canvas.width) * box.width, ((toY(y) - toY(from[1])) / canvas.height) * box.height);
  }

  // --- drawing -------------------------------------------------------------------------------------

  function drawAdded(point) {
    const [x, y] = placeOf(point);
    const [px, py, label] = [toX(x), toY(y), about.inputs === 1 && isNumber() ? undefined : point.at(-1)];
    for (const [stroke, width] of [[colour("--ground"), 8], [colour("--text"), 3.5]]) {
      context.beginPath();
      context.arc(px, py, 15, 0, 2 * Math.PI);
      context.strokeStyle = stroke;
      context.lineWidth = width;
      context.stroke();
    }
    drawPoint(px, py, label, false);
  }

  function drawCross() {
    for (const [stroke, width] of [[colour("--ground"), 7], [colour("--text"), 2.5]]) {
      context.beginPath();
      context.moveTo(toX(cross[0]), 0);
      context.lineTo(toX(cross[0]), canvas.height);
      context.moveTo(0, toY(cross[1]));
      context.lineTo(canvas.width, toY(cross[1]));
      context.strokeStyle = stroke;
      context.lineWidth = width;
      context.stroke();
    }
  }

  function drawField(frame) {
    const n = about.resolution;
    const ground = rgb(colour("--ground"));
    const image = new ImageData(n, n);
    const level = bytes(frame.level);
    const classes = frame.class ? bytes(frame.class) : null;
    for (let row = 0; row < n; row++) {
      for (let column = 0; column < n; column++) {
        const i = row * n + column;
        let pixel;
        if (classes) pixel = mixed(ground, classColour(classes[i]), 0.12 + 0.5 * (level[i] / 255));
        else {
          const share = level[i] / 255;
          pixel = share < 0.5 ? mixed(ground, LOW, (0.5 - share) * 1.7) : mixed(ground, HIGH, (share - 0.5) * 1.7);
        }
        image.data.set([...pixel, 255], ((n - 1 - row) * n + column) * 4);
      }
    }
    const small = new OffscreenCanvas(n, n);
    small.getContext("2d").putImageData(image, 0, 0);
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    context.drawImage(small, 0, 0, canvas.width, canvas.height);
    const held = new Set(about.held);
    about.points.forEach(([x, y], i) => drawPoint(toX(x), toY(y), about.labels?.[i], held.has(i)));
  }

  function drawPoint(x, y, label, isHeld) {
    const size = about.points.length > 600 ? 4.5 : 7;
    const fill = label === undefined ? [90, 90, 90] : isNumber() ? mixed(LOW, HIGH, share(label, about.scale)) : classColour(label);
    const shape = isNumber() || label === undefined ? "circle" : SHAPES[label % SHAPES.length];
    trace(context, shape, x, y, size);
    context.lineWidth = isHeld ? 3 : 1.6;
    context.fillStyle = isHeld ? colour("--ground") : css(fill);
    context.strokeStyle = isHeld ? css(fill) : "#ffffff";
    context.fill();
    context.stroke();
  }

  function drawCurves(frame) {
    const curves = frame.curves ?? [frame.curve];
    const held = new Set(about.held);
    about.points.forEach(([x], i) => {
      const label = about.labels?.[i];
      if (label !== undefined) drawPoint(toX(x), toY(placeOf([x, label])[1]), isNumber() ? undefined : label, held.has(i));
    });
    curves.forEach((curve, c) => {
      context.beginPath();
      curve.forEach((y, i) => context.lineTo((i / (curve.length - 1)) * canvas.width, toY(Number(y))));
      context.strokeStyle = isNumber() ? colour("--accent") : css(classColour(c));
      context.lineWidth = 5;
      context.stroke();
    });
  }

  function tellLegend() {
    legend.replaceChildren();
    const axes = document.createElement("span");
    axes.textContent = about.inputs === 2 ? `${about.input_names[0]} →  ${about.input_names[1]} ↑` : `${about.input_names[0]} →`;
    legend.append(axes);
    if (about.kind !== "NUMBER" && about.labels) {
      for (const c of [...new Set(about.labels)].sort((a, b) => a - b)) {
        const name = document.createElement("span");
        name.textContent = `  ${["●", "■", "▲", "◆", "⬟"][c % 5]} ${about.class_names[c] ?? `class ${c}`}`;
        name.style.color = css(mixed(classColour(c), rgb(colour("--text")), 0.45));
        legend.append(name);
      }
    }
    if (about.held.length) legend.append("  hollow: held out");
    if (added.length) legend.append("  ringed: added");
    canvas.setAttribute("aria-label", `What ${about.node} answers over ${about.input_names.join(" and ")}`);
  }

  return {
    open, draw, ranges, place, distance,
    middle: () => ranges().map(([low, high]) => (low + high) / 2),
    add(points) {
      added = points;
      if (about) tellLegend();
      draw();
    },
    cross(at) {
      cross = at;
      draw();
    },
  };
}

// --- the loss --------------------------------------------------------------------------------------

const MOST = 4000;

export function makeCurve(canvas, heldKey) {
  const context = canvas.getContext("2d");
  let losses = [];
  let epochs = [];

  function clear() {
    losses = [];
    epochs = [];
  }

  function add(frame) {
    losses.push(...frame.losses.map(([step, loss]) => [step, Number(loss)]));
    if (losses.length > MOST) losses = losses.filter((_, i) => i % 2 === 0);
    epochs.push(...frame.records.map((r) => ({ step: r.step, loss: Number(r.loss), held: r.holdout ? Number(r.holdout.loss) : null })));
  }

  function draw() {
    const { width, height } = canvas;
    const [left, right, top, bottom] = [74, 14, 16, 40];
    context.fillStyle = colour("--ground");
    context.fillRect(0, 0, width, height);
    const values = [...losses.map((l) => l[1]), ...epochs.flatMap((e) => [e.loss, e.held ?? e.loss])].filter(Number.isFinite);
    heldKey.hidden = !epochs.some((e) => e.held !== null);
    const most = values.length ? quantile(values, 0.995) * 1.08 || 1 : 1;
    const least = Math.min(0, ...values);
    const end = Math.max(10, losses.at(-1)?.[0] ?? 0, epochs.at(-1)?.step ?? 0);
    const toX = (step) => left + (step / end) * (width - left - right);
    const toY = (loss) => top + (1 - (loss - least) / (most - least)) * (height - top - bottom);
    drawAxes(toX, toY, ticks(least, most), ticks(0, end), { left, right, top, bottom });
    line(losses.map(([step, loss]) => [toX(step), toY(loss)]), colour("--edge"), 1.5);
    line(epochs.map((e) => [toX(e.step), toY(e.loss)]), colour("--accent"), 4);
    const held = epochs.filter((e) => e.held !== null);
    line(held.map((e) => [toX(e.step), toY(e.held)]), colour("--gradient"), 4, [10, 6]);
    const last = epochs.at(-1) ?? { loss: losses.at(-1)?.[1] };
    canvas.setAttribute("aria-label", last.loss === undefined ? "Loss over the steps: none yet" : `Loss over the steps, now ${last.loss.toPrecision(3)}`);
  }

  function drawAxes(toX, toY, levels, steps, edge) {
    context.font = "19px sans-serif";
    context.fillStyle = colour("--faint");
    context.strokeStyle = colour("--edge");
    context.lineWidth = 1;
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (const y of levels) {
      context.globalAlpha = 0.5;
      context.beginPath();
      context.moveTo(edge.left, toY(y));
      context.lineTo(canvas.width - edge.right, toY(y));
      context.stroke();
      context.globalAlpha = 1;
      context.fillText(short(y), edge.left - 9, toY(y));
    }
    context.textAlign = "center";
    context.textBaseline = "top";
    for (const x of steps) context.fillText(short(x), Math.min(toX(x), canvas.width - 30), canvas.height - edge.bottom + 10);
  }

  function line(points, stroke, width, dash = []) {
    context.beginPath();
    for (const [x, y] of points) if (Number.isFinite(y)) context.lineTo(x, Math.max(0, y));
    context.strokeStyle = stroke;
    context.lineWidth = width;
    context.lineJoin = "round";
    context.setLineDash(dash);
    context.stroke();
    context.setLineDash([]);
  }

  return { clear, add, draw };
}

const quantile = (values, share) => [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * share)];
const short = (x) => String(Number(x.toPrecision(3)));

function ticks(low, high) {
  const raw = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((f) => f * power).find((s) => s >= raw);
  const found = [];
  for (let t = Math.ceil(low / step) * step; t <= high + 1e-12; t += step) found.push(t);
  return found;
}
