"""Every elementwise operation of the native table, against what it means in NumPy.

The meaning is `forward` in a wider dtype, of the same numbers; a result is measured against it
before it is rounded. Driven by the registry: an operation without native rows fails.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from pullback.graph import registry
from pullback.graph.op import Op
from pullback.ops.special import erfc_values
from tests.native.helpers import EVERY_ISA, guarded, module

pytestmark = pytest.mark.native

OPERATIONS = {name: op for name, op in registry().items() if op.family == "ELEMENTWISE"}
LOGICAL = {"logical_and", "logical_or", "logical_not"}
DTYPES = (np.dtype("float32"), np.dtype("float64"), np.dtype("int64"), np.dtype("bool"))
NUMBERS = [n for n, op in OPERATIONS.items() if n not in LOGICAL and n not in ("cast", "where")]
WHOLE = [
    "abs",
    "add",
    "equal",
    "is_finite",
    "is_nan",
    "less",
    "less_equal",
    "maximum",
    "minimum",
    "mul",
    "neg",
    "not_equal",
    "relu",
    "sign",
    "square",
    "stop_gradient",
    "sub",
]
FLAGS = [
    "equal",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "not_equal",
    "stop_gradient",
]

# Units in the last place that a result may be away, in float32 and float64; 4 of the others.
# Half a unit, and the rounding of the measure, is all that one rounding does.
EXACT = [
    "abs",
    "add",
    "ceil",
    "clip",
    "div",
    "equal",
    "floor",
    "hard_shrink",
    "is_finite",
    "is_nan",
    "less",
    "less_equal",
    "maximum",
    "minimum",
    "mul",
    "neg",
    "not_equal",
    "prelu",
    "reciprocal",
    "relu",
    "round",
    "scale",
    "sign",
    "sqrt",
    "square",
    "stop_gradient",
    "sub",
    "threshold",
]
ULPS: dict[str, tuple[float, float]] = {
    **dict.fromkeys(EXACT, (0.501, 0.501)),
    "exp": (1, 2),
    "log": (1, 2),
    "tanh": (1, 3),
    "sigmoid": (2.5, 3),
    "silu": (2.5, 4),
    "mish": (5, 5),
    "softplus": (2.5, 3),
    "logaddexp": (1, 2),
    "sin": (1, 1),
    "cos": (1, 1),
    "erf": (4, 8),
    "erfc": (4, 8),
    "normal_cdf": (4, 8),
    "gelu": (4, 8),
}


def instances(op: type[Op]) -> list[Any]:
    found = op.instances() if hasattr(op, "instances") else (op(),)
    return list(found)


CASES = [pytest.param(op, id=repr(op)) for n in NUMBERS for op in instances(OPERATIONS[n])]


def padded(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """`array`, its length brought to a multiple of 16 by repeating its last number."""
    return np.concatenate([array, np.repeat(array[-1:], -len(array) % 16)])


def specials(dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """Zeros, infinities, NaN, the ends of the normal and of the subnormal numbers, and halves."""
    info = np.finfo(dtype)
    tiny, least, most = info.smallest_normal, info.smallest_subnormal, info.max
    sizes = [0.0, np.inf, tiny, least, 3 * least, tiny * 0.75, most, most / 2, info.eps, 0.5, 1.0]
    sizes += [1.5, 2.5, 1 + info.eps, 1 - info.eps / 2, 3.0, 17.0, 88.5, 104.0, 709.5, 745.0, 1e7]
    return np.array([np.nan] + [s * x for x in sizes for s in (1, -1)], dtype)


def attributes(op: Any) -> list[float]:
    return [float(getattr(op, field.name)) for field in dataclasses.fields(op)]


def rounded(op: Any, dtype: np.dtype[Any]) -> Any:
    """`op`, its attributes rounded to `dtype`, which is what they are in a computation in it."""
    changed = {f.name: float(dtype.type(getattr(op, f.name))) for f in dataclasses.fields(op)}
    return dataclasses.replace(op, **changed)


def native(isa: str, op: Any, inputs: list[Any], dtype: Any) -> np.ndarray[Any, Any]:
    output, check = guarded(np.zeros(len(inputs[0]), dtype))
    given = attributes(op) if op.name != "cast" else []
    module().call_elementwise(isa, op.name, inputs, output, given)
    check()
    return output.copy()


def meaning(op: Any, inputs: list[Any]) -> np.ndarray[Any, Any]:
    with np.errstate(all="ignore"):
        return np.asarray(op.forward(*inputs))


def ulps(
    found: np.ndarray[Any, Any], wanted: np.ndarray[Any, Any], of: Any = 0
) -> np.ndarray[Any, Any]:
    """How far apart, in units of the last place of `found`'s dtype; inf where one is NaN or inf.

    The place is that of `wanted`, or of `of` where that is larger.
    """
    with np.errstate(all="ignore"):
        rounded = wanted.astype(found.dtype)
        same = (found == rounded) | (np.isnan(found) & np.isnan(rounded))
        unit = np.spacing(np.fmax(np.abs(rounded), of)).astype(wanted.dtype)
        limit = np.finfo(found.dtype).max
        near_limit = np.isinf(found) & (np.abs(wanted) >= limit * (1 - 1e-6))
        away = np.abs(found.astype(wanted.dtype) - wanted) / unit
    far = np.where(np.isfinite(away), away, np.inf)
    return np.where(near_limit | (same & ~np.isfinite(away)), 0, far)


def assert_near(
    op: Any, inputs: list[Any], found: Any, wanted: Any, limit: float, of: Any = 0
) -> None:
    away = ulps(found, wanted, of)
    worst = int(np.argmax(away))
    assert away[worst] <= limit, (
        f"{op!r} of {[x[worst] for x in inputs]}: {found[worst]!r}, not {wanted[worst]!r},"
        f" {away[worst]} units away"
    )


def points(op: Any, dtype: np.dtype[Any]) -> list[Any]:
    """The class's hard points and the special numbers, each with each where there are several."""
    hard = np.array(getattr(op, "hard_points", ()), dtype)
    with np.errstate(all="ignore"):
        values = np.concatenate([hard, specials(dtype)])
    grid = np.array(list(itertools.product(values, repeat=op.arity)), dtype)
    return [padded(np.ascontiguousarray(column)) for column in grid.T]


