"""Deriving the gradient of one element: from the element to the scalar, sum by sum."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np

from pullback import ops
from pullback.autodiff.reverse import backward, pullback
from pullback.graph.dtypes import Array, is_float
from pullback.graph.node import Leaf, Node, placeholder
from pullback.graph.order import depends_on, topological
from pullback.graph.printing import Style, formula
from pullback.insight.columns import Index, column
from pullback.insight.derivation import Link, Place, Sum
from pullback.insight.opening import opened
from pullback.insight.rows import Share, shares
from pullback.insight.subject import Subject
from pullback.insight.values import computed
from pullback.ops.comparison import Cast
from pullback.ops.families import Elementwise
from pullback.ops.shaping import BroadcastTo, View

_OTHERS = ("u", "v", "w", "z")


class Deriver:
    """All values and cotangents of a scalar, and the derivation of any gradient of one node.

    Args:
        subject: The scalar.
        target: With respect to which node; there is a derivative.
        fused: Whether fused operations are opened into their definitions.
        kind: The executor that computes the values and cotangents.
    """

    def __init__(
        self, subject: Subject, target: Node, *, fused: bool = False, kind: str | None = None
    ) -> None:
        roots = [subject.loss, target, *subject.places.values()]
        open_ = opened(roots, fused=fused)
        self.steps = open_.steps
        self.loss, self.target = open_.new[subject.loss], open_.new[target]
        order = topological([self.loss, self.target])
        self.names = _names(order, {open_.new[n]: name for n, name in subject.names().items()})
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
        self._shares, self._acting = shares(order, list(given), subject.rows or 1)
        self._rows = subject.rows
        self._first: list[tuple[Node, Sum]] = []  # the terms of the last derivation's gradient

    def engine(self, index: Index) -> float | None:
        """The gradient as the executor computed it; None where a loop was unrolled."""
        if self.steps or self.target not in self.bars:
            return None
        return float(self.bars[self.target][index])

    def links(self, index: Index) -> tuple[Link, ...]:
        """The steps from the target's element to the scalar."""
        found: list[Link] = []
        node, here = self.target, index
        if node not in self.bars:
            return (Link(Place(self.names[node], here), float(self.values[node][here]), 0.0),)
        while node is not self.loss and node in self.bars:
            uses = [use for use in self.consumers.get(node, ()) if use[0] in self.bars]
            made = [(use, self._sum(*use, here)) for use in uses]
            # Of a slice that leaves the element out there is nothing to say.
            made = [(use, s) for use, s in made if len(s.numbers) or s.rule is not None] or made
            if not made:
                break
            uses, sums = [use for use, _ in made], tuple(s for _, s in made)
            if not found:
                self._first = [(y, s) for (y, _), s in made]
            largest = max(range(len(sums)), key=lambda i: _rank(sums[i]))
            found.append(self._link(node, here, uses, sums, largest))
            y = uses[largest][0]
            node, here = y, self._next(sums[largest], y, node.shape, here)
        if node is self.loss or not found:
            name = self.names[self.loss]
            found.append(Link(Place(name, here), float(self.values[self.loss][here]), 1.0))
        return tuple(found)

    def per_row(self) -> Array | None:
        """How much each row adds to what `links` was asked for; see `Derivation.rows`."""
        if not self._rows or self._acting or self._shares.get(self.target) is not Share.NONE:
            return None
        found = np.zeros(self._rows)
        for y, one in self._first:
            if self._shares[y] is not Share.EACH:
                return None
            row = one.numbers // (y.size // self._rows)
            np.add.at(found, row, one.values)
        return found

    def _sum(self, y: Node, place: int, index: Index) -> Sum:
        bar = self.bars[y].astype(np.float64)
        made = column(y, place, index, self.values, bar)
        numbers = np.flatnonzero(made.factors)
        return Sum(
            name=self.names[y],
            operation=y.op.name,
            shape=y.shape,
            numbers=numbers,
            local=made.factors.ravel()[numbers],
            cotangents=bar.ravel()[numbers],
            rule=None if made.linear else made.value,
            formula=rule(y, place),
            latex=rule(y, place, "latex"),
        )

    def _next(self, largest: Sum, y: Node, shape: Index, index: Index) -> Index:
        """The element above that is followed."""
        if len(largest.numbers):
            return largest.largest(1)[0].of.index
        if y.shape == shape:
            return index
        place = np.unravel_index(int(np.argmax(np.abs(self.bars[y]))), y.shape) if y.shape else ()
        return tuple(int(i) for i in place)

    def _link(
        self,
        node: Node,
        index: Index,
        uses: list[tuple[Node, int]],
        sums: tuple[Sum, ...],
        largest: int,
    ) -> Link:
        y, place = uses[largest]
        one = len(sums) == 1 and len(sums[0].numbers) == 1 and bool(np.all(sums[0].local == 1))
        return Link(
            place=Place(self.names[node], index),
            value=float(self.values[node][index]),
            cotangent=float(self.bars[node][index]),
            operation=y.op.name,
            path=y.origin.path,
            source=str(y.origin.source or ""),
            formula=sums[largest].formula,
            latex=sums[largest].latex,
            given=self._inputs(y, place, index, sums[largest].formula),
            time=self.steps.get(y),
            sums=sums,
            moves=one and isinstance(y.op, View),
        )

    def _inputs(self, y: Node, place: int, index: Index, written: str) -> dict[str, str | float]:
        """What stands for the letters of a formula: numbers where one gives one, else names."""
        by_number = isinstance(y.op, Elementwise)
        found: dict[str, str | float] = {}
        called = [*zip(letters(len(y.inputs), place), y.inputs, strict=True), ("y", y)]
        for letter, x in called:
            if re.search(rf"\b{letter}\b", written) and _only_number(x) is None:
                found[letter] = float(self.values[x][index]) if by_number else self._called(x)
        return found

    def _called(self, node: Node) -> str:
        """The name of an array; y is what an operation gives, everywhere else."""
        name = self.names[node]
        targets = name == "y" or name.startswith("y.")
        return f"{name}, the targets" if targets and isinstance(node.op, Leaf) else name


