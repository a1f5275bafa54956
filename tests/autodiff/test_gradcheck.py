"""gradcheck finds wrong derivatives, and is not alarmed by kinks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback import ops
from pullback.autodiff import gradcheck
from pullback.errors import ConfigError, DifferentiationError
from pullback.graph import apply, constant
from pullback.graph.op import operation
from pullback.ops.families import Elementwise

Rule = Callable[..., tuple[Any, ...]]


def tie_to_the_first(y_bar: Any, y: Any, a: Any, b: Any) -> tuple[Any, Any]:
    return pb.where(a < b, 0.0, y_bar), pb.where(a < b, y_bar, 0.0)


# operation: what is wrong with it, and the wrong rule
WRONG: list[tuple[str, str, Rule]] = [
    ("sin", "the sign", lambda g, y, x: (-g * pb.cos(x),)),
    ("cos", "the sign", lambda g, y, x: (g * pb.sin(x),)),
    ("tanh", "a factor", lambda g, y, x: (g * (1 - y),)),
    ("tanh", "a small factor", lambda g, y, x: (g * (1 - y * y) * 1.00001,)),
    ("exp", "the cotangent is missing", lambda g, y, x: (y,)),
    ("exp", "the derivative is cut off", lambda g, y, x: (g * 0.0,)),
    ("log", "the square", lambda g, y, x: (g / (x * x),)),
    ("sqrt", "a missing 2", lambda g, y, x: (g / y,)),
    ("sigmoid", "the input for the output", lambda g, y, x: (g * x * (1 - x),)),
    ("softplus", "a step for the ramp", lambda g, y, x: (pb.where(x > 0, g, 0.0),)),
    ("square", "a missing 2", lambda g, y, x: (g * x,)),
    ("abs", "no sign", lambda g, y, x: (g,)),
    ("relu", "leaks", lambda g, y, x: (pb.where(x > 0, g, 0.1 * g),)),
    ("elu", "the value for the slope", lambda g, y, x: (pb.where(x > 0, g, g * y),)),
    ("clip", "leaks outside", lambda g, y, x: (g,)),
    ("erf", "the constant", lambda g, y, x: (g * pb.exp(-x * x),)),
    ("mul", "the wrong factor", lambda g, y, a, b: (g * a, g * b)),
    ("sub", "the sign of the second", lambda g, y, a, b: (g, g)),
    ("div", "the sign of the second", lambda g, y, a, b: (g / b, g * a / (b * b))),
    ("power", "the exponent", lambda g, y, a, b: (g * b * a**b, g * y * pb.log(a))),
    ("atan2", "swapped", lambda g, y, a, b: (-g * a / (a * a + b * b), g * b / (a * a + b * b))),
    ("maximum", "to the smaller", lambda g, y, a, b: tie_to_the_first(g, y, b, a)),
    ("where", "swapped", lambda g, y, c, a, b: (None, pb.where(c, 0.0, g), pb.where(c, g, 0.0))),
    ("sum", "divided", lambda g, y, x: (ops.reductions.Sum((0,)).back(g, x) / 2.0,)),
    ("mean", "not divided", lambda g, y, x: (ops.reductions.Mean((0,)).back(g, x),)),
    ("softmax", "the diagonal only", lambda g, y, x: (g * y * (1 - y),)),
    ("log_softmax", "no sum", lambda g, y, x: (g - pb.exp(y) * g,)),
    ("logsumexp", "shared equally", lambda g, y, x: (ops.reductions.Sum((0,)).back(g, x) / 5.0,)),
    ("variance", "a missing 2", lambda g, y, x: ((x - x.mean()) * g / 5.0,)),
    ("norm", "not divided", lambda g, y, x: (x * g,)),
    ("transpose", "not turned back", lambda g, y, x: (g.reshape(x.shape),)),
    ("matmul", "transposed", lambda g, y, a, b: ((b @ g).T, (g @ a).T)),
    ("matmul", "one side only", lambda g, y, a, b: (g @ b.T, b * 0.0)),
    ("slice", "the wrong place", lambda g, y, x: (pb.concatenate([g, x[3:] * 0.0]),)),
    ("concatenate", "swapped", lambda g, y, a, b: (g[2:], g[:2])),
    (
        "gather",
        "duplicates overwrite",
        lambda g, y, x, i: (pb.one_hot(i, 3, "float64").max(0) * g[0], None),
    ),
]

CALLS: dict[str, tuple[Callable[..., Any], list[Any]]] = {
    "sum": (lambda x: pb.sum(x), [[0.3, -0.6, 1.2, 0.1, 0.7]]),
    "mean": (lambda x: pb.mean(x), [[0.3, -0.6, 1.2, 0.1, 0.7]]),
    "softmax": (pb.softmax, [[0.3, -0.6, 1.2, 0.1, 0.7]]),
    "log_softmax": (pb.log_softmax, [[0.3, -0.6, 1.2, 0.1, 0.7]]),
    "logsumexp": (pb.logsumexp, [[0.3, -0.6, 1.2, 0.1, 0.7]]),
    "variance": (pb.variance, [[0.3, -0.6, 1.2, 0.1, 0.7]]),
    "norm": (pb.norm, [[0.3, -0.6, 1.2, 0.1, 0.7]]),
    "transpose": (pb.transpose, [[[0.3, -0.6, 1.2], [0.1, 0.7, 0.2]]]),
    "matmul": (pb.matmul, [[[0.3, -0.6], [1.2, 0.5]], [[0.1, 0.7], [0.2, -0.4]]]),
    "slice": (lambda x: x[2:], [[0.3, -0.6, 1.2, 0.4, 0.9]]),
    "concatenate": (lambda a, b: pb.concatenate([a, b]), [[0.3, -0.6], [1.2, 0.4]]),
    "gather": (pb.gather, [[0.3, -0.6, 1.2], [1, 1, 0]]),
    "where": (pb.where, [[True, False], [0.3, -0.6], [1.2, 0.4]]),
    "clip": (lambda x: pb.clip(x, -0.5, 0.5), [[0.3, -0.6, 1.2]]),
    "elu": (pb.elu, [[0.3, -0.6, 1.2]]),
}


def called(name: str) -> tuple[Callable[..., Any], list[Any]]:
    if name in CALLS:
        return CALLS[name]
    positive = [0.3, 0.6, 1.2]
    op = operation(name)
    inputs = [positive, [1.1, 0.2, 0.7]][: op.arity]
    if name in {"abs", "relu"}:
        inputs = [[0.3, -0.6, 1.2]]
    return lambda *xs: apply(op(), *xs), inputs


def test_many_wrong_rules_are_planted() -> None:
    assert len(WRONG) >= 20
    assert len({name for name, _, _ in WRONG}) >= 20


@pytest.mark.parametrize(("name", "what", "rule"), WRONG)
def test_a_wrong_rule_is_found(
    name: str, what: str, rule: Rule, monkeypatch: pytest.MonkeyPatch
) -> None:
    f, inputs = called(name)
    assert gradcheck(f, inputs), "it must be right before"
    monkeypatch.setattr(operation(name), "vjp", lambda self, *args: rule(*args))
    verdict = gradcheck(f, inputs)
    assert not verdict, f"{name}: {what} was not found"
    assert "WRONG" in str(verdict)
    assert max(v.error for v in verdict.inputs if v) > 1e-6


def test_a_rule_wrong_in_second_order_only_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The slope's value is right, but it is cut off from the graph."""
    monkeypatch.setattr(
        operation("exp"), "vjp", lambda self, g, y, x: (g * apply(operation("stop_gradient")(), y),)
    )
    assert gradcheck(pb.exp, [[0.3, -0.4]])
    assert not gradcheck(pb.exp, [[0.3, -0.4]], order=2)


