"""Every derivative rule against finite differences: float64, 1e-6 normwise for each input.

What is counted is what is run: `CHECKS` lists all of it, `LONG` what `make test-long` runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.autodiff import gradcheck
from pullback.graph import Node, registry
from pullback.ops.families import Elementwise
from pullback.ops.samples import Real, Sample

SEEDS, LONG_ROUNDS = range(6), 16
DIFFERENTIABLE = [name for name, op in registry().items() if op.differentiable and op.arity]


@dataclass(frozen=True)
class Check:
    """One sample with drawn inputs, to be checked to one order."""

    name: str
    sample: Sample
    seed: int
    order: int

    def inputs(self) -> list[np.ndarray]:
        """The drawn inputs; with an odd seed in every second place of a longer last axis."""
        random = np.random.default_rng((self.seed, self.order))
        arrays = [self.apart(rule.draw(random)) for rule in self.sample.inputs]
        return [x.repeat(2, axis=-1) if self.widened(x) else x for x in arrays]

    def apart(self, x: np.ndarray) -> np.ndarray:
        """The input a little away from kinks, beside which a difference must take tiny steps."""
        op = self.sample.op
        if not isinstance(op, Elementwise) or x.dtype.kind != "f":
            return x
        sizes = [abs(v) for v in op.attributes().values() if isinstance(v, float)]
        for kink in (*op.hard_points, *sizes, *(-size for size in sizes)):
            x = np.where(np.abs(x - kink) < 1e-3, x + 2e-3, x)
        return x

    def widened(self, x: np.ndarray) -> bool:
        return bool(self.seed % 2 and x.ndim)

    def build(self, *nodes: Node) -> Node:
        """The operation, on views that are not contiguous where the inputs were widened."""
        views = [x[..., ::2] if self.seed % 2 and x.ndim else x for x in nodes]
        return self.sample.build(*views)


def resized(sample: Sample, seed: int) -> Sample:
    """An elementwise operation on a random shape; where inputs are broadcast, random axes of 1."""
    if not isinstance(sample.op, Elementwise) or not all(type(r) is Real for r in sample.inputs):
        return sample
    random = np.random.default_rng(seed)
    shape = random.integers(1, 6, random.integers(1, 4))
    ones = [sample.spread * random.integers(0, 2, len(shape)) for _ in sample.inputs]
    shapes = [tuple(np.where(one, 1, shape).tolist()) for one in ones]
    rules = zip(sample.inputs, shapes, strict=True)
    return replace(sample, inputs=tuple(replace(rule, shape=s) for rule, s in rules))


CHECKS = [
    Check(name, sample, seed, order)
    for name in DIFFERENTIABLE
    for sample in registry()[name].samples()
    for seed in SEEDS
    for order in (1, 2)
]
FIRST = [check for check in CHECKS if check.seed == 0]
LONG = [
    replace(check, sample=resized(check.sample, seed), seed=seed)
    for seed, check in enumerate(FIRST * LONG_ROUNDS, len(SEEDS))
]


def real_elements(sample: Sample) -> int:
    return sum(int(np.prod(rule.shape)) for rule in sample.inputs if isinstance(rule, Real))


def test_there_are_enough_samples() -> None:
    counted = [check for check in CHECKS if real_elements(check.sample)]
    each = Counter(check.name for check in counted)
    assert len(counted) >= 5000, f"only {len(counted)} gradient samples"
    few = {name: each[name] for name in DIFFERENTIABLE if each[name] < 30}
    assert not few, f"fewer than 30 gradient samples: {few}"
    second = Counter(check.order for check in counted)
    assert second[2] >= 2500


def test_the_samples_are_of_every_kind() -> None:
    for name in DIFFERENTIABLE:
        shapes = [rule.shape for s in registry()[name].samples() for rule in s.inputs]
        assert any(np.prod(s) > 1 for s in shapes), f"{name}: more than one number"
        elementwise = registry()[name].family == "ELEMENTWISE"
        assert not elementwise or {(), (0,)} <= set(shapes), f"{name}: a scalar, nothing"
    spread = {check.name for check in CHECKS if check.sample.spread}
    assert {"add", "mul", "power", "maximum", "where"} <= spread
    widened = [x for check in CHECKS for x in check.inputs() if check.widened(x)]
    assert len(widened) > 1000


def verify(checks: Iterable[Check]) -> None:
    for check in checks:
        verdict = gradcheck(check.build, check.inputs(), order=check.order, seed=check.seed)
        assert verdict, f"{check.sample.op} {check.sample.inputs} seed {check.seed}\n{verdict}"
        assert not any(v and v.kinks for v in verdict.inputs), "a sample on a kink checks nothing"


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_derivatives(name: str) -> None:
    verify(check for check in CHECKS if check.name == name)


@pytest.mark.long
def test_there_are_enough_long_samples() -> None:
    counted = Counter(check.order for check in LONG if real_elements(check.sample))
    assert min(counted[1], counted[2]) >= 10_000, f"only {counted} gradient samples"
    sizes = {check.sample.inputs[0].shape for check in LONG if check.name == "mul"}
    assert len(sizes) > 20, "random sizes"


@pytest.mark.long
@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_derivatives_of_many_more_samples(name: str) -> None:
    verify(check for check in LONG if check.name == name)


COMPOSED: dict[str, tuple[Callable[..., Any], Sequence[tuple[int, ...]]]] = {
    "vector @ vector": (lambda a, b: a @ b, [(3,), (3,)]),
    "matrix @ vector": (lambda a, b: a @ b, [(2, 3), (3,)]),
    "vector @ matrix": (lambda a, b: a @ b, [(3,), (3, 2)]),
    "batch @ matrix": (lambda a, b: a @ b, [(2, 2, 3), (3, 2)]),
    "vector @ batch": (lambda a, b: a @ b, [(3,), (2, 3, 2)]),
    "broadcast product": (lambda a, b: a * b, [(3, 1), (2,)]),
    "broadcast quotient": (lambda a, b: a / (3 + b), [(2,), (3, 1)]),
    "number first": (lambda a: 2 - 3 / (a + 4) + 2**a, [(3,)]),
    "whole power": (lambda a: a**3 - a**2, [(2, 2)]),
    "stack": (lambda a, b: pb.stack([a, b, a], axis=1), [(3,), (3,)]),
    "concatenate": (lambda a, b: pb.concatenate([a, b], axis=-1), [(2, 1), (2, 3)]),
    "squeeze": (lambda a: pb.squeeze(pb.expand_dims(a, 1)) * a, [(3,)]),
    "slice": (lambda a: a[1:, ::-2] * a[0, 1], [(3, 4)]),
    "rows": (lambda a: a[np.array([2, 0, 2])] ** 2, [(3, 2)]),
    "transpose": (lambda a: a.T @ a, [(2, 3)]),
    "softmax over an axis": (lambda a: pb.softmax(a, axis=0), [(3, 2)]),
    "std": (lambda a: pb.std(a, axis=1, correction=1), [(2, 4)]),
    "variance": (lambda a: pb.variance(a, axis=(0, 1), correction=1), [(2, 3)]),
    "normalised": (lambda a: (a - a.mean(1, True)) / pb.std(a, 1, True), [(2, 4)]),
    "unit rows": (lambda a: a / pb.norm(a, axis=1, keepdims=True), [(2, 3)]),
    "choice": (lambda a, b: pb.where(a > b, pb.sin(a), a * b), [(2, 3), (3,)]),
    "clip": (lambda a: pb.clip(a, -0.5) * pb.clip(a, None, 0.5), [(5,)]),
    "two layers": (
        lambda x, v, b, w: pb.tanh(x @ v + b) @ w,
        [(4, 3), (3, 5), (5,), (5, 2)],
    ),
    "used often": (lambda a: a * a + a * pb.exp(a) - a, [(3,)]),
    "number of a list": (lambda a, b: pb.sum([a * b, a, 1.0]), [(), ()]),
}


@pytest.mark.parametrize("name", COMPOSED)
@pytest.mark.parametrize("order", [1, 2])
def test_derivatives_of_compositions(name: str, order: int) -> None:
    f, shapes = COMPOSED[name]
    for seed in range(3):
        random = np.random.default_rng(seed)
        arrays = [random.uniform(-2, 2, shape) for shape in shapes]
        verdict = gradcheck(f, arrays, order=order, seed=seed)
        assert verdict, f"{name}\n{verdict}"
