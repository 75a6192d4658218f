// What is taken away: pictures, scripts, the text, and the data with the points that were added.

import { ask } from "./api.js";
import { choose } from "./dialogs.js";
import { download } from "./storage.js";

const $ = (id) => document.getElementById(id);

// `svg` is the last good picture, null if there is none; `points` those that were added to the data.
export function makeGiving({ editor, current, svg, points, reached, notice }) {
  const stem = () => $("name").value.replace(/\.graph$/, "") || "model";

  function exportPng() {
    const image = new Image();
    const blob = new Blob([svg()], { type: "image/svg+xml" });
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
    const count = points().length;
    if (count) notice(`${what} The ${count === 1 ? "point" : `${count} points`} added to the data here ${count === 1 ? "is" : "are"} not in it.`, "Save data as CSV", exportData);
    else if (what) notice(what);
  }

  async function exportData() {
    const answer = await reached(() => ask("data", { ...current(), points: points() }));
    if (!answer) return;
    if (!answer.content) return notice([answer.error ?? answer.why].flat().join(" "));
    download(answer.name, answer.content, "text/csv");
    const added = answer.added ? `, ${answer.added} of them added here` : "";
    const text = `${answer.name} has all ${answer.rows} rows${added}, held out or not. To train on it, put it beside the file and let this be the file's data block. Which rows are held out is then drawn anew.`;
    await choose("Data saved as CSV", text, ["Close"], { input: answer.block, isLong: true });
  }

  $("export-svg").onclick = () => svg() && download(`${stem()}.svg`, svg(), "image/svg+xml");
  $("export-png").onclick = () => svg() && exportPng();
  $("export-script").onclick = exportScript;
  $("export-graph").onclick = exportGraph;
  $("add-save").onclick = exportData;
  for (const button of $("export").querySelectorAll("button")) button.addEventListener("click", () => ($("export").open = false));

  return { given };
}