def test_a_safe_product_made_of_where_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Why `scale` is a primitive: its second derivative is not zero at a zero cotangent."""

    def f(w: Any) -> Any:
        return (pb.sqrt(w) - 2.0) ** 2

    assert gradcheck(f, [[4.0]], order=2)
    monkeypatch.setattr(
        operation("scale"),
        "vjp",
        lambda self, g, y, a, b: (pb.where(a == 0, 0.0, g * b), pb.where(a == 0, 0.0, g * a)),
    )
    assert not gradcheck(f, [[4.0]], order=2)


KINKS: dict[str, tuple[Callable[..., Any], list[Any]]] = {
    "relu at 0": (pb.relu, [[0.0, 0.4, -0.3]]),
    "leaky relu at 0": (pb.leaky_relu, [[0.0, 0.4, -0.3]]),
    "elu at 0": (lambda x: pb.elu(x, 0.5), [[0.0, 0.4]]),
    "abs at 0": (pb.abs, [[0.0, 1.0]]),
    "a tie of maximum": (pb.maximum, [[1.0, 2.0], [1.0, 0.0]]),
    "a tie of minimum": (pb.minimum, [[1.0, 2.0], [1.0, 0.0]]),
    "a tie of max": (pb.max, [[3.0, 1.0, 3.0]]),
    "a tie of min": (pb.min, [[[1.0, 1.0], [2.0, 1.0]]]),
    "clip at a bound": (lambda x: pb.clip(x, 0.0, 1.0), [[0.0, 0.5, 1.0]]),
    "norm at 0": (pb.norm, [[0.0, 0.0]]),
    "hypot at 0": (pb.hypot, [[0.0], [0.0]]),
    "round at a half": (pb.round, [[0.5, 0.2]]),
    "sign at 0": (pb.sign, [[0.0, 0.2]]),
    "near a kink": (pb.relu, [[1e-7, -1e-5, 3e-4]]),
}


@pytest.mark.parametrize("name", KINKS)
@pytest.mark.parametrize("order", [1, 2])
def test_kinks_are_no_false_alarm(name: str, order: int) -> None:
    f, inputs = KINKS[name]
    verdict = gradcheck(f, inputs, order=order)
    assert verdict, f"{name}\n{verdict}"


def test_kinks_are_told() -> None:
    verdict = gradcheck(pb.relu, [[0.0, 0.4, -0.3]])
    assert verdict.inputs[0] is not None
    assert verdict.inputs[0].kinks == ((0,),)
    assert "1 on a kink" in str(verdict)


def test_a_wrong_rule_at_a_kink_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any slope between the two sides is a subgradient; one outside is wrong."""
    monkeypatch.setattr(
        operation("relu"),
        "vjp",
        lambda self, g, y, x: (pb.where(x >= 0, pb.where(x > 0, g, 2 * g), 0.0),),
    )
    assert not gradcheck(pb.relu, [[0.0, 0.4]])


