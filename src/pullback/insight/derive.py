"""Deriving the gradient of one element: from the element to the scalar, sum by sum."""

from __future__ import annotations

import re

import numpy as np

from pullback import ops
from pullback.autodiff.reverse import backward, gradient, pullback
from pullback.graph.dtypes import Array, is_float
from pullback.graph.node import Node, placeholder
from pullback.graph.order import depends_on, topological
from pullback.graph.printing import Style, formula, leaf_name
from pullback.insight.columns import column
from pullback.insight.derivation import Index, Link, Place, Sum
from pullback.insight.opening import opened
from pullback.insight.subject import Subject
from pullback.insight.values import computed
from pullback.ops.comparison import Cast
from pullback.ops.families import Elementwise
from pullback.ops.shaping import BroadcastTo, View

_OTHERS = ("u", "v", "w", "z")


class Deriver:
    """All values and cotangents of a scalar, and the derivation of any of its gradients.

    Args:
        subject: The scalar.
        target: With respect to which node derivatives are taken.
        fused: Whether fused operations are opened into their definitions.
        kind: The executor that computes the values and cotangents.

    Raises:
        DifferentiationError: The scalar has no derivative with respect to the target.
    """

    def __init__(
        self, subject: Subject, target: Node, *, fused: bool = False, kind: str | None = None
    ) -> None:
        gradient(subject.loss, [target])  # which says why there is none
        roots = [subject.loss, target, *subject.places.values()]
        open_ = opened(roots, fused=fused)
        self.steps = open_.steps
        self.names = {open_.new[n]: name for n, name in subject.names().items() if n in open_.new}
        self.loss, self.target = open_.new[subject.loss], open_.new[target]
        order = topological([self.loss])
        active = depends_on(order, [self.target])
        self.consumers: dict[Node, list[tuple[Node, int]]] = {}
        for y in order:
            for place, x in enumerate(y.inputs):
                if x in active:
                    self.consumers.setdefault(x, []).append((y, place))
        real = [n for n in order if n in active and is_float(n.dtype)]
        bars = backward([self.loss], [ops.full_like(self.loss, 1.0)], real)
        arrived = {n: bar for n, bar in zip(real, bars, strict=True) if bar is not None}
        given = {open_.new.get(n, n): array for n, array in subject.values.items()}
        # An unrolled loop would take long to plan.
        engine = None if open_.steps else kind
        found = computed([*order, *arrived.values()], given, engine)
        self.values: dict[Node, Array] = {n: found[n] for n in order}
        self.bars: dict[Node, Array] = {n: found[bar] for n, bar in arrived.items()}

    def links(self, index: Index) -> tuple[Link, ...]:
        """The steps from the target's element to the scalar."""
        found: list[Link] = []
        node, here = self.target, index
        while node is not self.loss and node in self.bars:
            sums, (y, place) = self._sums(node, here)
            link = self._link(node, here, sums, y, place)
            found.append(link)
            largest = link.largest(1)
            if not largest or not largest[0].value:
                return tuple(found)
            node, here = y, largest[0].of.index
        name, number = self.names.get(self.loss, "loss"), float(self.values[self.loss].ravel()[0])
        found.append(Link(Place(name), number, 1.0))
        return tuple(found)

    def sums(self, index: Index) -> tuple[Sum, ...]:
        """The terms of the gradient of the target's element."""
        return self._sums(self.target, index)[0]

    def _sums(self, node: Node, index: Index) -> tuple[tuple[Sum, ...], tuple[Node, int]]:
        """The terms of a cotangent, and the operation that has the largest."""
        found, largest, most = [], self.consumers[node][0], -1.0
        for y, place in self.consumers[node]:
            if y not in self.bars:
                continue
            bar = self.bars[y].astype(np.float64)
            local = column(y, place, index, self.values, bar)
            numbers = np.flatnonzero(local)
            one = Sum(self.name(y), y.shape, numbers, local.ravel()[numbers], bar.ravel()[numbers])
            found.append(one)
            top = float(np.abs(one.values).max(initial=0.0))
            if top > most:
                largest, most = (y, place), top
        return tuple(found), largest

    def name(self, node: Node) -> str:
        """What a value is called: its place, or its operation and where that is."""
        if node in self.names:
            return self.names[node]
        path = node.origin.path
        return f"{path}.{node.op.name}" if path else node.op.name

    def _link(self, node: Node, index: Index, sums: tuple[Sum, ...], y: Node, place: int) -> Link:
        moves = isinstance(y.op, View) and len(sums) == 1 and len(sums[0].numbers) == 1
        written = rule(y, place)
        return Link(
            place=Place(self.name(node), index),
            value=float(self.values[node][index]),
            cotangent=float(self.bars[node][index]),
            operation=y.op.name,
            path=y.origin.path,
            source=str(y.origin.source or ""),
            formula=written,
            latex=rule(y, place, "latex"),
            given=self._inputs(y, place, index, written),
            time=self.steps.get(y),
            sums=sums,
            moves=moves and bool(np.all(sums[0].local == 1)),
        )

    def _inputs(self, y: Node, place: int, index: Index, written: str) -> dict[str, str | float]:
        """What stands for the letters of a formula: numbers where one gives one, else names."""
        by_number = isinstance(y.op, Elementwise)
        found: dict[str, str | float] = {}
        for letter, x in zip(letters(len(y.inputs), place), y.inputs, strict=True):
            if re.search(rf"\b{letter}\b", written) and _only_number(x) is None:
                found[letter] = float(self.values[x][index]) if by_number else self.name(x)
        if by_number and re.search(r"\by\b", written):
            found["y"] = float(self.values[y][index])
        return found


def letters(count: int, place: int) -> list[str]:
    """What the inputs of an operation are called where the cotangent of one of them is derived.

    Example:
        >>> letters(3, 1)
        ['u', 'x', 'v']
    """
    few = count <= len(_OTHERS) + 1
    rest = iter(_OTHERS if few else [f"u{i}" for i in range(count)])
    return ["x" if i == place else next(rest) for i in range(count)]


def _only_number(node: Node) -> Node | None:
    """The constant that a node is, one number whatever its shape; None of others."""
    while isinstance(node.op, (BroadcastTo, Cast)):
        (node,) = node.inputs
    known = node.value is not None and node.size == 1 and not node.op.attributes().get("label")
    return node if known else None


def rule(y: Node, place: int, style: Style = "text") -> str:
    """The formula of an input's cotangent, printed from the operation's own rule.

    Example:
        >>> import pullback as pb
        >>> rule(pb.tanh(pb.tensor([1.0])), 0)
        'y_bar * (1 - y^2)'
    """
    called = letters(len(y.inputs), place)
    given = tuple(
        placeholder(letter, x.shape, x.dtype) for letter, x in zip(called, y.inputs, strict=True)
    )
    numbers = {
        standing: leaf_name(known)
        for standing, x in zip(given, y.inputs, strict=True)
        if (known := _only_number(x)) is not None
    }
    same = Node(y.op, given, y.shape, y.dtype, y.origin)
    y_bar = placeholder("y_bar", y.shape, y.dtype)
    bar = "y_bar" if style == "text" else r"\bar y"
    x_bar = pullback(same, y_bar, [i == place for i in range(len(given))])[place]
    if x_bar is None:
        return "0"
    names = {**dict(zip(given, called, strict=True)), **numbers, same: "y", y_bar: bar}
    return formula(x_bar, names, style)
