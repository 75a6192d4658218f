// Stepping: forward gate by gate, then backward. Position -1 is before the first step, null shows everything.

export function makeSteps(picture, textElement, buttons) {
  let steps = [];
  let at = null;
  let timer = null;
  const wiresOf = (phase) => steps.filter((s) => s.phase === phase).flatMap((s) => s.wires);

  function show() {
    const done = at === null ? steps : steps.slice(0, at + 1);
    const known = { forward: new Set(), backward: new Set() };
    for (const step of done) for (const wire of step.wires) known[step.phase].add(wire);
    picture.mark("unreached", wiresOf("forward").filter((w) => !known.forward.has(w)));
    picture.mark("ungraded", at === null ? [] : picture.ids().filter((id) => id.endsWith(">") && !known.backward.has(id)));
    picture.stepping(at !== null && at < steps.length - 1);
    const now = at === null ? null : steps[at];
    picture.mark("now", now ? now.items : []);
    picture.mark("fresh", now ? now.wires : []);
    if (now?.items.length) picture.reveal(now.items[0]);
    tell(now);
    buttons.back.disabled = steps.length === 0 || at === 0;
    buttons.next.disabled = steps.length === 0;
    buttons.first.disabled = buttons.last.disabled = buttons.play.disabled = steps.length === 0;
  }

  function tell(now) {
    textElement.replaceChildren();
    if (!now) {
      textElement.textContent = steps.length ? "Step through it with ▶ ◀, the arrow keys, or the space bar." : "";
      return;
    }
    const head = document.createElement("span");
    head.className = now.phase;
    head.textContent = now.phase === "forward" ? "forward → " : "← backward ";
    const count = document.createElement("span");
    count.className = "count";
    count.textContent = `   step ${at + 1} of ${steps.length}`;
    textElement.append(head, now.lines.join("\n"), count);
  }

  function go(to) {
    if (!steps.length) return;
    at = to;
    show();
  }
  const next = () => go(at === null ? 0 : at >= steps.length - 1 ? null : at + 1);
  const back = () => go(at === null ? steps.length - 1 : Math.max(0, at - 1));

  function play(is) {
    clearInterval(timer);
    timer = null;
    buttons.play.setAttribute("aria-pressed", String(is));
    if (!is) return;
    if (at === null) go(0);
    timer = setInterval(() => {
      next();
      if (at !== null) return;
      if (isRepeated()) go(0);
      else play(false);
    }, 1200);
  }

  const isRepeated = () => buttons.repeat.getAttribute("aria-pressed") === "true";
  buttons.repeat.onclick = () => buttons.repeat.setAttribute("aria-pressed", String(!isRepeated()));
  buttons.first.onclick = () => { play(false); go(0); };
  buttons.back.onclick = () => { play(false); back(); };
  buttons.next.onclick = () => { play(false); next(); };
  buttons.last.onclick = () => { play(false); go(null); };
  buttons.play.onclick = () => play(timer === null);

  return {
    // A changed text keeps the position where it still makes sense.
    load(fresh) {
      steps = fresh;
      if (at !== null && at >= steps.length) at = null;
      if (!steps.length) play(false);
      show();
    },
    key(name) {
      const action = { ArrowRight: buttons.next, ArrowLeft: buttons.back, Home: buttons.first, End: buttons.last, " ": buttons.play }[name];
      if (!action) return false;
      if (!action.disabled) action.click();
      return true;
    },
    reset() {
      play(false);
      at = null;
      show();
    },
  };
}
