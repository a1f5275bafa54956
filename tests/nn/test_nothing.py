"""Layers on batches without rows, and on pictures and series without a place."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import pullback as pb
from pullback import nn
from pullback.errors import ShapeError

POOLS: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "MaxPool1d": (lambda: nn.MaxPool1d(2), 1),
    "MaxPool2d": (lambda: nn.MaxPool2d(2), 2),
    "MaxPool3d": (lambda: nn.MaxPool3d(2), 3),
    "AvgPool1d": (lambda: nn.AvgPool1d(2), 1),
    "AvgPool2d": (lambda: nn.AvgPool2d(2), 2),
    "AvgPool3d": (lambda: nn.AvgPool3d(2), 3),
    "padded": (lambda: nn.AvgPool2d(2, padding=1, count_include_pad=False), 2),
    "GlobalAvgPool": (nn.GlobalAvgPool, 2),
    "GlobalMaxPool": (nn.GlobalMaxPool, 2),
}
NORMALISATIONS: dict[str, Callable[[], nn.Module]] = {
    "BatchNorm": lambda: nn.BatchNorm(2),
    "LayerNorm": lambda: nn.LayerNorm(2),
    "RMSNorm": lambda: nn.RMSNorm(2),
    "GroupNorm": lambda: nn.GroupNorm(2, 2),
    "InstanceNorm": lambda: nn.InstanceNorm(2, affine=True),
}


def bars(network: nn.Module, x: pb.Tensor) -> list[np.ndarray]:
    """The gradients of all parameters, and of x."""
    found = pb.gradient(network(x).sum(), [*network.parameters().values(), x])
    return [bar.numpy() for bar in found]


def test_all_layers_of_these_kinds_are_here() -> None:
    names = {name for name in nn.layers() if name.endswith("Norm") or "Pool" in name}
    assert names == (set(POOLS) - {"padded"}) | set(NORMALISATIONS)


@pytest.mark.parametrize("name", POOLS)
def test_pools_refuse_pictures_without_a_place(name: str) -> None:
    made, rank = POOLS[name]
    for empty in {(0,) * rank, (0, *[4] * (rank - 1)), (*[4] * (rank - 1), 0)}:
        x = pb.zeros((2, *empty, 3))
        with pytest.raises(ShapeError, match="at least one place") as caught:
            nn.Sequential(nn.Identity(), made())(x)
        assert f"{x.shape} (layer '1', test_nothing.py" in str(caught.value)
        assert "to do:" in str(caught.value)


@pytest.mark.parametrize("name", POOLS)
def test_pools_of_no_rows_give_no_rows(name: str) -> None:
    made, rank = POOLS[name]
    x = pb.zeros((0, *[4] * rank, 3))
    y = made()(x)
    assert y.numpy().shape == (0, *made()(pb.zeros((1, *x.shape[1:]))).shape[1:])
    assert bars(made(), x)[0].shape == x.shape


@pytest.mark.parametrize("name", NORMALISATIONS)
@pytest.mark.parametrize("shape", [(0, 4, 4, 2), (3, 0, 4, 2)])
def test_normalisations_of_nothing(name: str, shape: tuple[int, ...]) -> None:
    """Nothing comes of nothing; scale and shift have no part in it. Training learns nothing."""
    network = nn.Sequential(NORMALISATIONS[name]()).initialise(seed=0)
    x = pb.zeros(shape)
    assert network(x).numpy().shape == shape
    *of_parameters, of_x = bars(network, x)
    assert of_x.shape == shape
    assert of_parameters
    assert not any(bar.any() for bar in of_parameters)
    before = {path: value.numpy().tolist() for path, value in network.state().items()}
    if name == "BatchNorm":
        said = r"BatchNorm\(2\) in training needs two"
        with pytest.raises(ShapeError, match=said), nn.mode(training=True):
            network(x)
    else:
        with nn.mode(training=True):
            y = network(x).numpy()
        assert y.shape == shape
    assert {path: value.numpy().tolist() for path, value in network.state().items()} == before


def test_fit_refuses_pictures_without_a_pixel() -> None:
    network = nn.Sequential(nn.GlobalAvgPool(), nn.Linear(3, 1)).initialise(seed=0)
    data = np.zeros((4, 0, 5, 3), "f4"), np.zeros((4, 1), "f4")
    with pytest.raises(pb.errors.DataError, match=r"shape \(4, 0, 5, 3\)"):
        pb.fit(network, data, loss="mse", epochs=1, progress=False)
