"""`pb.formula`: forward and backward pass of a whole network, written out."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

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
Equations: TypeAlias = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Formulas:
    """The equations of a step, by what they compute; printed, they are text.

    Attributes:
        forward: The outputs of layers, and the loss, each in terms of those before.
        backward: The cotangents of outputs and parameters, each in terms of those above; the
            last ones are the gradients.
        typeset: Forward and backward, of each what it gives and the whole equation in LaTeX.
    """

    forward: Mapping[str, str]
    backward: Mapping[str, str]
    typeset: tuple[Equations, Equations] = ((), ())

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

    def _repr_html_(self) -> str:
        from pullback.insight.hypertext import equations

        return equations(dict(zip(("Forward", "Backward"), self.typeset, strict=True)))


def formulas_of(subject: Subject, style: Style = "text") -> Formulas:
    """The equations of a subject."""
    typeset = _equations(subject, "latex")
    shown = typeset if style == "latex" else _equations(subject, style)
    forward, backward = ({name: right for name, _, right in passed} for passed in shown)
    whole = [[(name, f"{left} = {right}") for name, left, right in passed] for passed in typeset]
    return Formulas(forward, backward, (whole[0], whole[1]))


def _equations(
    subject: Subject, style: Style
) -> tuple[list[tuple[str, str, str]], list[tuple[str, str, str]]]:
    """Forward and backward, of each equation what it gives, its left and its right side."""
    latex = style == "latex"
    called = subject.names()
    names = {
        n: rf"\mathtt{{{printing.escaped(name)}}}" if latex else name for n, name in called.items()
    }
    order = topological([subject.loss])
    placed = [n for n in order if n in called]
    computed = [n for n in placed if not isinstance(n.op, Leaf)]
    forward = [(called[n], names[n], _right(n, names, style)) for n in computed]
    targets = {n for n, name in called.items() if name == "y" or name.startswith("y.")}
    leaves = [n for n in placed if is_float(n.dtype) and n not in targets]
    active = depends_on(order, leaves)
    real = [n for n in placed if n in active and is_float(n.dtype) and n not in targets]
    bars = backward([subject.loss], [ops.full_like(subject.loss, 1.0)], real)
    known = dict(names)
    arrived = [(n, bar) for n, bar in zip(real, bars, strict=True) if bar is not None]
    found = []
    for node, bar in reversed(arrived):
        written = "1" if node is subject.loss else printing.formula(bar, known, style)
        name = rf"\overline{{{names[node]}}}" if latex else f"{names[node]}_bar"
        found.append((f"{called[node]}_bar", name, written))
        known[bar] = name
    return forward, found


def _right(node: Node, names: Mapping[Node, str], style: Style) -> str:
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
