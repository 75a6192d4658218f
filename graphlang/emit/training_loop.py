"""The loop of a training script: the batches, the steps, the rows held out, what an epoch came to.

They do what `graphlang train` does, in its order, so that both come to the same bits. What a file has no use
for is left out: without rows to hold out there is no `evaluate`, without `patience` nothing stops early.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from graphlang.emit.python_text import dict_text
from graphlang.emit.training_checks import ALL_FINITE, CHECK, FADED, WRITE_LOG, check_update_function
from graphlang.emit.update_text import Updating
from graphlang.emit.writer import quoted
from graphlang.plan.fading import EVERY


@dataclass(frozen=True, slots=True)
class Fast:
    """What the loop knows of a compiled step: the rows it is for, its precision, and what it is given.

    `held` is how many rows held out are evaluated at once, 0 for none, and `looked` what that is given.
    """

    counts: tuple[int, ...]
    dtype: str
    arguments: tuple[str, ...]
    held: int = 0
    looked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What a script does besides computing.

    Attributes
    ----------
    name : str
        The model's.
    of : str
        The path of what is minimised.
    reported : mapping of str to str
        `loss` and the metrics -> the paths of their nodes.
    evaluated : mapping of str to str
        The same for the model as it is used after training.
    updated : mapping of str to str
        The states of layers -> the paths of what they become.
    epochs, batch, holdout, patience, seed, shuffle
        The settings.
    has_data, has_file, has_constants : bool
        Whether there are rows, whether they are read from a file, and whether there are inputs besides.
    draws, draws_after : bool
        Whether `forward` draws numbers, and whether that of the finished model does.
    forward_after : str
        What the finished model's function is called: `forward`, or `infer` where that is another.
    updating : Updating
    dtype : str
        The precision.
    fast : Fast or None
        The compiled step, if the script has one.
    """

    name: str
    of: str
    reported: Mapping[str, str]
    evaluated: Mapping[str, str]
    updated: Mapping[str, str]
    epochs: int
    batch: int | None
    holdout: float
    patience: int | None
    seed: int
    shuffle: bool
    has_data: bool
    has_file: bool
    has_constants: bool
    draws: bool
    draws_after: bool
    forward_after: str
    updating: Updating
    dtype: str
    fast: Fast | None = None

    @property
    def inputs(self) -> str:
        """The first argument of `forward`, if it takes inputs."""
        return "inputs, " if self.has_data else "INPUTS, " if self.has_constants else ""

    @property
    def besides(self) -> str:
        """What joins the inputs of a batch to those that are always the same."""
        return "INPUTS | " if self.has_constants else ""

    @property
    def holds_out(self) -> bool:
        """Whether some rows may be held out."""
        return self.has_data and self.holdout > 0

    @property
    def watches(self) -> bool:
        """Whether the best epoch may be kept."""
        return self.holds_out or self.patience is not None

    @property
    def result(self) -> str:
        """What `train` returns."""
        return "best, params" if self.watches else "params"


def constants(plan: Plan, inputs: Mapping[str, str]) -> list[str]:
    """What stands at the head of the script."""
    settings = [f"EPOCHS = {plan.epochs}"]
    if plan.has_data:
        settings.append(f"BATCH = {plan.batch}" + ("  # all rows" if plan.batch is None else ""))
    if plan.holds_out:
        settings.append(f"HOLDOUT = {plan.holdout!r}  # the share of the rows that is not learned from")
    if plan.patience is not None:
        settings.append(f"PATIENCE = {plan.patience}  # epochs to wait for a better one")
    parts = [
        f"# The precision of everything.\nFLOAT = np.{plan.dtype}",
        "\n".join(["# The settings of the train block.", *settings, f"SEED = {plan.seed}"]),
        f"# What is reported, and where `forward` has it.\nREPORTED = {dict_text(_quoted(plan.reported))}",
    ]
    if plan.holds_out and plan.evaluated != plan.reported:
        found = dict_text(_quoted(plan.evaluated))
        parts.append(
            f"# The same of the finished model, as `{plan.forward_after}` has it.\nEVALUATED = {found}"
        )
    if plan.updated:
        why = "# What layers keep, and where `forward` has what it becomes."
        parts.append(f"{why}\nUPDATED = {dict_text(_quoted(plan.updated))}")
    if inputs:
        parts.append(f"# Inputs that are the same in every step.\nINPUTS = {dict_text(inputs)}")
    return parts


def _quoted(items: Mapping[str, str]) -> dict[str, str]:
    return {k: quoted(v) for k, v in items.items()}


