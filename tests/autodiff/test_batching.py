"""The batching rule of every operation: on a stack, what the operation gives row by row."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

import pullback as pb
from pullback.graph import Node, Op, constant, registry
from pullback.graph.dtypes import is_float
from pullback.graph.node import Leaf
from pullback.ops.samples import Sample

ROWS = 3
MOST = 5  # subsets of inputs for one sample
BATCHED = [name for name, op in registry().items() if op.arity and not issubclass(op, Leaf)]


def subsets(count: int) -> list[tuple[bool, ...]]:
    """Which inputs are mapped: each alone, all, and further choices up to `MOST`."""
    chosen = [m for m in itertools.product([True, False], repeat=count) if any(m)]
    chosen.sort(key=lambda m: (0 < sum(m) - 1 < count - 1, sum(m)))
    return chosen[:MOST]


def settings(name: str) -> Iterator[tuple[Sample, tuple[bool, ...], list[np.ndarray]]]:
    """Every sample with every choice of mapped inputs, and drawn stacks."""
    for i, sample in enumerate(registry()[name].samples()):
        for j, mapped in enumerate(subsets(len(sample.inputs))):
            random = np.random.default_rng((i, j))
            stacks = [
                np.stack([rule.draw(random) for _ in range(ROWS)]) if m else rule.draw(random)
                for rule, m in zip(sample.inputs, mapped, strict=True)
            ]
            yield sample, mapped, stacks


def axes(mapped: Sequence[bool]) -> tuple[int | None, ...]:
    return tuple(0 if m else None for m in mapped)


def entries(stacks: list[np.ndarray], mapped: Sequence[bool]) -> Iterator[list[Node]]:
    """The inputs of each entry of the stacks."""
    for i in range(ROWS):
        yield [constant(x[i] if m else x) for x, m in zip(stacks, mapped, strict=True)]


def test_every_operation_has_a_batching_rule() -> None:
    without = [n for n in BATCHED if not (registry()[n].batch is not Op.batch)]
    fused = [n for n in without if registry()[n].decompose is not Op.decompose]
    assert set(without) <= set(fused), f"give `batch` to {sorted(set(without) - set(fused))}"


@pytest.mark.parametrize("name", BATCHED)
def test_a_stack_gives_what_its_rows_give(name: str) -> None:
    for sample, mapped, stacks in settings(name):
        found = pb.vmap(sample.build, axes(mapped))(*map(constant, stacks))
        rows = [sample.build(*xs) for xs in entries(stacks, mapped)]
        assert found.shape == (ROWS, *rows[0].shape), f"{sample.op}, mapped {mapped}"
        assert found.dtype == rows[0].dtype
        wanted = np.stack([row.numpy() for row in rows])
        said = f"{sample.op}, mapped {mapped}"
        np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-13, atol=1e-14, err_msg=said)


@pytest.mark.parametrize("name", [n for n in BATCHED if registry()[n].differentiable])
def test_a_stack_has_the_derivatives_of_its_rows(name: str) -> None:
    """The derivative of the stack, and the stack of the derivatives."""
    for sample, mapped, stacks in settings(name):
        said = f"{sample.op}, mapped {mapped}"
        nodes = [constant(x) for x in stacks]
        y = pb.vmap(sample.build, axes(mapped))(*nodes)
        y_bar = constant(np.random.default_rng(0).uniform(0.5, 1.5, y.shape))
        wanted = [
            row_cotangents(sample, xs, y_bar[i]) for i, xs in enumerate(entries(stacks, mapped))
        ]
        real = [i for i, x in enumerate(nodes) if is_float(x.dtype)]

        of_stack = pb.gradient((y * y_bar).sum(), [nodes[i] for i in real])
        for i, bar, rows in zip(real, of_stack, zip(*wanted, strict=True), strict=True):
            total = np.stack(rows) if mapped[i] else np.sum(rows, axis=0)
            np.testing.assert_allclose(bar.numpy(), total, rtol=1e-12, atol=1e-12, err_msg=said)

        def pulled(
            v: Node, *xs: Node, sample: Sample = sample, real: list[int] = real
        ) -> list[Node]:
            return list(pb.gradient((sample.build(*xs) * v).sum(), [xs[i] for i in real]))

        stacked = pb.vmap(pulled, (0, *axes(mapped)))(y_bar, *nodes)
        for bar, rows in zip(stacked, zip(*wanted, strict=True), strict=True):
            np.testing.assert_allclose(
                bar.numpy(), np.stack(rows), rtol=1e-12, atol=1e-12, err_msg=said
            )


def row_cotangents(sample: Sample, xs: list[Node], y_bar: Node) -> list[np.ndarray]:
    real = [x for x in xs if is_float(x.dtype)]
    return [bar.numpy() for bar in pb.gradient((sample.build(*xs) * y_bar).sum(), real)]
