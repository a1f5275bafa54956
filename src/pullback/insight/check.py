"""`pb.check_gradients`: every rule that a network's gradient is made of, against differences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pullback.autodiff.gradcheck import difference, is_kink
from pullback.autodiff.reverse import pullback
from pullback.errors import ConfigError
from pullback.execute import evaluate
from pullback.graph.dtypes import Array, is_float
from pullback.graph.node import HasNode, Leaf, Node, as_node
from pullback.graph.order import topological
from pullback.insight.columns import wide
from pullback.insight.opening import opened
from pullback.insight.subject import Subject, of_network, of_tensor
from pullback.insight.values import exact, result
from pullback.nn.module import Module
from pullback.ops.comparison import StopGradient
from pullback.ops.custom import Barrier
from pullback.ops.families import Elementwise

_ALIKE = 2  # how often one operation is checked at the same place, on the same shapes
_SAMPLED = 64  # elements that are looked at one by one
_JITTER = 1e-2  # of each number, to get away from ties and kinks
_STEP = 1e-5
_ROUNDING = 1e-10  # of the scalar: what differences of it lose


@dataclass(frozen=True)
class Checked:
    """The rule of one operation, for one of its inputs.

    Attributes:
        operation: Its name.
        path: The path of the layer it belongs to.
        source: The user's line.
        place: Which of its inputs, counted from 0.
        shape: The shape of that input.
        ok: Whether the rule is right, kinks aside.
        derivative: A derivative by the rule: along a random direction, or of one element.
        difference: The finite difference beside it.
        element: Of which element they are; None along a direction.
        kinks: Whether the values sit on kinks or ties, where no slope is the right one.
    """

    operation: str
    path: str
    source: str
    place: int
    shape: tuple[int, ...]
    ok: bool
    derivative: float
    difference: float
    element: tuple[int, ...] | None = None
    kinks: bool = False

    def __str__(self) -> str:
        where = f"{self.operation} in {self.path!r}" if self.path else self.operation
        where += f" ({self.source})" if self.source else ""
        at = "along a direction" if self.element is None else f"at {list(self.element)}"
        return (
            f"{where}, input {self.place} of shape {self.shape}, {at}: "
            f"derivative {self.derivative:.9g}, finite difference {self.difference:.9g}"
        )


@dataclass(frozen=True)
class GradientCheck:
    """What was found; true when all rules are right.

    Attributes:
        checked: One entry for each operation and input that was checked.
    """

    checked: tuple[Checked, ...]

    @property
    def wrong(self) -> tuple[Checked, ...]:
        """The rules that are wrong."""
        return tuple(one for one in self.checked if not one.ok)

    def __bool__(self) -> bool:
        return not self.wrong

    def __str__(self) -> str:
        kinds = len({one.operation for one in self.checked})
        kinks = sum(one.kinks for one in self.checked)
        said = f"{len(self.checked)} rules of {kinds} operations checked"
        said += f", {kinks} of them on kinks or ties" if kinks else ""
        if not self.wrong:
            return f"{said}: all are right"
        lines = [f"{said}: {len(self.wrong)} WRONG", *(f"  {one}" for one in self.wrong)]
        return "\n".join(lines)

    __repr__ = __str__


def check_gradients(
    of: Any,
    data: Any = None,
    *,
    loss: Any = None,
    training: bool = False,
    tolerance: float = 1e-6,
    seed: int = 0,
) -> GradientCheck:
    r"""Check the rule of every operation that a gradient is made of; the wrong ones are named.

    Each operation is taken by itself, at the values that it has there, in float64: with a random
    cotangent $\bar y$ and a random direction $\dot x$, $\langle \bar x, \dot x\rangle$ by the rule
    must be the slope of $\langle \bar y, f(x + t \dot x)\rangle$ at $t = 0$, by differences of
    order 6. Where it is not, single elements are looked at, since values may sit on a kink (relu
    at 0) or a tie (equal numbers in a maximum), and the operation is checked once more beside
    them. Loops are unrolled, and their first steps checked.

    A rule that is meant to differ from the derivative (a straight-through estimator, a reversed
    gradient) is called wrong, as it should be.

    Args:
        of: A network with values, or a scalar tensor.
        data: The batch of a network, `(X, y)` or `(X, y, weights)`; a few rows are enough.
        loss: For a network: a loss or its name; a dict of them for several outputs.
        training: Whether the network is called as in training.
        tolerance: The largest relative error of a derivative.
        seed: Of the random directions.

    Returns:
        A `GradientCheck`, true when every rule is right.

    Raises:
        ConfigError: The arguments fit neither form, or the network has no values.
        DifferentiationError: What is given is no real scalar.

    Example:
        >>> import pullback as pb
        >>> network = pb.nn.dense(2, [3], 1, activation="tanh").initialise(seed=0)
        >>> print(pb.check_gradients(network, ([[1.0, 2.0]], [[0.5]]), loss="mse"))
        16 rules of 7 operations checked: all are right

    References:
        J. Nocedal and S. Wright, 2006, "Numerical Optimization", section 8.1 (differences).
    """
    subject = _subject(of, data, loss, training)
    open_ = opened([subject.loss])
    root = open_.new[subject.loss]
    known = {open_.new.get(node, node): array for node, array in subject.values.items()}
    values = exact([root], known)
    random = np.random.default_rng(seed)
    counts: Counter[Hashable] = Counter()
    found: list[Checked] = []
    for y in topological([root]):
        if isinstance(y.op, (Leaf, StopGradient, Barrier)) or not y.op.differentiable:
            continue
        for place, x in enumerate(y.inputs):
            alike = (y.op, y.origin.path, place, *(z.shape for z in y.inputs))
            if not is_float(x.dtype) or not x.size or counts[alike] >= _ALIKE:
                continue
            counts[alike] += 1
            one = _Rule(y, place, values, random, tolerance).checked()
            if one is not None:
                found.append(one)
    return GradientCheck(tuple(found))


def _subject(of: Any, data: Any, loss: Any, training: bool) -> Subject:
    if isinstance(of, Module):
        if data is None or loss is None:
            raise ConfigError(
                "the gradients of a network are those of a loss on a batch",
                "no data" if data is None else "no loss",
                'Write pb.check_gradients(network, (X, y), loss="mse").',
            )
        return of_network(of, data, loss, training=training)
    if not isinstance(of, HasNode):
        raise ConfigError(
            "what is checked is a network, or a scalar tensor",
            type(of).__name__,
            "For a function of tensors there is pb.gradcheck(f, inputs).",
        )
    return of_tensor(as_node(of), {})


class _Rule:
    """The rule of one operation for one input, at given values."""

    def __init__(
        self,
        y: Node,
        place: int,
        values: Mapping[Node, Array],
        random: np.random.Generator,
        tolerance: float,
    ) -> None:
        self.y, self.place, self.random, self.tolerance = y, place, random, tolerance
        self.inputs = [values[x] for x in y.inputs]
        self.y_bar = _signed(random, y.shape)

    def checked(self) -> Checked | None:
        """The verdict; None where the rule states no derivative."""
        x = self.inputs[self.place]
        x_bar = self._bar(x)
        if x_bar is None:
            return None
        along = self._direction(x, x_bar)
        if along.right:
            return self._verdict(True, along)
        kinks = False
        for index in self._suspects(x, x_bar):
            one = self._element(x, x_bar, index)
            if one.right:
                continue
            if not is_kink(one.f, one.derivative, one.close):
                return self._verdict(False, one, element=index)
            kinks = True
        moved = self._jittered(x)
        bar = self._bar(moved)
        beside = along if bar is None else self._direction(moved, bar)
        return self._verdict(beside.right, beside, kinks=kinks or beside.right)

    def _bar(self, x: Array) -> Array | None:
        """The cotangent of the input, by the rule."""
        inputs = tuple(map(wide, self._with(x)))
        value = wide(self._value(x))
        node = Node(self.y.op, inputs, value.shape, value.dtype, self.y.origin, value.value)
        wanted = [i == self.place for i in range(len(inputs))]
        x_bar = pullback(node, wide(self.y_bar), wanted)[self.place]
        return None if x_bar is None else evaluate([x_bar])[0]

    def _value(self, x: Array) -> Array:
        with np.errstate(all="ignore"):
            return result(self.y, self._with(x))

    def _with(self, x: Array) -> list[Array]:
        """The inputs, that one replaced."""
        return [x if i == self.place else other for i, other in enumerate(self.inputs)]

    def _scalar(self, x: Array) -> float:
        y = self._value(x)
        return float(np.sum(self.y_bar * y)) if is_float(y.dtype) else 0.0

    def _direction(self, x: Array, x_bar: Array) -> _Slope:
        way = _signed(self.random, x.shape) * max(_size(x), 1e-3)
        close = self.tolerance * max(float(np.sum(np.abs(x_bar * way))), 1e-9)
        return _Slope.of(lambda t: self._scalar(x + t * way), float(np.sum(x_bar * way)), close)

    def _element(self, x: Array, x_bar: Array, index: tuple[int, ...]) -> _Slope:
        def moved(t: float) -> float:
            there = x.copy()
            there[index] += t
            return self._scalar(there)

        close = self.tolerance * max(float(np.abs(x_bar).max()), 1e-3)
        return _Slope.of(moved, float(x_bar[index]), close)

    def _suspects(self, x: Array, x_bar: Array) -> list[tuple[int, ...]]:
        """Elements to look at: where an elementwise slope is off, or else some of all."""
        if isinstance(self.y.op, Elementwise):
            h = _STEP * max(_size(x), 1e-3)
            slope = (self._value(x + h) - self._value(x - h)) * self.y_bar / (2 * h)
            off = np.nan_to_num(np.abs(slope - x_bar), nan=0.0, posinf=0.0)
            chosen = np.argsort(-off.ravel(), kind="stable")[:_SAMPLED]
        else:
            few = min(_SAMPLED, x.size)
            chosen = self.random.choice(x.size, few, replace=False)
        return [tuple(int(i) for i in np.unravel_index(int(n), x.shape)) for n in chosen]

    def _jittered(self, x: Array) -> Array:
        """Values beside those: away from kinks and ties, and hardly anywhere else."""
        noise = self.random.uniform(-1, 1, x.shape)
        return x * (1 + _JITTER * noise) + np.where(x == 0, _JITTER * 0.1 * noise, 0.0)

    def _verdict(
        self,
        ok: bool,
        slope: _Slope,
        element: tuple[int, ...] | None = None,
        kinks: bool = False,
    ) -> Checked:
        return Checked(
            self.y.op.name,
            self.y.origin.path,
            str(self.y.origin.source or ""),
            self.place,
            self.y.inputs[self.place].shape,
            ok,
            slope.derivative,
            slope.difference,
            element,
            kinks,
        )


@dataclass(frozen=True)
class _Slope:
    """A derivative beside the difference of a function of one number."""

    f: Callable[[float], float]
    derivative: float
    difference: float
    close: float

    @classmethod
    def of(cls, f: Callable[[float], float], derivative: float, close: float) -> _Slope:
        close += _ROUNDING * max(abs(f(0.0)), 1e-3)
        return cls(f, derivative, difference(f, derivative, close), close)

    @property
    def right(self) -> bool:
        return abs(self.difference - self.derivative) <= self.close


def _signed(random: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Random numbers of size 0.5 to 1.5 and either sign."""
    return np.asarray(random.uniform(0.5, 1.5, shape) * random.choice([-1.0, 1.0], shape))


def _size(x: Array) -> float:
    return float(np.sqrt(np.mean(np.square(x))))
