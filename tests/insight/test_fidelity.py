"""Derivations of all layers and losses: the terms add up, and finite differences agree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback import nn
from pullback.graph.dtypes import is_float
from pullback.insight import Derivation
from tests.losses.cases import CASES as LOSSES
from tests.losses.cases import drawn
from tests.nn.cases import CASES as LAYERS
from tests.nn.cases import as_real, called
from tests.nn.cases import drawn as drawn_layer

DTYPES = ("float32", "float64")
BOUND = {"float32": 1e-4, "float64": 1e-9}


def judged(found: Derivation) -> None:
    """The sum of the terms is the engine's gradient; the finite difference too, or on a kink."""
    assert found.error <= BOUND[found.dtype], found
    for link in found.links:
        if link.sums:
            apart = abs(link.total - link.cotangent)
            assert apart <= BOUND[found.dtype] * max(link.size, 1e-30), (link, found)
    assert found.difference is not None
    assert found.difference.agrees, found
    assert max(map(len, str(found).splitlines())) <= 100


def some_element(shape: tuple[int, ...], random: np.random.Generator) -> tuple[int, ...]:
    return tuple(int(random.integers(n)) for n in shape)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", LAYERS)
def test_layers(name: str, dtype: str) -> None:
    """Of every case of every layer: an element of each real input and of each parameter."""
    count = 0
    for case in LAYERS[name]:
        for seed in range(len(case.shapes)):
            module, arrays = drawn_layer(case, seed)
            nodes = [pb.tensor(as_real(a, dtype)) for a in arrays]
            y = called(module, *nodes)
            random = np.random.default_rng(seed)
            loss = (y * random.uniform(0.5, 1.5, y.shape).astype(dtype)).sum()
            for x in nodes:
                if x.size and y.size and is_float(x.dtype):
                    judged(pb.explain(loss, wrt=x, element=some_element(x.shape, random)))
                    count += 1
    assert count


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", sorted(LOSSES))
def test_losses(name: str, dtype: str) -> None:
    """Of every case of every loss: an element of the outputs."""
    for number in range(4):
        loss, outputs, targets, weights = drawn(name, number)
        if not outputs.size:
            continue
        z = pb.tensor(outputs.astype(dtype), name="z")
        known = targets.astype(dtype) if targets.dtype.kind == "f" else targets
        random = np.random.default_rng(number)
        element = some_element(outputs.shape, random)
        total = loss(z, pb.tensor(known), pb.tensor(weights.astype(dtype)))
        judged(pb.explain(total, wrt=z, element=element))


NETWORKS = {
    "dense": (lambda: nn.dense(6, [8, 7], 3, activation="gelu"), (9, 6)),
    "normalised": (
        lambda: nn.Sequential(nn.Linear(6, 8), nn.LayerNorm(8), "relu", nn.Linear(8, 3)),
        (9, 6),
    ),
    "lenet": (
        lambda: nn.Sequential(
            nn.Conv2d(4, 3), "relu", nn.AvgPool2d(2), nn.Conv2d(5, 3), "tanh", nn.Flatten(),
            nn.Linear(3),
        ),
        (4, 12, 12, 2),
    ),
    "lstm": (lambda: nn.Sequential(nn.LSTM(4, 6, last=True), nn.Linear(6, 3)), (5, 7, 4)),
    "gru": (lambda: nn.Sequential(nn.GRU(4, 6, last=True), nn.Linear(6, 3)), (5, 7, 4)),
    "transformer": (
        lambda: nn.Sequential(nn.TransformerBlock(8, 2, causal=True), nn.Last(), nn.Linear(8, 3)),
        (3, 5, 8),
    ),
    "tied": (lambda: tied(), (7, 5)),
}  # fmt: skip


def tied() -> nn.Module:
    """The same weight forth and back."""
    first = nn.Linear(5, 4)
    return nn.Sequential(first, "tanh", nn.Tied(first), "tanh", nn.Linear(5, 3))


def built(name: str, dtype: str) -> tuple[nn.Module, tuple[Any, Any]]:
    make, shape = NETWORKS[name]
    random = np.random.default_rng(3)
    x, y = random.normal(size=shape).astype(dtype), random.integers(0, 3, shape[0])
    network = make()
    network.build(pb.tensor(x)).initialise(seed=1).astype(dtype)
    return network, (x, y)


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name: str, dtype: str, fused: bool) -> None:
    """An element of every parameter of a network, of its input, and of its layers' outputs."""
    network, data = built(name, dtype)
    random = np.random.default_rng(5)
    places = {path: p.shape for path, p in network.parameters().items()}
    places["x"] = data[0].shape
    for path, shape in places.items():
        index = ",".join(str(int(random.integers(n))) for n in shape)
        judged(
            pb.explain(network, data, f"{path}[{index}]", loss="cross_entropy", open_fused=fused)
        )