def _rank(one: Sum) -> tuple[bool, float]:
    """How large the largest term of a sum is; one that is no number comes first."""
    if one.rule is not None:
        return not np.isfinite(one.rule), abs(one.rule)
    if not len(one.numbers):
        return False, -1.0
    value = one.largest(1)[0].value
    return not np.isfinite(value), abs(value)


def _names(order: list[Node], named: dict[Node, str]) -> dict[Node, str]:
    """What values are called: their place, or their operation and where that is, each once."""
    found, counts = dict(named), Counter[str]()
    for node in order:
        if node not in found:
            path = node.origin.path
            name = f"{path}.{node.op.name}" if path else node.op.name
            counts[name] += 1
            found[node] = name if counts[name] == 1 else f"{name}#{counts[name]}"
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
    # What is one number is written as that: x^2 rather than x^u.
    numbers = {
        standing: formula(known, style=style)
        for standing, x in zip(given, y.inputs, strict=True)
        if (known := _only_number(x)) is not None
    }
    same = Node(y.op, given, y.shape, y.dtype, y.origin)
    y_bar = placeholder("y_bar", y.shape, y.dtype)
    bar = "y_bar" if style == "text" else r"\bar y"
    x_bar = pullback(same, y_bar, [i == place for i in range(len(given))])[place]
    if x_bar is None:
        return "0"
    if style == "latex":
        called = [f"{letter[0]}_{{{letter[1:]}}}" if letter[1:] else letter for letter in called]
    names = {**dict(zip(given, called, strict=True)), **numbers, same: "y", y_bar: bar}
    return formula(x_bar, names, style)
