// The bar between the text and the messages below it, by pointer and by key.

export function makeDivider(bar, whole, below) {
  function setDivider(share) {
    const clamped = Math.min(80, Math.max(5, share));
    below.style.height = `${clamped}%`;
    bar.setAttribute("aria-valuenow", String(Math.round(clamped)));
  }
  bar.onpointerdown = (down) => {
    bar.setPointerCapture(down.pointerId);
    const left = whole.getBoundingClientRect();
    bar.onpointermove = (move) => setDivider((100 * (left.bottom - move.clientY)) / left.height);
    bar.onpointerup = () => (bar.onpointermove = null);
  };
  bar.onkeydown = (event) => {
    const by = { ArrowUp: 5, ArrowDown: -5 }[event.key];
    if (by) setDivider(Number(bar.getAttribute("aria-valuenow")) + by);
  };
}
