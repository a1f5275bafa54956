"""What is looked at while a network trains, and in which steps."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from fnmatch import fnmatchcase
from typing import Any

from pullback.errors import ConfigError, unknown
from pullback.graph.dtypes import is_float
from pullback.graph.node import Node
from pullback.plan import Site
from pullback.train.checks import flag, whole

FIRST = 8
CLOSEST, SPARSE = 16, 128  # the steps between two looks in short runs, and in longer ones
EARLY, DOUBLING = 8, 64  # looks between a number of steps and twice as many

COTANGENT, GRADIENT, UPDATE = "cotangent", "gradient", "update"
SAMPLE_NORMS = "sample_norms"


@dataclass(frozen=True)
class Probes:
    """Which values of a training's steps are looked at, in which steps.

    The places are those of the network: `0.output` (what a layer gave), `0.output.cotangent` (the
    derivative of the loss with respect to it), `0.weight`, `0.weight.gradient` and
    `0.weight.update` (by how much the step changed it). Of each, the mean, the deviation, the norm,
    the extremes and the part of zeros are kept, of outputs that are bounded, as those of tanh, the
    part that is saturated, and on request how often each binary exponent occurs. Looking changes no
    bit of the training.

    Args:
        patterns: Of the places' names, such as "*.output"; none looks at nothing.
        every: In every so many steps. None looks seldom: at the first 8 steps, at every 16th up to
            256, at 8 between there and 512 and again and again as many in twice the steps; from
            1,024 on at every 128th, and at most 64 in twice the steps.
        histograms: Whether to count how often each binary exponent occurs.
        samples: Whether the norm of each row's own gradient is looked at, at the place
            `sample_norms`. It has to be computed, which costs little in dense networks and much in
            others.

    Raises:
        ConfigError: A pattern that is no text, or a number of steps below 1.

    Example:
        >>> Probes("*.gradient", every=10).sees("0.weight.gradient")
        True
    """

    patterns: str | Sequence[str] = ("*",)
    every: int | None = None
    histograms: bool = False
    samples: bool = False

    def __post_init__(self) -> None:
        given = self.patterns if isinstance(self.patterns, Sequence) else (self.patterns,)
        patterns = (given,) if isinstance(given, str) else tuple(given)
        if not all(isinstance(pattern, str) and pattern for pattern in patterns):
            raise ConfigError(
                "probes are patterns of places",
                repr(self.patterns),
                'Write for instance "*.output".',
            )
        if self.every is not None:
            object.__setattr__(self, "every", whole("every", self.every, 1))
        for name in ("histograms", "samples"):
            object.__setattr__(self, name, flag(name, getattr(self, name)))
        object.__setattr__(self, "patterns", patterns)

    @classmethod
    def of(cls, given: Any) -> Probes:
        """From what `fit` is given: None for the default, False for none, patterns for every step.

        Raises:
            ConfigError: Something else.
        """
        if given is None or given is True:
            return cls()
        if given is False:
            return cls(())
        if isinstance(given, Probes):
            return given
        if isinstance(given, Mapping):
            return cls.from_config(given)
        if isinstance(given, str | Sequence):
            return cls(given, every=1)
        raise ConfigError(
            "probes are patterns of places, or pb.Probes",
            type(given).__name__,
            'Pass for instance probes="*.gradient", or False for none.',
        )

    def to_config(self) -> dict[str, Any]:
        """As plain JSON data."""
        return {**asdict(self), "patterns": list(self.patterns)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Probes:
        """From plain JSON data.

        Raises:
            UnknownNameError: A setting that does not exist; the nearest is named.
        """
        known = [f.name for f in fields(cls)]
        for name in config:
            if name not in known:
                raise unknown("setting of probes", name, known)
        return cls(**config)

    def check(
        self, outputs: Iterable[str], parameters: Iterable[str], *, cotangents: bool = True
    ) -> None:
        """Refuse patterns that match nothing.

        Args:
            outputs: The places of the layers' outputs.
            parameters: The paths of what is trained.
            cotangents: Whether those of outputs can be looked at.

        Raises:
            UnknownNameError: One that matches no place; the nearest is named.
        """
        places = [SAMPLE_NORMS] if self.samples else []
        for place in outputs:
            places += [place, f"{place}.{COTANGENT}"] if cotangents else [place]
        for path in parameters:
            places += [path, f"{path}.{GRADIENT}", f"{path}.{UPDATE}"]
        for pattern in self.patterns:
            if not any(fnmatchcase(place, pattern) for place in places):
                raise unknown("pattern of probes", pattern, places)

    def sees(self, place: str) -> bool:
        """Whether a place is looked at; with `samples` every gradient is, for the noise scale."""
        if self.samples and place.endswith(f".{GRADIENT}"):
            return True
        return any(fnmatchcase(place, pattern) for pattern in self.patterns)

    def due(self, first: int, count: int = 1) -> list[int]:
        """Which of some steps are looked at, by the number of steps before each.

        Args:
            first: The number of steps that were taken before the first of them.
            count: How many steps.
        """
        end = first + count
        if not (self.patterns or self.samples):
            return []
        if self.every is not None:
            return [*range(first + -first % self.every, end, self.every)]
        found, step = [*range(first, min(end, FIRST))], max(first, FIRST)
        while step < end:
            reached = 1 << (step.bit_length() - 1)  # the last power of two
            spacing = max(min(max(reached // EARLY, CLOSEST), SPARSE), reached // DOUBLING)
            stop = min(end, 2 * reached)
            found += range(step + -step % spacing, stop, spacing)
            step = stop
        return found

    def of_outputs(
        self,
        outputs: Mapping[str, tuple[Node, tuple[float, float] | None]],
        cotangents: Mapping[str, Node],
    ) -> dict[str, Site]:
        """The sites of what layers gave, of those that are looked at.

        Args:
            outputs: By place, each with the bounds of what it can be.
            cotangents: Of outputs, by their places.
        """
        found: dict[str, Site] = {}
        for place, (node, bounds) in outputs.items():
            found[place] = Site(node, bounds=near(bounds))
            if place in cotangents:
                found[f"{place}.{COTANGENT}"] = Site(cotangents[place])
        return self._chosen(found)

    def of_parameters(
        self,
        parameters: Mapping[str, Node],
        gradients: Mapping[str, Node],
        updated: Mapping[str, Node],
    ) -> dict[str, Site]:
        """The sites of what is trained, of those that are looked at.

        Args:
            parameters: By path.
            gradients: Likewise.
            updated: Their new values.
        """
        found: dict[str, Site] = {}
        for path, node in parameters.items():
            found[path] = Site(node)
            found[f"{path}.{GRADIENT}"] = Site(gradients[path])
            found[f"{path}.{UPDATE}"] = Site(updated[path], before=node)
        return self._chosen(found)

    def site(
        self,
        node: Node,
        before: Node | None = None,
        bounds: tuple[float, float] = (-math.inf, math.inf),
    ) -> Site:
        """A value as it is looked at."""
        return Site(node, before, bounds, self.histograms)

    def _chosen(self, found: Mapping[str, Site]) -> dict[str, Site]:
        return {
            place: self.site(site.node, site.before, site.bounds)
            for place, site in found.items()
            if is_float(site.node.dtype) and self.sees(place)
        }


def near(bounds: tuple[float, float] | None) -> tuple[float, float]:
    """From where on numbers between bounds are saturated: within a hundredth of their range."""
    if bounds is None:
        return -math.inf, math.inf
    low, high = bounds
    return low + 0.01 * (high - low), high - 0.01 * (high - low)
