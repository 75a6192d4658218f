"""What a training script does besides training: checking its gradients, saving weights, reading options."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from graphlang.emit.numpy_main import checked_folder
from graphlang.emit.training_loop import Plan, indented
from graphlang.emit.writer import quoted

# --- gradients -----------------------------------------------------------------------------------------


def gradcheck_function(plan: Plan) -> str:
    taken = "examples" if plan.has_data else ""
    rows = f"{plan.besides}{{name: array[:8] for name, array in examples.items()}}"
    bound = f"inputs = {rows}" if plan.has_data else "# Everything is computed in float64."
    seed = ", seed" if plan.draws else ""
    return f'''\
def gradcheck({taken + ", " if taken else ""}seed):
    """Compare `backward` with finite differences, at some entries of every parameter; whether they agree.

    At a kink, where the slopes on both sides differ, any value between them is right.
    """
    {bound}
    params, h = parameters(seed), 1e-5
    values = forward({plan.inputs}params{seed})
    loss, is_good = float(values[{quoted(plan.of)}]), True
    for path, gradient in backward(values).items():
        wrong, entries = [], list(np.ndindex(np.shape(params[path])))
        for i in np.random.default_rng(seed).permutation(len(entries))[:20]:
            slopes = []
            for sign in (-1, 1):
                moved = np.array(params[path])
                moved[entries[i]] += sign * h
                values = forward({plan.inputs}params | {{path: moved}}{seed})
                slopes.append((float(values[{quoted(plan.of)}]) - loss) / (sign * h))
            found = float(gradient[entries[i]])
            room = 1e-6 * max(1.0, abs(found), abs(loss))
            if not min(slopes) - room <= found <= max(slopes) + room:
                wrong.append(f"{{found:.8g}} instead of {{np.mean(slopes):.8g}} at {{list(entries[i])}}")
        is_good = is_good and not wrong
        print(f"{{path}}: {{'wrong, ' + wrong[0] if wrong else 'OK'}}")
    return is_good'''


# --- main ----------------------------------------------------------------------------------------------


def main_function(plan: Plan) -> str:
    lines = [
        "def main():",
        '    """Train, or check the gradients."""',
        "    global FLOAT",
        '    parser = argparse.ArgumentParser(description=__doc__.split("\\n")[0])',
        *indented(_options(plan)),
        "    options = parser.parse_args()",
        *indented(_checks(plan)),
        "    # Values that overflow are found by `check`.",
        '    np.seterr(all="ignore")',
        "    FLOAT = np.float64 if options.gradcheck else np.dtype(options.dtype).type",
        *indented(_run(plan)),
    ]
    return "\n".join(lines)


def _options(plan: Plan) -> Iterator[str]:
    yield 'parser.add_argument("--epochs", type=int, default=EPOCHS, help="how often to go through the rows")'
    if plan.has_data:
        yield (
            'parser.add_argument("--batch", default=BATCH, type=lambda n: None if n == "all" else int(n),'
            ' help="rows per update, or all")'
        )
    yield 'parser.add_argument("--seed", type=int, default=SEED, help="seed of all draws")'
    yield 'parser.add_argument("--dtype", choices=("float32", "float64"), default=FLOAT.__name__)'
    if plan.has_file:
        yield 'parser.add_argument("--data", metavar="FILE", help="another file of the same kind")'
    best = "of the best epoch" if plan.watches else "at the end"
    yield f'parser.add_argument("-o", "--output", metavar="FILE", help="the weights {best}: .npz")'
    yield 'parser.add_argument("--log", metavar="FILE", help="a line of JSON per epoch")'
    yield (
        'parser.add_argument("--gradcheck", action="store_true",'
        ' help="compare the gradients with finite differences")'
    )


def _checks(plan: Plan) -> Iterator[str]:
    """What can be said of the options before anything is computed."""
    yield "if options.epochs < 0 or options.seed < 0:"
    yield '    parser.error("--epochs and --seed are whole numbers from 0")'
    if plan.has_data:
        yield "if options.batch is not None and options.batch < 1:"
        yield '    parser.error("--batch is a whole number from 1, or all")'
    yield 'if options.output and not options.output.lower().endswith(".npz"):'
    yield '    parser.error(f"{options.output} does not end in .npz")'
    yield from checked_folder("output", "log")


def _run(plan: Plan) -> Iterator[str]:
    arguments = []
    if plan.has_data:
        arguments.append("examples")
        yield f"examples = data({'options.data' if plan.has_file else ''})"
    seed = "options.seed"
    yield "if options.gradcheck:"
    yield f"    sys.exit(0 if gradcheck({', '.join([*arguments, seed])}) else 1)"
    yield "if options.log:"
    yield '    open(options.log, "w").close()'
    arguments.append("options.epochs")
    if plan.has_data:
        arguments.append("options.batch")
    result = "best, last" if plan.watches else "params"
    yield f"{result} = train({', '.join([*arguments, seed])}, options.log)"
    yield "if options.output:"
    if not plan.watches:
        yield "    save(options.output, params)"
        return
    yield "    save(options.output, best or last)"
    yield "    if best:"
    yield '        save(os.path.splitext(options.output)[0] + ".last.npz", last)'


def save_function(paths: Iterable[str]) -> str:
    """`save(path, arrays)`; NumPy's own function cannot write arrays of all names."""
    if not {"file", "allow_pickle"} & set(paths):
        return '''\
def save(path, arrays):
    """Write arrays by name."""
    with open(path, "wb") as file:
        np.savez(file, **arrays)'''
    return '''\
def save(path, arrays):
    """Write arrays by name, in NumPy's format; `np.savez` does not take all of the names."""
    with zipfile.ZipFile(path, "w") as file:
        for name, array in arrays.items():
            with file.open(f"{name}.npy", "w") as entry:
                np.lib.format.write_array(entry, np.asarray(array))'''
