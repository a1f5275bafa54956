"""Derivatives against finite differences, with a verdict for every input.

The function is contracted with a fixed random cotangent to a scalar s. Its gradient must agree,
element by element, with a central difference of order 6. Where it does not, smaller steps are
tried; where the slopes from the left and from the right differ, or the value jumps, the element
sits on a kink.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pullback import ops
from pullback.autodiff import reverse
from pullback.errors import ConfigError, DifferentiationError
from pullback.graph.dtypes import Array, is_float
from pullback.graph.node import Node, Operand, as_node, constant
from pullback.graph.order import depends_on, topological

# Central difference of order 6: f'(x) = sum of weight * f(x + place * h) / h
_PLACES = (-3.0, -2.0, -1.0, 1.0, 2.0, 3.0)
_WEIGHTS = (-1 / 60, 3 / 20, -3 / 4, 3 / 4, -3 / 20, 1 / 60)
_STEPS = (5e-3, 2e-4, 1e-5, 3e-7)
_KINK = 1e-6  # nearer than this, a kink cannot be told from the point itself


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
        DifferentiationError: No input is real, or no derivative exists.

    Example:
        >>> import pullback as pb
        >>> bool(pb.gradcheck(pb.tanh, [[0.3, -1.0]], order=2))
        True
    """
    if order not in (1, 2):
        raise ConfigError("the order must be 1 or 2", str(order), "Check order 2 of the gradient.")
    nodes = [_float64(x) for x in inputs]
    real = [x for x in nodes if is_float(x.dtype)]
    if not real:
        raise DifferentiationError(
            "gradcheck needs at least one real input",
            ", ".join(str(x.dtype) for x in nodes) or "no inputs",
            "Pass floats: 1.0, not 1.",
        )
    random = np.random.default_rng(seed)
    s = _projected([f(*nodes)], random)
    if order == 2:
        s = _projected(reverse.gradient(s, real), random)
    bars = dict(zip(real, reverse.gradient(s, real), strict=True))
    verdicts = [
        _judge(_Along(s, x), bars[x].numpy(), tolerance) if x in bars else None for x in nodes
    ]
    return Verdict(tuple(verdicts), order)


def _float64(x: Operand) -> Node:
    """A constant of the value of `x`, in float64 where that is real."""
    array = as_node(x).numpy()
    return constant(array.astype(np.float64) if array.dtype.kind == "f" else array)


def _projected(ys: Sequence[Node], random: np.random.Generator) -> Node:
    """The scalar that is the sum of v * y, with random numbers v of size 0.5 to 1.5."""
    signed = [random.uniform(0.5, 1.5, y.shape) * random.choice([-1, 1], y.shape) for y in ys]
    total = constant(np.float64(0))
    for v, y in zip(signed, ys, strict=True):
        total = total + ops.sum(ops.scale(constant(v), y))
    return total


class _Along:
    """A scalar as a function of one input: only what depends on that input is computed again."""

    def __init__(self, s: Node, x: Node) -> None:
        order = topological([s])
        active = depends_on(order, [x])
        self.s, self.x = s, x
        self.again = [node for node in order if node in active and node is not x]
        beside = {i for node in self.again for i in node.inputs} - active
        self.fixed = {node: node.numpy() for node in (*beside, *({s} - active))}

    def __call__(self, value: Array) -> float:
        values = {**self.fixed, self.x: value}
        with np.errstate(all="ignore"):
            for node in self.again:
                found = node.op.forward(*(values[i] for i in node.inputs))
                values[node] = np.asarray(found, node.dtype)
        return float(values[self.s])


def _judge(scalar: _Along, bar: Array, tolerance: float) -> InputVerdict:
    """Compare one input's derivative with finite differences, element by element."""
    x = scalar.x.numpy()
    numeric = np.zeros_like(x)
    kinks: list[tuple[int, ...]] = []
    close = tolerance * max(float(np.max(np.absolute(bar), initial=0.0)), 1e-3)
    for index in np.ndindex(x.shape):

        def along(shift: float, index: tuple[int, ...] = index) -> float:
            moved = x.copy()
            moved[index] += shift
            return scalar(moved)

        want = float(bar[index])
        numeric[index] = difference(along, want, close)
        if abs(numeric[index] - want) > close and is_kink(along, want, close):
            kinks.append(index)
            numeric[index] = want
    gap = np.absolute(bar - numeric)
    size = max(float(np.linalg.norm(bar)), float(np.linalg.norm(numeric)), 1e-3)
    error = float(np.linalg.norm(gap)) / size
    worst = np.unravel_index(int(np.argmax(gap)), gap.shape) if gap.size else ()
    place = tuple(int(i) for i in worst)
    at = (float(bar[place]), float(numeric[place])) if gap.size else (0.0, 0.0)
    return InputVerdict(bool(error <= tolerance), error, place, *at, tuple(kinks))


def difference(along: Callable[[float], float], want: float, close: float) -> float:
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


def is_kink(along: Callable[[float], float], want: float, close: float) -> bool:
    """Whether a kink or a jump is to blame for a difference from `want`.

    Across a jump the change of value does not shrink with the step; no slope is right there. On a
    kink the slopes from the left and from the right stay apart, and any between them is right;
    of a smooth function they draw together in proportion to the step, however curved it is.
    Beside a kink, both agree with `want` once the step no longer reaches it.
    """
    wide, narrow = abs(along(_KINK) - along(-_KINK)), abs(along(_KINK / 16) - along(-_KINK / 16))
    if narrow > 0.5 * wide > 1e-8 * max(abs(along(0)), 1.0):
        return bool(np.isfinite(want))
    last = 0.0
    for h in (_KINK, _KINK / 16, _KINK / 256):
        low, high = _slopes(along, h)
        slack = 1e-3 * max(abs(low), abs(high), 1e-3)
        apart = high - low > slack and high - low > 0.5 * last
        if last and apart and low - slack <= want <= high + slack:
            return True
        if last and max(abs(low - want), abs(high - want)) <= close:
            return True
        last = high - low
        if last <= slack:
            return False
    return False


def _slopes(along: Callable[[float], float], h: float) -> tuple[float, float]:
    """The slopes from the left and from the right, the smaller first."""
    here = along(0)
    left, right = (here - along(-h)) / h, (along(h) - here) / h
    return min(left, right), max(left, right)
