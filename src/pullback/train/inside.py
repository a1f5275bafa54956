"""What lies within a training step, as nodes: all that has a name, and what the step changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pullback.graph.node import Node
from pullback.nn.parameter import Parameter, Value

Moved = Callable[[Sequence[Node]], Mapping[str, Node]]


@dataclass(frozen=True)
class Inside:
    """The graph of a step up to its loss, and the way from gradients to new values.

    Attributes:
        loss: The scalar that is differentiated, penalties included.
        places: The nodes that have a name: inputs, parameters, buffers, outputs of layers, the
            loss.
        kinds: What has a name is: `parameter`, `frozen` (a parameter that is not trained),
            `buffer`, `input`, or else a value that is computed.
        trained: What the step updates, by path.
        moved: From the gradients of those to the new values of all slots, by label.
        samples: The gradients of each row's own loss, (rows, *shape), by path; None where the step
            does not know its rows.
    """

    loss: Node
    places: Mapping[str, Node]
    kinds: Mapping[str, str]
    trained: Mapping[str, Node]
    moved: Moved
    samples: Callable[[], Mapping[str, Node]] | None = None


def kinds_of(inputs: Iterable[str], state: Mapping[str, Value]) -> dict[str, str]:
    """What inputs and the values of a network are, by name.

    Example:
        >>> import pullback as pb
        >>> kinds_of(["x"], pb.nn.Linear(1, 1).freeze().state())
        {'x': 'input', 'weight': 'frozen', 'bias': 'frozen'}
    """
    kinds = dict.fromkeys(inputs, "input")
    for path, value in state.items():
        known = value.trainable if isinstance(value, Parameter) else None
        kinds[path] = "buffer" if known is None else "parameter" if known else "frozen"
    return kinds
