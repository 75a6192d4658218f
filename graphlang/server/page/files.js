// The file that is open: loading and saving it, what is kept until then, and links that hold a text.

import { ask } from "./api.js";
import { choose } from "./dialogs.js";
import { draftOf, forgetDraft, keepDraft, linkTo, ownDraft, textIn } from "./storage.js";

const $ = (id) => document.getElementById(id);

// `onLoad` empties the page of what was shown of another file; `given` says what is not in a file that was given away.
export function makeFiles({ editor, current, look, onLoad, reached, notice, given }) {
  const file = { name: "untitled.graph", version: null, is_crlf: false, saved: "" };

  function load(answer, isDraft = false) {
    Object.assign(file, { name: answer.name, version: answer.version ?? null, is_crlf: answer.is_crlf ?? false });
    file.saved = isDraft ? null : answer.text;
    $("name").value = answer.name;
    editor.load(answer.text);
    onLoad();
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

  async function openShared() {
    const text = await textIn(location.hash);
    if (text !== null) load({ name: "shared.graph", text }, true);
  }

  // The text as it is now, in case that it is not saved.
  function keep() {
    showSaved();
    keepDraft($("name").value, { text: editor.text(), version: file.version, is_crlf: file.is_crlf });
  }

  $("open").onchange = openChosen;
  $("save").onclick = () => save();
  $("share").onclick = share;
  addEventListener("hashchange", openShared);

  return { keep, showSaved, save, restore };
}
