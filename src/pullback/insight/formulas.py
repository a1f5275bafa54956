"""`pb.formula`: forward and backward pass of a whole network, written out."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pullback import ops
from pullback.autodiff.reverse import backward
from pullback.graph import printing
from pullback.graph.dtypes import is_float
from pullback.graph.node import Leaf, Node
from pullback.graph.order import depends_on, topological
from pullback.graph.printing import Style
from pullback.insight.subject import Subject, of_network
from pullback.nn.module import Module

_WIDTH = 100


@dataclass(frozen=True)
class Formulas:
    """The equations of a step, by what they compute; printed, they are text.

    Attributes:
        forward: The outputs of layers, and the loss, each in terms of those before.
        backward: The cotangents of outputs and parameters, each in terms of those above; the
            last ones are the gradients.
    """

    forward: Mapping[str, str]
    backward: Mapping[str, str]

    def __str__(self) -> str:
        parts = []
        for title, equations in (("Forward", self.forward), ("Backward", self.backward)):
            parts += [title, ""]
            for name, written in equations.items():
                parts += textwrap.wrap(
                    f"{name} = {written}",
                    _WIDTH,
                    initial_indent="  ",
                    subsequent_indent="      ",
                    break_long_words=False,
                    break_on_hyphens=False,
                )
            parts.append("")
        return "\n".join(parts[:-1])

    __repr__ = __str__


def formulas_of(subject: Subject, style: Style = "text") -> Formulas:
    """The equations of a subject."""
    latex = style == "latex"
    called = subject.names()
    names = {
        n: rf"\mathtt{{{printing.escaped(name)}}}" if latex else name for n, name in called.items()
    }
    order = topological([subject.loss])
    placed = [n for n in order if n in called]
    forward = {called[n]: _equation(n, names, style) for n in placed if not isinstance(n.op, Leaf)}
    targets = {n for n, name in called.items() if name == "y" or name.startswith("y.")}
    leaves = [n for n in placed if is_float(n.dtype) and n not in targets]
    active = depends_on(order, leaves)
    real = [n for n in placed if n in active and is_float(n.dtype) and n not in targets]
    bars = backward([subject.loss], [ops.full_like(subject.loss, 1.0)], real)
    known = dict(names)
    arrived = [(n, bar) for n, bar in zip(real, bars, strict=True) if bar is not None]
    found = {}
    for node, bar in reversed(arrived):
        written = "1" if node is subject.loss else printing.formula(bar, known, style)
        name = rf"\overline{{{names[node]}}}" if latex else f"{names[node]}_bar"
        found[f"{called[node]}_bar"] = written
        known[bar] = name
    return Formulas(forward, found)


def _equation(node: Node, names: Mapping[Node, str], style: Style) -> str:
    """A value in terms of those that have names."""
    return printing.formula(node, {n: name for n, name in names.items() if n is not node}, style)


def formula(
    network: Module, data: Any, *, loss: Any, training: bool = False, latex: bool = False
) -> Formulas:
    r"""Forward and backward pass of a network as equations of matrices.

    Each layer's output in terms of the ones before; then each cotangent, $\partial L/\partial v$
    written `v_bar`, in terms of those above, down to the gradients of the parameters. The
    equations of the backward pass are printed from the graph that is run.

    Args:
        network: With values.
        data: A batch, `(X, y)`, for its shapes.
        loss: A loss or its name; a dict of them for several outputs.
        training: Whether the network is called as in training.
        latex: Whether the right sides are LaTeX.

    Raises:
        ConfigError: The network has no values.
        DataError: The data is no batch of numbers.

    Example:
        >>> import pullback as pb
        >>> network = pb.nn.Sequential(pb.nn.Linear(2, 1, bias=False)).initialise()
        >>> print(pb.formula(network, ([[1.0, 2.0]], [[0.5]]), loss="mse").backward["0.weight_bar"])
        x^T @ 0.output_bar
    """
    subject = of_network(network, data, loss, training=training)
    return formulas_of(subject, "latex" if latex else "text")
