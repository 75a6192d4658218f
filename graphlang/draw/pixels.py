"""An SVG of ours as PNG, by resvg with the fonts that come with graphlang: the same pixels everywhere."""

from __future__ import annotations

from importlib.resources import as_file, files

from graphlang.draw.doors import ClosedError, picture_error
from graphlang.draw.metrics import has_glyphs

# Pixels of the PNG per pixel of the SVG, and the most that a picture may have along one side.
_ZOOM, _MOST = 2.0, 8_000
_FONTS = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSans-Oblique.ttf")
_FAMILY = "DejaVu Sans"


def png_of(svg: str, size: float) -> bytes:
    """An SVG document as PNG.

    Parameters
    ----------
    svg : str
        As `svg_text` paints it.
    size : float
        The longer side of the picture, in its own pixels: a very large one gets fewer pixels for each.

    Returns
    -------
    bytes

    Raises
    ------
    ClosedError
        If the package resvg-py is not there.
    GraphlangError
        E0914 if it fails.
    """
    try:
        import resvg_py
    except (ImportError, OSError) as error:
        raise ClosedError(f"the package resvg-py cannot be loaded ({error})") from error
    with as_file(files("graphlang.draw.fonts")) as folder:
        try:
            pixels = resvg_py.svg_to_bytes(
                svg_string=svg,
                zoom=min(_ZOOM, _MOST / size),
                # Names in other scripts are drawn with the fonts of the machine, if it has them.
                skip_system_fonts=has_glyphs(svg.replace("\n", "")),
                font_files=[str(folder / name) for name in _FONTS],
                font_family=_FAMILY,
                sans_serif_family=_FAMILY,
            )
        except ValueError as error:
            raise picture_error(f"The PNG could not be painted: {error}.", "Write .svg instead.") from error
    return bytes(pixels)
