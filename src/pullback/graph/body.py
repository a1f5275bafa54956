"""A computation with inputs and outputs of its own: what a loop does at every step."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pullback.graph.code import Code, coded
from pullback.graph.dtypes import FLOAT64, is_float
from pullback.graph.node import Node, placeholder
from pullback.graph.order import topological


@dataclass(frozen=True)
class BodyCode:
    """A body made ready to be run.

    Attributes:
        values: What is known of every value before a run: the constants.
        code: The operations, in order.
        inputs: The numbers of the inputs' values.
        outputs: The numbers of the outputs' values.
        nodes: The node of each number.
    """

    values: list[Any]
    code: list[Code]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    nodes: tuple[Node, ...]


class Body:
    """Some nodes as a function: placeholders in, nodes made of them and of constants out.

    Two bodies that compute the same by the same operations are equal, so that operations which
    have a body among their attributes can be told apart and merged like all others.

    Example:
        >>> from pullback.graph import placeholder
        >>> x = placeholder("x", (3,))
        >>> again = placeholder("again", (3,))
        >>> Body((x,), (x * x,)) == Body((again,), (again * again,))
        True
    """

    def __init__(self, inputs: Sequence[Node], outputs: Sequence[Node]) -> None:
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)

    @functools.cached_property
    def order(self) -> tuple[Node, ...]:
        """The inputs, then every node that the outputs need, each after its own inputs."""
        given = set(self.inputs)
        order = topological(self.outputs, stop=lambda n: n in given or n.value is not None)
        return (*self.inputs, *(node for node in order if node not in given))

    def operations(self) -> list[Node]:
        """The nodes that are computed at a run."""
        known = set(self.inputs)
        return [node for node in self.order if node.value is None and node not in known]

    @functools.cached_property
    def _key(self) -> Hashable:
        """What the body computes, by numbers instead of nodes."""
        number = {node: i for i, node in enumerate(self.order)}
        entries: list[Hashable] = []
        for i, node in enumerate(self.order):
            what: Hashable = (node.shape, node.dtype)
            if i < len(self.inputs):
                entries.append(what)
            elif node.value is not None:
                entries.append((what, node.value.tobytes() if node.size == 1 else id(node)))
            else:  # the text beside the operation tells -0.0 from 0.0
                entries.append((node.op, str(node.op), tuple(number[x] for x in node.inputs)))
        return len(self.inputs), tuple(entries), tuple(number[y] for y in self.outputs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Body) and (self is other or self._key == other._key)

    def __hash__(self) -> int:
        return self._hash

    @functools.cached_property
    def _hash(self) -> int:
        return hash(self._key)

    def __str__(self) -> str:
        count = len(self.operations())
        return f"{count} operation{'s' * (count != 1)}"

    __repr__ = __str__

    def code(self, wide: bool = False) -> BodyCode:
        """The body made ready to be run; `wide` computes all real numbers in float64."""
        return self._wide_code if wide else self._code

    @functools.cached_property
    def _code(self) -> BodyCode:
        return self._compiled(wide=False)

    @functools.cached_property
    def _wide_code(self) -> BodyCode:
        return self._compiled(wide=True)

    def _compiled(self, wide: bool) -> BodyCode:
        number = {node: i for i, node in enumerate(self.order)}
        inside = [FLOAT64 if wide and is_float(n.dtype) else n.dtype for n in self.order]
        values: list[Any] = [None] * len(self.order)
        kept = {number[y] for y in self.outputs}
        made: list[Node] = []
        for node in self.order[len(self.inputs) :]:
            i = number[node]
            if node.value is None and node.inputs:
                made.append(node)
                continue
            known = node.op.forward() if node.value is None else node.value
            values[i] = np.asarray(known, inside[i])
            kept.add(i)
        last = {number[x]: i for i, node in enumerate(made) for x in node.inputs}
        frees: dict[int, list[int]] = {}
        for value, when in last.items():
            if value >= len(self.inputs) and value not in kept:
                frees.setdefault(when, []).append(value)
        code = [
            coded(
                node.op,
                [number[x] for x in node.inputs],
                number[node],
                inside[number[node]],
                frees.get(i, ()),
            )
            for i, node in enumerate(made)
        ]
        inputs = tuple(range(len(self.inputs)))
        return BodyCode(values, code, inputs, tuple(number[y] for y in self.outputs), self.order)


def closed(
    inputs: Sequence[Node], outputs: Sequence[Node], given: Mapping[Node, Node] | None = None
) -> tuple[Body, list[Node]]:
    """The body of `outputs`, and the outer nodes that it reads.

    What does not depend on `inputs` is computed once, outside, and becomes a further input of
    the body, behind `inputs`: numbers too, since someone may ask for a derivative with respect
    to them.

    Args:
        inputs: Placeholders.
        outputs: Nodes that are made of them and of any others.
        given: Nodes that others stand for, inside.
    """
    return _Closing(inputs, given or {}).of(outputs)


class _Closing:
    """The work of `closed`: nodes are made again on what they read inside."""

    def __init__(self, inputs: Sequence[Node], given: Mapping[Node, Node]) -> None:
        self.steps = list(inputs)
        self.inner = set(inputs)
        self.new: dict[Node, Node] = {**given, **{x: x for x in inputs}}
        self.outer: dict[Node, Node] = {}

    def of(self, outputs: Sequence[Node]) -> tuple[Body, list[Node]]:
        """The body, and what it reads from outside."""

        def ends(node: Node) -> bool:
            return node in self.new or node.value is not None

        for node in topological(outputs, stop=ends):
            if node not in self.new:
                self.new[node] = node if node.value is not None else self._again(node)
        found = [self._inside(self.new[y]) for y in outputs]
        return Body([*self.steps, *self.outer.values()], found), list(self.outer)

    def _again(self, node: Node) -> Node:
        inputs = tuple(self.new[x] for x in node.inputs)
        if any(x in self.inner for x in inputs):
            inputs = tuple(self._inside(x) for x in inputs)
        same = all(a is b for a, b in zip(inputs, node.inputs, strict=True))
        made = node if same else Node(node.op, inputs, node.shape, node.dtype, node.origin)
        if any(x in self.inner for x in inputs):
            self.inner.add(made)
        return made

    def _inside(self, node: Node) -> Node:
        """What stands for a node in the body: itself, or a placeholder of its value."""
        if node in self.inner:
            return node
        if node not in self.outer:
            label = f"outer.{len(self.outer)}"
            self.outer[node] = placeholder(label, node.shape, node.dtype)
        return self.outer[node]


def listing(body: Body, names: Mapping[int, str]) -> Iterator[tuple[Node, str, list[str]]]:
    """Each operation of a body with the name of its value and of what it reads.

    Args:
        body: What to list.
        names: What inputs are called, by their number.
    """
    called: dict[Node, str] = {x: names.get(i, f"in.{i}") for i, x in enumerate(body.inputs)}
    for i, node in enumerate(body.operations()):
        called[node] = f"${i}"
        yield node, called[node], [called.get(x) or _constant(x) for x in node.inputs]


def _constant(node: Node) -> str:
    return f"{node.value.item():.6g}" if node.size == 1 else f"constant{node.shape}"  # type: ignore[union-attr]  # a constant has its value
