"""All frames of a picture in one file: an animated GIF, or a PDF with a page each.

The frames are painted as a PNG each; Pillow puts them together.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from graphlang.diagnostics import GraphlangError, Problems
from graphlang.draw.elements import Scene
from graphlang.draw.render import render_frames

# How long a frame of a GIF stands, and the last, in milliseconds.
_FRAME, _LAST = 1500, 4000
# Pixels of a PNG per inch: those of `render`.
_PIXELS_PER_INCH = 144


def gif(scenes: Sequence[Scene], engine: str = "auto") -> bytes:
    """An animated GIF that runs once and again."""
    images = _images(scenes, engine)
    out = io.BytesIO()
    durations = [_FRAME] * (len(images) - 1) + [_LAST]
    images[0].save(
        out, "GIF", save_all=True, append_images=images[1:], duration=durations, loop=0, disposal=1
    )
    return out.getvalue()


def pdf(scenes: Sequence[Scene], engine: str = "auto") -> bytes:
    """A PDF with a page for each frame."""
    images = _images(scenes, engine)
    out = io.BytesIO()
    images[0].save(out, "PDF", save_all=True, append_images=images[1:], resolution=_PIXELS_PER_INCH)
    return out.getvalue()


def _images(scenes: Sequence[Scene], engine: str) -> list[Any]:
    """The frames as pictures of one size, on their own ground."""
    try:
        from PIL import Image
    except ImportError:
        raise _error(
            "A film of frames needs Pillow.",
            "Install it with `pip install 'graphlang[film]'`, or name a folder: SVG frames need nothing.",
        ) from None
    images = [Image.open(io.BytesIO(png)).convert("RGB") for png in render_frames(scenes, "png", engine)]
    width, height = max(i.width for i in images), max(i.height for i in images)
    ground = images[0].getpixel((0, 0))
    result = []
    for image in images:
        page = Image.new("RGB", (width, height), ground)
        page.paste(image, (0, 0))
        result.append(page)
    return result


def _error(message: str, suggestion: str) -> GraphlangError:
    problems = Problems()
    problems.error("E0914", None, message, suggestion=suggestion)
    return GraphlangError(problems)
