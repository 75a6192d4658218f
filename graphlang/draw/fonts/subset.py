"""Makes the fonts of this folder, and the table of their advance widths, from the full DejaVu fonts.

Run once, by a developer, with the fonts of Debian's package fonts-dejavu-core and with fonttools:

    python -m graphlang.draw.fonts.subset /usr/share/fonts/truetype/dejavu

Pictures read only what it leaves here. Oblique text is measured as regular text, which it equals but for a
few letters.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FONTS = {"regular": "DejaVuSans.ttf", "bold": "DejaVuSans-Bold.ttf", "oblique": "DejaVuSans-Oblique.ttf"}
# Latin, combining marks, Greek and Cyrillic; punctuation, sub- and superscripts; letterlike, arrows,
# operators, technical, and the few shapes that symbols of gates use.
RANGES = (
    (0x20, 0x17F), (0x300, 0x36F), (0x370, 0x3FF), (0x400, 0x45F), (0x2010, 0x205F), (0x2070, 0x209C),
    (0x1D43, 0x1D6A), (0x2C7C, 0x2C7D), (0x2100, 0x214F), (0x2190, 0x21FF), (0x2200, 0x22FF),
    (0x2308, 0x230B), (0x25A0, 0x25FF), (0x27E8, 0x27E9),
)  # fmt: skip


def main(folder: Path) -> None:
    """Write the subsets and the widths, in thousandths of the font size."""
    widths: dict[str, dict[str, int]] = {}
    for style, name in FONTS.items():
        font = _subset(folder / name, HERE / name)
        advances, per_em = font["hmtx"], font["head"].unitsPerEm
        if style != "oblique":
            widths[style] = {
                chr(code): round(1000 * advances[glyph][0] / per_em)
                for code, glyph in sorted(font.getBestCmap().items())
            }
    text = json.dumps(widths, ensure_ascii=False, separators=(",", ":"))
    (HERE / "widths.json").write_text(text + "\n", encoding="utf-8")


def _subset(source: Path, target: Path) -> Any:
    from fontTools.subset import Options, Subsetter
    from fontTools.ttLib import TTFont

    font = TTFont(source, recalcTimestamp=False)
    subsetter = Subsetter(Options(hinting=False, layout_features=["kern", "mark", "mkmk", "ccmp"]))
    subsetter.populate(unicodes=[code for a, b in RANGES for code in range(a, b + 1)])
    subsetter.subset(font)
    font.save(target)
    return TTFont(target)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
