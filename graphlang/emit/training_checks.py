"""What the loop of a training script does with numbers that are not finite or too small, and its log."""

from __future__ import annotations

ALL_FINITE = '''\
def all_finite(vector):
    """Whether all entries are finite; looks at each only if the sum of their squares is not."""
    return math.isfinite(np.dot(vector, vector)) or np.isfinite(vector).all()'''

FADED = '''\
def faded(kept):
    """0 for numbers too small to count: processors take many times as long for them as for others."""
    return np.where(np.abs(kept) < np.finfo(FLOAT).tiny, FLOAT(0), kept)'''

CHECK = '''\
def check(loss, gradients, step, epoch):
    """Stop where numbers are no longer finite."""
    where = f"at step {step}, in epoch {epoch + 1}"
    advice = "A smaller learning rate, clipping, or inputs of a smaller scale often help."
    if not math.isfinite(loss):
        sys.exit(f"Training stopped {where}: the loss is {loss:.6g}.\\n{advice}")
    bad = [path for path, gradient in gradients.items() if not np.isfinite(gradient).all()]
    if bad:
        sys.exit(f"Training stopped {where}: the gradient of {bad[0]} is not finite.\\n{advice}")'''


def check_update_function(keeps: bool) -> str:
    """`check_update`, which looks at parameters, and at what the optimizer keeps if it does."""
    memory = (", memory", " + [kept for row in memory.values() for kept in row]")
    argument, further = memory if keeps else ("", "")
    values = "list(params.values())" + further if further else "params.values()"
    return f'''\
def check_update(params{argument}, step):
    """Stop where an update left numbers that are not finite."""
    if not all(np.isfinite(value).all() for value in {values}):
        sys.exit(f"Training stopped after step {{step}}: its update made numbers that are not finite.")'''


WRITE_LOG = '''\
def write_log(path, epoch, step, loss, metrics, holdout, seconds):
    """Add an epoch to the log, as a line of JSON; what JSON has no number for is a string."""
    import json  # only here: most runs have no log, and start sooner

    def plain(value):
        return value if math.isfinite(value) else str(value)

    record = {"epoch": epoch, "step": step, "loss": plain(loss)}
    record["metrics"] = {name: plain(value) for name, value in metrics.items()}
    if holdout is not None:
        record["holdout"] = {name: plain(value) for name, value in holdout.items()}
    record["seconds"] = round(seconds, 3)
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps(record, ensure_ascii=False) + "\\n")'''
