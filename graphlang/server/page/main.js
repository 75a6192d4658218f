// The page: text on the left, the model's picture or its training on the right.

import { ask, farewell } from "./api.js";
import { showDetails } from "./details.js";
import { shown, tell } from "./dialogs.js";
import { makeDivider } from "./divider.js";
import { makeEditor } from "./editor.js";
import { makeFiles } from "./files.js";
import { makeFinder } from "./finder.js";
import { makeGiving } from "./giving.js";
import { makePicture } from "./picture.js";
import { makeReach } from "./reach.js";
import { makeSliders } from "./sliders.js";
import { makeSteps } from "./steps.js";
import { makeTraining } from "./training.js";

const DEBOUNCE = 250; // milliseconds between the last key and a look at the text
const SLOW = 500; // after so many, say that it takes a while
const $ = (id) => document.getElementById(id);
const view = { depth: null, open: [], close: [], theme: "slide", local: false };
let seen = null; // the last answer of a text without errors
let chosen = null;

// --- parts -----------------------------------------------------------------------------------------

const editor = makeEditor($("editor"), {
  nonce: document.querySelector('meta[name="csp-nonce"]').content,
  onChange: changed,
  onLine: markLine,
  onPoint: (line) => markLine(line ?? editor.line()),
});
const picture = makePicture($("picture"), { onHover: hover, onClick: press, onGrab: (id) => id && sliders.grab(inputOf(id)) });
const finder = makeFinder({ field: $("find"), said: $("found") }, { picture, about: () => seen, onFound: pick });
const steps = makeSteps(picture, $("step-text"), {
  first: $("step-first"), back: $("step-back"), play: $("step-play"), next: $("step-next"), last: $("step-last"), repeat: $("step-repeat"),
});
const sliders = makeSliders($("sliders"), editor.replace);
const trainSliders = makeSliders($("train-sliders"), editor.replace);
const { reached, isGone } = makeReach({ notice, onGone: () => training.forget(), retry: look });
const training = makeTraining(
  {
    map: $("map"), legend: $("map-legend"), curve: $("curve"), held: $("curve-held"), numbers: $("train-numbers"),
    state: $("train-state"), error: $("train-error"), start: $("train-start"), step: $("train-step"),
    epoch: $("train-epoch"), reset: $("train-reset"), speed: $("train-speed"), bars: $("train-gradients"),
    points: {
      none: $("add-none"), body: $("add-body"), form: $("add-form"), classes: $("add-classes"), fields: $("add-fields"),
      undo: $("add-undo"), clear: $("add-clear"), said: $("add-said"), box: $("add-box"), count: $("add-count"), list: $("add-list"),
    },
  },
  { current, onProblem: (text) => notice(text), onWeights: takeWeights, reached },
);

// The input that a part of the picture may be; one that is used far apart is drawn there again, with a count.
const inputOf = (id) => id.replace(/( \d+)?>?$/, "");

function current() {
  return { name: $("name").value, text: editor.text() };
}

// --- looking at the text ---------------------------------------------------------------------------

let timer = 0;
let isLooking = false;
let isDue = false;

function changed(changes, isSlider) {
  sliders.map(changes);
  trainSliders.map(changes);
  files.keep();
  // What a slider moves is seen at once; a text is looked at when its author has stopped for a moment.
  clearTimeout(timer);
  if (isSlider) look();
  else timer = setTimeout(look, DEBOUNCE);
}

// One question at a time; what has changed meanwhile is asked next.
async function look() {
  clearTimeout(timer);
  if (isLooking) return void (isDue = true);
  isLooking = true;
  do {
    isDue = false;
    const asked = { ...current(), weights: $("learned").checked ? weights : null };
    const slow = setTimeout(() => ($("busy").hidden = false), SLOW);
    const answer = await reached(() => ask("look", { ...asked, view }));
    clearTimeout(slow);
    $("busy").hidden = true;
    if (answer) show(answer, asked);
    else isDue = false;
  } while (isDue);
  isLooking = false;
}

