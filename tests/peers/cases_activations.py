"""Activations beside those of PyTorch, and of JAX where PyTorch has none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pullback import nn
from tests.peers.case import Case, Table, drawn, layer, operation


def over(theirs: Callable[..., Any], *layers: nn.Module) -> list[Case]:
    """`theirs(torch.nn.functional, x, layer)` over numbers on every piece of the functions."""
    x = np.concatenate([6 * drawn(4, 6), [[-700.0, -1e-8, 0.0, 1e-8, 30.0, 700.0]]])
    return [
        operation(lambda t, x, made=made: theirs(t.nn.functional, x, made), made, x)
        for made in layers
    ]


def in_jax(theirs: Callable[..., Any], ours: Callable[..., Any]) -> Case:
    return operation(theirs, ours, (4, 6), library="jax")


def simplex(jax: Any, x: Any) -> Any:
    """Sparsemax is the nearest point of the simplex."""
    import optax

    return jax.vmap(optax.projections.projection_simplex)(x)


ACTIVATIONS: Table = {
    "celu": over(lambda f, x, m: f.celu(x, m.alpha), nn.CELU(), nn.CELU(0.5)),
    "elu": over(lambda f, x, m: f.elu(x, m.alpha), nn.ELU(), nn.ELU(0.5)),
    "exponential": [operation(lambda t, x: t.exp(x), nn.Exponential(), (4, 6))],
    "gelu": over(lambda f, x, m: f.gelu(x), nn.GELU())
    + over(lambda f, x, m: f.gelu(x, approximate="tanh"), nn.GELU("tanh")),
    "gelu_tanh": over(lambda f, x, m: f.gelu(x, approximate="tanh"), nn.GELUTanh()),
    "glu": over(lambda f, x, m: f.glu(x, m.axis), nn.GLU(), nn.GLU(axis=1)),
    "hard_shrink": over(lambda f, x, m: f.hardshrink(x, m.size), nn.HardShrink(), nn.HardShrink(2)),
    # PyTorch's own has 1/6 in float32 as its slope, off by 5e-9.
    "hard_sigmoid": over(lambda f, x, m: f.relu6(x + 3) / 6, nn.HardSigmoid()),
    "hard_swish": over(lambda f, x, m: f.hardswish(x), nn.HardSwish()),
    "hard_tanh": over(lambda f, x, m: f.hardtanh(x), nn.HardTanh()),
    "identity": over(lambda f, x, m: x + 0, nn.Identity()),
    "leaky_relu": over(lambda f, x, m: f.leaky_relu(x, m.slope), nn.LeakyReLU(), nn.LeakyReLU(0.3)),
    "log_sigmoid": over(lambda f, x, m: f.logsigmoid(x), nn.LogSigmoid()),
    "log_softmax": over(
        lambda f, x, m: f.log_softmax(x, m.axis), nn.LogSoftmax(), nn.LogSoftmax(axis=0)
    ),
    "mish": over(lambda f, x, m: f.mish(x), nn.Mish()),
    "prelu": [
        layer(nn.PReLU, lambda t, p, x: t.nn.functional.prelu(x, p["slope"]), (4, 3)),
        layer(lambda: nn.PReLU(3), lambda t, p, x: t.nn.functional.prelu(x, p["slope"]), (4, 3)),
    ],
    "relu": over(lambda f, x, m: f.relu(x), nn.ReLU()),
    "relu6": over(lambda f, x, m: f.relu6(x), nn.ReLU6()),
    "selu": over(lambda f, x, m: f.selu(x), nn.SELU()),
    "sigmoid": over(lambda f, x, m: x.sigmoid(), nn.Sigmoid()),
    "silu": over(lambda f, x, m: f.silu(x), nn.SiLU()),
    "soft_shrink": over(lambda f, x, m: f.softshrink(x, m.size), nn.SoftShrink(), nn.SoftShrink(2)),
    "softmax": over(lambda f, x, m: f.softmax(x, m.axis), nn.Softmax(), nn.Softmax(axis=0)),
    "softplus": over(lambda f, x, m: f.softplus(x, threshold=1000), nn.Softplus()),
    "softsign": over(lambda f, x, m: f.softsign(x), nn.Softsign()),
    "sparsemax": [in_jax(simplex, nn.Sparsemax())],
    "squareplus": [
        in_jax(lambda jax, x: jax.nn.squareplus(x), nn.Squareplus()),
        in_jax(lambda jax, x: jax.nn.squareplus(x, 0.5), nn.Squareplus(0.5)),
    ],
    "tanh": over(lambda f, x, m: x.tanh(), nn.Tanh()),
    "tanh_shrink": over(lambda f, x, m: f.tanhshrink(x), nn.TanhShrink()),
    "threshold": over(
        lambda f, x, m: f.threshold(x, m.limit, m.value), nn.Threshold(), nn.Threshold(0.7, -2.0)
    ),
}
