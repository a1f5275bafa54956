"""What is looked at: a scalar, the values it is computed from, and what its parts are called."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pullback.errors import ConfigError, DifferentiationError, ShapeError, unknown
from pullback.graph.dtypes import Array, is_float
from pullback.graph.node import Leaf, Node, as_node, placeholder, slot
from pullback.graph.order import topological
from pullback.graph.origin import scope
from pullback.nn.mode import Mode, mode
from pullback.nn.module import Module, observed
from pullback.nn.parameter import bound
from pullback.nn.several import labelled, outputs_by_name, unlabelled
from pullback.train.given import feeds_of
from pullback.train.objective import Objective, check_targets

LOSS = "loss"


@dataclass(frozen=True)
class Subject:
    """A scalar and all that it follows from.

    Attributes:
        loss: The scalar.
        places: The nodes that have a name: inputs, parameters, outputs of layers, the loss.
        values: The values of placeholders and slots.
        rows: How many rows the batch has; None where there is no batch.
        title: What it is, in a few words.
    """

    loss: Node
    places: Mapping[str, Node]
    values: Mapping[Node, Array] = field(default_factory=dict)
    rows: int | None = None
    title: str = ""

    def node(self, place: str) -> Node:
        """The node of that name.

        Raises:
            UnknownNameError: There is none; the nearest is named, and all are listed.
        """
        if place not in self.places:
            raise unknown("place", place, self.places)
        return self.places[place]

    def names(self) -> dict[Node, str]:
        """What nodes are called."""
        return {node: name for name, node in reversed([*self.places.items()])}


def of_network(
    network: Module,
    data: Any,
    loss: Any,
    *,
    training: bool = False,
    seed: int = 0,
    step: int = 0,
) -> Subject:
    """The loss of a network on a batch.

    Args:
        network: With values.
        data: `(X, y)` or `(X, y, weights)`.
        loss: A loss, its name, or one for each output by name.
        training: Whether the network is called as in training: dropout drops.
        seed: Keys all random numbers.
        step: The number of the training step, which keys them too.

    Raises:
        ConfigError: The network has no values.
        DataError: The data is no batch of numbers.
        ShapeError: The targets do not fit the outputs.
    """
    if not network.is_initialised:
        raise ConfigError(
            "a network needs values before it can be looked into",
            "parameters that were never initialised",
            "Fit it, load it, or call network.initialise(seed=0).",
        )
    feeds = feeds_of(network, data)
    state = network.state()
    nodes = {value: slot(path, value.shape, value.dtype) for path, value in state.items()}
    given = {label: placeholder(label, a.shape, a.dtype) for label, a in feeds.items()}
    places: dict[str, Node] = {}
    seen: dict[str, Node] = {}

    def saw(path: str, module: Module, y: Any) -> None:
        if isinstance(y, Node) and path:
            seen.setdefault(f"{path}.output", y)

    objective = Objective.named(loss)
    here = Mode(training, as_node(seed), as_node(step))
    with observed(saw), bound(nodes), mode(here):
        outputs = outputs_by_name(network, unlabelled("x", given))
        targets = unlabelled("y", given)
        check_targets(outputs, targets)
        with scope(path=LOSS):
            total, _ = objective.mean(outputs, targets, given.get("weights"))
    places |= given
    places |= {path: nodes[value] for path, value in state.items()}
    places |= seen
    places |= labelled("output", outputs)
    places[LOSS] = total
    values = {given[label]: array for label, array in feeds.items()}
    values |= {nodes[value]: value.numpy() for value in state.values()}
    rows = len(next(iter(feeds.values())))
    title = f"{_title(objective)} of {rows} row{'s' * (rows != 1)}"
    return Subject(total, places, values, rows, title)


def of_tensor(loss: Node, wrt: Mapping[str, Node]) -> Subject:
    """A scalar that was computed from known tensors.

    Raises:
        DifferentiationError: It is no real scalar.
    """
    if loss.size != 1 or not is_float(loss.dtype):
        raise DifferentiationError(
            "what is explained is the derivative of one real number",
            f"a tensor of shape {loss.shape} and dtype {loss.dtype} ({loss.origin})",
            "Reduce it first, with .sum() or .mean().",
        )
    places = {_label(n): n for n in topological([loss]) if isinstance(n.op, Leaf) and _label(n)}
    return Subject(loss, {**places, **wrt, LOSS: loss}, title="a tensor")


def _label(node: Node) -> str:
    return str(node.op.attributes().get("label") or "")


def _title(objective: Objective) -> str:
    """The names of the losses: `cross_entropy`, or `age mse, city cross_entropy`."""
    return ", ".join(f"{name} {loss.name}".strip() for name, loss in objective.losses.items())


def split_place(text: str) -> tuple[str, tuple[int, ...] | None]:
    """The name and the index of an element: `0.weight[3,7]`.

    Raises:
        ConfigError: It cannot be read.

    Example:
        >>> split_place("0.weight[3,7]"), split_place("0.bias")
        (('0.weight', (3, 7)), ('0.bias', None))
    """
    name, bracket, rest = text.partition("[")
    if not bracket:
        return name.strip(), None
    numbers = rest.rstrip().removesuffix("]")
    try:
        index = tuple(int(part) for part in numbers.split(",")) if numbers.strip() else ()
    except ValueError:
        index = None
    if index is None or not rest.rstrip().endswith("]"):
        raise ConfigError(
            "an element is named by its place and its index, as in 0.weight[3,7]",
            repr(text),
            "Write whole numbers between the brackets, with commas between them.",
        )
    return name.strip(), index


def element_of(name: str, node: Node, index: tuple[int, ...] | int | None) -> tuple[int, ...]:
    """The index of one element, every number counted from 0.

    Raises:
        ShapeError: It is none of the value's elements.
    """
    shape = node.shape
    given = (index,) if isinstance(index, (int, np.integer)) else index
    if given is None and node.size == 1:
        return (0,) * len(shape)
    fits = given is not None and len(given) == len(shape)
    if not fits or any(not -n <= i < n for i, n in zip(given or (), shape, strict=True)):
        last = ", ".join(str(n - 1) for n in shape)
        raise ShapeError(
            f"an element of {name} of shape {shape} has {len(shape)} numbers from 0 to ({last})",
            "no index" if given is None else str(list(given)),
            f"Write {name}[{','.join('0' * len(shape))}] for the first one.",
        )
    return tuple(int(i) % n for i, n in zip(given or (), shape, strict=True))


def elements(shape: tuple[int, ...], chosen: Array) -> Iterator[tuple[int, ...]]:
    """The indices of elements by their numbers, counted along the last axis first."""
    for number in chosen:
        yield tuple(int(i) for i in np.unravel_index(int(number), shape)) if shape else ()


def size_of(shape: tuple[int, ...]) -> int:
    """How many elements an array of that shape has."""
    return math.prod(shape)
