"""Looking up vectors by number: what is refused, and what padding learns."""

from __future__ import annotations

import numpy as np
import pytest

import pullback as pb
from pullback.errors import ConfigError, DtypeError, LabelError


@pytest.mark.parametrize("index", [5, -1, 10**9])
def test_an_index_out_of_range_is_named_with_the_range(index: int) -> None:
    layer = pb.nn.Embedding(5, 2).initialise()
    with pytest.raises(LabelError, match="from 0 to 4") as caught:
        layer([[0, 1], [index, 0]]).numpy()
    assert f"{index} at place [1, 0]" in caught.value.received


@pytest.mark.parametrize("x", [[0.0, 1.0], [True, False]])
def test_numbers_that_are_not_whole_are_refused(x: list[float]) -> None:
    network = pb.nn.Sequential(pb.nn.Embedding(5, 2)).initialise()
    with pytest.raises(DtypeError, match="whole numbers") as caught:
        network(x)
    assert "Embedding(5, 2" in caught.value.must
    assert "astype" in caught.value.do


@pytest.mark.parametrize("padding", [5, -1, 1.5, "0"])
def test_a_padding_index_that_is_none(padding: object) -> None:
    with pytest.raises(ConfigError, match="from 0 to 4"):
        pb.nn.Embedding(5, 2, padding_index=padding)  # type: ignore[arg-type]


@pytest.mark.parametrize("sizes", [(0, 2), (2, -1), (2.0, 1), ("3", 1)])
def test_sizes_that_are_none(sizes: tuple[int, int]) -> None:
    with pytest.raises(ConfigError, match="positive whole number"):
        pb.nn.Embedding(*sizes)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
def test_duplicates_add_and_padding_learns_nothing(dtype: str) -> None:
    layer = pb.nn.Embedding(4, 2, padding_index=0).initialise()
    indices = np.array([[1, 0, 1], [3, 0, 0]], dtype)
    weight = pb.tensor(layer.weight.numpy())
    with pb.nn.parameter.bound({layer.weight: weight}):
        (bar,) = pb.gradient(layer(indices).sum(), [weight])
    np.testing.assert_array_equal(bar.numpy(), [[0, 0], [2, 2], [0, 0], [1, 1]])
    assert (layer(indices).numpy()[indices == 0] == 0).all()


def test_its_first_values_are_standard_normal() -> None:
    weight = pb.nn.Embedding(500, 100).initialise(seed=3).weight.numpy()
    assert abs(weight.mean()) < 0.02
    assert abs(weight.std() - 1) < 0.02


def test_adding_many_rows_is_the_same_sum_every_time() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(3, 2000, 4)).astype(np.float32)
    indices = random.integers(0, 7, 2000)
    wanted = np.zeros((3, 7, 4))
    for entry, index in enumerate(indices):
        wanted[:, index] += x[:, entry]
    found = [pb.scatter_add(x, indices, 7, axis=1).numpy() for _ in range(3)]
    np.testing.assert_allclose(found[0], wanted, rtol=1e-4, atol=1e-4)
    assert len({y.tobytes() for y in found}) == 1
