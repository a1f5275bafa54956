"""Philox-4x32-10: random bits as a function of a key and a counter, in any order.

References:
    J. Salmon, M. Moraes, R. Dror and D. Shaw, 2011, "Parallel random numbers: as easy as 1, 2, 3".
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint32]
Whole = int | NDArray[np.integer]
Key = int | NDArray[np.uint64]
Counter = NDArray[np.unsignedinteger] | np.unsignedinteger

_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_LOW, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)


def philox(counter: Sequence[Counter], key: tuple[Key, Key]) -> Words:
    """Ten rounds of Philox on arrays of counters.

    Args:
        counter: Four words, broadcast against each other.
        key: Two words; arrays of them broadcast against the counters.

    Returns:
        Four words a counter, along a new last axis.
    """
    c0, c1, c2, c3 = (np.asarray(c, np.uint64) for c in np.broadcast_arrays(*counter))
    k0, k1 = (np.asarray(k, np.uint64) for k in key)
    for _ in range(10):
        p0, p1 = c0 * _M0, c2 * _M1
        c0, c1, c2, c3 = (
            (p1 >> _HALF) ^ c1 ^ k0,
            p1 & _LOW,
            (p0 >> _HALF) ^ c3 ^ k1,
            p0 & _LOW,
        )
        k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    return np.stack([c0, c1, c2, c3], axis=-1).astype(np.uint32)


def stream(*names: object) -> int:
    """The 32-bit number of a stream of random numbers: purpose, module path, call number.

    Example:
        >>> stream("dropout", "1", 0) != stream("dropout", "3", 0)
        True
    """
    text = "\x1f".join(map(str, names)).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:4], "little")


def words(
    seed: Whole, stream_: int, step: Whole, row: Whole, shape: tuple[int, ...], each: int
) -> Words:
    """`each` random words for every element of `shape`, keyed by row and element.

    The first axis counts rows of the logical batch from `row` on, so that a micro-batch or a
    shard draws what the full batch draws in the same rows. Seeds, steps and rows that are arrays
    of one shape make one draw each, and their axes come first.
    """
    rows = shape[0] if shape else 1
    width = int(np.prod(shape[1:], dtype=np.int64)) * each
    blocks = -(-width // 4)
    keys, steps, first = (_unsigned(x)[..., None, None] for x in (seed, step, row))
    lead = np.broadcast_shapes(keys.shape, steps.shape, first.shape)[:-2]
    counter = (
        np.arange(blocks, dtype=np.uint64),
        (np.arange(rows, dtype=np.uint64)[:, None] + first) & _LOW,
        steps & _LOW,
        np.uint64(stream_),
    )
    drawn = philox(counter, (keys & _LOW, keys >> _HALF))
    drawn = drawn.reshape(*lead, rows, 4 * blocks)[..., :width]
    return drawn.reshape((*lead, *shape, each))


def _unsigned(x: Whole) -> NDArray[np.uint64]:
    """The last 64 bits of whole numbers, of any size where it is one of Python's."""
    return np.asarray(x & 0xFFFFFFFFFFFFFFFF if isinstance(x, int) else x).astype(np.uint64)


def uniform(
    seed: Whole,
    stream_: int,
    step: Whole,
    row: Whole,
    shape: tuple[int, ...],
    dtype: np.dtype[np.generic],
) -> NDArray[np.floating]:
    """Numbers uniform in [0, 1): 24 random bits for float32, 53 for float64."""
    if dtype == np.float32:
        bits = words(seed, stream_, step, row, shape, 1)[..., 0]
        return (bits >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)
    bits = words(seed, stream_, step, row, shape, 2).astype(np.uint64)
    joined = (bits[..., 0] >> np.uint64(5)) * np.uint64(2**26) + (bits[..., 1] >> np.uint64(6))
    return joined.astype(np.float64) * 2.0**-53


def normal(
    seed: Whole,
    stream_: int,
    step: Whole,
    row: Whole,
    shape: tuple[int, ...],
    dtype: np.dtype[np.generic],
) -> NDArray[np.floating]:
    """Standard normal numbers, by the method of Box and Muller (1958), in float64."""
    bits = words(seed, stream_, step, row, shape, 2).astype(np.float64)
    first, second = (bits[..., 0] + 0.5) * 2.0**-32, bits[..., 1] * 2.0**-32
    drawn = np.sqrt(-2 * np.log(first)) * np.cos(2 * np.pi * second)
    return np.asarray(drawn, dtype)


def permutation(seed: int, stream_: int, step: int, count: int) -> NDArray[np.int64]:
    """The numbers 0 to count - 1 in a random order: the order of their random keys."""
    keys = words(seed, stream_, step, 0, (count,), 2).astype(np.uint64)
    return np.argsort((keys[:, 0] << _HALF) | keys[:, 1], kind="stable")
