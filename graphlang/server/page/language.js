// The .graph language for the editor: a scanner for colours. What is right or wrong is the compiler's to say.

import { StreamLanguage } from "./codemirror.js";

export const KEYWORDS = new Set(
  ("input param state const network gate layer optimizer init for in if else output expect assert metric data " +
    "train update import from backward and or not true false").split(" "),
);
const CONTEXTUAL = new Set(["on", "within", "grad"]);
const TYPES = new Set(["int", "float", "bool", "string", "op"]);
const NAME = /^[\p{ID_Start}_][\p{ID_Continue}]*/u;

export const graph = StreamLanguage.define({
  name: "graph",
  token(stream) {
    if (stream.eatSpace()) return null;
    if (stream.match(/^#.*/)) return "comment";
    if (stream.match(/^"(?:[^"\\]|\\.)*"?/)) return "string";
    if (stream.match(/^\d[\d_]*(?:\.(?!\.)\d*)?(?:[eE][+-]?\d+)?/)) return "number";
    const name = stream.match(NAME);
    if (name) {
      if (KEYWORDS.has(name[0])) return "keyword";
      if (CONTEXTUAL.has(name[0])) return "keyword";
      if (TYPES.has(name[0])) return "typeName";
      return stream.match(/^\s*\(/, false) ? "variableName.function" : "variableName";
    }
    if (stream.match(/^(?:->|[-+*/%@^=<>!~:]+)/)) return "operator";
    stream.next();
    return "punctuation";
  },
  languageData: { commentTokens: { line: "#" }, closeBrackets: { brackets: ["(", "[", "{", '"'] } },
});