function show(answer, asked) {
  if (answer.error) {
    $("verdict").className = "verdict bad";
    $("verdict").textContent = answer.error;
    picture.stale(true);
    return;
  }
  const isOld = editor.text() !== asked.text;
  showMessages(answer);
  if (!isOld) {
    editor.diagnose(answer.diagnostics);
    const isTraining = (c) => c.group === "train" || c.group === "data";
    // A text with errors may have lost what a slider stands for while it is being typed.
    if (answer.ok || answer.controls.length) {
      sliders.show(answer.controls.filter((c) => !isTraining(c)));
      trainSliders.show(answer.controls.filter((c) => isTraining(c) || c.group === "const"));
    }
  }
  picture.stale(!answer.ok);
  if (!answer.ok) return;
  seen = answer;
  view.open = view.open.filter((b) => answer.boxes.some((x) => x.path === b));
  view.close = view.close.filter((b) => answer.boxes.some((x) => x.path === b));
  document.title = `${answer.name} – graphlang play`;
  picture.show(answer.svg);
  const inputs = new Set(sliders.inputs());
  picture.mark("scrubs", picture.ids().filter((id) => inputs.has(inputOf(id))));
  steps.load(answer.steps);
  finder.refresh();
  if (chosen && !answer.items[chosen]) chosen = null;
  listNodes();
  tellChosen();
  markLine(editor.line());
  showTraining(answer.learns, isOld);
  if (!isOld && asked.weights && !answer.is_learned) {
    forgetWeights();
    notice("What was learned does not fit this text any more; the picture has the file's own numbers.");
  }
}

function showMessages(answer) {
  const errors = answer.diagnostics.filter((d) => d.severity === "error").length;
  const verdict = $("verdict");
  verdict.className = `verdict ${answer.ok ? "good" : "bad"}`;
  const count = (n, what) => (n ? `${n} ${what}${n > 1 ? "s" : ""}` : "");
  const warnings = count(answer.diagnostics.length - errors, "warning");
  const remark = (answer.remarks ?? []).join(" ");
  verdict.textContent = errors
    ? `${[count(errors, "error"), warnings].filter(Boolean).join(", ")}.${seen ? " The picture is of the last text without errors." : ""}`
    : [warnings ? `${warnings}.` : "No mistakes found.", remark].join(" ");
  $("messages").replaceChildren(
    ...answer.diagnostics.map((d) => {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: d.rendered });
      button.className = `message ${d.severity}`;
      button.onclick = () => {
        if (d.place) editor.reveal(d.place);
        editor.focus();
      };
      const item = document.createElement("li");
      item.append(button);
      return item;
    }),
  );
}

// --- hovering, choosing ----------------------------------------------------------------------------

const about = (id) => (id === null ? null : (seen?.items[id] ?? null));

function hover(id) {
  picture.mark("near", id === null ? [] : [id]);
  editor.mark(about(id)?.place ?? about(chosen)?.place ?? null);
}

function markLine(line) {
  if (!seen) return;
  picture.mark("near", Object.keys(seen.items).filter((id) => seen.items[id].line === line));
}

// A click opens a closed box, and closes an open one by its title; of all else it tells.
function press(id, isText) {
  const box = boxOf(id);
  if (box && (!box.open || isText)) toggle(box);
  else pick(id);
}

function pick(id) {
  chosen = id && about(id) ? id : null;
  tellChosen();
}

function listNodes() {
  const options = Object.entries(seen.items).filter(([id]) => !id.endsWith(">") || id.startsWith(">"));
  const label = (id, item) => (id.startsWith("box:") ? `box ${item.title}` : `${item.title}`);
  const found = options.filter(([id]) => !id.startsWith(">"));
  $("node").replaceChildren(
    new Option("click one, or choose", ""),
    ...found.map(([id, item]) => new Option(label(id, item), id, false, id === chosen)),
  );
}

function tellChosen() {
  picture.mark("chosen", chosen ? [chosen] : []);
  $("node").value = chosen && [...$("node").options].some((o) => o.value === chosen) ? chosen : "";
  editor.mark(about(chosen)?.place ?? null);
  $("details").hidden = !chosen;
  showDetails($("details-body"), about(chosen), {
    of: seen?.of,
    box: boxOf(chosen),
    toggle,
    reveal: (place) => {
      editor.reveal(place);
      editor.focus();
    },
  });
}

const boxOf = (id) => seen?.boxes.find((b) => (b.open ? `box:${b.path}` : b.path) === id) ?? null;

function toggle(box) {
  const [to, from] = box.open ? ["close", "open"] : ["open", "close"];
  view[from] = view[from].filter((b) => b !== box.path);
  view[to] = [...view[to].filter((b) => b !== box.path), box.path];
  chosen = box.open ? box.path : `box:${box.path}`;
  look();
}

// --- training --------------------------------------------------------------------------------------

let learns = false;
let weights = null; // what the run has learned when it last stood still

function takeWeights(values) {
  weights = values;
  $("learned-field").hidden = false;
  if ($("learned").checked) look();
}

function forgetWeights() {
  weights = null;
  $("learned-field").hidden = true;
  $("learned").checked = false;
}

function showTraining(fresh, isOld) {
  learns = fresh;
  $("train-none").hidden = learns;
  $("train-body").hidden = !learns;
  if (!learns) training.forget();
  else if (isShown("train") && !isOld) training.update();
}

