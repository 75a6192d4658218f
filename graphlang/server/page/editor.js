// The editor: CodeMirror with the language's colours, the compiler's diagnostics, and marks that come from the picture.

import {
  Annotation, Decoration, EditorState, EditorView, HighlightStyle, StateEffect, StateField, bracketMatching,
  defaultKeymap, drawSelection, highlightActiveLine, highlightActiveLineGutter, history, historyKeymap, indentUnit,
  keymap, lineNumbers, lintGutter, lintKeymap, searchKeymap, setDiagnostics, syntaxHighlighting, tags,
} from "./codemirror.js";
import { graph } from "./language.js";

const colours = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--keyword)", fontWeight: "600" },
  { tag: tags.comment, color: "var(--comment)", fontStyle: "italic" },
  { tag: tags.number, color: "var(--number)" },
  { tag: tags.string, color: "var(--string)" },
  { tag: tags.typeName, color: "var(--function)" },
  { tag: tags.function(tags.variableName), color: "var(--function)" },
  { tag: tags.operator, color: "var(--faint)" },
]);

const look = EditorView.theme({
  "&": { height: "100%", fontSize: "15px", color: "var(--text)", backgroundColor: "var(--ground)" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.55" },
  ".cm-content": { caretColor: "var(--text)" },
  ".cm-cursor": { borderLeftColor: "var(--text)", borderLeftWidth: "2px" },
  ".cm-gutters": { backgroundColor: "var(--surface)", color: "var(--faint)", borderRight: "1px solid var(--edge)" },
  ".cm-activeLine": { backgroundColor: "color-mix(in srgb, var(--accent) 7%, transparent)" },
  ".cm-activeLineGutter": { backgroundColor: "var(--hover)", color: "var(--text)" },
  "&.cm-focused .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "var(--hover) !important" },
  ".cm-tooltip": { backgroundColor: "var(--raised)", color: "var(--text)", border: "1px solid var(--edge)" },
  ".cm-diagnostic": { whiteSpace: "pre-wrap", fontFamily: "var(--mono)", fontSize: "13px" },
  ".cm-panels": { backgroundColor: "var(--surface)", color: "var(--text)" },
  ".cm-marked": { backgroundColor: "var(--mark)", borderRadius: "3px" },
});

const setMark = StateEffect.define();
const marks = StateField.define({
  create: () => Decoration.none,
  update(found, transaction) {
    found = found.map(transaction.changes);
    for (const effect of transaction.effects) {
      if (!effect.is(setMark)) continue;
      const range = effect.value;
      found = range ? Decoration.set([Decoration.mark({ class: "cm-marked" }).range(...range)]) : Decoration.none;
    }
    return found;
  },
  provide: (field) => EditorView.decorations.from(field),
});

const byProgram = Annotation.define();

export function makeEditor(parent, { onChange, onLine, onPoint, nonce }) {
  let line = 1;
  let pointed = null; // the line that the pointer is on
  function point(at) {
    if (at !== pointed) onPoint((pointed = at));
  }
  const extensions = [
    lineNumbers(), highlightActiveLine(), highlightActiveLineGutter(), history(), drawSelection(), bracketMatching(),
    EditorView.lineWrapping, indentUnit.of("  "), graph, syntaxHighlighting(colours), look, marks, lintGutter(),
    // Tab is left to the browser, so that the keyboard gets out of the editor.
    keymap.of([...defaultKeymap, ...historyKeymap, ...searchKeymap, ...lintKeymap]),
    EditorView.cspNonce.of(nonce),
    EditorView.contentAttributes.of({ "aria-label": "Text of the model", spellcheck: "false", tabindex: "0" }),
    EditorView.domEventHandlers({
      mousemove(event, view) {
        const at = view.posAtCoords({ x: event.clientX, y: event.clientY });
        point(at === null ? null : view.state.doc.lineAt(at).number);
      },
      mouseleave: () => point(null),
    }),
    EditorView.updateListener.of((update) => {
      if (update.docChanged) {
        onChange(update.changes, update.transactions.some((t) => t.annotation(byProgram)));
      }
      const now = update.state.doc.lineAt(update.state.selection.main.head).number;
      if (now !== line) onLine((line = now));
    }),
  ];
  const view = new EditorView({ parent, state: EditorState.create({ doc: "", extensions }) });
  const clamped = ([from, to]) => {
    const end = view.state.doc.length;
    return [Math.min(from, end), Math.min(to, end)];
  };

  return {
    view,
    text: () => view.state.doc.toString(),
    // Another file: a fresh history, so that undo does not bring back the one before.
    load: (text) => {
      view.setState(EditorState.create({ doc: text, extensions }));
      line = 1;
    },
    // What a slider does: an edit like any other, which undo takes back. A drag is undone as one.
    replace: (from, to, insert) =>
      view.dispatch({ changes: { from, to, insert }, userEvent: "input.type.slider", annotations: byProgram.of(true) }),
    diagnose(diagnostics) {
      const found = diagnostics.filter((d) => d.place).map((d) => {
        let [from, to] = clamped(d.place);
        if (from === to) to < view.state.doc.length ? to++ : from > 0 && from--;
        return { from, to, severity: d.severity === "error" ? "error" : "warning", message: told(d) };
      });
      view.dispatch(setDiagnostics(view.state, found));
    },
    mark(range) {
      const place = range && clamped(range);
      view.dispatch({ effects: setMark.of(place && place[0] < place[1] ? place : null) });
    },
    reveal(range) {
      const [from, to] = clamped(range);
      view.dispatch({ selection: { anchor: from, head: to }, effects: EditorView.scrollIntoView(from, { y: "center" }) });
    },
    line: () => line,
    focus: () => view.focus(),
  };
}

function told(diagnostic) {
  const parts = [diagnostic.message, ...diagnostic.notes];
  if (diagnostic.suggestion) parts.push(diagnostic.suggestion);
  return parts.join("\n");
}
