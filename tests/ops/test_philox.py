"""Random bits: the published answers, and independence of how a draw is cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pullback as pb
from pullback.ops import philox

# Random123's known answers for philox4x32-10: counter, key, result.
KNOWN = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000",
     "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff",
     "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0",
     "d16cfe09 94fdcceb 5001e420 24126ea1"),
]  # fmt: skip

small = st.integers(0, 6)
word = st.integers(0, 2**32 - 1)


def numbers(text: str) -> list[int]:
    return [int(part, 16) for part in text.split()]


@pytest.mark.parametrize(("counter", "key", "result"), KNOWN)
def test_known_answers(counter: str, key: str, result: str) -> None:
    words = tuple(np.array(c, np.uint32) for c in numbers(counter))
    k0, k1 = numbers(key)
    assert philox.philox(words, (k0, k1)).tolist() == numbers(result)  # type: ignore[arg-type]


def test_known_answers_in_one_array_of_counters() -> None:
    first, last = numbers(KNOWN[0][0]), numbers(KNOWN[1][0])
    counters = tuple(np.array(pair, np.uint32) for pair in zip(first, last, strict=True))
    drawn = philox.philox(counters, (0, 0))  # type: ignore[arg-type]
    assert drawn.shape == (2, 4)
    assert drawn[0].tolist() == numbers(KNOWN[0][2])


@given(seed=st.integers(0, 2**64 - 1), step=word, rows=st.integers(1, 6), width=small, skip=small)
def test_a_part_draws_what_the_whole_draws_in_its_rows(
    seed: int, step: int, rows: int, width: int, skip: int
) -> None:
    for draw in (philox.uniform, philox.normal):
        for dtype in (np.dtype(np.float32), np.dtype(np.float64)):
            whole = draw(seed, 3, step, 0, (skip + rows, width), dtype)
            part = draw(seed, 3, step, skip, (rows, width), dtype)
            assert whole.dtype == part.dtype == dtype
            np.testing.assert_array_equal(whole[skip:], part)


@pytest.mark.parametrize("draw", [pb.random_uniform, pb.random_normal])
def test_the_same_arguments_draw_the_same_and_others_do_not(draw: object) -> None:
    assert callable(draw)
    base = {"seed": 1, "stream": 2, "step": 3, "row": 4}
    drawn = draw((5, 4), **base).numpy()
    np.testing.assert_array_equal(draw((5, 4), **base).numpy(), drawn)
    for name in base:
        other = draw((5, 4), **{**base, name: 50}).numpy()
        assert not (other == drawn).any(), name


def test_the_high_half_of_the_seed_counts() -> None:
    low = pb.random_uniform(8, seed=np.int64(5)).numpy()
    assert not (pb.random_uniform(8, seed=np.int64(5 + 2**32)).numpy() == low).any()


def test_uniform_numbers_are_in_range_and_spread() -> None:
    for dtype, bits in (("float32", 24), ("float64", 53)):
        x = pb.random_uniform((1000, 100), seed=7, dtype=dtype).numpy().astype(np.float64)
        assert x.min() >= 0
        assert x.max() < 1
        assert abs(x.mean() - 1 / 2) < 5 * (1 / 12) ** 0.5 / x.size**0.5
        assert abs(x.var() - 1 / 12) < 5 * (1 / 180) ** 0.5 / x.size**0.5
        assert (x * 2.0**bits == np.floor(x * 2.0**bits)).all()
        counts = np.bincount((x.reshape(-1) * 64).astype(int), minlength=64)
        assert ((counts - x.size / 64) ** 2 / (x.size / 64)).sum() < 120  # chi-square, 63 degrees


def test_the_largest_words_stay_below_one() -> None:
    largest = np.float32((2**32 - 1) >> 8) * np.float32(2.0**-24)
    assert largest < 1


def test_normal_numbers_have_the_moments() -> None:
    x = pb.random_normal((1000, 100), seed=7, dtype="float64").numpy()
    n = x.size
    assert np.isfinite(x).all()
    assert abs(x.mean()) < 5 / n**0.5
    assert abs(x.var() - 1) < 5 * 2**0.5 / n**0.5
    assert abs((x**3).mean()) < 5 * 15**0.5 / n**0.5
    assert abs((x**4).mean() - 3) < 5 * 96**0.5 / n**0.5
    below = (x < -1.959963984540054).mean()
    assert abs(below - 0.025) < 5 * (0.025 * 0.975 / n) ** 0.5


def test_neighbours_are_not_correlated() -> None:
    x = pb.random_normal((400, 250), seed=3, dtype="float64").numpy()
    bound = 5 / x.size**0.5
    assert abs((x[1:] * x[:-1]).mean()) < bound
    assert abs((x[:, 1:] * x[:, :-1]).mean()) < bound
    other = pb.random_normal((400, 250), seed=4, dtype="float64").numpy()
    assert abs((x * other).mean()) < bound
    later = pb.random_normal((400, 250), seed=3, step=1, dtype="float64").numpy()
    assert abs((x * later).mean()) < bound


@given(seed=word, count=st.integers(0, 60))
def test_a_permutation_holds_every_number_once(seed: int, count: int) -> None:
    order = philox.permutation(seed, 1, 0, count)
    assert sorted(order.tolist()) == list(range(count))


def test_permutations_differ_by_epoch_and_are_even() -> None:
    count, times = 5, 4000
    firsts = np.zeros((count, count))
    for epoch in range(times):
        for place, number in enumerate(philox.permutation(11, 1, epoch, count)):
            firsts[place, number] += 1
    expected = times / count
    assert (np.abs(firsts - expected) < 5 * expected**0.5).all()


def test_streams_of_names_differ() -> None:
    names = [("dropout", str(path), call) for path in range(40) for call in range(5)]
    assert len({philox.stream(*name) for name in names}) == len(names)
    assert philox.stream("a", "b") != philox.stream("ab")
    assert philox.stream("dropout", "1", 0) == philox.stream("dropout", "1", 0)
