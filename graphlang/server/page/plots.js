// The canvases of a training run: what the model answers over its inputs, and the loss over the steps.

// Okabe and Ito's colours, which most people can tell apart; the shapes of the points say the same again.
const CLASSES = [[0, 114, 178], [230, 120, 0], [0, 158, 115], [204, 121, 167], [86, 180, 233], [150, 110, 30], [110, 110, 110]];
const SHAPES = ["circle", "square", "triangle", "diamond", "cross"];
const LOW = [33, 102, 172];
const HIGH = [214, 96, 30];
const css = (rgb) => `rgb(${rgb.join(" ")})`;
export const classColour = (c) => CLASSES[c % CLASSES.length];

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
  }

  const toX = (x) => ((x - about.extent[0]) / (about.extent[1] - about.extent[0])) * canvas.width;

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
    const toY = (y) => canvas.height * (1 - (y - about.extent[2]) / (about.extent[3] - about.extent[2]));
    const held = new Set(about.held);
    about.points.forEach(([x, y], i) => drawPoint(toX(x), toY(y), about.labels?.[i], held.has(i)));
  }

  function drawPoint(x, y, label, isHeld) {
    const size = about.points.length > 600 ? 4.5 : 7;
    const isNumber = about.kind === "NUMBER";
    const share = isNumber ? (label - about.scale[0]) / (about.scale[1] - about.scale[0]) : 0;
    const fill = label === undefined ? [90, 90, 90] : isNumber ? mixed(LOW, HIGH, share) : classColour(label);
    const shape = isNumber || label === undefined ? "circle" : SHAPES[label % SHAPES.length];
    context.beginPath();
    trace(shape, x, y, size);
    context.lineWidth = isHeld ? 3 : 1.6;
    context.fillStyle = isHeld ? colour("--ground") : css(fill);
    context.strokeStyle = isHeld ? css(fill) : "#ffffff";
    context.fill();
    context.stroke();
  }

  function trace(shape, x, y, r) {
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

  function drawCurves(frame) {
    const curves = frame.curves ?? [frame.curve];
    const isNumber = !frame.curves;
    const [low, high] = isNumber ? padded(about.scale) : [-0.05, 1.05];
    const toY = (y) => canvas.height * (1 - (y - low) / (high - low));
    const held = new Set(about.held);
    about.points.forEach(([x], i) => {
      const label = about.labels?.[i];
      if (label !== undefined) drawPoint(toX(x), toY(isNumber ? label : Math.min(1, label)), isNumber ? undefined : label, held.has(i));
    });
    curves.forEach((curve, c) => {
      context.beginPath();
      curve.forEach((y, i) => context.lineTo((i / (curve.length - 1)) * canvas.width, toY(Number(y))));
      context.strokeStyle = isNumber ? colour("--accent") : css(classColour(c));
      context.lineWidth = 5;
      context.stroke();
    });
  }

  const padded = ([low, high]) => [low - 0.15 * (high - low), high + 0.15 * (high - low)];

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
    canvas.setAttribute("aria-label", `What ${about.node} answers over ${about.input_names.join(" and ")}`);
  }

  return { open, draw };
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
