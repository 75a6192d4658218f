// The training view: commands go to the tab's run, its news are drawn as they come.

import { ask, listen } from "./api.js";
import { makeBars } from "./gradients.js";
import { makeCurve, makeMap } from "./plots.js";
import { makePoints } from "./points.js";

const STUCK = 3000; // milliseconds of silence

export function makeTraining(elements, { current, onProblem, onWeights, reached }) {
  const map = makeMap(elements.map, elements.legend);
  const curve = makeCurve(elements.curve, elements.held);
  const bars = makeBars(elements.bars);
  const points = makePoints({ canvas: elements.map, ...elements.points }, { map, onChange: sendPoints });
  let stop = null; // stops listening
  let about = null;
  let state = { running: false, done: false };
  let isWaiting = false; // a drawing is due
  let asked = null; // the text that the run has
  let heard = 0; // when it last said something

  // What is trained: the text as it is now, with the points that were added.
  const subject = () => ({ ...current(), points: points.all() });

  let isSending = false;
  let isDue = false;

  // A point that is dragged changes faster than it can be told.
  async function sendPoints() {
    if (isSending) return void (isDue = true);
    isSending = true;
    do {
      isDue = false;
      await command("points");
    } while (isDue);
    isSending = false;
  }

  async function send(message) {
    const answer = await reached(() => ask("train", message));
    if (!answer) return null;
    if (answer.error && !answer.stopped) onProblem(answer.error);
    return answer;
  }

  // A run of the text as it is now; the one before ends.
  async function open() {
    close();
    curve.clear();
    bars.clear();
    const text = subject();
    asked = text.text;
    const answer = await send({ do: "open", ...text });
    if (!answer || answer.error) return false;
    stop = listen(hear, () => {
      stop = null;
      setState({ running: false, done: false });
    });
    return true;
  }

  function close() {
    stop?.();
    stop = null;
  }

  async function command(what, more = {}) {
    if (!stop && !(await open())) return;
    const text = subject();
    asked = text.text;
    const answer = await send({ do: what, ...text, ...more });
    if (!answer?.stopped) return;
    // The run has ended meanwhile, with the server or by Stop: begin again.
    close();
    if (await open()) await send({ do: what, ...more });
  }

  function hear(message) {
    heard = performance.now();
    switch (message.event) {
      case "ready":
        about = message;
        if (!message.kept) {
          curve.clear();
          bars.clear();
        }
        map.open(message.map);
        bars.open(message.gradients);
        points.tell(message.adding);
        elements.error.hidden = true;
        break;
      case "frame":
        show(message);
        break;
      case "weights":
        onWeights(message.values);
        break;
      case "state":
        setState(message);
        if (message.running) elements.error.hidden = true;
        break;
      case "failed":
        setState({ running: false, done: false });
        elements.error.textContent = message.diagnostics.map((d) => d.rendered).join("\n\n");
        elements.error.hidden = false;
        break;
      default:
        if (message.error) onProblem(message.error);
    }
  }

  function show(frame) {
    curve.add(frame);
    tell(frame);
    // Frames that come faster than the screen shows them are drawn together.
    if (isWaiting) return void (show.last = frame);
    isWaiting = true;
    show.last = frame;
    requestAnimationFrame(() => {
      isWaiting = false;
      curve.draw();
      bars.draw(show.last.gradients);
      map.draw(show.last.map);
    });
  }

  function tell(frame) {
    const epochs = about ? ` of ${about.epochs}` : "";
    elements.state.textContent = `epoch ${frame.epoch}${epochs} · step ${frame.step}`;
    const record = frame.records.at(-1);
    if (!record) {
      if (frame.step === 0 && about) numbers([["parameters", about.parameters.toLocaleString("en")], ["examples", about.examples - about.held + (about.held ? ` and ${about.held} held out` : "")]]);
      return;
    }
    const rows = [["loss", record.loss, record.holdout?.loss]];
    for (const name of Object.keys(record.metrics)) rows.push([name, record.metrics[name], record.holdout?.[name]]);
    numbers([["", "learned from", ...(record.holdout ? ["held out"] : [])], ...rows.map(([name, ...found]) => [name, ...found.filter((x) => x !== undefined).map(figure)])]);
  }

  const figure = (x) => (typeof x === "number" ? x.toPrecision(4) : String(x));

  function numbers(rows) {
    elements.numbers.replaceChildren(
      ...rows.map(([head, ...cells]) => {
        const row = document.createElement("tr");
        const th = head ? Object.assign(document.createElement("th"), { textContent: head, scope: "row" }) : document.createElement("td");
        row.append(th, ...cells.map((text) => Object.assign(document.createElement("td"), { textContent: text })));
        return row;
      }),
    );
  }

  function setState(fresh) {
    state = fresh;
    elements.start.textContent = state.running ? "❚❚ Pause" : state.done ? "▶ Again" : "▶ Start";
    elements.start.dataset.state = state.running ? "running" : state.done ? "done" : "paused";
  }

  // A step that takes for ever hears no command: then its process is ended, and another begins.
  const isStuck = () => state.running && performance.now() - heard > STUCK;

  elements.start.onclick = () => {
    if (isStuck()) return restart();
    return command(state.running ? "pause" : "start", { speed: Number(elements.speed.value) });
  };
  elements.step.onclick = () => command("step");
  elements.epoch.onclick = () => command("epoch");
  elements.reset.onclick = () => {
    if (isStuck()) return restart();
    curve.clear();
    return command("reset");
  };

  function restart() {
    setState({ running: false, done: false });
    return open();
  }
  elements.speed.oninput = () => stop && command("speed", { speed: Number(elements.speed.value) });

  return {
    // The view is opened, or the text has changed while it is.
    async update() {
      if (!stop) return void (await open());
      const text = current();
      if (text.text === asked) return;
      await command("text");
    },
    redraw() {
      curve.draw();
      map.draw();
      if (about?.map) map.open(about.map);
      map.draw(show.last?.map);
    },
    // The points that were added, which the text does not have.
    points: () => points.all(),
    forgetPoints: () => points.forget(),
    forget() {
      close();
      about = null;
      setState({ running: false, done: false });
    },
  };
}
