"""A network as a table: layers, output shapes, parameter counts, memory."""

from __future__ import annotations

import contextlib
import copy
import math
from dataclasses import dataclass
from typing import Any

from pullback.graph.dtypes import Shape
from pullback.graph.node import Node, placeholder, slot
from pullback.nn.linear import Linear
from pullback.nn.module import Module, observed
from pullback.nn.parameter import bound


@dataclass(frozen=True)
class Row:
    """One module in the table.

    Attributes:
        path: Where it is.
        layer: What it is.
        outputs: The shape of each tensor that it gives, without the batch; None if not known.
        parameters: How many numbers its own parameters hold; None before its sizes are known.
        trainable: How many of them are trained.
        buffers: How many numbers its own buffers hold.
    """

    path: str
    layer: str
    outputs: tuple[Shape, ...] | None
    parameters: int | None
    trainable: int
    buffers: int


def rows(network: Module, input_shape: Shape | None = None) -> list[Row]:
    """One row for every module that is called, in the order of calls.

    Args:
        network: The network.
        input_shape: The shape of one row of input; when None, found from the first layer with
            parameters if that is a `Linear`. A convolution takes images of any size, so the shapes
            behind one are not known without it.
    """
    network = _built(network, input_shape)
    shapes = _shapes(network, input_shape or _guessed_input(network))
    table = []
    for path, module in network.modules():
        own = module._parameters.values()
        if module._children and not module._values():
            continue
        table.append(
            Row(
                path,
                repr(module),
                shapes.get(path),
                None if module._open else sum(p.size for p in own),
                sum(p.size for p in own if p.trainable),
                sum(b.size for b in module._buffers.values()),
            )
        )
    return table


def summary(network: Module, input_shape: Shape | None = None) -> str:
    """The table as text.

    Args:
        network: The network.
        input_shape: The shape of one row of input, `(28, 28, 1)`. A network that starts with a
            `Linear` tells it by itself.

    Example:
        >>> import pullback as pb
        >>> print(pb.nn.Sequential(pb.nn.Linear(4, 3), "relu"))
        path  layer         output      parameters
        0     Linear(4, 3)  (batch, 3)          15
        1     ReLU()        (batch, 3)           0
        15 parameters, 60 B; training with Adam keeps 240 B and 24 B of outputs a row
        >>> print(summary(pb.nn.Sequential(pb.nn.Conv2d(8, 3), "relu"), (28, 28, 1)))
        path  layer            output               parameters
        0     Conv2d(1, 8, 3)  (batch, 26, 26, 8)           80
        1     ReLU()           (batch, 26, 26, 8)            0
        80 parameters, 320 B; training with Adam keeps 1.2 KiB and 42.2 KiB of outputs a row
    """
    network = _built(network, input_shape)
    table = rows(network, input_shape)
    cells = [("path", "layer", "output", "parameters")]
    cells += [(r.path or "-", r.layer, _batched(r.outputs), _number(r)) for r in table]
    widths = [max(len(row[i]) for row in cells) for i in range(4)]
    lines = [
        f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:<{widths[2]}}  {d:>{widths[3]}}"
        for a, b, c, d in cells
    ]
    return "\n".join([*lines, _totals(network, table)])


def _built(network: Module, input_shape: Shape | None) -> Module:
    """The network, or a copy with its sizes found where that is possible."""
    if input_shape is None or network.is_built:
        return network
    return copy.deepcopy(network).build(input_shape)


def _totals(network: Module, table: list[Row]) -> str:
    if not network.is_built:
        return "? parameters: the sizes left open are found at the first call"
    parameters = network.parameters().values()
    number = sum(p.size for p in parameters)
    held = sum(v.size * v.dtype.itemsize for v in network.state().values())
    trained = sum(p.size * p.dtype.itemsize for p in parameters if p.trainable)
    frozen = number - sum(p.size for p in parameters if p.trainable)
    buffers = sum(b.size for b in network.buffers().values())
    item = max((v.dtype.itemsize for v in network.state().values()), default=4)
    text = f"{number:,} parameters" + (f" and {buffers:,} in buffers" if buffers else "")
    text += f", {_bytes(held)}"
    if frozen:
        text += f" ({frozen:,} frozen)"
    text += f"; training with Adam keeps {_bytes(held + 3 * trained)}"
    if all(r.outputs is not None for r in table):
        outputs = sum(math.prod(shape) for r in table for shape in r.outputs or ()) * item
        text += f" and {_bytes(outputs)} of outputs a row"
    return text


def _shapes(network: Module, input_shape: Shape | None) -> dict[str, tuple[Shape, ...]]:
    """The shapes of every module's outputs, found by calling the network on a placeholder."""
    found: dict[str, tuple[Shape, ...]] = {}
    if input_shape is None or not network.is_built:
        return found

    def saw(path: str, module: Module, y: Any) -> None:
        found[path] = tuple(node.shape[1:] for node in _tensors(y))

    state = network.state()
    nodes = {v: slot(path, v.shape, v.dtype) for path, v in state.items()}
    dtype = next((v.dtype for v in state.values()), None)
    # Printing never fails: what a user's forward cannot do here is shown as "?".
    with observed(saw), bound(nodes), contextlib.suppress(Exception):
        network(placeholder("x", (1, *input_shape), dtype or "float32"))
    return found


def _tensors(y: Any) -> list[Node]:
    """The tensors of an output: itself, or those of a tuple or dict."""
    if isinstance(y, dict):
        y = tuple(y.values())
    if isinstance(y, (tuple, list)):
        return [node for part in y for node in _tensors(part)]
    return [y] if isinstance(y, Node) else []


def _guessed_input(network: Module) -> Shape | None:
    """What the first layer with parameters takes; a convolution takes images of any size."""
    first = next((m for _, m in network.modules() if m._parameters or m._open), None)
    return (first.in_features,) if isinstance(first, Linear) and not first._open else None


def _batched(shapes: tuple[Shape, ...] | None) -> str:
    if not shapes:
        return "?"
    return ", ".join(f"({', '.join(['batch', *map(str, shape)])})" for shape in shapes)


def _number(row: Row) -> str:
    """How many parameters a layer has, and how many numbers in buffers."""
    if row.parameters is None:
        return "?"
    return f"{row.parameters:,}" + (f" + {row.buffers:,}" if row.buffers else "")


def _bytes(number: int) -> str:
    """A number of bytes in the largest unit that keeps it above 1."""
    value = float(number)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"
