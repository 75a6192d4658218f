"""The compiled step of a training script: straight-line NumPy over arrays that are made once.

`compiled` makes the arrays, puts parameters and states into them, and gives functions: for each size that
batches have one that computes forward and backward, one that updates, and one for the rows held out. Their
text is that of the step that `graphlang train` runs (`Listing`), so they come to its bits, as the readable
functions do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from graphlang.emit.training_loop import indented
from graphlang.emit.writer import quoted
from graphlang.plan.listing import Evaluation, Listing


def compiled_function(listing: Listing, states: Mapping[str, tuple[str, ...]]) -> str:
    """The function `compiled`.

    Parameters
    ----------
    listing : Listing
    states : mapping of str to tuple of str
        Path of a parameter -> the paths of what the optimizer keeps of it, in the order of its text.
    """
    count, *more = listing.counts
    several = bool(more)
    steps = f"{{rows: step(rows) for rows in {listing.counts}}}" if several else f"{{{count}: step()}}"
    look = ", look()" if listing.evaluation is not None else ""
    sizes = " and of ".join(map(str, listing.counts))
    batches = f" for batches of {sizes} {'row' if sizes == '1' else 'rows'}" if count else ""
    lines = [
        "def compiled(params, memory):",
        f'    """`forward`, `backward` and `update`{batches}, without new arrays.',
        "",
        "    Parameters and what is kept of them lie in a few vectors from now on; so do the gradients.",
        '    """',
        *indented(f"{name} = {text}" for name, text in listing.memory.items()),
        *indented(_adopted(listing, states)),
        *indented(_gradients(listing)),
        "",
        f"    def step({'rows' if several else ''}):",
        *indented((f"{name} = {text}" for name, text in listing.constants.items()), 2),
        "",
        *indented(_forward_backward(listing), 2),
        "",
        "        return run",
        "",
        *indented(_change(listing)),
        "",
        *indented(_look(listing.evaluation) if listing.evaluation is not None else ()),
        f"    return {steps}, change, gradient, gradients{look}",
    ]
    return "\n".join(lines)


def _adopted(listing: Listing, states: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """Copy the starting values into their places, which take their place."""
    kept = {path for paths in states.values() for path in paths}
    yield "places = {"
    yield from (f"    {quoted(p)}: {text}," for p, text in listing.places.items() if p not in kept)
    yield "}"
    yield "for path, place in places.items():"
    yield "    place[...] = params[path]"
    yield "    params[path] = place"
    if kept:
        yield "kept = {"
        for path, paths in states.items():
            yield f"    {quoted(path)}: ({''.join(f'{listing.places[p]}, ' for p in paths)}),"
        yield "}"
        yield "for path, found in kept.items():"
        yield "    for place, start in zip(found, memory[path]):"
        yield "        place[...] = start"
        yield "    memory[path] = found"


def _gradients(listing: Listing) -> Iterator[str]:
    yield "gradients = {"
    yield from (f"    {quoted(path)}: {text}," for path, text in listing.gradients.items())
    yield "}"


def _forward_backward(listing: Listing) -> Iterator[str]:
    yield f"def run(seed{''.join(f', {name}' for name in listing.feeds.values())}):"
    yield from indented(listing.lines)
    found = ", ".join(f"{quoted(path)}: {name}" for path, name in listing.reported.items())
    rest = [text for _, text, _ in listing.following] + [text for _, text in listing.scalars]
    yield f"    return {{{found}}}, ({''.join(f'{text}, ' for text in rest)})"


def _look(evaluation: Evaluation) -> Iterator[str]:
    """The same for the rows held out, without gradients."""
    yield "def look():"
    yield f'    """Loss and metrics of the finished model on the {evaluation.count} rows held out."""'
    yield from indented(f"{name} = {text}" for name, text in evaluation.constants.items())
    yield ""
    yield f"    def run(seed{''.join(f', {name}' for name in evaluation.feeds.values())}):"
    yield from indented(evaluation.lines, 2)
    found = ", ".join(f"{quoted(path)}: {name}" for path, name in evaluation.reported.items())
    yield f"        return {{{found}}}"
    yield ""
    yield "    return run"
    yield ""


def _change(listing: Listing) -> Iterator[str]:
    places = {place: listing.constants[place] for place, _, _ in listing.following}
    yield from (f"{name} = {text}" for name, text in {**places, **listing.update_constants}.items())
    following = [f"new_{i}" for i in range(len(listing.following))]
    yield f"def change({', '.join([*following, *(name for name, _ in listing.scalars)])}):"
    for name, (_, _, is_held) in zip(following, listing.following, strict=True):
        if is_held:
            yield f"    {name} = np.array({name})"
    for name, (place, _, _) in zip(following, listing.following, strict=True):
        yield f"    {place}[...] = {name}"
    yield from indented(listing.update)
    if not listing.update and not following:
        yield "    pass"
