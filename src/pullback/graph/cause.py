"""Why one element of a value is what it is: each operation says it of itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pullback.graph.dtypes import Array, is_float

Place = tuple[int, ...]


@dataclass(frozen=True)
class Cause:
    """What made one element of a value.

    Attributes:
        words: What was done to which numbers, `log of 0`; empty where a number was only moved.
        inputs: The elements of the inputs that it comes from, each as the number of the input and
            the place in it; the one that says most comes first. None where no few can be named.
    """

    words: str = ""
    inputs: tuple[tuple[int, Place], ...] = ()


def moved(place: Place, number: int = 0) -> Cause:
    """The number was taken from there as it is."""
    return Cause(inputs=((number, place),))


def figure(value: Any) -> str:
    """A number as it stands in a sentence.

    Example:
        >>> figure(0.1 + 0.2), figure(-0.0), figure(3e38)
        ('0.3', '0', '3e+38')
    """
    return f"{value + 0:.6g}"


def outcome(y: Array, at: Place, inputs: Iterable[Array | np.generic]) -> str:
    """What a NaN or inf is that arose of finite numbers; nothing to say of other values."""
    value = y[at]
    if not is_float(y.dtype) or np.isfinite(value) or not all(np.isfinite(x).all() for x in inputs):
        return ""
    if np.isnan(value):
        return ", which is no number"
    return f", beyond {np.finfo(y.dtype).max:.2g}, the largest {y.dtype}"


def largest(x: Array, at: Sequence[int | slice] = ()) -> tuple[float, Place]:
    """The number of largest size in the part of an array, and its place in the whole.

    Example:
        >>> value, place = largest(np.array([[1.0, 2.0], [-9.0, 4.0]]), [slice(None), 1])
        >>> float(value), place
        (4.0, (1, 1))
    """
    part = x[tuple(at)]
    within = np.unravel_index(int(np.argmax(np.absolute(part))), part.shape)
    rest = iter(int(i) for i in within)
    whole = [*at, *[slice(None)] * (x.ndim - len(at))]
    place = tuple(next(rest) if isinstance(i, slice) else i for i in whole)
    return x[place], place


def along(axes: Iterable[int], at: Place, ndim: int) -> list[int | slice]:
    """The part of an array of `ndim` axes that lies along some of them through a place.

    The place counts those axes too, or, after a reduction, only the others.
    """
    chosen = set(axes)
    if len(at) == ndim:
        return [slice(None) if i in chosen else n for i, n in enumerate(at)]
    rest = iter(at)
    return [slice(None) if i in chosen else next(rest) for i in range(ndim)]
