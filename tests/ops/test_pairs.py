"""The second of a pair: greater beside less, argmin beside argmax, likes of zeros and ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pullback as pb

SMALLEST = np.iinfo(np.int64).min


@pytest.mark.parametrize("a", [[1.0, np.nan, 3.0], [2, 0, 2], [True, False, True]])
@pytest.mark.parametrize("b", [2.0, 2, [[1.0, 0.0, np.inf]]])
def test_greater_is_less_turned_around(a: Any, b: Any) -> None:
    np.testing.assert_array_equal(pb.greater(a, b).numpy(), np.greater(a, b))
    np.testing.assert_array_equal(pb.greater_equal(a, b).numpy(), np.greater_equal(a, b))


@pytest.mark.parametrize(
    "x",
    [
        np.array([[3.0, 1.0, 1.0], [0.0, -0.0, 2.0]]),
        np.array([[1.0, np.nan, 0.0], [np.inf, -np.inf, 0.0]], np.float32),
        np.array([[200, 0, 3], [255, 254, 255]], np.uint8),
        np.array([[SMALLEST, 0, SMALLEST], [5, -1, SMALLEST + 1]]),
        np.array([[True, False, False], [True, True, True]]),
    ],
)
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_argmin_is_the_first_of_the_smallest(x: np.ndarray, axis: int) -> None:
    np.testing.assert_array_equal(pb.argmin(x, axis).numpy(), np.argmin(x, axis))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8", "bool"])
def test_likes_have_the_shape_and_dtype(dtype: str) -> None:
    x = pb.tensor(np.zeros((2, 0, 3), dtype))
    y = pb.tensor(np.zeros((2, 3), dtype))
    for made, number in ((pb.zeros_like, 0), (pb.ones_like, 1)):
        assert (made(x).shape, made(y).dtype) == (x.shape, y.dtype)
        assert (made(y).numpy() == number).all()


def test_gelu_and_silu_stand_beside_relu() -> None:
    x = pb.tensor([-1.0, 0.0, 2.0])
    for name in ("gelu", "silu"):
        assert getattr(pb, name) is getattr(pb.nn, name)
        assert name in dir(pb)
        assert getattr(pb, name)(x).shape == (3,)
