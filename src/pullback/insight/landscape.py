"""`pb.landscape`: the loss around a network, or between two, on a grid."""

from __future__ import annotations

import itertools
import math
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pullback.errors import ConfigError
from pullback.execute import State, executor
from pullback.graph.dtypes import Array
from pullback.insight.curvature import curvature
from pullback.insight.directions import (
    Direction,
    check_names,
    directions_of,
    moved,
    product,
)
from pullback.insight.shading import text
from pullback.insight.subject import Subject, of_network
from pullback.insight.values import feeds_and_slots
from pullback.nn.module import Module
from pullback.plan import Step
from pullback.train.progress import Show
from pullback.train.progress import progress as shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Extent = float | tuple[float, float] | None


@dataclass(frozen=True)
class Landscape:
    r"""The loss on a grid: $L(\theta + \sum_k t_k d_k)$ for one or two directions d.

    Attributes:
        axes: The places t along each direction.
        losses: One for each place, of shape (first axis,) or (first axis, second axis); NaN or inf
            where the loss is not finite.
        directions: What each direction is called.
        lengths: How long each is, as a vector of all parameters.
        centre: The loss of the network itself, where t is 0.
        cosine: The cosine of the angle between two directions; None for one.
        title: Which loss it is.
    """

    axes: tuple[Array, ...]
    losses: Array
    directions: tuple[str, ...]
    lengths: tuple[float, ...]
    centre: float
    cosine: float | None
    title: str

    @property
    def lowest(self) -> tuple[float, tuple[float, ...]]:
        """The lowest finite loss on the grid, and where it is; NaN where none is finite."""
        finite = np.where(np.isfinite(self.losses), self.losses, np.inf)
        place = np.unravel_index(int(np.argmin(finite)), self.losses.shape)
        if not np.isfinite(finite[place]):
            return math.nan, (math.nan,) * self.losses.ndim
        at = tuple(float(axis[i]) for axis, i in zip(self.axes, place, strict=True))
        return float(self.losses[place]), at

    def __str__(self) -> str:
        return text(self)

    __repr__ = __str__

    def to_json(self) -> dict[str, Any]:
        """The same as plain data; None for what is not finite."""
        low, at = self.lowest
        named = zip(self.directions, self.lengths, self.axes, strict=True)
        return {
            "of": self.title,
            "directions": [
                {"name": name, "length": length, "at": axis.tolist()}
                for name, length, axis in named
            ],
            "losses": _finite(self.losses.tolist()),
            "centre": _finite(self.centre),
            "lowest": {"loss": _finite(low), "at": _finite(list(at))},
            "cosine": self.cosine,
        }

    def figure(self) -> Figure:
        """A curve, or a map with lines of equal loss; see `pb.figure`."""
        from pullback.insight.figures import figure

        return figure(self)


def _finite(value: Any) -> Any:
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value if math.isfinite(value) else None


