"""Derivatives against finite differences, with a verdict for every input.

The function is contracted with a fixed random cotangent to a scalar s. Its gradient must agree,
element by element, with a central difference of order 6. Where it does not, smaller steps are
tried; where the slopes from the left and from the right differ, the element sits on a kink.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pullback import ops
from pullback.autodiff import reverse
from pullback.errors import ConfigError
from pullback.graph.dtypes import Array, is_float
from pullback.graph.node import Node, Operand, as_node, constant

# Central difference of order 6: f'(x) = sum of weight * f(x + place * h) / h
_PLACES = (-3.0, -2.0, -1.0, 1.0, 2.0, 3.0)
_WEIGHTS = (-1 / 60, 3 / 20, -3 / 4, 3 / 4, -3 / 20, 1 / 60)
_STEPS = (5e-3, 2e-4, 1e-5)


@dataclass(frozen=True)
class InputVerdict:
    """What was found for one input.

    Attributes:
        ok: Whether the derivative agrees, kinks aside.
        error: Norm of the difference over the larger norm of the two derivatives.
        worst: Index of the element that differs most.
        derivative: The derivative there.
        difference: The finite difference there.
        kinks: Indices of elements that sit on a kink; they are left out of `error`.
    """

    ok: bool
    error: float
    worst: tuple[int, ...]
    derivative: float
    difference: float
    kinks: tuple[tuple[int, ...], ...] = ()

    def __str__(self) -> str:
        state = "ok" if self.ok else "WRONG"
        kinks = f", {len(self.kinks)} on a kink" if self.kinks else ""
        return (
            f"{state}: relative error {self.error:.1e}, worst at {list(self.worst)}: "
            f"derivative {self.derivative:.9g}, finite difference {self.difference:.9g}{kinks}"
        )


@dataclass(frozen=True)
class Verdict:
    """The verdicts for all inputs of one function; true when all are right."""

    inputs: tuple[InputVerdict | None, ...]
    order: int

    def __bool__(self) -> bool:
        return all(v is None or v.ok for v in self.inputs)

    def __str__(self) -> str:
        lines = [f"derivative of order {self.order}: {'right' if self else 'WRONG'}"]
        for i, verdict in enumerate(self.inputs):
            lines.append(f"  input {i}: {verdict or 'not real, no derivative'}")
        return "\n".join(lines)


def gradcheck(
    f: Callable[..., Node],
    inputs: Sequence[Operand],
    *,
    order: int = 1,
    tolerance: float = 1e-6,
    seed: int = 0,
) -> Verdict:
    """Check the derivatives of `f` at `inputs` against finite differences, in float64.

    Args:
        f: A function of tensors to a tensor.
        inputs: Where to check; real inputs are converted to float64.
        order: 1 for the gradient; 2 for the gradient of a projection of the gradient.
        tolerance: Largest normwise relative error of an input's derivative.
        seed: Of the random cotangents.

    Returns:
        A `Verdict`, true when every input's derivative is right.

    Raises:
        ConfigError: The order is neither 1 nor 2.

    Example:
        >>> import pullback as pb
        >>> bool(pb.gradcheck(pb.tanh, [[0.3, -1.0]], order=2))
        True
    """
    if order not in (1, 2):
        raise ConfigError("the order must be 1 or 2", str(order), "Check order 2 of the gradient.")
    arrays = [_float64(x) for x in inputs]
    real = [i for i, x in enumerate(arrays) if is_float(x.dtype)]
    scalar = _projected(f, np.random.default_rng(seed), real)
    if order == 2:
        scalar = _projected_gradient(scalar, np.random.default_rng(seed + 1), real)
    nodes = [constant(x) for x in arrays]
    bars = reverse.gradient(scalar(*nodes), [nodes[i] for i in real])
    verdicts: list[InputVerdict | None] = [None] * len(arrays)
    for i, bar in zip(real, bars, strict=True):
        verdicts[i] = _judge(scalar, arrays, i, bar.numpy(), tolerance)
    return Verdict(tuple(verdicts), order)


def _float64(x: Operand) -> Array:
    array = as_node(x).numpy()
    return array.astype(np.float64) if array.dtype.kind == "f" else array


def _projected(
    f: Callable[..., Node], random: np.random.Generator, real: Sequence[int]
) -> Callable[..., Node]:
    """s = sum of v * f(...), with v fixed at the first call."""
    fixed: list[Array] = []

    def scalar(*nodes: Node) -> Node:
        y = f(*nodes)
        if not fixed:
            fixed.append(random.uniform(0.5, 1.5, y.shape) * random.choice([-1, 1], y.shape))
        return ops.sum(ops.scale(constant(fixed[0]), y))

    return scalar


def _projected_gradient(
    s: Callable[..., Node], random: np.random.Generator, real: Sequence[int]
) -> Callable[..., Node]:
    """The sum over inputs of w * gradient of s, with w fixed at the first call."""
    fixed: list[Array] = []

    def scalar(*nodes: Node) -> Node:
        bars = reverse.gradient(s(*nodes), [nodes[i] for i in real])
        if not fixed:
            fixed.extend(random.uniform(0.5, 1.5, bar.shape) for bar in bars)
        terms = [ops.sum(constant(w) * bar) for w, bar in zip(fixed, bars, strict=True)]
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        return total

    return scalar


def _judge(
    scalar: Callable[..., Node], arrays: list[Array], which: int, bar: Array, tolerance: float
) -> InputVerdict:
    """Compare one input's derivative with finite differences, element by element."""
    x = arrays[which]
    numeric = np.zeros_like(x)
    kinks: list[tuple[int, ...]] = []
    scale_ = float(np.max(np.absolute(bar), initial=0.0))
    for index in np.ndindex(x.shape):

        def along(shift: float, index: tuple[int, ...] = index) -> float:
            moved = x.copy()
            moved[index] += shift
            others = [moved if i == which else a for i, a in enumerate(arrays)]
            return scalar(*map(constant, others)).item()

        want = float(bar[index])
        numeric[index] = _difference(along, want, tolerance * max(scale_, 1e-3))
        if abs(numeric[index] - want) > tolerance * max(scale_, 1e-3) and _is_kink(along, want):
            kinks.append(index)
            numeric[index] = want
    gap = np.absolute(bar - numeric)
    size = max(float(np.linalg.norm(bar)), float(np.linalg.norm(numeric)), 1e-3)
    error = float(np.linalg.norm(gap)) / size
    worst = np.unravel_index(int(np.argmax(gap)), gap.shape) if gap.size else ()
    place = tuple(int(i) for i in worst)
    at = (float(bar[place]), float(numeric[place])) if gap.size else (0.0, 0.0)
    return InputVerdict(bool(error <= tolerance), error, place, *at, tuple(kinks))


def _difference(along: Callable[[float], float], want: float, close: float) -> float:
    """A central difference; smaller steps are tried until one is close to `want`."""
    best = float("nan")
    for h in _STEPS:
        values = [along(place * h) for place in _PLACES]
        found = sum(w * v for w, v in zip(_WEIGHTS, values, strict=True)) / h
        if not abs(best - want) <= abs(found - want):
            best = found
        if abs(best - want) <= close:
            break
    return best


def _is_kink(along: Callable[[float], float], want: float) -> bool:
    """Whether the slopes from both sides differ and `want` lies between them."""
    h = 1e-6
    left, right = (along(0) - along(-h)) / h, (along(h) - along(0)) / h
    low, high = min(left, right), max(left, right)
    slack = 1e-3 * max(abs(low), abs(high), 1e-3)
    return bool(high - low > slack and low - slack <= want <= high + slack)