def functions(plan: Plan) -> list[str]:
    """The functions below those that compute."""
    parts = []
    if plan.has_data:
        parts += [_split(), _batches(plan)] if plan.holds_out else [_batches(plan)]
    if plan.holds_out:
        parts.append(_evaluate(plan))
    finite = [ALL_FINITE] if plan.fast is not None else []
    faded = [FADED] if plan.updating.fading else []
    checks = [*faded, *finite, CHECK, check_update_function(plan.updating.keeps)]
    return [*parts, _train(plan), *checks, WRITE_LOG]


# --- rows ----------------------------------------------------------------------------------------------


def _split() -> str:
    return '''\
def split_rows(count, seed):
    """Which rows to learn from, and which to hold out."""
    held = min(round(count * HOLDOUT), count - 1)
    order = np.random.default_rng([seed, *b"holdout"]).permutation(count)
    return np.sort(order[held:]), np.sort(order[:held])'''


def _batches(plan: Plan) -> str:
    if plan.fast is not None:
        return _batches_in_order(plan)
    if plan.shuffle:
        return '''\
def batches(rows, size, epoch, seed):
    """The rows of each batch, in an order that is drawn anew for every epoch."""
    if size >= len(rows):
        yield rows  # in whichever order
        return
    order = np.random.default_rng([seed, *b"epoch", epoch]).permutation(len(rows))
    for start in range(0, len(rows), size):
        yield rows[order[start : start + size]]'''
    return '''\
def batches(rows, size):
    """The rows of each batch."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]'''


def _batches_in_order(plan: Plan) -> str:
    """For a compiled step, beside which taking the rows of each batch would count."""
    if plan.shuffle:
        arguments, drawn = ", epoch, seed", ", in an order that is drawn anew for every epoch"
        order = """\
    if size < len(rows):  # else in whichever order
        rows = rows[np.random.default_rng([seed, *b"epoch", epoch]).permutation(len(rows))]
"""
    else:
        arguments = drawn = order = ""
    return f'''\
def batches(examples, rows, size{arguments}):
    """The number of rows and the inputs of each batch{drawn}.

    As many rows as fit into 16 MB are taken at once, so that a batch is a view.
    """
{order}    row_bytes = sum(array[:1].nbytes for array in examples.values())
    many = size * max(1, 2**24 // max(1, size * row_bytes))
    for first in range(0, len(rows), many):
        taken = rows[first : first + many]
        block = {{name: array.take(taken, axis=0) for name, array in examples.items()}}
        for start in range(0, len(taken), size):
            inputs = {{name: array[start : start + size] for name, array in block.items()}}
            yield min(size, len(taken) - start), inputs'''


def _evaluate(plan: Plan) -> str:
    seed = ", seed" if plan.draws_after else ""
    names = "EVALUATED" if plan.evaluated != plan.reported else "REPORTED"
    computed, look = f"        values = {plan.forward_after}(piece, params{seed})", ""
    if plan.fast is not None and plan.fast.held:
        given = ", ".join(["seed" if plan.draws_after else "0", *plan.fast.looked])
        look = ", look"
        computed = f"""\
        if look is not None and count == {plan.fast.held}:
            values = look({given})
        else:
    {computed}"""
    return f'''\
def evaluate(examples, params{look}{seed}):
    """The loss and the metrics on examples held out, as means; in pieces that fit into memory."""
    count = len(next(iter(examples.values())))
    row_bytes = sum(array[:1].nbytes for array in examples.values())
    size = max(1, min(8192, 2**26 // max(1, row_bytes)))
    totals = dict.fromkeys({names}, 0.0)
    for start in range(0, count, size):
        piece = {plan.besides}{{name: array[start : start + size] for name, array in examples.items()}}
{computed}
        for name, path in {names}.items():
            totals[name] += float(values[path]) * min(size, count - start)
    return {{name: total / count for name, total in totals.items()}}'''


# --- the loop ------------------------------------------------------------------------------------------


def _train(plan: Plan) -> str:
    arguments = "examples, epochs, batch, seed, log" if plan.has_data else "epochs, seed, log"
    lines = [
        f"def train({arguments}):",
        '    """Learn; gives the parameters of the best epoch, then those of the last."""'
        if plan.watches
        else '    """Learn; gives the parameters at the end."""',
        *indented(_before(plan)),
        "    for epoch in range(epochs):",
        *indented(_patience(plan), 2),
        "        sums, seen = dict.fromkeys(REPORTED, 0.0), 0",
        *indented(_steps(plan), 2),
        *indented(_after_epoch(plan), 2),
        f"    return {plan.result}",
    ]
    return "\n".join(lines)


def indented(lines: Iterable[str], by: int = 1) -> Iterator[str]:
    return (f"{'    ' * by}{line}" for line in lines)