def drawn(op: Any, dtype: np.dtype[Any], count: int) -> list[Any]:
    """Numbers of every size, half of them between -20 and 20."""
    rng = np.random.default_rng(5)
    sizes = 38 if dtype == np.float32 else 300
    found = []
    for _ in range(op.arity):
        wide = 10 ** rng.uniform(-sizes, sizes, count // 2) * rng.choice([-1, 1], count // 2)
        found.append(
            rng.permutation(np.concatenate([wide, rng.uniform(-20, 20, count - count // 2)]))
        )
    return [x.astype(dtype) for x in found]


def gelu_tanh(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """With the constants in the dtype of x too, which an exponential would magnify."""
    pi = x.dtype.type("3.14159265358979323846264338327950288")
    twice = 2 * np.sqrt(2 / pi) * x * (1 + x.dtype.type("0.044715") * x * x)
    with np.errstate(all="ignore"):
        return np.asarray(np.where(x < 0, x * np.exp(twice), x) / (1 + np.exp(-np.abs(twice))))


def compared(isa: str, op: Any, dtype: np.dtype[Any], inputs: list[Any]) -> None:
    wide = np.float64 if op.name in ("erf", "erfc", "gelu", "normal_cdf") else np.longdouble
    wider = [x.astype(wide) for x in inputs]
    own = op.name == "gelu_tanh" and np.finfo(wide).nmant > 52
    want = gelu_tanh(*wider) if own else meaning(rounded(op, dtype), wider)
    found = native(isa, op, inputs, bool if want.dtype == bool else dtype)
    if want.dtype == bool:
        np.testing.assert_array_equal(found, want)
        return
    limit = ULPS.get(op.name, (4, 4))[dtype == np.float64]
    # near 0, ln(e^a + e^b) is the difference of larger numbers, which its error is relative to
    of = np.max(np.abs(inputs), 0) if op.name == "logaddexp" and dtype == np.float64 else 0
    assert_near(op, inputs, found, want, limit, of)
    zero = want == 0
    assert (np.signbit(found[zero]) == np.signbit(want[zero])).all() or op.name in SIGNLESS


# Where NumPy's own sign of zero depends on the instruction set, or on the order of the inputs.
SIGNLESS = {"maximum", "minimum", "relu", "clip", "elu"}


def rows(isa: str) -> set[tuple[str, int, int, int]]:
    return {tuple(row) for row in module().elementwise(isa)}


def missing() -> Iterator[tuple[str, int, int, int]]:
    """The rows that must be there, so that any graph's elementwise operations run natively."""
    for name, op in OPERATIONS.items():
        if name == "cast":
            yield from ((name, i, o, 1) for i in range(4) for o in range(4))
            continue
        kinds = [0, 1] if name not in LOGICAL else []
        kinds += [2] if name in WHOLE or name == "where" else []
        kinds += [3] if name in FLAGS or name == "where" else []
        question = issubclass(op, OPERATIONS["equal"].__mro__[1])
        yield from ((name, k, 3 if question else k, op.arity) for k in kinds)


@EVERY_ISA
def test_every_operation_has_its_native_rows(isa: str) -> None:
    assert set(missing()) <= rows(isa)
    assert len(rows(isa)) == len(module().elementwise(isa)), "a row is there twice"


@EVERY_ISA
@pytest.mark.parametrize("dtype", DTYPES[:2], ids=str)
@pytest.mark.parametrize("op", CASES)
def test_values_at_hard_points(op: Any, dtype: np.dtype[Any], isa: str) -> None:
    compared(isa, op, dtype, points(op, dtype))


@EVERY_ISA
@pytest.mark.parametrize("dtype", DTYPES[:2], ids=str)
@pytest.mark.parametrize("op", CASES)
def test_values_at_random_points(op: Any, dtype: np.dtype[Any], isa: str) -> None:
    compared(isa, op, dtype, drawn(op, dtype, 4096))


@EVERY_ISA
@pytest.mark.parametrize("name", WHOLE)
def test_whole_numbers(name: str, isa: str) -> None:
    op = OPERATIONS[name]()
    info = np.iinfo(np.int64)
    values = [0, 1, -1, 2, 3, -7, info.max, info.min, info.max - 1, 2**32, -(2**31), 12345678912]
    grid = np.array(list(itertools.product(values, repeat=op.arity)), np.int64)
    inputs = [padded(np.ascontiguousarray(column)) for column in grid.T]
    want = meaning(op, inputs)
    np.testing.assert_array_equal(native(isa, op, inputs, want.dtype), want)


@EVERY_ISA
@pytest.mark.parametrize("name", FLAGS)
def test_booleans(name: str, isa: str) -> None:
    op = OPERATIONS[name]()
    grid = np.array(list(itertools.product([False, True], repeat=op.arity)))
    inputs = [padded(np.ascontiguousarray(column)) for column in grid.T]
    want = meaning(op, inputs)
    np.testing.assert_array_equal(native(isa, op, inputs, want.dtype), want)


@EVERY_ISA
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_where(dtype: np.dtype[Any], isa: str) -> None:
    rng = np.random.default_rng(1)
    condition = rng.random(64) < 0.5
    a, b = (rng.integers(0, 2, 64).astype(dtype) for _ in range(2))
    if dtype.kind == "f":
        a[::3], b[::5] = np.nan, -0.0
    op = OPERATIONS["where"]()
    found = native(isa, op, [condition, a, b], dtype)
    assert found.tobytes() == np.where(condition, a, b).tobytes()


@EVERY_ISA
@pytest.mark.parametrize("to", DTYPES, ids=str)
@pytest.mark.parametrize("of", DTYPES, ids=str)
def test_cast(of: np.dtype[Any], to: np.dtype[Any], isa: str) -> None:
    values = [0, 1, -1, 2.5, -2.5, 2.0**31, -(2.0**40), 2.0**62]
    with np.errstate(all="ignore"):
        x = np.array(values if of.kind != "i" else [int(v) for v in values], of)
        if of.kind == "f":
            x = np.concatenate([x, specials(of), specials(np.dtype("float32")).astype(of)])
        x = padded(x)
        want = x.astype(to)
    found = native(isa, OPERATIONS["cast"](to.name), [x], to)
    np.testing.assert_array_equal(found, want)
    if to.kind == of.kind == "f":
        assert (np.signbit(found) == np.signbit(want))[~np.isnan(want)].all()


@EVERY_ISA
@pytest.mark.parametrize("op", CASES)
def test_the_output_may_be_an_input(op: Any, isa: str) -> None:
    if isinstance(op, OPERATIONS["equal"].__mro__[1]):
        return
    inputs = drawn(op, np.dtype("float32"), 256)
    want = native(isa, op, inputs, np.float32)
    for place in range(op.arity):
        given = [x.copy() for x in inputs]
        module().call_elementwise(isa, op.name, given, given[place], attributes(op))
        np.testing.assert_array_equal(given[place], want)


# Each against a road of its own in float64.
def silu(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    with np.errstate(all="ignore"):
        return x * sigmoid(x)


def sigmoid(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    with np.errstate(all="ignore"):
        return 1 / (1 + np.exp(-x))


STRICT = {
    "exp": (np.exp, 1.0),
    "log": (np.log, 1.0),
    "tanh": (np.tanh, 1.0),
    "sqrt": (np.sqrt, 0.5),
    "sigmoid": (sigmoid, 2.5),
    "softplus": (lambda x: np.logaddexp(x, 0), 2.5),
    "silu": (silu, 2.5),
    "gelu": (lambda x: x * 0.5 * erfc_values(x * -np.sqrt(0.5)), 4.0),
    "sin": (np.sin, 1.0),
    "cos": (np.cos, 1.0),
}


def swept(isa: str, name: str, bits: np.ndarray[Any, Any]) -> None:
    x = bits.astype(np.uint32).view(np.float32)
    x = x[: len(x) // 16 * 16]
    reference, limit = STRICT[name]
    op = OPERATIONS[name]()
    found = native(isa, op, [x], np.float32)
    with np.errstate(all="ignore"):
        want = reference(x.astype(np.float64))
        other = (found != want.astype(np.float32)) & ~(np.isnan(found) & np.isnan(want))
    if other.any():  # the rest is the float32 number nearest to what is wanted
        assert_near(op, [x[other]], found[other], want[other], limit)


@EVERY_ISA
@pytest.mark.parametrize("name", STRICT)
def test_a_sample_of_all_float32_numbers(name: str, isa: str) -> None:
    swept(isa, name, np.arange(0, 2**32, 4099))


@EVERY_ISA
@pytest.mark.parametrize("name", ["exp", "log", "tanh", "sigmoid", "softplus", "silu"])
def test_float64_on_a_fine_grid(name: str, isa: str) -> None:
    """Against the 64-bit significands of longdouble; NumPy's own float64 is not that exact."""
    if np.finfo(np.longdouble).nmant < 63:
        pytest.skip("longdouble is no wider than float64 here")
    rng = np.random.default_rng(3)
    x = np.concatenate([rng.uniform(-40, 40, 2**16), rng.uniform(-745, 709, 2**14)])
    x = np.concatenate([x, 10 ** rng.uniform(-300, 0, 2**14) * rng.choice([-1, 1], 2**14)])
    if name == "log":
        x = np.abs(x)
    op = OPERATIONS[name]()
    want = meaning(op, [x.astype(np.longdouble)])
    assert_near(op, [x], native(isa, op, [x], np.float64), want, 2.5)


@EVERY_ISA
@pytest.mark.parametrize("dtype", DTYPES[:2], ids=str)
def test_what_is_exact_stays_exact(dtype: np.dtype[Any], isa: str) -> None:
    """Values at 0 and at 1, the sign of zero, and the ends, where nothing more changes."""
    zero, huge = dtype.type(0), dtype.type(np.finfo(dtype).max)
    for name, x, y in [
        ("exp", 0, 1),
        ("exp", -np.inf, 0),
        ("exp", -huge, 0),
        ("exp", huge, np.inf),
        ("log", 1, 0),
        ("log1p", 0, 0),
        ("sigmoid", 0, 0.5),
        ("sigmoid", huge, 1),
        ("normal_cdf", 0, 0.5),
        ("normal_cdf", huge, 1),
        ("tanh", huge, 1),
        ("tanh", -huge, -1),
        ("erf", huge, 1),
        ("erfc", 0, 1),
    ]:
        found = native(isa, OPERATIONS[name](), [np.full(16, x, dtype)], dtype)
        assert (found == y).all(), f"{name}({x}) = {found[0]}, not {y}"
    for name in ("tanh", "expm1", "log1p", "sin", "erf", "softsign", "round", "sqrt"):
        found = native(isa, OPERATIONS[name](), [np.full(16, -zero, dtype)], dtype)
        assert (found == 0).all(), name
        assert np.signbit(found).all(), name


@pytest.mark.long
@EVERY_ISA
@pytest.mark.parametrize("name", STRICT)
def test_all_float32_numbers(name: str, isa: str) -> None:
    for start in range(0, 2**32, 2**20):
        swept(isa, name, np.arange(start, start + 2**20))
