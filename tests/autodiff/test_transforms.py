"""gradient, value_and_grad, vjp, jvp, hvp, stop_gradient: right, linear, and clear when refused."""

from __future__ import annotations

import time
import tracemalloc
from collections import namedtuple
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pullback as pb
from pullback.autodiff import backward
from pullback.errors import ConfigError, DifferentiationError, ShapeError
from pullback.execute import evaluate
from pullback.graph import Node, constant, placeholder, registry
from pullback.ops.samples import Real, Sample
from pullback.plan import Step, plan

DIFFERENTIABLE = [name for name, op in registry().items() if op.differentiable and op.arity]


def split(sample: Sample, seed: int) -> tuple[Callable[..., Node], list[np.ndarray]]:
    """The sample as a function of its real inputs alone, and their drawn values."""
    random = np.random.default_rng(seed)
    arrays = [rule.draw(random) for rule in sample.inputs]
    real = [isinstance(rule, Real) for rule in sample.inputs]

    def f(*xs: Node) -> Node:
        supply = iter(xs)
        nodes = [next(supply) if r else constant(a) for r, a in zip(real, arrays, strict=True)]
        return sample.build(*nodes)

    return f, [np.asarray(a) for r, a in zip(real, arrays, strict=True) if r]


def difference(
    f: Callable[..., np.ndarray], primals: list[np.ndarray], tangents: list[np.ndarray]
) -> np.ndarray:
    """The derivative of f along the tangents, by a central difference of order 6."""

    def moved(t: float) -> np.ndarray:
        return f(*(constant(x + t * v) for x, v in zip(primals, tangents, strict=True)))

    h, weights = 1e-3, {1: 0.75, 2: -0.15, 3: 1 / 60}
    return np.asarray(sum(w * (moved(k * h) - moved(-k * h)) for k, w in weights.items()) / h)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_jvp_of_every_operation(name: str) -> None:
    """A jvp is the vjp of the vjp, so it must be right for every rule."""
    for i, sample in enumerate(registry()[name].samples()):
        f, primals = split(sample, i)
        random = np.random.default_rng(i)
        tangents = [random.uniform(-1, 1, x.shape) for x in primals]
        y, y_dot = pb.jvp(f, primals, tangents)
        assert y_dot.shape == y.shape
        if not all(x.size for x in primals):  # the mean of nothing is NaN
            continue
        wanted = difference(lambda *xs, f=f: f(*xs).numpy(), primals, tangents)
        size = max(float(np.linalg.norm(wanted)), 1e-3)
        assert np.linalg.norm(y_dot.numpy() - wanted) <= 1e-8 * size, sample.op


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_vjp_and_jvp_are_adjoint(name: str) -> None:
    """The cotangent's product with J x_dot is the tangent's with the transposed J y_bar."""
    for i, sample in enumerate(registry()[name].samples()):
        f, primals = split(sample, 100 + i)
        random = np.random.default_rng(i)
        tangents = [random.uniform(-1, 1, x.shape) for x in primals]
        y, pull = pb.vjp(f, *primals)
        y_bar = random.uniform(-1, 1, y.shape)
        _, y_dot = pb.jvp(f, primals, tangents)
        left = float((y_bar * y_dot.numpy()).sum())
        bars = pull(y_bar)
        right = sum(float((b.numpy() * t).sum()) for b, t in zip(bars, tangents, strict=True))
        np.testing.assert_allclose(left, right, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_hvp_of_every_operation(name: str) -> None:
    for i, sample in enumerate(registry()[name].samples()):
        f, primals = split(sample, 200 + i)
        random = np.random.default_rng(i)
        v = random.uniform(0.5, 1.5, f(*map(constant, primals)).shape)
        tangents = [random.uniform(-1, 1, x.shape) for x in primals]

        def scalar(*xs: Node, f: Any = f, v: Any = v) -> Node:
            return (pb.sin(f(*xs)) * v).sum()  # not linear, so that there is something to see

        def slopes(*xs: Node, scalar: Any = scalar) -> np.ndarray:
            return np.concatenate([b.numpy().reshape(-1) for b in pb.gradient(scalar(*xs), xs)])

        wanted = difference(slopes, primals, tangents)
        ends = np.cumsum([x.size for x in primals])[:-1]
        products = pb.hvp(scalar, primals, tangents)
        for product, part in zip(products, np.split(wanted, ends), strict=True):
            gap = product.numpy().reshape(-1) - part
            size = max(float(np.linalg.norm(part)), 1e-2)
            assert np.linalg.norm(gap) <= 1e-7 * size, sample.op


floats = st.floats(-3, 3, allow_subnormal=False)


@given(st.sampled_from(DIFFERENTIABLE), st.integers(0, 100), floats, floats)
def test_the_pullback_is_linear(name: str, seed: int, a: float, b: float) -> None:
    samples = list(registry()[name].samples())
    f, primals = split(samples[seed % len(samples)], seed)
    y, pull = pb.vjp(f, *primals)
    random = np.random.default_rng(seed)
    u, v = random.uniform(-1, 1, y.shape), random.uniform(-1, 1, y.shape)
    for whole, of_u, of_v in zip(pull(a * u + b * v), pull(u), pull(v), strict=True):
        wanted = a * of_u.numpy() + b * of_v.numpy()
        np.testing.assert_allclose(whole.numpy(), wanted, rtol=1e-9, atol=1e-11)


@given(floats, floats, floats)
def test_the_gradient_of_a_sum_is_the_sum_of_gradients(a: float, b: float, x: float) -> None:
    at = pb.tensor(x, dtype="float64")
    f, g = pb.sin(at) * at, pb.exp(at)
    (whole,) = pb.gradient(a * f + b * g, [at])
    parts = pb.gradient(f, [at])[0] * a + pb.gradient(g, [at])[0] * b
    np.testing.assert_allclose(whole.numpy(), parts.numpy(), rtol=1e-12, atol=1e-12)


def test_the_gradient_of_a_whole_history() -> None:
    x, w = pb.tensor([1.0, 2.0]), pb.tensor([3.0, -1.0])
    hidden = x * w
    loss = (hidden * hidden).sum()
    w_bar, hidden_bar = pb.gradient(loss, [w, hidden])
    assert hidden_bar.numpy().tolist() == [6, -4]
    assert w_bar.numpy().tolist() == [6, -8]
    assert pb.gradient(loss, [loss])[0].item() == 1
    assert pb.gradient(loss, []) == ()


def test_shapes_and_dtypes_of_gradients() -> None:
    for dtype in ("float32", "float64"):
        x = pb.tensor(np.ones((2, 0, 3)), dtype=dtype)
        (bar,) = pb.gradient(pb.exp(x).sum(), [x])
        assert bar.shape == (2, 0, 3)
        assert bar.dtype == dtype
    low, high = pb.tensor([1.0]), pb.tensor([2.0], dtype="float64")
    low_bar, high_bar = pb.gradient((low * high).sum(), [low, high])
    assert (low_bar.dtype, high_bar.dtype) == ("float32", "float64")
    assert (low_bar.item(), high_bar.item()) == (2, 1)


def test_what_the_loss_does_not_depend_on_gets_zeros() -> None:
    x, other = pb.tensor([1.0, 2.0]), pb.tensor([[3.0]])
    x_bar, other_bar = pb.gradient(x.sum(), [x, other])
    assert x_bar.numpy().tolist() == [1, 1]
    assert other_bar.numpy().tolist() == [[0]]
    stopped = (pb.stop_gradient(x) * 2.0).sum()
    assert pb.gradient(stopped, [x])[0].numpy().tolist() == [0, 0]
    flat = (pb.floor(x) + pb.sign(x)).sum()
    assert pb.gradient(flat, [x])[0].numpy().tolist() == [0, 0]


def test_a_gradient_needs_one_real_number() -> None:
    x = pb.tensor([1.0, 2.0])
    with pytest.raises(DifferentiationError, match=r"shape \(2,\)"):
        pb.gradient(x * x, [x])
    with pytest.raises(DifferentiationError, match=r"test_transforms\.py"):
        pb.gradient(x * x, [x])
    with pytest.raises(DifferentiationError, match="int64"):
        pb.gradient(pb.argmax(x), [x])
    assert pb.gradient((x * x)[:1], [x])[0].numpy().tolist() == [2, 0]


def test_a_gradient_is_with_respect_to_real_numbers() -> None:
    n = pb.tensor([1, 2])
    with pytest.raises(DifferentiationError, match="int64"):
        pb.gradient((n * 1.5).sum(), [n])
    for f in (pb.value_and_grad(lambda v: v.sum()), lambda v: pb.vjp(lambda u: u, v)):
        with pytest.raises(DifferentiationError, match="int64"):
            f(n)


@pytest.mark.parametrize(
    ("f", "named"),
    [
        (lambda x: pb.argmax(x) * 1.0, "argmax"),
        (lambda x: (x > 0).astype("float32").sum(), "less"),
        (lambda x: pb.where(x > 0, 1.0, 0.0).sum(), "less"),
        (lambda x: (x == 1).astype("float32").mean(), "equal"),
        (lambda x: pb.one_hot(pb.argmax(x), 2).sum(), "argmax"),
        (lambda x: x.astype("int64").astype("float32").sum(), "cast"),
        (lambda x: pb.gather(pb.tensor([1.0, 2.0]), x.astype("int64")).sum(), "cast"),
    ],
)
def test_a_loss_through_what_has_no_derivative_names_it(
    f: Callable[[Any], Any], named: str
) -> None:
    x = pb.tensor([1.0, 0.0])
    with pytest.raises(DifferentiationError) as caught:
        pb.gradient(f(x), [x])
    assert named in str(caught.value)
    assert "test_transforms.py" in str(caught.value)
    with pytest.raises(DifferentiationError):
        pb.value_and_grad(f)(x)


def test_a_comparison_beside_the_way_is_fine() -> None:
    x = pb.tensor([1.0, -2.0])
    (bar,) = pb.gradient(pb.where(x > 0, x * x, -x).sum(), [x])
    assert bar.numpy().tolist() == [2, -1]
    (bar,) = pb.gradient(pb.gather(x, [pb.argmax(x)]).sum(), [x])
    assert bar.numpy().tolist() == [1, 0]


def test_value_and_grad_by_argument() -> None:
    def f(a: Node, b: Node, c: float) -> Node:
        return (a * b).sum() * c

    value, a_bar = pb.value_and_grad(f)(pb.tensor([1.0, 2.0]), pb.tensor([3.0, 4.0]), 2.0)
    assert value.item() == 22
    assert a_bar.numpy().tolist() == [6, 8]
    _, bars = pb.value_and_grad(f, argnums=(1, 0))(pb.tensor([1.0]), pb.tensor([3.0]), 2.0)
    assert [bar.item() for bar in bars] == [2, 6]
    _, last = pb.value_and_grad(f, argnums=-1)(pb.tensor([1.0]), pb.tensor([3.0]), 2.0)
    assert last.item() == 3
    _, whole = pb.value_and_grad(lambda x: x * x)(3)  # a Python number counts as real
    assert whole.item() == 6
    with pytest.raises(ConfigError, match="argnums"):
        pb.value_and_grad(f, argnums=3)(1.0, 2.0, 3.0)


def test_value_and_grad_of_trees() -> None:
    Layer = namedtuple("Layer", ["weight", "bias"])
    parameters = {
        "layers": [Layer(pb.tensor([[1.0, 2.0]]), pb.tensor([0.5])), (pb.tensor(3.0), 4.0)],
        "scale": 2.0,
    }

    def f(p: Any) -> Node:
        first, (a, b) = p["layers"]
        return ((first.weight @ [1.0, 1.0] + first.bias) * a * b * p["scale"]).sum()

    value, bars = pb.value_and_grad(f)(parameters)
    assert value.item() == 84
    first, second = bars["layers"]
    assert isinstance(first, Layer)
    assert isinstance(second, tuple)
    assert first.weight.numpy().tolist() == [[24, 24]]
    assert first.bias.numpy().tolist() == [24]
    assert [bar.item() for bar in second] == [28, 21]
    assert bars["scale"].item() == 42


def test_vjp_takes_any_cotangent() -> None:
    y, pull = pb.vjp(lambda a, b: a * b, pb.tensor([1.0, 2.0]), pb.tensor([3.0, 4.0]))
    assert y.numpy().tolist() == [3, 8]
    assert [bar.numpy().tolist() for bar in pull([1.0, 10.0])] == [[3, 40], [1, 20]]
    assert [bar.numpy().tolist() for bar in pull([0.0, 0.0])] == [[0, 0], [0, 0]]
    with pytest.raises(ShapeError, match="cotangent"):
        pull([1.0, 2.0, 3.0])


def test_jvp_and_hvp_refuse_what_does_not_fit() -> None:
    x = pb.tensor([1.0, 2.0])
    with pytest.raises(ConfigError, match="tangent"):
        pb.jvp(lambda a: a, [x], [])
    with pytest.raises(ShapeError, match="tangent"):
        pb.jvp(lambda a: a, [x], [[1.0, 2.0, 3.0]])
    with pytest.raises(ShapeError, match="tangent"):
        pb.hvp(lambda a: a.sum(), [x], [[[1.0, 2.0]]])
    _, y_dot = pb.jvp(lambda a: a * a, [x], [1.0])
    assert y_dot.numpy().tolist() == [2, 4]
    _, y_dot = pb.jvp(lambda a: pb.tensor([7.0]), [x], [1.0])
    assert y_dot.numpy().tolist() == [0]


def test_a_jvp_is_safe_where_nothing_moves() -> None:
    _, y_dot = pb.jvp(pb.sqrt, [pb.tensor([0.0, 4.0])], [pb.tensor([0.0, 1.0])])
    assert y_dot.numpy().tolist() == [0, 0.25]
    _, y_dot = pb.jvp(pb.sqrt, [pb.tensor([0.0])], [pb.tensor([1.0])])
    assert y_dot.numpy().tolist() == [np.inf]


def test_a_hessian_of_two_arguments() -> None:
    a, b = pb.tensor([1.0, 2.0]), pb.tensor([3.0, 4.0])
    products = pb.hvp(lambda u, v: (u * u * v).sum(), [a, b], [[1.0, 0.0], [0.0, 1.0]])
    # d2/du2 = 2v, d2/dudv = 2u, d2/dv2 = 0
    assert [p.numpy().tolist() for p in products] == [[6, 4], [2, 0]]


def test_gradients_of_placeholders_are_computed_when_fed() -> None:
    x = placeholder("x", (2,))
    (bar,) = pb.gradient((x**3).sum(), [x])
    (again,) = pb.gradient(bar.sum(), [x])
    first, second = evaluate([bar, again], {x: np.array([1.0, 2.0], np.float32)})
    assert first.tolist() == [3, 12]
    assert second.tolist() == [6, 12]


def test_several_outputs_add_their_cotangents() -> None:
    x = pb.tensor(2.0)
    a, b = x * x, x * 3.0
    (bar,) = backward([a, b, a], [pb.tensor(1.0), pb.tensor(10.0), pb.tensor(100.0)], [x])
    assert bar is not None
    assert bar.item() == 4 + 30 + 400


def test_a_cotangent_must_have_the_shape_of_its_value() -> None:
    x = pb.tensor([1.0, 2.0])
    with pytest.raises(ShapeError, match=r"cotangent \(\), value \(2,\)"):
        backward([x * x], [pb.tensor(1.0)], [x])


def test_higher_orders() -> None:
    x = pb.tensor(0.7, dtype="float64")
    y = pb.sin(x)
    for wanted in (np.cos, lambda v: -np.sin(v), lambda v: -np.cos(v), np.sin, np.cos):
        (y,) = pb.gradient(y, [x])
        np.testing.assert_allclose(y.item(), wanted(0.7), rtol=1e-14)


def test_a_hand_written_loop_keeps_time_and_memory_flat() -> None:
    X = pb.tensor(np.random.default_rng(0).normal(size=(16, 3)), dtype="float64")
    y = X @ [1.0, -2.0, 0.5]
    w = pb.tensor([0.0, 0.0, 0.0], dtype="float64")

    def step(w: Node) -> Node:
        loss = pb.square(X @ w - y).mean()
        (w_bar,) = pb.gradient(loss, [w])
        return pb.stop_gradient(w - 0.05 * w_bar)

    times, sizes = [], []
    for _ in range(10):
        tracemalloc.start()
        w = step(w)
        sizes.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        start = time.process_time()
        for _ in range(999):
            w = step(w)
        times.append(time.process_time() - start)
    assert times[-1] < 3 * times[0], f"seconds a thousand steps: {times}"
    assert sizes[-1] < 2 * sizes[0] + 10_000, f"bytes kept by a step: {sizes}"
    assert not w.inputs, "the history is forgotten"
    np.testing.assert_allclose(w.numpy(), [1.0, -2.0, 0.5], rtol=1e-6)


def test_memory_does_not_grow_over_the_loop() -> None:
    w = pb.tensor([1.0, 2.0])

    def steps(w: Node, count: int) -> Node:
        for _ in range(count):
            (w_bar,) = pb.gradient((w * w).sum(), [w])
            w = pb.stop_gradient(w - 0.01 * w_bar)
        return w

    w = steps(w, 50)
    tracemalloc.start()
    w = steps(w, 50)
    early = tracemalloc.get_traced_memory()[0]
    w = steps(w, 1000)
    late = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert late < early + 50_000, f"{early} bytes, then {late}"


def product(a: Node, b: Node) -> Node:
    return a * b * b


def test_the_same_tensor_may_be_passed_twice() -> None:
    x = pb.tensor(3.0)
    _, pull = pb.vjp(product, x, x)
    assert [float(bar) for bar in pull(1.0)] == [9, 18]
    assert [float(v) for v in pb.jvp(product, [x, x], [1.0, 0.0])] == [27, 9]
    assert [float(v) for v in pb.hvp(lambda a, b: a * b, [x, x], [1.0, 0.0])] == [0, 1]
    _, bars = pb.value_and_grad(product, argnums=(0, 1))(x, x)
    assert [float(bar) for bar in bars] == [9, 18]
    _, (first, second) = pb.value_and_grad(lambda xs: product(*xs))([x, x])
    assert (float(first), float(second)) == (9, 18)
    assert pb.gradcheck(product, [x, x], order=2)


def test_a_tensor_that_is_passed_and_closed_over_is_a_constant_inside() -> None:
    x = pb.tensor(3.0)
    assert float(pb.value_and_grad(lambda a: a * x)(x)[1]) == 3
    assert float(pb.jvp(lambda a: a * x, [x], [1.0])[1]) == 3
    assert float(pb.hvp(lambda a: a * a * x, [x], [1.0])[0]) == 6
    assert [float(bar) for bar in pb.vjp(lambda a: a * x, x)[1](1.0)] == [3]


def test_derivatives_of_derivatives_pass_through_the_variables() -> None:
    def slope(x: Node) -> Node:
        return pb.value_and_grad(lambda a: a * a * x)(x)[1]  # 2 a x at a = x

    x = pb.tensor(3.0)
    assert float(slope(x)) == 18
    assert float(pb.value_and_grad(slope)(x)[1]) == 12  # of 2 x^2
    loss, _ = pb.value_and_grad(lambda a: a * a)(x)
    assert float(pb.gradient(loss, [x])[0]) == 6


def test_a_variable_keeps_its_origin_and_costs_no_instruction() -> None:
    x = placeholder("x", ())
    y, _ = pb.vjp(lambda a: a, x)
    assert y is not x
    assert y.origin is x.origin
    value, bar = pb.value_and_grad(lambda a: a * a)(x)
    names = [i.op.name for i in plan(Step({"value": value, "bar": bar})).instructions]
    assert "reshape" not in names


def test_value_and_grad_passes_keywords_on() -> None:
    f = pb.value_and_grad(lambda x, *, power=1: x**power)
    assert [float(v) for v in f(pb.tensor(3.0), power=2)] == [9, 6]
    assert [float(v) for v in f(pb.tensor(3.0))] == [3, 1]


def test_one_tensor_instead_of_a_list_is_refused() -> None:
    x = pb.tensor([1.0, 2.0])
    with pytest.raises(DifferentiationError, match="list of tensors"):
        pb.gradient((x * x).sum(), x)
