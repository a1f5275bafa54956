"""A landscape as text of at most 100 columns: bars for a curve, shades for a map."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING

import numpy as np

from pullback.graph.dtypes import Array

if TYPE_CHECKING:
    from pullback.insight.landscape import Landscape

WIDTH = 100
MOST = 41
"""Places shown of an axis; of more, some at equal distances."""
SHADES = ".:-=+*ox%#"
BARS = 50
NOT_FINITE, CENTRE = "!", "@"


def number(x: float) -> str:
    """A number with five digits; what is not finite by its name.

    Example:
        >>> number(0.123456789), number(float("inf"))
        ('0.12346', 'inf')
    """
    return f"{x + 0.0:.5g}"


def text(found: Landscape) -> str:
    """The whole landscape."""
    return "\n".join(line for part in (_head(found), _body(found)) for line in part)


def _head(found: Landscape) -> list[str]:
    named = zip(found.directions, found.lengths, strict=True)
    ways = " and ".join(f"{name} (of length {length:.4g})" for name, length in named)
    lines = _wrapped(f"{found.title}, along {ways}")
    low, at = found.lowest
    said = f"at 0, the network itself: {number(found.centre)}"
    if not math.isnan(low):
        place = ", ".join(f"{x:.4g}" for x in at)
        said += f"; the lowest: {number(low)} at {place if len(at) == 1 else f'({place})'}"
    if found.cosine is not None:
        said += f"; cosine of the directions {found.cosine:.2f}"
    return [*lines, *_wrapped(said)]


def _body(found: Landscape) -> list[str]:
    rows = [_some(axis) for axis in found.axes]
    losses = found.losses[np.ix_(*rows)]
    axes = [axis[chosen] for axis, chosen in zip(found.axes, rows, strict=True)]
    return _curve(axes[0], losses) if losses.ndim == 1 else _map(axes, losses)


def _some(axis: Array) -> Array:
    """Which places are shown: all, or some at equal distances, with the one nearest to 0."""
    if len(axis) <= MOST:
        return np.arange(len(axis))
    chosen = np.linspace(0, len(axis) - 1, MOST).round().astype(int)
    nearest = int(np.argmin(np.abs(axis)))
    chosen[int(np.argmin(np.abs(chosen - nearest)))] = nearest
    return chosen


def _curve(axis: Array, losses: Array) -> list[str]:
    """A line for each place, with a bar as long as the loss is high."""
    finite = losses[np.isfinite(losses)]
    low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 0.0)
    log = bool(low > 0 and high / low > 1000)
    scale = np.log if log else np.asarray
    lines = ["", f"{'at':>9}  {'loss':>11}" + ("  (bars in proportion to its logarithm)" * log)]
    for place, loss in zip(axis, losses, strict=True):
        bar = NOT_FINITE
        if math.isfinite(loss):
            part = (scale(loss) - scale(low)) / (scale(high) - scale(low)) if high > low else 0
            bar = "#" * (1 + round(float(part) * (BARS - 1)))
        mark = "  <- the network" if place == 0 else ""
        lines.append(f"{place:>9.4g}  {number(loss):>11}  {bar}{mark}")
    return lines


def _map(axes: list[Array], losses: Array) -> list[str]:
    """The first direction to the right, the second upwards; ten shades of as many places each."""
    finite = np.sort(losses[np.isfinite(losses)])
    cuts = finite[(np.arange(1, 10) * len(finite)) // 10] if len(finite) else finite
    lines = [""]
    for j in reversed(range(len(axes[1]))):
        cells = "".join(f"{_shade(x, cuts)} " for x in losses[:, j])
        if axes[1][j] == 0 and (axes[0] == 0).any():
            i = 2 * int(np.argmin(np.abs(axes[0])))
            cells = cells[:i] + CENTRE + cells[i + 1 :]
        label = f"{axes[1][j]:.3g}" if j in (0, len(axes[1]) - 1) or axes[1][j] == 0 else ""
        lines.append(f"{label:>9}  {cells}".rstrip())
    first, last = f"{axes[0][0]:.3g}", f"{axes[0][-1]:.3g}"
    room = max(2 * len(axes[0]) - 1 - len(first), len(last) + 1)
    lines += [f"{'':>11}{first}{last:>{room}}", ""]
    return [*lines, *_legend(finite, cuts, losses)]


def _legend(finite: Array, cuts: Array, losses: Array) -> list[str]:
    if not len(finite):
        return [f"{NOT_FINITE} no loss is finite"]
    bounds = [finite[0], *cuts, finite[-1]]
    seen = {_shade(loss, cuts) for loss in finite.tolist()}
    pairs = [pair for pair in zip(SHADES, bounds, strict=False) if pair[0] in seen]
    said = ", ".join(f"{shade} from {number(low)}" for shade, low in pairs)
    tail = f" up to {number(finite[-1])}; {CENTRE} the network"
    if len(finite) < losses.size:
        tail += f"; {NOT_FINITE} not finite ({losses.size - len(finite)} of {losses.size} places)"
    return _wrapped(f"{said},{tail}")


def _shade(loss: float, cuts: Array) -> str:
    if not math.isfinite(loss):
        return NOT_FINITE
    return SHADES[int(np.searchsorted(cuts, loss, side="right"))]


def _wrapped(line: str) -> list[str]:
    return textwrap.wrap(line, WIDTH, subsequent_indent="  ", break_long_words=False)