const isShown = (name) => !$(`panel-${name}`).hidden;

function showTab(name) {
  for (const other of ["graph", "train"]) {
    const is = other === name;
    $(`panel-${other}`).hidden = !is;
    $(`tab-${other}`).setAttribute("aria-selected", String(is));
    $(`tab-${other}`).tabIndex = is ? 0 : -1;
  }
  if (name === "train" && learns) training.update();
}

for (const [name, other] of [["graph", "train"], ["train", "graph"]]) {
  $(`tab-${name}`).onclick = () => showTab(name);
  $(`tab-${name}`).onkeydown = (event) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    event.preventDefault();
    showTab(other);
    $(`tab-${other}`).focus();
  };
}

// --- files -----------------------------------------------------------------------------------------

// The picture of another file would be worse than none.
function forgetAll() {
  Object.assign(view, { depth: null, open: [], close: [] });
  $("depth").value = "";
  chosen = seen = null;
  picture.clear();
  steps.reset();
  steps.load([]);
  $("node").length = 1;
  $("details").hidden = true;
  sliders.show([]);
  trainSliders.show([]);
  training.forget();
  training.forgetPoints();
  forgetWeights();
  picture.fit();
}

const { given } = makeGiving({ editor, current, svg: () => seen?.svg ?? null, points: () => training.points(), reached, notice });
const files = makeFiles({ editor, current, look, onLoad: forgetAll, reached, notice, given });

async function gradcheck() {
  const button = $("gradcheck");
  button.disabled = true;
  const answer = await reached(() => ask("gradcheck", current()));
  button.disabled = false;
  if (!answer) return;
  if (answer.error || answer.why) return tell("Gradient check", [answer.error ?? answer.why].flat().join("\n"));
  shown(answer);
}

// --- wiring ----------------------------------------------------------------------------------------

let noticeTimer = 0;

function notice(text, action = null, act = null) {
  clearTimeout(noticeTimer);
  $("notice-text").textContent = text;
  $("notice-action").hidden = !action;
  $("notice-action").textContent = action ?? "";
  $("notice-action").onclick = () => {
    $("notice").hidden = true;
    act();
  };
  $("notice").hidden = false;
  if (!action && !isGone()) noticeTimer = setTimeout(() => ($("notice").hidden = true), 6000);
}

function setTheme(theme) {
  view.theme = theme;
  document.documentElement.dataset.theme = theme;
  $("theme").value = theme;
  training.redraw();
}

$("notice-close").onclick = () => ($("notice").hidden = true);
$("name").oninput = () => {
  files.showSaved();
  clearTimeout(timer);
  timer = setTimeout(look, DEBOUNCE);
};
$("stop").onclick = () => reached(() => ask("stop"));
$("gradcheck").onclick = gradcheck;
$("help-button").onclick = () => tell("Keys", null, "help");
$("zoom-in").onclick = () => picture.zoomBy(1.25);
$("zoom-out").onclick = () => picture.zoomBy(0.8);
$("zoom-fit").onclick = () => picture.fit();
$("details-close").onclick = () => {
  pick(null);
  $("node").focus();
};
$("node").onchange = () => {
  pick($("node").value || null);
  if (chosen) picture.reveal(chosen);
};
$("depth").onchange = () => {
  Object.assign(view, { depth: $("depth").value === "" ? null : Number($("depth").value), open: [], close: [] });
  look();
};
$("local-on").onchange = () => {
  view.local = $("local-on").checked;
  look();
};
$("learned").onchange = () => look();
$("theme").onchange = () => {
  setTheme($("theme").value);
  localStorage.setItem("graphlang:theme", view.theme);
  look();
};

makeDivider($("divider"), document.querySelector(".left"), document.querySelector(".messages"));

addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "s") {
    event.preventDefault();
    files.save();
  }
  if ((event.ctrlKey || event.metaKey) && event.key === "f" && isShown("graph") && !event.target.closest?.(".cm-editor")) {
    event.preventDefault();
    finder.focus();
  }
  if (event.key === "Escape") $("export").open = false;
  const isTaken = event.target.closest?.("input, select, textarea, button, summary, dialog, .cm-editor, #divider");
  if (isTaken || event.ctrlKey || event.metaKey || event.altKey || !isShown("graph")) return;
  if (steps.key(event.key)) event.preventDefault();
});
addEventListener("click", (event) => {
  if (!event.target.closest?.("#export")) $("export").open = false;
});
addEventListener("pagehide", farewell);

const prefersDark = matchMedia("(prefers-color-scheme: dark)").matches;
setTheme(localStorage.getItem("graphlang:theme") ?? (prefersDark ? "dark" : "slide"));
files.restore();
