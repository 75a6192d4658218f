// Bundles CodeMirror into graphlang/server/page/codemirror.js, with the licences of all that is in it.
// The versions are those of package-lock.json: `npm ci && npm run build` gives the same bytes again.
import { build } from "esbuild";
import { existsSync, readFileSync, writeFileSync } from "node:fs";

const page = new URL("../../graphlang/server/page/", import.meta.url).pathname;
const result = await build({
  entryPoints: ["codemirror.mjs"],
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  banner: { js: "/* CodeMirror 6, bundled by editors/play/build.mjs; licences in codemirror.LICENSES.txt */" },
  outfile: page + "codemirror.js",
  metafile: true,
});

// The package of each bundled file: node_modules/@scope/name/… or node_modules/name/….
const packages = new Set(
  Object.keys(result.metafile.inputs)
    .map((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1])
    .filter(Boolean),
);
const licences = [...packages].sort().map((name) => {
  const folder = `node_modules/${name}/`;
  const { version, license } = JSON.parse(readFileSync(folder + "package.json", "utf8"));
  const file = ["LICENSE", "LICENSE.md", "LICENSE.txt"].find((f) => existsSync(folder + f));
  if (!file) throw new Error(`${name} has no licence file`);
  return `${name} ${version} (${license})\n\n${readFileSync(folder + file, "utf8").trim()}\n`;
});
writeFileSync(page + "codemirror.LICENSES.txt", licences.join("\n" + "-".repeat(72) + "\n\n"));
console.log(`${packages.size} packages bundled`);
