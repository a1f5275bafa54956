"""Ways through parameter space: what a landscape is seen along."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pullback import ops
from pullback.autodiff.reverse import gradient
from pullback.errors import ConfigError, NonFiniteError, ShapeError, unknown
from pullback.graph.dtypes import Array, is_float
from pullback.insight.curvature import Curvature
from pullback.insight.subject import Subject
from pullback.insight.values import computed
from pullback.nn.embedding import Embedding
from pullback.nn.module import Module
from pullback.nn.normalisation import Normalisation
from pullback.nn.parameter import Parameter
from pullback.nn.positions import LearnedPositions

NAMED = ("random", "gradient", "eigenvector")
_ROWS = (Embedding, LearnedPositions)
"""Layers whose weight has a row for each token or place; elsewhere a filter is a column."""


@dataclass(frozen=True)
class Direction:
    """Where a step of length 1 leads.

    Attributes:
        name: What it is called.
        by: What is added to each value at 1; or, of an end, what each value is there.
        is_end: Whether it leads to given values rather than by a given change.
    """

    name: str
    by: Mapping[str, Array]
    is_end: bool = False

    def change(self, base: Mapping[str, Array]) -> dict[str, Array]:
        """What is added to each value from 0 to 1."""
        return {p: a - base[p] if self.is_end else a for p, a in self.by.items()}


def product(a: Mapping[str, Array], b: Mapping[str, Array]) -> float:
    """The inner product of two changes; what only one of them has does not move in the other."""
    return float(sum((a[path] * b[path]).sum() for path in a if path in b))


def moved(
    base: Mapping[str, Array], directions: Sequence[Direction], at: Sequence[float]
) -> dict[str, Array]:
    r"""The values at a point: $(1 - \sum_e t_e)\,\theta + \sum_e t_e \theta_e + \sum_d t_d\, d$.

    Of ends e the values are weighed, so that at $t_e = 1$ they are those of the end to the bit.

    Args:
        base: The values at 0, in float64.
        directions: Ends and changes.
        at: How far to go along each.
    """
    rest = 1 - sum(t for d, t in zip(directions, at, strict=True) if d.is_end)
    found = {}
    for path, value in base.items():
        parts = [value if rest == 1 else rest * value] if rest else []
        for direction, t in zip(directions, at, strict=True):
            if t and path in direction.by:
                parts.append(t * direction.by[path])
        found[path] = sum(parts[1:], start=parts[0]) if parts else np.zeros_like(value)
    return found


def directions_of(
    along: Sequence[Any],
    network: Module,
    subject: Subject,
    curved: Callable[[int], Curvature],
    seed: int,
    kind: str | None,
) -> list[Direction]:
    """What was asked for, as directions.

    Args:
        along: Names of `NAMED`, networks, or values by path.
        network: What is at 0.
        subject: Its loss on the batch.
        curved: Finds so many eigenvectors.
        seed: Of random directions.
        kind: The engine that computes a gradient.

    Raises:
        UnknownNameError: A name is none of `NAMED`; the nearest is named.
        ConfigError: There is nothing to move, or an end is another network.
    """
    check_names(along)
    counts = {name: sum(isinstance(d, str) and d == name for d in along) for name in NAMED}
    vectors = curved(counts["eigenvector"]) if counts["eigenvector"] else None
    seen = dict.fromkeys(NAMED, 0)
    found = []
    for given in along:
        if not isinstance(given, str):
            found.append(_end(given, network))
            continue
        number, many = seen[given], counts[given] > 1
        seen[given] += 1
        if given == "random":
            made = _random(network, np.random.default_rng((seed, number)))
            found.append(
                Direction(f"random direction {number + 1}" if many else "a random direction", made)
            )
        elif given == "gradient":
            found.append(Direction("the gradient, uphill", _gradient(network, subject, kind)))
        else:
            assert vectors is not None
            if number >= len(vectors.eigenvectors):
                raise ConfigError(
                    "there are as many eigenvectors as trained numbers",
                    f"{number + 1} asked for, {len(vectors.eigenvectors)} found",
                    "Ask for one direction.",
                )
            title = f"eigenvector {number + 1} of the Hessian"
            found.append(Direction(title, vectors.eigenvectors[number]))
    return found


def check_names(along: Sequence[Any]) -> None:
    """Raise UnknownNameError for a name that is no direction."""
    for given in along:
        if isinstance(given, str) and given not in NAMED:
            raise unknown("direction", given, NAMED)


def trained(network: Module) -> dict[str, Parameter]:
    """What a direction may move.

    Raises:
        ConfigError: Nothing.
    """
    found = {path: p for path, p in network.parameters().items() if p.trainable and p.size}
    if not found:
        raise ConfigError(
            "a landscape is that of trainable parameters",
            "a network that has none",
            "Call network.unfreeze(), or look at a network with weights.",
        )
    return found


def _random(network: Module, random: np.random.Generator) -> dict[str, Array]:
    r"""Normal numbers, each filter as long as the network's: $d_f \|\theta_f\| / \|d_f\|$."""
    owners = {id(p): module for _, module in network.modules() for p in module._values().values()}
    found = {}
    for path, parameter in trained(network).items():
        owner = owners[id(parameter)]
        drawn = random.normal(size=parameter.shape)
        if parameter.ndim < 2 or isinstance(owner, Normalisation):
            found[path] = np.zeros(parameter.shape)
        else:
            value = parameter.numpy().astype(np.float64)
            found[path] = drawn * filter_scale(drawn, value, rows=isinstance(owner, _ROWS))
    if not any(d.any() for d in found.values()):
        raise ConfigError(
            "a random direction is as long as the weights, biases left out",
            "a network whose weights are all 0, or that has only vectors",
            'Look along="gradient" instead.',
        )
    return found


