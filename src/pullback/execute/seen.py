"""What is seen at the sites of a step: how the numbers of each are distributed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from pullback.graph.dtypes import Array
from pullback.plan.program import PlacedSite, Site

STATISTICS = ("count", "sum", "squares", "low", "high", "zeros", "outside")
"""What is known of each site: of its numbers the count, the sum, the sum of squares, the least and
the greatest, and how many are 0, or at or beyond the site's bounds."""

EXPONENTS = 256
"""The bins of a histogram: the biased exponents of float32, 0 for 0 and what is smaller than its
normal numbers, 255 for NaN and inf. Numbers of other dtypes go to the nearest."""

_BIAS = 127


@dataclass(frozen=True)
class Seen:
    """What was seen in a run.

    Attributes:
        statistics: One row a site, float64, (sites, 7). The columns are `STATISTICS`; the last is
            NaN where a site has no bounds. The count is 0 where nothing was seen.
        bins: How many numbers of each site have each exponent, int64, (sites, 256); (0, 0) where no
            site has a histogram.
    """

    statistics: Array
    bins: Array

    @classmethod
    def empty(cls, sites: Mapping[str, PlacedSite], runs: int = 1) -> Seen:
        """Room for what is seen in so many runs, one after the other."""
        bins = any(site.histogram for site in sites.values())
        count = runs * len(sites)
        return cls(
            np.empty((count, len(STATISTICS))),
            np.zeros((count, EXPONENTS) if bins else (0, 0), np.int64),
        )

    def parts(self, runs: int, sites: int) -> list[Seen]:
        """What was seen in each of the first so many runs."""
        cuts = [slice(i * sites, (i + 1) * sites) for i in range(runs)]
        return [Seen(self.statistics[cut].copy(), self.bins[cut].copy()) for cut in cuts]


def seen_of(values: Iterable[tuple[Site | PlacedSite, Array]]) -> Seen:
    """What NumPy sees of the values of sites."""
    rows, bins = [], []
    for site, value in values:
        with np.errstate(all="ignore"):
            rows.append(_statistics(value, site.bounds))
        bins.append(exponents(value) if site.histogram else np.zeros(EXPONENTS, np.int64))
    counted = np.array(bins) if any(b.any() for b in bins) else np.zeros((0, 0), np.int64)
    return Seen(np.array(rows).reshape(-1, len(STATISTICS)), counted)


def _statistics(value: Array, bounds: tuple[float, float]) -> list[float]:
    x = value.astype(np.float64, copy=False)
    least = np.fmin.reduce(x, axis=None, initial=np.inf)
    greatest = np.fmax.reduce(x, axis=None, initial=-np.inf)
    low, high = (value.dtype.type(b) for b in bounds)
    bounded = np.isfinite(bounds).any()
    outside = np.count_nonzero((value <= low) | (value >= high)) if bounded else np.nan
    zeros = x.size - np.count_nonzero(x)
    return [x.size, x.sum(), np.square(x).sum(), least, greatest, zeros, outside]


def exponents(value: Array) -> Array:
    """How many numbers of an array have each exponent, (256,)."""
    with np.errstate(all="ignore"):
        _, found = np.frexp(np.abs(value[np.isfinite(value)]))
        zero = value[np.isfinite(value)] == 0
    biased = np.clip(found - 1 + _BIAS, 0, EXPONENTS - 2)
    counts = np.bincount(np.where(zero, 0, biased), minlength=EXPONENTS)
    counts[-1] += np.count_nonzero(~np.isfinite(value))
    return counts.astype(np.int64)
