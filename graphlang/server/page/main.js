// The page: text on the left, the model's picture or its training on the right.

import { ask, farewell, Unreachable } from "./api.js";
import { showDetails } from "./details.js";
import { choose, shown, tell } from "./dialogs.js";
import { makeEditor } from "./editor.js";
import { makePicture } from "./picture.js";
import { makeSliders } from "./sliders.js";
import { makeSteps } from "./steps.js";
import { download, draftOf, forgetDraft, keepDraft, linkTo, ownDraft, textIn } from "./storage.js";
import { makeTraining } from "./training.js";

const DEBOUNCE = 250; // milliseconds between the last key and a look at the text
const SLOW = 500; // after so many, say that it takes a while
const RETRY = 1500;
const $ = (id) => document.getElementById(id);
const file = { name: "untitled.graph", version: null, is_crlf: false, saved: "" };
const view = { depth: null, open: [], close: [], theme: "slide", local: false };
let seen = null; // the last answer of a text without errors
let chosen = null;

// --- parts -----------------------------------------------------------------------------------------

const editor = makeEditor($("editor"), {
  nonce: document.querySelector('meta[name="csp-nonce"]').content,
  onChange: changed,
  onLine: markLine,
});
const picture = makePicture($("picture"), { onHover: hover, onClick: pick });
const steps = makeSteps(picture, $("step-text"), {
  first: $("step-first"), back: $("step-back"), play: $("step-play"), next: $("step-next"), last: $("step-last"),
});
const sliders = makeSliders($("sliders"), editor.replace);
const trainSliders = makeSliders($("train-sliders"), editor.replace);
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
  showSaved();
  keepDraft($("name").value, { text: editor.text(), version: file.version, is_crlf: file.is_crlf });
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
    const asked = current();
    const slow = setTimeout(() => ($("busy").hidden = false), SLOW);
    const answer = await reached(() => ask("look", { ...asked, view, weights: $("learned").checked ? weights : null }));
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
  steps.load(answer.steps);
  if (chosen && !answer.items[chosen]) chosen = null;
  listNodes();
  tellChosen();
  markLine(editor.line());
  showTraining(answer.learns, isOld);
  if (!isOld && weights && $("learned").checked && !answer.is_learned) {
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

// --- the server may go away ------------------------------------------------------------------------

let isGone = false;

// The answer of a question; undefined while nobody answers. The page then waits for the server, and goes on.
async function reached(question) {
  try {
    const answer = await question();
    if (answer.status === 403 && /address/.test(answer.error ?? "")) throw new Unreachable();
    if (isGone) {
      isGone = false;
      notice("The server is there again.");
    }
    return answer;
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    if (!isGone) {
      isGone = true;
      training.forget();
      notice("The server does not answer. Your text is kept here; start `graphlang play` again, and this page goes on.");
      waitForServer();
    }
    return undefined;
  }
}

async function waitForServer() {
  while (isGone) {
    await new Promise((done) => setTimeout(done, RETRY));
    if (isGone) await look();
  }
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

function load(answer, isDraft = false) {
  Object.assign(file, { name: answer.name, version: answer.version ?? null, is_crlf: answer.is_crlf ?? false });
  file.saved = isDraft ? null : answer.text;
  $("name").value = answer.name;
  editor.load(answer.text);
  Object.assign(view, { depth: null, open: [], close: [] });
  $("depth").value = "";
  // The picture of another file would be worse than none.
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
  showSaved();
  look();
}

const showSaved = () => ($("unsaved").hidden = editor.text() === file.saved && $("name").value === file.name);

async function openChosen() {
  const value = $("open").value;
  $("open").value = "";
  if (!value) return;
  if (value === "link") return openLink();
  const before = editor.text();
  const [question, name] = [value.slice(0, value.indexOf(":")), value.slice(value.indexOf(":") + 1)];
  const answer = await reached(() => ask(question, { name }));
  if (!answer) return;
  if (answer.error) return notice(answer.error);
  const wasUnsaved = !$("unsaved").hidden;
  const old = { ...current(), version: file.version, is_crlf: file.is_crlf };
  load(answer);
  if (wasUnsaved && before.trim()) notice(`The text of ${old.name} was not saved.`, "Back to it", () => load(old, true));
}

async function openLink() {
  const link = await choose("Open a shared text", "Paste the link:", ["Cancel", "Open"], { input: "" });
  if (link?.button !== "Open") return;
  const text = await textIn(link.value);
  if (text === null) notice("This is no link to a text.");
  else load({ name: "shared.graph", text }, true);
}

async function save(force = false) {
  const { name, text } = current();
  const version = name === file.name ? file.version : null;
  const answer = await reached(() => ask("save", { name, text, version, is_crlf: file.is_crlf, force }));
  if (!answer) return;
  if (answer.conflict) {
    const found = await choose("Save", `${answer.error} Replace it by your text?`, ["Cancel", "Replace"]);
    if (found?.button === "Replace") await save(true);
    return;
  }
  if (answer.error) return notice(answer.error);
  Object.assign(file, { name, version: answer.version, saved: text });
  forgetDraft(name);
  showSaved();
  given(`Saved ${name}.`);
}

async function share() {
  const link = await linkTo(editor.text());
  let isCopied = true;
  try {
    await navigator.clipboard.writeText(link);
  } catch {
    isCopied = false; // not allowed here: the dialog shows it, to be copied by hand
  }
  const text = "The whole text is in the link; nothing is uploaded. Someone else opens it with “Open… → a shared link” in their own `graphlang play`.";
  await choose(isCopied ? "The link is copied" : "Copy this link", text, ["Close"], { input: link });
  given("");
}

async function restore() {
  const answer = await reached(() => ask("open"));
  if (!answer) {
    const draft = ownDraft();
    if (draft) load(draft, true);
    return;
  }
  const group = (label, options) => {
    const element = Object.assign(document.createElement("optgroup"), { label });
    element.append(...options);
    return element;
  };
  $("open").append(
    group("Examples", answer.examples.map((e) => new Option(e.title, `example:${e.name}`))),
    group(`In ${answer.folder}`, answer.files.map((n) => new Option(n, `load:${n}`))),
    group("Elsewhere", [new Option("a shared link…", "link")]),
  );
  const shared = await textIn(location.hash);
  if (shared !== null) return load({ name: "shared.graph", text: shared }, true);
  const own = ownDraft();
  const draft = own ?? draftOf(answer.name);
  if (!draft || draft.text === answer.text) return load(answer);
  if (own || draft.version === answer.version) {
    load(draft, true);
    notice("This is your text that was not saved.", "Discard it", () => {
      forgetDraft(draft.name);
      load(answer);
    });
  } else {
    load(answer);
    notice("The file has changed since you last edited it here.", "Show that text", () => load(draft, true));
  }
}

// --- taking away -----------------------------------------------------------------------------------

const stem = () => $("name").value.replace(/\.graph$/, "") || "model";

function exportPng() {
  const image = new Image();
  const blob = new Blob([seen.svg], { type: "image/svg+xml" });
  image.onload = () => {
    const scale = Math.min(2, 8000 / Math.max(image.width, image.height));
    const canvas = Object.assign(document.createElement("canvas"), { width: image.width * scale, height: image.height * scale });
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    URL.revokeObjectURL(image.src);
    canvas.toBlob((png) => (png ? download(`${stem()}.png`, png) : notice("The picture is too large for a PNG.")), "image/png");
  };
  image.onerror = () => notice("This browser cannot make a PNG of the picture.");
  image.src = URL.createObjectURL(blob);
}

async function exportScript() {
  const answer = await reached(() => ask("export", current()));
  if (!answer) return;
  if (!answer.content) return notice([answer.error ?? answer.why].flat().join(" "));
  download(answer.name, answer.content, "text/x-python");
  given(`Exported ${answer.name}.`);
}

function exportGraph() {
  download(`${stem()}.graph`, editor.text(), "text/plain");
  given(`Exported ${stem()}.graph.`);
}

// What has been given away does not hold the points that were added: whoever runs it learns without them.
function given(what) {
  const count = training.points().length;
  if (count) notice(`${what} The ${count === 1 ? "point" : `${count} points`} added to the data here ${count === 1 ? "is" : "are"} not in it.`, "Save data as CSV", exportData);
  else if (what) notice(what);
}

async function exportData() {
  const answer = await reached(() => ask("data", { ...current(), points: training.points() }));
  if (!answer) return;
  if (!answer.content) return notice([answer.error ?? answer.why].flat().join(" "));
  download(answer.name, answer.content, "text/csv");
  const added = answer.added ? `, ${answer.added} of them added here` : "";
  const text = `${answer.name} has all ${answer.rows} rows${added}, held out or not. To train on it, put it beside the file and let this be the file's data block. Which rows are held out is then drawn anew.`;
  await choose("Data saved as CSV", text, ["Close"], { input: answer.block, isLong: true });
}

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
  if (!action && !isGone) noticeTimer = setTimeout(() => ($("notice").hidden = true), 6000);
}

function setTheme(theme) {
  view.theme = theme;
  document.documentElement.dataset.theme = theme;
  $("theme").value = theme;
  training.redraw();
}

$("notice-close").onclick = () => ($("notice").hidden = true);
$("open").onchange = openChosen;
$("name").oninput = () => {
  showSaved();
  clearTimeout(timer);
  timer = setTimeout(look, DEBOUNCE);
};
$("save").onclick = () => save();
$("share").onclick = share;
$("export-svg").onclick = () => seen && download(`${stem()}.svg`, seen.svg, "image/svg+xml");
$("export-png").onclick = () => seen && exportPng();
$("export-script").onclick = exportScript;
$("export-graph").onclick = exportGraph;
$("add-save").onclick = exportData;
for (const button of $("export").querySelectorAll("button")) button.addEventListener("click", () => ($("export").open = false));
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

function setDivider(share) {
  const clamped = Math.min(80, Math.max(5, share));
  document.querySelector(".messages").style.height = `${clamped}%`;
  $("divider").setAttribute("aria-valuenow", String(Math.round(clamped)));
}
$("divider").onpointerdown = (down) => {
  $("divider").setPointerCapture(down.pointerId);
  const left = document.querySelector(".left").getBoundingClientRect();
  $("divider").onpointermove = (move) => setDivider((100 * (left.bottom - move.clientY)) / left.height);
  $("divider").onpointerup = () => ($("divider").onpointermove = null);
};
$("divider").onkeydown = (event) => {
  const by = { ArrowUp: 5, ArrowDown: -5 }[event.key];
  if (by) setDivider(Number($("divider").getAttribute("aria-valuenow")) + by);
};

addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "s") {
    event.preventDefault();
    save();
  }
  if (event.key === "Escape") $("export").open = false;
  const isTaken = event.target.closest?.("input, select, textarea, button, summary, dialog, .cm-editor, #divider");
  if (isTaken || event.ctrlKey || event.metaKey || event.altKey || !isShown("graph")) return;
  if (steps.key(event.key)) event.preventDefault();
});
addEventListener("click", (event) => {
  if (!event.target.closest?.("#export")) $("export").open = false;
});
addEventListener("hashchange", async () => {
  const text = await textIn(location.hash);
  if (text !== null) load({ name: "shared.graph", text }, true);
});
addEventListener("pagehide", farewell);

const prefersDark = matchMedia("(prefers-color-scheme: dark)").matches;
setTheme(localStorage.getItem("graphlang:theme") ?? (prefersDark ? "dark" : "slide"));
restore();
