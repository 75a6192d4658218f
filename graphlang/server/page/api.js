// Questions to the server. The token is part of the page's own address, so relative addresses carry it along.

// One name for each load of the page: tabs do not share workers.
export const tab = [...crypto.getRandomValues(new Uint8Array(12))].map((b) => b.toString(16).padStart(2, "0")).join("");

export class Unreachable extends Error {}

export async function ask(question, message = {}) {
  let response;
  try {
    response = await fetch(`api/${question}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ ...message, tab }),
    });
  } catch {
    throw new Unreachable();
  }
  let answer;
  try {
    answer = await response.json();
  } catch {
    throw new Unreachable(); // cut off: the server has ended meanwhile
  }
  return { status: response.status, ...answer };
}

// News of a training run; returns a function that stops listening.
export function listen(onMessage, onEnd) {
  const source = new EventSource(`api/events?tab=${tab}`);
  source.onmessage = (event) => onMessage(JSON.parse(event.data));
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) onEnd();
  };
  return () => source.close();
}

// Tells the server that nobody waits any more; sent even while the page is closing.
export function farewell() {
  navigator.sendBeacon("api/stop", new Blob([JSON.stringify({ tab })], { type: "application/json" }));
}