def _before(plan: Plan) -> Iterator[str]:
    u = plan.updating
    yield "started = time.monotonic()"
    # Row by row in memory, as the tool has them: the last bits of products depend on it.
    yield 'params = {path: np.array(start, order="C") for path, start in parameters(seed).items()}'
    if u.keeps:
        start = "states(path, seed)" if u.needs_path else "states(params[path])"
        yield f"memory = {{path: {start} for path in LEARNED}}"
    if plan.fast is not None:
        yield from _places(plan, plan.fast)
    if plan.has_data:
        yield "count = len(next(iter(examples.values())))"
        yield "learn, held = split_rows(count, seed)" if plan.holds_out else "learn = np.arange(count)"
        yield "batch = min(batch or len(learn), len(learn))"
    if u.schedules and "dt" in u.times:
        yield f"dt = 1 / {'-(-len(learn) // batch)' if plan.has_data else '1'}  # a step in epochs"
    elif u.schedules and "t" in u.times and plan.has_data:
        yield "dt = 1 / -(-len(learn) // batch)  # a step in epochs"
    if plan.holds_out:
        yield "held_out = {name: array[held] for name, array in examples.items()}"
    if plan.watches:
        yield "step = best_epoch = 0" if plan.patience is not None else "step = 0"
        yield "best, best_loss = None, math.inf"
    elif plan.has_data:
        yield "step = 0"


def _places(plan: Plan, fast: Fast) -> Iterator[str]:
    """With a compiled step, parameters stay where they are and change in place."""
    memory = "{}"
    if plan.updating.keeps:
        yield "memory = {path: tuple(map(np.array, kept)) for path, kept in memory.items()}"
        memory = "memory"
    yield "steps, look = {}, None" if fast.held else "steps = {}"
    yield f"if FLOAT is np.{fast.dtype}:"
    look = ", look" if fast.held else ""
    yield f"    steps, change, gradient, gradients{look} = compiled(params, {memory})"


def _patience(plan: Plan) -> Iterator[str]:
    if plan.patience is not None:
        yield "if epoch - best_epoch >= PATIENCE:"
        text = 'f"Stopped after epoch {epoch}: none was better than epoch {best_epoch}."'
        yield f"    print({text}, file=sys.stderr)"
        yield f"    return {plan.result}"


def _steps(plan: Plan) -> Iterator[str]:
    u = plan.updating
    needs_number = u.schedules and "t" in u.times
    inside = list(_one_step(plan))
    if not plan.has_data:
        yield from inside
        return
    examples, one = ("", "rows") if plan.fast is None else ("examples, ", "size, inputs")
    rows = f"batches({examples}learn, batch{', epoch, seed' if plan.shuffle else ''})"
    if needs_number:
        one = f"number, {one}" if plan.fast is None else f"number, ({one})"
        rows = f"enumerate({rows})"
    yield f"for {one} in {rows}:"
    yield from indented(inside)


def _one_step(plan: Plan) -> Iterator[str]:
    yield "step += 1" if plan.has_data else "step = epoch + 1  # one in every epoch"
    if plan.fast is not None:
        yield from _compiled_step(plan, plan.fast)
        yield from _faded_in_place(plan.updating)
        return
    if plan.has_data:
        yield f"inputs = {plan.besides}{{name: array[rows] for name, array in examples.items()}}"
    yield from _computed(plan)
    yield from _summed(plan)
    yield from _updated(plan)
    yield from _faded(plan.updating)


def _compiled_step(plan: Plan, fast: Fast) -> Iterator[str]:
    """A step by the compiled functions, or by the readable ones where these are for other batches."""
    size = "size" if plan.has_data else str(fast.counts[0])
    loss = f"float(values[{quoted(plan.of)}])"
    yield f"if {size} in steps:"
    yield f"    values, rest = steps[{size}]({', '.join(['seed + (step << 32)', *fast.arguments])})"
    yield f"    if not (math.isfinite({loss}) and all_finite(gradient)):"
    yield f"        check({loss}, gradients, step, epoch)"
    yield from indented(_summed(plan))
    yield "    change(*rest)"
    yield "else:"
    if plan.besides and plan.has_data:
        yield "    inputs = INPUTS | inputs"
    yield from indented(_computed(plan))
    yield from indented(_summed(plan))
    yield from indented(_updated(plan))


def time_texts(plan_has_data: bool) -> dict[str, str]:
    """The time at a step, in epochs, as an optimizer and a schedule know it."""
    t = "epoch + number * dt" if plan_has_data else "epoch"
    return {"t": f"FLOAT({t})", "dt": "FLOAT(dt)", "epochs": "FLOAT(epochs)", "step": "np.int64(step)"}


