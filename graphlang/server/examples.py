"""The examples that the page offers: a few of those in the repository, which the wheel brings along."""

from __future__ import annotations

from pathlib import Path

# File -> what the menu calls it. All do without files of data.
EXAMPLES = {
    "product_of_sum.graph": "(x + y) z",
    "branching.graph": "Gradients add at branches",
    "sigmoid_neuron_gates.graph": "A sigmoid neuron, gate by gate",
    "sigmoid_neuron.graph": "A sigmoid neuron",
    "gate_patterns.graph": "Patterns: add, multiply, max",
    "norm_squared.graph": "‖W x‖², with vectors",
    "custom_backward.graph": "A gate with its own backward pass",
    "second_derivative.graph": "Derivatives of derivatives",
    "softmax_loss.graph": "Softmax loss",
    "hinge_loss.graph": "Hinge loss",
    "learn_sine.graph": "Learn a sine (training)",
    "spiral.graph": "Learn a spiral (training)",
}


def example_text(name: str) -> str | None:
    """An example's text; None if there is none of that name."""
    if name not in EXAMPLES:
        return None
    here = Path(__file__).parents[1]
    # In a wheel the examples lie in the package, in a checkout beside it, as the grammar does.
    for folder in (here / "examples", here.parent / "examples"):
        place = folder / name
        if place.is_file():
            return place.read_text(encoding="utf-8")
    raise FileNotFoundError(f"{name} is missing from this installation")
