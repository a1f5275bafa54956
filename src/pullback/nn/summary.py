"""A network as a table: layers, output shapes, parameter counts, memory."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from pullback.graph.dtypes import Shape
from pullback.graph.node import Node, placeholder, slot
from pullback.nn.linear import Linear
from pullback.nn.module import _OBSERVER, Module
from pullback.nn.parameter import bound


@dataclass(frozen=True)
class Row:
    """One module in the table."""

    path: str
    layer: str
    output: Shape | None
    parameters: int
    trainable: int


def rows(network: Module, input_shape: Shape | None = None) -> list[Row]:
    """One row for every module that is called, in the order of calls.

    Args:
        network: The network.
        input_shape: The shape of one row of input; found from the first `Linear` when None.
    """
    shapes = _shapes(network, input_shape or _guessed_input(network))
    table = []
    for path, module in network.modules():
        own = module._parameters.values()
        if module._children and not own:
            continue
        table.append(
            Row(
                path,
                repr(module),
                shapes.get(path),
                sum(p.size for p in own),
                sum(p.size for p in own if p.trainable),
            )
        )
    return table


def summary(network: Module, input_shape: Shape | None = None) -> str:
    """The table as text.

    Example:
        >>> import pullback as pb
        >>> print(pb.nn.Sequential(pb.nn.Linear(4, 3), "relu"))
        path  layer         output      parameters
        0     Linear(4, 3)  (batch, 3)          15
        1     ReLU()        (batch, 3)           0
        15 parameters, 60 B; training with Adam keeps 240 B and 24 B of outputs a row
    """
    table = rows(network, input_shape)
    cells = [("path", "layer", "output", "parameters")]
    cells += [(r.path or "-", r.layer, _batched(r.output), f"{r.parameters:,}") for r in table]
    widths = [max(len(row[i]) for row in cells) for i in range(4)]
    lines = [
        f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:<{widths[2]}}  {d:>{widths[3]}}"
        for a, b, c, d in cells
    ]
    return "\n".join([*lines, _totals(network, table)])


def _totals(network: Module, table: list[Row]) -> str:
    parameters = network.parameters().values()
    number = sum(p.size for p in parameters)
    held = sum(p.size * p.dtype.itemsize for p in parameters)
    trained = sum(p.size * p.dtype.itemsize for p in parameters if p.trainable)
    frozen = number - sum(p.size for p in parameters if p.trainable)
    item = max((p.dtype.itemsize for p in parameters), default=4)
    text = f"{number:,} parameters, {_bytes(held)}"
    if frozen:
        text += f" ({frozen:,} frozen)"
    text += f"; training with Adam keeps {_bytes(held + 3 * trained)}"
    if all(r.output is not None for r in table):
        outputs = sum(_count(r.output) for r in table if r.output is not None) * item
        text += f" and {_bytes(outputs)} of outputs a row"
    return text


def _shapes(network: Module, input_shape: Shape | None) -> dict[str, Shape]:
    """The output shape of every module, found by calling the network on a placeholder."""
    found: dict[str, Shape] = {}
    if input_shape is None:
        return found

    def saw(path: str, module: Module, y: Node) -> None:
        found[path] = y.shape[1:]

    parameters = network.parameters()
    nodes = {p: slot(path, p.shape, p.dtype) for path, p in parameters.items()}
    dtype = next((p.dtype for p in parameters.values()), None)
    token = _OBSERVER.set(saw)
    try:
        # Printing never fails: what a user's forward cannot do here is shown as "?".
        with bound(nodes), contextlib.suppress(Exception):
            network(placeholder("x", (1, *input_shape), dtype or "float32"))
    finally:
        _OBSERVER.reset(token)
    return found


def _guessed_input(network: Module) -> Shape | None:
    for _, module in network.modules():
        if isinstance(module, Linear):
            return (module.in_features,)
    return None


def _batched(shape: Shape | None) -> str:
    return "?" if shape is None else f"({', '.join(['batch', *map(str, shape)])})"


def _count(shape: Shape) -> int:
    count = 1
    for n in shape:
        count *= n
    return count


def _bytes(number: int) -> str:
    """A number of bytes in the largest unit that keeps it above 1."""
    value = float(number)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"
