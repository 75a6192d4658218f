"""Models and numbers for the tests of pictures, made without running anything."""

from __future__ import annotations

from typing import Any

from graphlang.graph.model import Model
from graphlang.graph.node import Node, Scope
from graphlang.ops import registry
from graphlang.ops.build import Builder
from graphlang.source import SourceFile
from graphlang.types.tensor import DType, TensorType

SCALAR = TensorType(DType.FLOAT, ())


class Maker:
    """Builds a small model node by node."""

    def __init__(self, name: str = "model"):
        self.name = name
        self.builder = Builder()

    def leaf(self, path: str, op: str = "input", kind: TensorType = SCALAR, scope: str = "") -> Node:
        return self.builder.add(Node(path, op, (), {}, kind, scope=scope, is_named=True))

    def op(self, path: str, op: str, *operands: Any, named: bool = False, **attrs: Any) -> Node:
        found = registry.find(op)
        full = {p.name: p.default for p in found.attrs} | attrs
        node = self.builder.apply(found, operands, full, path)
        node.is_named = named
        return node

    def box(self, path: str, kind: str, name: str, parent: str = "") -> Scope:
        scope = self.builder.scopes[path] = Scope(path, kind, name, name, parent)
        return scope

    def model(self, *outputs: Node) -> Model:
        model = Model(self.name, SourceFile(f"{self.name}.graph", ""), "", self.builder.nodes)
        model.scopes = self.builder.scopes
        model.outputs = list(outputs)
        model.of = outputs[0]
        return model


def xyz() -> tuple[Model, dict[str, float], dict[str, float]]:
    """f = (x + y) z."""
    make = Maker("xyz")
    x, y, z = make.leaf("x"), make.leaf("y"), make.leaf("z")
    q = make.op("q", "add", x, y, named=True)
    f = make.op("f", "mul", q, z, named=True)
    values = {"x": -2.0, "y": 5.0, "z": -4.0, "q": 3.0, "f": -12.0}
    gradients = {"x": -4.0, "y": -4.0, "z": 3.0, "q": -4.0, "f": 1.0}
    return make.model(f), values, gradients


def neuron() -> tuple[Model, dict[str, float], dict[str, float]]:
    """f = 1 / (1 + exp(-(w0 x0 + w1 x1 + w2))), in elementary gates."""
    make = Maker("neuron")
    w0, x0, w1, x1, w2 = (make.leaf(name) for name in ("w0", "x0", "w1", "x1", "w2"))
    products = make.op("m0", "mul", w0, x0), make.op("m1", "mul", w1, x1)
    s0 = make.op("s0", "add", *products)
    s1 = make.op("s1", "add", s0, w2)
    e = make.op("e", "exp", make.op("neg", "neg", s1))
    f = make.op("f", "div", 1.0, make.op("one", "add", e, 1.0), named=True)
    values = {"w0": 2, "x0": -1, "w1": -3, "x1": -2, "w2": -3, "m0": -2, "m1": 6, "s0": 4, "s1": 1, "neg": -1,
              "e": 0.36787944, "one": 1.36787944, "f": 0.73105858}  # fmt: skip
    slope = 0.19661193
    gradients = {"w0": -slope, "x0": 2 * slope, "w1": -2 * slope, "x1": -3 * slope, "w2": slope, "m0": slope,
                 "m1": slope, "s0": slope, "s1": slope, "neg": -slope, "e": -0.53444664, "one": -0.53444664,
                 "f": 1.0}  # fmt: skip
    return make.model(f), {k: float(v) for k, v in values.items()}, gradients


def fork() -> tuple[Model, dict[str, float], dict[str, float]]:
    """e = (a + b)(b + 1)."""
    make = Maker("fork")
    a, b = make.leaf("a"), make.leaf("b")
    e = make.op("e", "mul", make.op("c", "add", a, b), make.op("d", "add", b, 1.0), named=True)
    values = {"a": 2.0, "b": 1.0, "c": 3.0, "d": 2.0, "e": 6.0}
    return make.model(e), values, {"a": 2.0, "b": 5.0, "c": 2.0, "d": 3.0, "e": 1.0}


def nested() -> Model:
    """A network `net` of two dense layers with a relu between, and a gate `cross_entropy` after it."""
    make = Maker("nested")
    x = make.leaf("x", kind=TensorType(DType.FLOAT, (3, 4)))
    make.box("net", "network", "net")
    h = x
    for k, (rows, columns) in enumerate([(4, 5), (5, 2)], start=1):
        path = f"net.dense_{k}"
        make.box(path, "network", "dense", "net")
        W = make.leaf(f"{path}.W", "param", TensorType(DType.FLOAT, (rows, columns)), path)  # noqa: N806
        b = make.leaf(f"{path}.b", "param", TensorType(DType.FLOAT, (columns,)), path)
        make.builder.scope = path
        h = make.op(path, "add", make.op(f"{path}.matmul", "matmul", h, W), b)
        make.builder.scope = "net"
        if k == 1:
            h = make.op("net.relu", "relu", h)
    make.builder.scope = ""
    make.box("loss", "gate", "cross_entropy")
    make.builder.scope = "loss"
    loss = make.op("loss", "mean", make.op("loss.exp", "exp", h))
    loss.is_named = True
    return make.model(loss)