def _computed(plan: Plan) -> Iterator[str]:
    seed = ", seed + (step << 32)" if plan.draws else ""
    gradients = "gradients" if plan.fast is None else "slopes"
    yield f"values = forward({plan.inputs}params{seed})"
    yield f"{gradients} = backward(values)"
    yield f"check(float(values[{quoted(plan.of)}]), {gradients}, step, epoch)"


def _summed(plan: Plan) -> Iterator[str]:
    rows = "1" if not plan.has_data else "len(rows)" if plan.fast is None else "size"
    yield "for name, path in REPORTED.items():"
    yield f"    sums[name] += float(values[path]){f' * {rows}' if plan.has_data else ''}"
    yield f"seen += {rows}"


def _updated(plan: Plan) -> Iterator[str]:
    u = plan.updating
    gradients, one = ("gradients", "gradient") if plan.fast is None else ("slopes", "slope")
    if u.clips:
        yield f"{gradients} = clip_gradients({gradients})"
    times = time_texts(plan.has_data)
    if u.schedules:
        yield f"rate = schedule({', '.join(times[name] for name in u.times)})"
    yield f"for path, {one} in {gradients}.items():"
    function = "UPDATES[path]" if u.several else "update"
    arguments = ["params[path]", one]
    if u.keeps:
        arguments.append("*memory[path]")
    arguments += [{"step": times["step"]}.get(name, name) for name in u.extra]
    call = f"{function}({', '.join(arguments)})"
    target = "params[path], *memory[path]" if u.keeps else "params[path]"
    if plan.fast is None:
        yield f"    {target} = {call}"
    elif u.keeps:
        yield f"    for place, value in zip((params[path], *memory[path]), {call}):"
        yield "        place[...] = value"
    else:
        yield f"    params[path][...] = {call}"
    if plan.updated and plan.fast is None:
        yield "params |= {path: values[new] for path, new in UPDATED.items()}"
    elif plan.updated:
        yield "for path, new in UPDATED.items():"
        yield "    params[path][...] = values[new]"


def _faded(u: Updating) -> Iterator[str]:
    """From time to time, zeros for what the optimizer keeps that is next to nothing."""
    if not u.fading:
        return
    yield f"if step % {EVERY} == 0:"
    if u.fades:
        yield "    memory = {path: tuple(map(faded, kept)) for path, kept in memory.items()}"
        return
    fitting = f"== {u.fading[0]}" if len(u.fading) == 1 else f"in {u.fading}"
    yield "    memory = {"
    yield f"        path: tuple(faded(kept) if k {fitting} else kept for k, kept in enumerate(row))"
    yield "        for path, row in memory.items()"
    yield "    }"


def _faded_in_place(u: Updating) -> Iterator[str]:
    if not u.fading:
        return
    yield f"if step % {EVERY} == 0:"
    yield "    for kept in memory.values():"
    yield from (f"        kept[{k}][...] = faded(kept[{k}])" for k in u.fading)


def _after_epoch(plan: Plan) -> Iterator[str]:
    memory = ", memory" if plan.updating.keeps else ""
    yield f"check_update(params{memory}, step)"
    yield "means = {name: total / seen for name, total in sums.items()}"
    if plan.holds_out:
        seed = ", seed" if plan.draws_after else ""
        look = ", look" if plan.fast is not None and plan.fast.held else ""
        yield f"holdout = evaluate(held_out, params{look}{seed}) if len(held) else None"
    holdout = "holdout" if plan.holds_out else "None"
    yield 'loss = means.pop("loss")'
    if plan.watches:
        yield "epoch += 1"
    done = "epoch" if plan.watches else "epoch + 1"
    yield f"print(epoch_line({done}, epochs, loss, means, {holdout}), flush=True)"
    yield "if log:"
    yield f"    write_log(log, {done}, step, loss, means, {holdout}, time.monotonic() - started)"
    if plan.patience is None and plan.holds_out:
        yield 'if holdout is not None and holdout["loss"] < best_loss:'
        yield f'    best, best_loss = {_kept(plan)}, holdout["loss"]'
    elif plan.watches:
        if plan.holds_out:
            yield 'watched = loss if holdout is None else holdout["loss"]'
        watched = "watched" if plan.holds_out else "loss"
        yield f"if {watched} < best_loss:"
        yield f"    best, best_loss, best_epoch = {_kept(plan)}, {watched}, epoch"


def _kept(plan: Plan) -> str:
    if plan.fast is None:
        return "dict(params)"
    return "{path: value.copy() for path, value in params.items()}"
