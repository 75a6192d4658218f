// What the browser keeps: the text while it is not saved, the theme; and texts in links.

const DRAFT = "graphlang:draft:";

export function keepDraft(name, draft) {
  const text = JSON.stringify({ ...draft, name });
  // The tab's own copy survives a reload even if another tab works on a file of the same name.
  for (const [store, key] of [[sessionStorage, "graphlang:tab"], [localStorage, DRAFT + name]]) {
    try {
      store.setItem(key, text);
    } catch {
      // The browser's room is used up, or it keeps nothing for anyone: saving the file still works.
    }
  }
}

export function forgetDraft(name) {
  localStorage.removeItem(DRAFT + name);
  sessionStorage.removeItem("graphlang:tab");
}

export const ownDraft = () => parsed(sessionStorage.getItem("graphlang:tab"));
export const draftOf = (name) => parsed(localStorage.getItem(DRAFT + name));

function parsed(text) {
  try {
    const found = JSON.parse(text);
    return typeof found?.text === "string" && typeof found.name === "string" ? found : null;
  } catch {
    return null;
  }
}

// A link holds the text in its fragment, which browsers do not send anywhere. The token stays out of it.
export async function linkTo(text) {
  const packed = await piped(new TextEncoder().encode(text), new CompressionStream("deflate-raw"));
  const code = btoa(String.fromCharCode(...packed)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  return `${location.origin}/#g=${code}`;
}

// The text of a link, or of its fragment; null if there is none.
export async function textIn(link) {
  const code = /#g=([\w-]+)/.exec(link)?.[1];
  if (!code) return null;
  try {
    const packed = Uint8Array.from(atob(code.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
    return new TextDecoder("utf-8", { fatal: true }).decode(await piped(packed, new DecompressionStream("deflate-raw")));
  } catch {
    return null;
  }
}

const MOST = 500_000;

async function piped(bytes, through) {
  const reader = new Blob([bytes]).stream().pipeThrough(through).getReader();
  const parts = [];
  let length = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    parts.push(part.value);
    length += part.value.length;
    if (length > 4 * MOST) throw new Error("too long"); // a small link can unpack to anything
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export function download(name, content, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
