"""What is looked at: a scalar, the values it is computed from, and what its parts are called."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pullback.errors import ConfigError, DifferentiationError, ShapeError, unknown
from pullback.graph.dtypes import Array, is_float
from pullback.graph.node import Leaf, Node, as_node, placeholder, slot
from pullback.graph.order import topological
from pullback.graph.origin import scope
from pullback.nn.mode import Mode, mode
from pullback.nn.module import Module
from pullback.nn.observing import outputs_seen, outside_loops
from pullback.nn.parameter import bound
from pullback.nn.several import labelled, outputs_by_name, unlabelled
from pullback.train.given import feeds_of
from pullback.train.inside import kinds_of
from pullback.train.objective import Objective, check_targets

LOSS = "loss"


@dataclass(frozen=True)
class Subject:
    """A scalar and all that it follows from.

    Attributes:
        loss: The scalar.
        places: The nodes that have a name: inputs, parameters, outputs of layers, the loss.
        values: The values of placeholders and slots.
        kinds: What has a name is: `parameter`, `frozen` (a parameter that is not trained),
            `buffer`, `input`, or else a value that is computed.
        rows: How many rows the batch has; None where there is no batch.
        title: What it is, in a few words.
    """

    loss: Node
    places: Mapping[str, Node]
    values: Mapping[Node, Array] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
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
    check_network(network)
    feeds = feeds_of(network, data)
    state = network.state()
    nodes = {value: slot(path, value.shape, value.dtype) for path, value in state.items()}
    given = {label: placeholder(label, a.shape, a.dtype) for label, a in feeds.items()}
    places: dict[str, Node] = {}
    objective = Objective.named(loss)
    here = Mode(training, as_node(seed), as_node(step))
    with outputs_seen() as seen, bound(nodes), mode(here):
        outputs = outputs_by_name(network, unlabelled("x", given))
        targets = unlabelled("y", given)
        check_targets(outputs, targets)
        objective.check(outputs)
        with scope(path=LOSS):
            total, _ = objective.mean(outputs, targets, given.get("weights"))
    places |= given
    places |= {path: nodes[value] for path, value in state.items()}
    known = {*given.values(), *nodes.values()}
    places |= {place: node for place, (_, node) in outside_loops(seen, known).items()}
    places |= labelled("output", outputs)
    places[LOSS] = total
    values = {given[label]: array for label, array in feeds.items()}
    values |= {nodes[value]: value.numpy() for value in state.values()}
    rows = len(next(iter(feeds.values())))
    title = title_of(objective, rows)
    return Subject(total, places, values, kinds_of(given, state), rows, title)


def check_network(network: Any) -> None:
    """Refuse what is no network with values.

    Raises:
        ConfigError: It is none.
    """
    if not isinstance(network, Module):
        raise ConfigError(
            "what is looked into is a network", type(network).__name__, "Pass a pb.nn.Module."
        )
    if not network.is_initialised:
        raise ConfigError(
            "a network needs values before it can be looked into",
            "parameters that were never initialised",
            "Fit it, load it, or call network.initialise(seed=0).",
        )


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
    return Subject(loss, {**places, **wrt, LOSS: loss}, title="a scalar tensor")


def _label(node: Node) -> str:
    return str(node.op.attributes().get("label") or "")


def title_of(objective: Objective, rows: int) -> str:
    """What is computed: `cross_entropy of 32 rows`, or `age mse, city cross_entropy of 1 row`."""
    names = ", ".join(f"{name} {loss.name}".strip() for name, loss in objective.losses.items())
    return f"{names} of {rows} row{'s' * (rows != 1)}"


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


def element_of(name: str, node: Node, index: Any) -> tuple[int, ...]:
    """The index of one element, every number counted from 0.

    Args:
        name: What the array is called.
        node: The array.
        index: A whole number, a tuple or list of them, or None for the only element.

    Raises:
        ShapeError: It is none of the value's elements.
    """
    shape = node.shape
    if index is None and node.size == 1:
        return (0,) * len(shape)
    try:
        given = [
            operator.index(i) for i in (index if isinstance(index, (tuple, list)) else [index])
        ]
    except TypeError:
        given = None
    fits = given is not None and len(given) == len(shape)
    if not fits or any(not -n <= i < n for i, n in zip(given or (), shape, strict=True)):
        last = ", ".join(str(n - 1) for n in shape)
        many = f"{len(shape)} number{'s' * (len(shape) != 1)}"
        said = f"{many} from 0 to ({last}), or from -1 backwards" if shape else "no index"
        first = f"{name}[{','.join('0' * len(shape))}]" if shape else name
        raise ShapeError(
            f"an element of {name} of shape {shape} has {said}",
            "no index" if index is None else str(given if given is not None else index),
            f"Write {first}.",
        )
    return tuple(i % n for i, n in zip(given or (), shape, strict=True))
