"""Functions of single numbers, and comparisons, beside PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import pullback as pb
from tests.peers.case import Array, Case, Table, between, drawn, operation, whole

REAL = 2 * drawn(4, 5)
POSITIVE = between(0.1, 4, 4, 5)
INSIDE = between(-0.95, 0.95, 4, 5)
ABOVE_ONE = between(1.05, 4, 4, 5)
TIED = whole(3, 4, 5).astype(float)
"""Whole numbers, many of which are equal."""

DOMAINS: dict[str, Array] = {
    "acos": INSIDE, "asin": INSIDE, "atanh": INSIDE, "acosh": ABOVE_ONE, "log": POSITIVE,
    "log10": POSITIVE, "log1p": POSITIVE, "log2": POSITIVE, "reciprocal": POSITIVE,
    "sqrt": POSITIVE,
}  # fmt: skip
SAME = [
    "abs", "acos", "acosh", "asin", "asinh", "atan", "atanh", "ceil", "cos", "cosh", "erf",
    "erfc", "exp", "expm1", "floor", "log", "log10", "log1p", "log2", "neg", "reciprocal",
    "round", "sigmoid", "sign", "sin", "sinh", "sqrt", "square", "tan", "tanh",
]  # fmt: skip
"""Functions of one input with PyTorch's name."""

SAME_PAIRS: dict[str, tuple[Array, Array]] = {
    "add": (REAL, drawn(5)),
    "atan2": (REAL, drawn(4, 5, seed=1)),
    "div": (REAL, between(0.5, 2, 4, 1)),
    "hypot": (REAL, drawn(4, 5, seed=1)),
    "logaddexp": (30 * REAL, 30 * drawn(4, 5, seed=1)),
    "maximum": (TIED, whole(3, 4, 5, seed=1).astype(float)),
    "minimum": (TIED, whole(3, 4, 5, seed=1).astype(float)),
    "mul": (REAL, drawn(4, 1)),
    "sub": (REAL, drawn(1, 5)),
    "where": (REAL, drawn(5)),
    "xlogy": (whole(2, 4, 5) * POSITIVE, between(0.1, 3, 4, 5)),
}
COMPARISONS = {
    "equal": "eq", "not_equal": "ne", "less": "lt", "less_equal": "le", "greater": "gt",
    "greater_equal": "ge",
}  # fmt: skip
ANSWERS = whole(2, 4, 5).astype(bool), whole(2, 4, 5, seed=1).astype(bool)


def of(name: str) -> Callable[..., Any]:
    """Our function; `neg`, an operator alone, too."""
    return {"neg": lambda x: -x, "where": lambda a, b: pb.where(REAL > 0, a, b)}.get(
        name
    ) or getattr(pb, name)


def theirs(name: str) -> Callable[..., Any]:
    if name == "where":
        return lambda t, a, b: t.where(t.tensor(REAL > 0), a, b)
    return lambda t, *xs: getattr(t, name)(*xs)


def activation(name: str, their: str, *settings: Any) -> Case:
    return operation(
        lambda t, x: getattr(t.nn.functional, their)(x, *settings),
        lambda x: getattr(pb, name)(x, *settings),
        3 * REAL,
    )


NON_FINITE = np.array([[1.0, np.nan], [np.inf, -np.inf]])

ELEMENTWISE: Table = {
    **{name: [operation(theirs(name), of(name), DOMAINS.get(name, REAL))] for name in SAME},
    **{name: [operation(theirs(name), of(name), *pair)] for name, pair in SAME_PAIRS.items()},
    **{
        ours: [operation(lambda t, a, b, f=their: getattr(t, f)(a, b), getattr(pb, ours), TIED,
                         whole(3, 4, 5, seed=1).astype(float))]
        for ours, their in COMPARISONS.items()
    },
    **{
        f"logical_{name}": [
            operation(
                lambda t, *xs, f=f"logical_{name}": getattr(t, f)(*xs),
                getattr(pb, f"logical_{name}"),
                *ANSWERS[: 1 if name == "not" else 2],
            )
        ]
        for name in ("and", "or", "not")
    },
    "power": [
        operation(lambda t, a, b: t.pow(a, b), pb.power, POSITIVE, drawn(5)),
        operation(lambda t, x: x**3, lambda x: x**3, REAL),
        operation(lambda t, x: x**-0.5, lambda x: x**-0.5, POSITIVE),
    ],
    "clip": [
        operation(lambda t, x: x.clamp(-1, 1.5), lambda x: pb.clip(x, -1, 1.5), REAL),
        operation(lambda t, x: x.clamp(min=0.5), lambda x: pb.clip(x, low=0.5), REAL),
    ],
    "is_nan": [operation(lambda t, x: t.isnan(x), pb.is_nan, NON_FINITE)],
    "is_finite": [operation(lambda t, x: t.isfinite(x), pb.is_finite, NON_FINITE)],
    "normal_cdf": [operation(lambda t, x: t.special.ndtr(x), pb.normal_cdf, REAL)],
    "scale": [operation(lambda t, a, b: a * b, pb.scale, REAL, drawn(4, 5, seed=1))],
    "cast": [
        operation(lambda t, x: x.long(), lambda x: x.astype("int64"), REAL),
        operation(lambda t, x: x.double(), lambda x: x.astype("float64"), whole(5, 3)),
    ],
    "stop_gradient": [
        operation(lambda t, x: x * x.detach(), lambda x: x * pb.stop_gradient(x), REAL)
    ],
    "elu": [activation("elu", "elu", 0.7)],
    "gelu_tanh": [
        operation(lambda t, x: t.nn.functional.gelu(x, approximate="tanh"), pb.gelu_tanh, REAL)
    ],
    "hard_shrink": [activation("hard_shrink", "hardshrink", 0.7)],
    "leaky_relu": [activation("leaky_relu", "leaky_relu", 0.2)],
    "log_sigmoid": [activation("log_sigmoid", "logsigmoid")],
    "mish": [activation("mish", "mish")],
    "prelu": [operation(lambda t, x, a: t.prelu(x, a), pb.prelu, (4, 3), (3,))],
    "relu": [activation("relu", "relu")],
    "silu": [activation("silu", "silu")],
    "soft_shrink": [activation("soft_shrink", "softshrink", 0.7)],
    "softplus": [activation("softplus", "softplus")],
    "softsign": [activation("softsign", "softsign")],
    "threshold": [activation("threshold", "threshold", 0.7, -2.0)],
}  # fmt: skip
