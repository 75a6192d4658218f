"""A figure as a file: SVG, PNG, PDF, or an animated GIF; completely or not at all.

The same figure gives the same bytes: no dates, no random ids, and fonts and colours that no settings of
the user change. SVG holds its text as text, with a title and a description for screen readers.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from graphlang.diagnostics import Problems
from graphlang.files import replace_file
from graphlang.plot import style
from graphlang.plot.text import plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL.Image import Image

FORMATS = ("svg", "png", "pdf", "gif")
# Pixels per inch: a PNG fills a slide, a GIF is smaller, for it is many pictures.
RESOLUTION = 160
GIF_RESOLUTION = 96
# Milliseconds of a frame; the first and the last are what one compares.
_DURATION, _FIRST, _LAST = 250, 1000, 2500
_CODE = "E0914"


def format_of(path: str, problems: Problems) -> str | None:
    """The format that a file's ending names; reports E0914 if it names none of ours."""
    ending = os.path.splitext(path)[1].lower().removeprefix(".")
    if ending in FORMATS:
        return ending
    problems.error(
        _CODE,
        None,
        f"`{plain(path)}`: plots are written as {', '.join(FORMATS[:-1])} or {FORMATS[-1]},"
        f" not {plain(ending) if ending else 'without an ending'}.",
        suggestion="Name the output accordingly.",
    )
    return None


def save(
    picture: Figure | Iterable[Figure],
    path: str,
    problems: Problems,
    *,
    title: str = "",
    description: str = "",
) -> bool:
    """Write a figure, or the frames of an animation, in the format that the file's ending names.

    Parameters
    ----------
    picture : Figure, or iterable of Figure
        Several figures of one size are the frames of a GIF, which is drawn one after the other.
    path : str
        Ends in .svg, .png, .pdf or .gif. What was there is replaced when all is written.
    problems : Problems
        Takes E0914 (no matplotlib, another ending, frames for another format, or matplotlib refuses) and
        E0912 (the file cannot be written).
    title, description : str, optional
        For screen readers and the file's metadata. The title is the figure's own by default.

    Returns
    -------
    bool
        Whether the file was written.
    """
    kind = format_of(path, problems)
    if kind is None or not style.has_matplotlib(problems):
        return False
    data = _bytes(picture, kind, title, description, problems)
    if data is None:
        return False
    try:
        replace_file(path, lambda file: file.write(data))
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or error
        problems.error("E0912", None, f"`{plain(path)}` cannot be written: {reason}.")
        return False
    return True


def _bytes(
    picture: Figure | Iterable[Figure], kind: str, title: str, description: str, problems: Problems
) -> bytes | None:
    from matplotlib.figure import Figure

    if not isinstance(picture, Figure) and kind != "gif":
        message = f"Several frames make an animation, which is written as .gif, not .{kind}."
        problems.error(_CODE, None, message)
        return None
    try:
        with style.house_style(), warnings.catch_warnings():
            # A name in a script that the font lacks is drawn as boxes; the description has it in full.
            warnings.filterwarnings("ignore", message=".*[Gg]lyph.*missing")
            if kind == "gif":
                return _gif([picture] if isinstance(picture, Figure) else picture)
            assert isinstance(picture, Figure)
            return _still(picture, kind, plain(title or picture.get_suptitle()), plain(description))
    except (ValueError, OverflowError, MemoryError) as error:
        reason = str(error).strip().rstrip(".").split("\n")[0] or "it does not fit into memory"
        problems.error(_CODE, None, f"The picture cannot be drawn: {reason}.")
        return None


def _still(figure: Figure, kind: str, title: str, description: str) -> bytes:
    buffer = io.BytesIO()
    metadata: dict[str, dict[str, Any]] = {
        "svg": {"Date": None, "Creator": "graphlang", "Title": title, "Description": description},
        "pdf": {"CreationDate": None, "Creator": "graphlang", "Title": title, "Subject": description},
        "png": {"Software": "graphlang", "Title": title, "Description": description},
    }
    figure.savefig(buffer, format=kind, dpi=RESOLUTION, metadata=metadata[kind])
    data = buffer.getvalue()
    return _accessible(data, title, description) if kind == "svg" else data


def _accessible(data: bytes, title: str, description: str) -> bytes:
    """An SVG whose title and description are where screen readers look for them."""
    text = data.decode("utf-8")
    head, rest = text[: text.index("<svg ")], text[text.index("<svg ") + 5 :]
    own = f" <title>{escape(title)}</title>\n"
    rest = rest.replace(own, "", 1)
    end = rest.index(">") + 1
    words = f"\n <title>{escape(title)}</title>\n <desc>{escape(description)}</desc>"
    return f'{head}<svg role="img" {rest[:end]}{words}{rest[end:]}'.encode()


def _gif(frames: Iterable[Figure]) -> bytes:
    """An animation whose frames share one palette, so that what does not change does not flicker."""
    from PIL.Image import Dither

    images = [_pixels(frame) for frame in frames]
    if not images:
        raise ValueError("an animation without frames")
    palette = _palette(images)
    indexed = [image.quantize(palette=palette, dither=Dither.NONE) for image in images]
    durations = [_DURATION] * len(indexed)
    durations[0], durations[-1] = _FIRST, _LAST
    buffer = io.BytesIO()
    indexed[0].save(
        buffer,
        format="GIF",
        save_all=True,
        append_images=indexed[1:],
        duration=durations,
        loop=0,
        optimize=False,
    )
    return buffer.getvalue()


def _pixels(figure: Figure) -> Image:
    from PIL import Image

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=GIF_RESOLUTION)
    return Image.open(buffer).convert("RGB")


def _palette(images: list[Image]) -> Image:
    """The 256 colours of the first, the middle and the last frame."""
    from PIL import Image

    chosen = [images[0], images[len(images) // 2], images[-1]]
    width, height = chosen[0].size
    sheet = Image.new("RGB", (width, 3 * height))
    for i, image in enumerate(chosen):
        sheet.paste(image, (0, i * height))
    found = sheet.quantize(colors=256)
    entries = found.getpalette() or []
    # The ground is white, not the average of the nearly white: frames lie on white slides.
    colors = [entries[i : i + 3] for i in range(0, len(entries), 3)]
    found.putpalette([level for c in colors for level in ([255] * 3 if min(c) >= 250 else c)])
    return found
