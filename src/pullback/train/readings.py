"""What probes saw while a network trained, as arrays over the steps."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from pullback.errors import ConfigError, UnknownNameError, nearest, unknown
from pullback.execute.seen import STATISTICS, Seen
from pullback.graph.dtypes import Array
from pullback.runs.store import RunStore
from pullback.runs.telemetry import Looked
from pullback.train.probes import GRADIENT, SAMPLE_NORMS, UPDATE


class Look(NamedTuple):
    """What probes saw in one step."""

    step: int
    places: tuple[str, ...]
    seen: Seen


@dataclass(frozen=True, eq=False)
class Reading:
    """What probes saw of one place: each an array over the steps at which it was looked at.

    What is NaN has no part in the extremes. Sums are taken in the network's own dtype: of float32
    numbers the mean is right to about 1e-6 of the root of the mean square, and the norm to 1e-6 of
    itself.

    Attributes:
        place: Its name, such as `0.output`.
        step: The numbers of the steps, 1 for the first, int64.
        count: How many numbers there were.
        mean: Their mean.
        deviation: Their standard deviation.
        norm: The root of the sum of their squares.
        low: The least.
        high: The greatest.
        zeros: Which part of them is 0.
        saturated: Which part lies near the bounds of what an activation can give, within a
            hundredth of its range; NaN for others.
        histogram: How many have each binary exponent, (steps, 256): bin e + 127 counts the numbers
            from 2^e up to 2^(e + 1) in size, bin 0 zeros and what is smaller than 2^-126, bin 255
            NaN and inf. None where nothing was counted.
    """

    place: str
    step: Array
    count: Array
    mean: Array
    deviation: Array
    norm: Array
    low: Array
    high: Array
    zeros: Array
    saturated: Array
    histogram: Array | None = None

    @classmethod
    def of(cls, place: str, step: Array, found: Array, bins: Array | None) -> Reading:
        """From what was added up at each step, (steps, 7); see `STATISTICS`."""
        count, total, squares, low, high, zeros, outside = found.T
        with np.errstate(all="ignore"):
            mean, square = total / count, squares / count
            deviation = np.sqrt(np.maximum(square - mean**2, 0))
            return cls(
                place,
                step,
                count.astype(np.int64),
                mean,
                deviation,
                np.sqrt(squares),
                low,
                high,
                zeros / count,
                outside / count,
                bins,
            )

    def __len__(self) -> int:
        return len(self.step)


COLUMNS = ("mean", "deviation", "norm", "low", "high", "zeros", "saturated")


class Readings(Mapping[str, Reading]):
    """What probes saw of all places of a training, by name.

    Args:
        looks: What was seen, step by step.

    Example:
        >>> import numpy as np, pullback as pb
        >>> x = np.linspace(-1, 1, 20)[:, None]
        >>> run = pb.fit(pb.nn.dense(1, [4], 1), (x, x), steps=6, loss="mse", probes="*")
        >>> run.probes["0.weight.gradient"].norm.shape
        (6,)
        >>> sorted(run.probes.matching("1.*"))
        ['1.output', '1.output.cotangent']
    """

    def __init__(self, looks: Iterable[Look]) -> None:
        self._looks = list(looks)

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> Readings:
        """What was seen in a run that was saved, by the path of its folder.

        Raises:
            ConfigError: It is no path.
            FileFormatError: It is no run's folder, or its telemetry is damaged.
        """
        if not isinstance(path, str | os.PathLike):
            raise ConfigError(
                "a saved run is named by its folder",
                type(path).__name__,
                "Pass the path of the folder; of a run at hand, take run.probes.",
            )
        with RunStore.open(path) as store:
            return cls(looks_of(store.telemetry.looks()))

    def get(self, place: str, default: Any = None) -> Any:
        """What was seen at a place, or `default` where it was not looked at."""
        return self[place] if place in self._rows else default

    @cached_property
    def _rows(self) -> dict[str, list[tuple[int, int]]]:
        """By place, the numbers of the looks and of the rows in them."""
        rows: dict[str, list[tuple[int, int]]] = {}
        for number, look in enumerate(self._looks):
            for row, place in enumerate(look.places):
                if look.seen.statistics[row, 0] > 0:
                    rows.setdefault(place, []).append((number, row))
        return rows

    def __getitem__(self, place: str) -> Reading:
        if place not in self._rows:
            raise unknown("place of the probes", place, self._rows)
        where = self._rows[place]
        seen = [self._looks[number].seen for number, _ in where]
        rows = [row for _, row in where]
        found = np.array([s.statistics[row] for s, row in zip(seen, rows, strict=True)])
        bins = None
        if all(len(s.bins) for s in seen):
            bins = np.array([s.bins[row] for s, row in zip(seen, rows, strict=True)])
        step = np.array([self._looks[number].step for number, _ in where], np.int64)
        return Reading.of(place, step, found.reshape(-1, len(STATISTICS)), bins)

    def __contains__(self, place: object) -> bool:
        return place in self._rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def matching(self, pattern: str) -> dict[str, Reading]:
        """The readings of the places that a pattern matches, such as "*.gradient".

        Raises:
            ConfigError: Nothing was looked at.
            UnknownNameError: It matches none.
        """
        if not self:
            raise ConfigError(
                "something must have been looked at",
                "a run without probes",
                'Train with probes="*", or pullback train --probe "*".',
            )
        found = {place: self[place] for place in self if fnmatchcase(place, pattern)}
        if not found:
            raise unknown("place of the probes", pattern, self._rows)
        return found

    def update_ratio(self, parameter: str) -> Array:
        """How large the steps of a parameter are: the norm of its update over its own, by step.

        Raises:
            UnknownNameError: It is no parameter of which both it and its update were looked at; the
                nearest is named.
        """
        having = [place for place in self if f"{place}.{UPDATE}" in self]
        if parameter not in having:
            raise UnknownNameError(
                "an update ratio is that of a parameter which was looked at with its update",
                f"{parameter!r}, where these are {', '.join(having[:30]) or 'none'}",
                _nearest_parameter(parameter, having),
            )
        weight, update = self[parameter], self[f"{parameter}.{UPDATE}"]
        if not np.array_equal(weight.step, update.step):
            raise ConfigError(
                "a parameter and its update must have been looked at in the same steps",
                f"{len(weight)} and {len(update)} steps",
                "Probe both.",
            )
        with np.errstate(all="ignore"):
            return np.asarray(update.norm / weight.norm)

    def noise_scale(self) -> Array:
        r"""The gradient noise scale in each batch, $\operatorname{tr}\Sigma / |G|^2$, by step.

        So many rows a batch must have before its gradient is more signal than noise. From the norms
        of the samples' gradients and that of their mean, both without bias; from one batch it is
        rough, infinite where noise is all there is, and NaN of a single row. Rows of weight 1 and
        no penalties are taken for granted.

        Raises:
            ConfigError: The norms of samples were not looked at.

        References:
            S. McCandlish, J. Kaplan, D. Amodei et al., 2018, "An empirical model of large-batch
            training".
        """
        if SAMPLE_NORMS not in self:
            raise ConfigError(
                "the noise scale follows from the norms of samples' gradients",
                "a training in which they were not looked at",
                "Train with probes=pb.Probes(samples=True).",
            )
        samples = self[SAMPLE_NORMS]
        gradients = self.matching(f"*.{GRADIENT}").values()
        mean = np.sum([gradient.norm**2 for gradient in gradients], axis=0)
        rows = samples.count
        with np.errstate(all="ignore"):
            variance = (samples.norm**2 - rows * mean) / (rows - 1)
            signal = mean - variance / rows
            scale = np.where(signal > 0, variance / signal, np.inf)
            return np.where(rows > 1, scale, np.nan)

    def frame(self, pattern: str = "*") -> Any:
        """A polars data frame with a row for each step and place.

        Its columns are step, place, count, mean, deviation, norm, low, high, zeros and saturated.

        Raises:
            UnknownNameError: The pattern matches no place.
        """
        import polars

        parts = []
        for place, reading in self.matching(pattern).items():
            columns = {name: getattr(reading, name) for name in ("step", "count", *COLUMNS)}
            parts.append(polars.DataFrame(columns).with_columns(polars.lit(place).alias("place")))
        whole = polars.concat(parts)
        return whole.select("step", "place", "count", *COLUMNS).sort("step", maintain_order=True)

    def __repr__(self) -> str:
        steps = len(self._looks)
        return f"Readings({len(self)} places, {steps} step{'s' * (steps != 1)})"


def _nearest_parameter(place: str, having: Sequence[str]) -> str:
    """Advice that names the nearest parameter: one of the same layer, or one spelled alike."""
    if not having:
        return 'Train with probes=("*.weight", "*.weight.update").'
    layer = place.partition(".")[0]
    same = next((path for path in having if path.startswith(f"{layer}.")), None)
    guess = nearest(place.removesuffix(f".{UPDATE}"), having) or same
    return f"Did you mean {guess!r}?" if guess else "Choose one of those listed."


def looks_of(found: Iterable[Looked]) -> list[Look]:
    """What probes saw in a run that was saved, from what its telemetry holds."""
    return [Look(one.step, one.places, Seen(one.statistics, one.bins)) for one in found]


def joined(seen: Sequence[Seen]) -> Seen:
    """What was seen of different places, one after the other."""
    bins = [one.bins for one in seen if len(one.bins)]
    return Seen(
        np.concatenate([one.statistics for one in seen]),
        np.concatenate(bins) if bins else np.zeros((0, 0), np.int64),
    )


def merged(parts: Sequence[Seen]) -> Seen:
    """What was seen of arrays whose parts were seen: those of the micro-batches of a batch."""
    both = np.array([part.statistics for part in parts])
    with np.errstate(all="ignore"):
        found = both.sum(axis=0)
    for column, f in (("low", np.min), ("high", np.max)):
        found[:, STATISTICS.index(column)] = f(both[..., STATISTICS.index(column)], axis=0)
    return Seen(found, np.sum([part.bins for part in parts], axis=0))