def filter_scale(drawn: Array, value: Array, *, rows: bool = False) -> Array:
    """What makes each filter of `drawn` as long as that of `value`; 0 where that is 0.

    Args:
        drawn: (..., filters), or with `rows` (filters, features).
        value: Likewise.
        rows: Whether a filter is a row: of an embedding, where each token has one.
    """
    axes = tuple(range(1, value.ndim)) if rows else tuple(range(value.ndim - 1))
    lengths = np.sqrt(np.square(drawn).sum(axes, keepdims=True))
    wanted = np.sqrt(np.square(value).sum(axes, keepdims=True))
    return np.divide(wanted, lengths, out=np.zeros_like(wanted), where=lengths > 0)


def _gradient(network: Module, subject: Subject, kind: str | None) -> dict[str, Array]:
    """The gradient, of length 1."""
    nodes = {path: subject.node(path) for path in trained(network)}
    bars = gradient(subject.loss, [*nodes.values()])
    wanted = [
        ops.full_like(x, 0.0) if bar is None else bar
        for x, bar in zip(nodes.values(), bars, strict=True)
    ]
    values = computed(wanted, subject.values, kind)
    found = {p: values[n].astype(np.float64) for p, n in zip(nodes, wanted, strict=True)}
    length = float(np.sqrt(sum(np.square(a).sum() for a in found.values())))
    if not np.isfinite(length):
        raise NonFiniteError(
            "a direction must be finite", f"a gradient of norm {length}", 'Look along="random".'
        )
    if not length:
        raise ConfigError(
            "a gradient that is a direction must not be 0", "0", 'Look along="random".'
        )
    return {path: a / length for path, a in found.items()}


def _end(given: Any, network: Module) -> Direction:
    """The direction to another network of the same shapes, or to values by path."""
    state = network.state()
    if isinstance(given, Module):
        if not given.is_initialised:
            raise ConfigError(
                "a network at the end of a line needs values",
                "parameters that were never initialised",
                "Fit it, load it, or call network.initialise(seed=1).",
            )
        values: Mapping[str, Any] = {path: v.numpy() for path, v in given.state().items()}
        title = "the line to the other network"
    elif isinstance(given, Mapping):
        values, title = given, "the line to the given values"
    else:
        raise ConfigError(
            f"a direction is {', '.join(map(repr, NAMED))}, a network, or values by path",
            type(given).__name__,
            'Pass along="random", or along=pb.weights_at(run, step).',
        )
    found = {}
    for path, value in state.items():
        if path not in values:
            raise ConfigError(
                "both ends of a line have the same parameters",
                f"no {path} at the other end",
                "Pass a network that was made in the same way.",
            )
        end = np.asarray(values[path])
        if end.shape != value.shape:
            raise ShapeError(
                f"{path} has shape {value.shape} at both ends of a line",
                f"shape {end.shape} at the other end",
                "Pass a network that was made in the same way.",
            )
        if is_float(value.dtype):
            found[path] = end.astype(np.float64)
    if not any((found[p] != state[p].numpy()).any() for p in found):
        raise ConfigError(
            "the ends of a line must differ", "the same values", "Pass another network."
        )
    return Direction(title, found, is_end=True)
