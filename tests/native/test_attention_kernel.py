"""Attention weights of the native table, against their NumPy meaning in float64."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from pullback.graph import registry
from tests.native.helpers import EVERY_ISA, guarded, module

pytestmark = pytest.mark.native

Array = np.ndarray[Any, Any]
# leading axes, queries, keys, features
SIZES = [
    ((), 1, 1, 1), ((), 0, 3, 2), ((), 3, 0, 2), ((2,), 3, 4, 0), ((0,), 2, 2, 2),
    ((2, 3), 7, 5, 3), ((), 65, 65, 17), ((1, 2), 130, 130, 33), ((), 40, 300, 8), ((), 9, 9, 800),
]  # fmt: skip


def run(isa: str, causal: bool, *xs: Array) -> Array:
    op = registry()["attention_weights"](causal)  # type: ignore[call-arg]
    wide = [x.astype(np.float64) for x in xs[:2]]
    with np.errstate(all="ignore"):
        wanted = np.asarray(op.forward(*wide, *xs[2:]))
        y, check = guarded(np.full(wanted.shape, 7, xs[0].dtype))
        inputs = list(xs)
        assert module().call_kernel(isa, "attention_weights", inputs, [y], [int(causal)], [])[0] < 0
    check()
    assert ((y == 0) | (wanted != 0)).all()  # what is not attended to is exactly 0
    np.testing.assert_allclose(y, wanted, 400 * np.finfo(y.dtype).eps, 0, equal_nan=True)
    return y


def drawn(shape: tuple[int, ...], dtype: str, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@EVERY_ISA
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sizes(isa: str, dtype: str) -> None:
    for lead, queries, keys, features in SIZES:
        q, k = drawn((*lead, queries, features), dtype), drawn((*lead, keys, features), dtype, 1)
        run(isa, False, q, k)
        if queries == keys:
            run(isa, True, q, k)


@EVERY_ISA
def test_masks_of_every_breadth(isa: str) -> None:
    q, k = drawn((2, 3, 20, 4), "float32"), drawn((2, 3, 20, 4), "float32", 1)
    for kept in itertools.product([False, True], repeat=4):
        shape = tuple(n if keep else 1 for n, keep in zip((2, 3, 20, 20), kept, strict=True))
        mask = np.random.default_rng(sum(kept)).random(shape) < 0.6
        for causal in (False, True):
            run(isa, causal, q, k, mask)
    y = run(isa, False, q, k, np.zeros((1, 1, 1, 1), bool))
    assert (y == 0).all()


@EVERY_ISA
def test_heads_as_they_lie_in_memory(isa: str) -> None:
    q = drawn((2, 30, 3, 4), "float32").transpose(0, 2, 1, 3)
    k = drawn((3, 4, 2, 30), "float32", 1).transpose(2, 0, 3, 1)
    run(isa, True, q, k, (drawn((30, 2), "float32") > 0).T[:, None, None, ::-1])


@EVERY_ISA
@pytest.mark.parametrize("causal", [False, True])
def test_infinite_and_undefined_scores(isa: str, causal: bool) -> None:
    q, k = drawn((20, 1), "float32"), np.ones((20, 1), np.float32)
    q[3], q[4], q[19] = np.inf, -np.inf, np.nan
    k[5], k[18] = np.inf, np.nan
    run(isa, causal, q, k)
    mask = np.ones((1, 20), bool)
    mask[0, 18] = False
    run(isa, causal, q, k, mask)


def test_what_cannot_be_run_is_refused() -> None:
    isa = module().instruction_sets()[0]

    def refused(match: str, *shapes: tuple[int, ...], causal: int = 0, mask: Any = None) -> None:
        q, k, y = (np.zeros(shape, np.float32) for shape in shapes)
        given = [q, k] if mask is None else [q, k, mask]
        with pytest.raises(ValueError, match=match):
            module().call_kernel(isa, "attention_weights", given, [y], [causal], [])

    refused("leading", (2, 3, 4), (1, 3, 4), (2, 3, 3))
    refused("features", (3, 4), (3, 5), (3, 3))
    refused("features", (3, 4), (3, 4), (3, 4))
    refused("same number of axes", (3, 4), (1, 3, 4), (3, 3))
    refused("causal", (3, 4), (2, 4), (3, 2), causal=1)
    refused("boolean", (3, 4), (3, 4), (3, 3), mask=np.zeros((3, 3), np.float32))
    refused("or 1", (3, 4), (3, 4), (3, 3), mask=np.zeros((3, 2), bool))
