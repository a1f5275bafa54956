"""Normalisation layers beside PyTorch's, in float64, forward, backward and running statistics."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.nn.mode import mode

pytestmark = pytest.mark.peers
CLOSE = {"rtol": 1e-9, "atol": 1e-9}
SHAPES = ((5, 6), (4, 7, 6), (3, 4, 5, 6))


def compared(ours: pb.nn.Module, theirs: Any, shape: tuple[int, ...], training: bool) -> None:
    """Outputs and gradients of the same input, with the same weights."""
    import torch

    random = np.random.default_rng(sum(shape))
    x, y_bar = random.normal(1, 2, shape), random.normal(size=shape)
    ours.initialise().astype("float64")
    theirs.double().train(training)
    for name, p in ours.parameters().items():
        p.assign(random.normal(size=p.shape))
        with torch.no_grad():
            getattr(theirs, name).copy_(torch.tensor(p.numpy()))
    there = torch.tensor(x, requires_grad=True)
    moved = there if isinstance(theirs, (torch.nn.LayerNorm, torch.nn.RMSNorm)) else (
        there.movedim(-1, 1)
    )  # fmt: skip
    out = theirs(moved)
    out = out if moved is there else out.movedim(1, -1)
    out.backward(torch.tensor(y_bar))
    here = pb.tensor(x)
    with mode(training=training):
        y = ours(here)
        values = [here, *(p.__node__() for p in ours.parameters().values())]
        bars = pb.gradient((y * y_bar).sum(), values)
    np.testing.assert_allclose(y.numpy(), out.detach().numpy(), **CLOSE)
    wanted = [there.grad, *(getattr(theirs, name).grad for name in ours.parameters())]
    for bar, grad in zip(bars, wanted, strict=True):
        np.testing.assert_allclose(bar.numpy(), grad.numpy(), **CLOSE)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("training", [True, False])
def test_batch_norm(shape: tuple[int, ...], training: bool) -> None:
    import torch

    kind = {2: torch.nn.BatchNorm1d, 3: torch.nn.BatchNorm1d, 4: torch.nn.BatchNorm2d}[len(shape)]
    ours, theirs = pb.nn.BatchNorm(6), kind(6)
    for _ in range(3 if training else 1):
        compared(ours, theirs, shape, training)
        theirs.zero_grad()
    np.testing.assert_allclose(ours.running_mean.numpy(), theirs.running_mean.numpy(), **CLOSE)
    np.testing.assert_allclose(ours.running_variance.numpy(), theirs.running_var.numpy(), **CLOSE)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_others(shape: tuple[int, ...]) -> None:
    import torch

    pairs = [
        (pb.nn.LayerNorm(6), torch.nn.LayerNorm(6)),
        (pb.nn.LayerNorm(6, bias=False), torch.nn.LayerNorm(6, bias=False)),
        (pb.nn.RMSNorm(6), torch.nn.RMSNorm(6)),
        (pb.nn.GroupNorm(6, 3), torch.nn.GroupNorm(3, 6)),
    ]
    if len(shape) > 2:
        kind = {3: torch.nn.InstanceNorm1d, 4: torch.nn.InstanceNorm2d}[len(shape)]
        pairs += [(pb.nn.InstanceNorm(6), kind(6))]
        pairs += [(pb.nn.InstanceNorm(6, affine=True), kind(6, affine=True))]
    for ours, theirs in pairs:
        for training in (True, False):
            compared(ours, theirs, shape, training)
            theirs.zero_grad()
