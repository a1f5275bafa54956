"""Functions that are put together from operations, beside PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np

import pullback as pb
from tests.peers.case import Case, Table, drawn, operation

CUBE = (2, 3, 4)
WIDE = 4 * drawn(4, 6)
"""Numbers on every piece of the functions."""


def made(theirs: Any, ours: Any) -> Case:
    """An array without inputs, times one with: what is compared has a gradient."""
    return operation(lambda t, x: x * theirs(t, x), lambda x: x * ours(x), (3, 4))


def nearest_orthogonal(torch: Any, a: Any) -> Any:
    """By the singular value decomposition."""
    u, _, v = torch.linalg.svd(a, full_matrices=False)
    return u @ v


def functional(name: str, ours: Any, *settings: Any) -> Case:
    return operation(lambda t, x: getattr(t.nn.functional, name)(x, *settings), ours, WIDE)


FORMS: Table = {
    # PyTorch's derivative takes alpha in float32: 0.7 would be off by 2e-8.
    "celu": [functional("celu", lambda x: pb.celu(x, 0.25), 0.25)],
    "gelu": [
        functional("gelu", pb.gelu),
        operation(lambda t, x: t.nn.functional.gelu(x, approximate="tanh"),
                  lambda x: pb.gelu(x, "tanh"), WIDE),
    ],
    "glu": [functional("glu", lambda x: pb.glu(x, 0), 0)],
    # PyTorch's own has 1/6 in float32 as its slope, off by 5e-9.
    "hard_sigmoid": [operation(lambda t, x: t.nn.functional.relu6(x + 3) / 6, pb.hard_sigmoid,
                               WIDE)],
    "hard_swish": [functional("hardswish", pb.hard_swish)],
    "hard_tanh": [functional("hardtanh", pb.hard_tanh)],
    "relu6": [functional("relu6", pb.relu6)],
    "selu": [functional("selu", pb.selu)],
    "tanh_shrink": [functional("tanhshrink", pb.tanh_shrink)],
    "expand_dims": [operation(lambda t, x: x.unsqueeze(-2), lambda x: pb.expand_dims(x, -2), CUBE)],
    "squeeze": [operation(lambda t, x: x.squeeze(1), lambda x: pb.squeeze(x, 1), (2, 1, 3, 1))],
    "moveaxis": [operation(lambda t, x: x.movedim(0, 2), lambda x: pb.moveaxis(x, 0, 2), CUBE)],
    "swapaxes": [operation(lambda t, x: x.swapaxes(0, -1), lambda x: pb.swapaxes(x, 0, -1), CUBE)],
    "eye": [made(lambda t, x: t.eye(3, 4), lambda x: pb.eye(3, 4, "float64"))],
    "linspace": [
        made(lambda t, x: t.linspace(-1, 2, 4, dtype=x.dtype),
             lambda x: pb.linspace(-1, 2, 4, "float64")),
    ],
    "full_like": [made(lambda t, x: t.full_like(x, 2.5), lambda x: pb.full_like(x, 2.5))],
    "ones": [made(lambda t, x: t.ones(4), lambda x: pb.ones(4, "float64"))],
    "ones_like": [made(lambda t, x: t.ones_like(x), pb.ones_like)],
    "zeros": [made(lambda t, x: t.zeros(4), lambda x: pb.zeros(4, "float64"))],
    "zeros_like": [made(lambda t, x: t.zeros_like(x), pb.zeros_like)],
    "orthogonalise": [
        operation(nearest_orthogonal, pb.orthogonalise, drawn(3, 3) / 4 + 2 * np.eye(3)),
        operation(nearest_orthogonal, pb.orthogonalise, drawn(2, 3, 2)),
    ],
}  # fmt: skip