def landscape(
    network: Module,
    data: Any,
    *,
    loss: Any,
    along: Any = ("random", "random"),
    extent: Extent = None,
    steps: int = 21,
    training: bool = False,
    seed: int = 0,
    executor: str | None = None,
    progress: Show | bool = "auto",
) -> Landscape:
    r"""The loss of a network on a batch, along one or two directions in parameter space.

    A random direction has normal numbers, scaled filter by filter to the network's own,
    $d_f \leftarrow d_f \|\theta_f\| / \|d_f\|$, so that networks whose weights are of another size
    can be compared; biases and the parameters of normalisation layers do not move. The gradient and
    the eigenvectors of the Hessian have length 1. A network, or values by path, are the end of a
    line: the loss at $(1 - t)\,\theta + t\,\theta'$, buffers included. The program of the loss is
    planned once and runs once a place; the network itself is never changed.

    Args:
        network: With values; it lies at 0. Frozen parameters move towards an end only.
        data: The batch, `(X, y)` or `(X, y, weights)`.
        loss: A loss or its name; a dict of them for several outputs.
        along: `random`, `gradient`, `eigenvector` (a second one is the next largest), another
            network of the same shape, or values by path (`pb.weights_at(run, 0)`); or two of these.
        extent: How far to go, to both sides, or (from, to). None takes 1; to an end, (0, 1).
        steps: How many places each axis has, at least 2.
        training: Whether the network is called as in training: batch statistics, dropout.
        seed: Of random directions, and of the first vector in the search for an eigenvector.
        executor: By which engine; None takes the default.
        progress: How it is shown how far it is, if it takes over a second.

    Returns:
        A `Landscape`: printed, a curve or a map in characters; `.figure()` draws it.

    Raises:
        ConfigError: Too few steps, no extent, nothing to move, an end that does not fit.
        UnknownNameError: There is no such direction; the nearest is named.
        NonFiniteError: The gradient that is to be the direction is not finite.

    Example:
        >>> import pullback as pb
        >>> network = pb.nn.Linear(1, 1, bias=False)
        >>> network.weight.assign([[2.0]])
        >>> seen = pb.landscape(network, ([[1.0]], [[0.0]]), loss="mse", along="gradient", steps=5)
        >>> seen.axes[0].tolist(), seen.losses.tolist()  # (2 + t)^2
        ([-1.0, -0.5, 0.0, 0.5, 1.0], [1.0, 2.25, 4.0, 6.25, 9.0])

    References:
        H. Li, Z. Xu, G. Taylor, C. Studer and T. Goldstein, 2018, "Visualizing the loss landscape
        of neural nets".
        I. Goodfellow, O. Vinyals and A. Saxe, 2015, "Qualitatively characterizing neural network
        optimization problems".
    """
    wanted = _wanted(along)
    _check(steps, extent)
    shower = shown(progress)
    subject = of_network(network, data, loss, training=training, seed=seed)

    def curved(count: int) -> Any:
        with shower.doing("looking for the directions of the largest curvature"):
            return curvature(
                network, data, loss=loss, count=count, training=training, seed=seed,
                executor=executor,
            )  # fmt: skip

    directions = directions_of(wanted, network, subject, curved, seed, executor)
    base = {p: v.numpy().astype(np.float64) for p, v in network.state().items()}
    axes = tuple(_axis(direction, extent, steps) for direction in directions)
    losses, centre = _losses(subject, base, directions, axes, executor, shower)
    changes = [direction.change(base) for direction in directions]
    lengths = tuple(math.sqrt(product(change, change)) for change in changes)
    return Landscape(
        axes=axes,
        losses=losses,
        directions=tuple(direction.name for direction in directions),
        lengths=lengths,
        centre=centre,
        cosine=product(*changes) / math.prod(lengths) if len(changes) == 2 else None,
        title=subject.title,
    )


def _wanted(along: Any) -> list[Any]:
    """One direction or two."""
    wanted = list(along) if isinstance(along, (tuple, list)) else [along]
    if len(wanted) not in (1, 2):
        raise ConfigError(
            "a landscape has one direction or two", f"{len(wanted)}", 'Pass along="random".'
        )
    check_names(wanted)
    return wanted


def _check(steps: Any, extent: Any) -> None:
    """Check the grid before anything is computed."""
    if isinstance(steps, bool) or not isinstance(steps, numbers.Integral) or steps < 2:
        raise ConfigError("an axis has at least 2 places", f"steps={steps!r}", "Use steps=21.")
    if extent is None:
        return
    ends = extent if isinstance(extent, (tuple, list)) else (0, extent)
    real = all(isinstance(x, numbers.Real) and math.isfinite(x) for x in ends)
    if len(ends) != 2 or not real or not ends[0] < ends[1]:
        raise ConfigError(
            "an extent is a positive number, or (from, to) with from below to",
            f"extent={extent!r}",
            "Use extent=1.0.",
        )


def _axis(direction: Direction, extent: Extent, steps: int) -> Array:
    """Places at equal distances; 0 and 1 are hit exactly where they are among them."""
    if extent is None:
        extent = (0.0, 1.0) if direction.is_end else 1.0
    low, high = extent if isinstance(extent, (tuple, list)) else (-extent, extent)
    axis = np.linspace(low, high, steps)
    for exact in (0.0, 1.0):
        axis[np.abs(axis - exact) < 1e-9 * (high - low)] = exact
    return (axis - axis[::-1]) / 2 if low == -high else axis


def _losses(
    subject: Subject,
    base: Mapping[str, Array],
    directions: Sequence[Direction],
    axes: Sequence[Array],
    kind: str | None,
    shower: Any,
) -> tuple[Array, float]:
    """The loss at every place, and at 0, all from one program whose slots are the parameters."""
    feeds, slots = feeds_and_slots(subject.values)
    state = State(slots)
    ran = executor(Step({"loss": subject.loss}, name="loss"), state, kind)
    program = getattr(ran, "program", None)
    needed = feeds if program is None else {label: feeds[label] for label in program.feeds}

    def at(place: Sequence[float]) -> float:
        with np.errstate(all="ignore"):  # what is too large becomes inf, and the loss says so
            for path, value in moved(base, directions, place).items():
                state[path] = value
        return float(ran.run(needed)["loss"])

    centre = at([0.0] * len(axes))
    shape = tuple(map(len, axes))
    total = math.prod(shape)
    found = np.empty(total)
    with shower.counting(f"the loss at {total:,} places", total) as tell:
        for number, place in enumerate(itertools.product(*(axis.tolist() for axis in axes))):
            found[number] = at(place)
            tell(number + 1)
    return found.reshape(shape), centre