# What is smooth, curved so sharply that it looks like a kink, and where its slope is 0.
STEEP: dict[str, tuple[Callable[..., Any], float]] = {
    "a parabola": (lambda x: 1e6 * x * x, 0.9),
    "a cosine": (lambda x: pb.cos(3e4 * x), 100.0),
    "a cosine, little wrong": (lambda x: pb.cos(3e4 * x), 1.0),
    "a bell": (lambda x: pb.exp(-1e8 * x * x), 30.0),
}


@pytest.mark.parametrize("name", STEEP)
def test_curvature_is_not_a_kink(name: str) -> None:
    f, wrong = STEEP[name]

    class Judged(Elementwise):
        """f with a derivative rule that is off by `wrong`."""

        name = "judged"

        def forward(self, x: Any) -> Any:
            return f(constant(x)).numpy()

        def vjp(self, y_bar: Any, y: Any, x: Any) -> Any:
            return (y_bar * (pb.vjp(f, x)[1](1.0)[0] + wrong),)

    for x in (0.0, 1e-9, -1e-7):
        verdict = gradcheck(lambda a: apply(Judged(), a), [x])
        assert not verdict, f"{name} at {x}: {verdict}"
    right = gradcheck(f, [[0.0]])
    assert right
    assert right.inputs[0] is not None
    assert not right.inputs[0].kinks


def test_a_missed_dependence_is_found() -> None:
    assert not gradcheck(lambda x: pb.exp(x) * apply(operation("stop_gradient")(), x), [[1.0]])


def test_a_value_taken_out_counts_as_constant() -> None:
    assert gradcheck(lambda x: pb.exp(x) * pb.stop_gradient(x), [[1.0]], order=2)


def test_the_verdict_says_where() -> None:
    def f(x: Any) -> Any:  # the derivative of the element [1, 0] is lost
        return x * np.array([[1.0, 1.0], [0.0, 1.0]]) + (
            apply(operation("stop_gradient")(), x) * np.array([[0.0, 0.0], [1.0, 0.0]])
        )

    verdict = gradcheck(f, [[[1.0, 2.0], [3.0, 4.0]]])
    assert not verdict
    assert verdict.inputs[0] is not None
    assert verdict.inputs[0].worst == (1, 0)
    assert verdict.inputs[0].derivative == 0
    assert abs(verdict.inputs[0].difference) > 0.4


def test_inputs_that_are_not_real_are_passed_over() -> None:
    verdict = gradcheck(pb.gather, [[0.3, -0.6], [1, 1, 0]])
    assert verdict
    assert verdict.inputs[1] is None
    assert "no derivative" in str(verdict)


def test_nothing_and_scalars() -> None:
    assert gradcheck(pb.tanh, [np.zeros((0, 3))], order=2)
    assert gradcheck(pb.tanh, [0.5], order=2)
    assert gradcheck(lambda a, b: a, [[1.0], [2.0]], order=2)


def test_the_inputs_are_not_changed() -> None:
    x = np.array([1.0, 2.0])
    gradcheck(pb.tanh, [x])
    assert x.tolist() == [1.0, 2.0]


def test_what_cannot_be_checked_is_said() -> None:
    with pytest.raises(ConfigError, match="order"):
        gradcheck(pb.tanh, [[1.0]], order=3)
    with pytest.raises(DifferentiationError, match="real input"):
        gradcheck(pb.tanh, [[1, 2]])
    with pytest.raises(DifferentiationError, match="argmax"):
        gradcheck(lambda x: pb.argmax(x), [[1.0, 2.0]])
