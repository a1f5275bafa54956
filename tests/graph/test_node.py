"""A node as the user's tensor: dtypes, operators, indexing, values, errors."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pullback as pb
from pullback.errors import DataError, DtypeError, LabelError, ShapeError, TraceError
from pullback.graph import Node, constant, placeholder
from pullback.graph.dtypes import SUPPORTED, promote

DTYPES = [dtype.name for dtype in SUPPORTED]

# The dtype of a + b, row by column, in the order of DTYPES. Unlike in NumPy an integer never
# widens a float, and two booleans add as integers.
SUM = """
    int64   uint8   int32   int64   float32 float64
    uint8   uint8   int32   int64   float32 float64
    int32   int32   int32   int64   float32 float64
    int64   int64   int64   int64   float32 float64
    float32 float32 float32 float32 float32 float64
    float64 float64 float64 float64 float64 float64
"""
SUMS = [line.split() for line in SUM.strip().splitlines()]


@pytest.mark.parametrize(("i", "j"), list(itertools.product(range(6), repeat=2)))
def test_two_dtypes_meet(i: int, j: int) -> None:
    a, b = pb.tensor([1, 0], dtype=DTYPES[i]), pb.tensor([1, 1], dtype=DTYPES[j])
    assert (a + b).dtype == SUMS[i][j] == (b + a).dtype
    assert (a + b).numpy().dtype == SUMS[i][j]
    assert (a + b).numpy().tolist() == [2, 1]
    wider = promote(a.dtype, b.dtype)
    assert pb.where(a == b, a, b).dtype == wider
    assert pb.concatenate([a, b]).dtype == wider
    assert (a / b).dtype == (wider if wider.kind == "f" else np.float32)
    assert (a < b).dtype == np.bool_


# What a Python number makes of each dtype: with True, with 1, with 1.5.
WEAK = {
    "bool": ("int64", "int64", "float32"),
    "uint8": ("uint8", "uint8", "float32"),
    "int32": ("int32", "int32", "float32"),
    "int64": ("int64", "int64", "float32"),
    "float32": ("float32", "float32", "float32"),
    "float64": ("float64", "float64", "float64"),
}


@pytest.mark.parametrize("dtype", DTYPES)
def test_python_numbers_are_weak(dtype: str) -> None:
    x = pb.tensor([1, 0], dtype=dtype)
    for number, wanted in zip((True, 1, 1.5), WEAK[dtype], strict=True):
        for y in (x + number, number + x, x - number, x * number):
            assert y.dtype == wanted, (number, wanted)
    assert (x + np.float64(0.5)).dtype == WEAK[dtype][2], "NumPy's float64 scalar is a float"
    assert (x + np.float32(0.5)).dtype == ("float64" if dtype == "float64" else "float32")


def test_numbers_keep_their_digits() -> None:
    x = pb.tensor([1.0], dtype="float64")
    assert (x * 0.1).item() == 0.1
    assert (x * [0.1]).item() == 0.1
    assert ([0.1] @ x).item() == 0.1
    assert pb.stack([x[0], 0.1]).numpy()[1] == 0.1
    assert pb.concatenate([x, [0.1]]).numpy()[1] == 0.1
    assert pb.where(x > 2, x, 0.1).item() == 0.1


def test_dtypes_of_new_tensors() -> None:
    assert pb.tensor(1.5).dtype == np.float32
    assert pb.tensor([1, 2]).dtype == np.int64
    assert pb.tensor([1, 2.0]).dtype == np.float32
    assert pb.tensor([True]).dtype == np.bool_
    assert pb.tensor(np.array([1.5])).dtype == np.float64
    assert pb.tensor([np.float64(1.5)]).dtype == np.float64
    assert pb.tensor([1, 2], dtype="float64").dtype == np.float64
    assert pb.tensor(np.float32(2)).shape == ()
    assert pb.zeros((2, 0)).size == 0


@pytest.mark.parametrize(
    "value",
    [["a"], "text", [[1], [1, 2]], None, {"a": 1}, [None], np.array(["2020"], "M8[Y]"), object()],
)
def test_what_is_not_numbers_is_refused(value: Any) -> None:
    with pytest.raises(DataError, match="made of numbers"):
        pb.tensor(value)


@pytest.mark.parametrize("dtype", ["float16", "complex128", "int8", "uint64"])
def test_other_dtypes_are_refused(dtype: str) -> None:
    with pytest.raises(DtypeError, match="float32"):
        pb.tensor(np.zeros(2, dtype))
    with pytest.raises(DtypeError, match="float32"):
        pb.tensor([1]).astype(dtype)


def test_a_number_that_does_not_fit_its_dtype() -> None:
    pixels = pb.tensor([1, 2], dtype="uint8")
    for number in (300, -1):
        with pytest.raises(DataError, match="fit"):
            pixels + number
    assert (pixels.astype("int64") - 3).numpy().tolist() == [-2, -1]


def test_sums_of_small_integers_do_not_overflow() -> None:
    pixels = pb.tensor(np.full(1000, 255, np.uint8))
    assert pixels.sum().item() == 255_000
    assert pb.prod(pixels[:3]).item() == 255**3
    assert pixels.mean().item() == 255
    assert pb.sum(pb.tensor(np.full(4, 2**31 - 1, np.int32))).item() == 4 * (2**31 - 1)
    assert pb.tensor([True, True, False]).sum().item() == 2


BINARY: list[tuple[Callable[[Any, Any], Any], str]] = [
    (operator.add, "float"), (operator.sub, "float"), (operator.mul, "float"),
    (operator.truediv, "float"), (operator.pow, "float"), (operator.matmul, "float"),
    (operator.lt, "float"), (operator.le, "float"), (operator.gt, "float"),
    (operator.ge, "float"), (operator.eq, "float"), (operator.ne, "float"),
    (operator.and_, "bool"), (operator.or_, "bool"),
]  # fmt: skip


@pytest.mark.parametrize(("f", "kind"), BINARY)
def test_operators_with_arrays_on_either_side(f: Callable[[Any, Any], Any], kind: str) -> None:
    random = np.random.default_rng(0)
    a, b = random.uniform(0.5, 2, (2, 2)), random.uniform(0.5, 2, (2, 2))
    a[0, 0] = b[0, 0]
    if kind == "bool":
        a, b = a > 1, b > 1
    wanted = f(a, b)
    for left, right in ((pb.tensor(a), pb.tensor(b)), (a, pb.tensor(b)), (pb.tensor(a), b)):
        found = f(left, right)
        assert isinstance(found, Node)
        np.testing.assert_allclose(found.numpy(), wanted)
    if kind == "float":
        found = f(pb.tensor(a), b.tolist())
        assert isinstance(found, Node)
        np.testing.assert_allclose(found.numpy(), wanted)


@pytest.mark.parametrize(
    "f", [f for f, kind in BINARY if kind == "float" and f is not operator.matmul]
)
def test_operators_with_numbers_on_either_side(f: Callable[[Any, Any], Any]) -> None:
    x = np.array([0.5, 2.0, 3.0])
    np.testing.assert_allclose(f(pb.tensor(x), 2.0).numpy(), f(x, 2.0))
    np.testing.assert_allclose(f(2.0, pb.tensor(x)).numpy(), f(2.0, x))
    np.testing.assert_allclose(f(np.float64(2), pb.tensor(x)).numpy(), f(2.0, x))


def test_operators_of_one() -> None:
    x = pb.tensor([-1.0, 2.0])
    assert (-x).numpy().tolist() == [1, -2]
    assert (+x) is x
    assert abs(x).numpy().tolist() == [1, 2]
    assert (~(x > 0)).numpy().tolist() == [True, False]


def test_matmul_follows_numpy() -> None:
    random = np.random.default_rng(0)
    for a, b in (
        ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 4)), ((5, 2, 3), (3, 4)),
        ((2, 3), (5, 3, 4)), ((5, 1, 2, 3), (4, 3, 2)), ((4, 2, 3), (3,)), ((3,), (4, 3, 2)),
        ((2, 0), (0, 3)), ((0, 2), (2, 3)),
    ):  # fmt: skip
        left, right = random.normal(size=a), random.normal(size=b)
        np.testing.assert_allclose(
            (pb.tensor(left) @ pb.tensor(right)).numpy(), left @ right, atol=1e-12
        )


def test_equality_is_elementwise_and_identity_hashes() -> None:
    a, b = pb.tensor([1.0, 2.0]), pb.tensor([1.0, 3.0])
    assert (a == b).numpy().tolist() == [True, False]
    assert (a != b).numpy().tolist() == [False, True]
    table = {a: "a", b: "b"}
    assert table[a] == "a"
    assert table[b] == "b"
    assert len({a, b, a}) == 2
    same = pb.tensor([1.0, 2.0])
    assert same not in table


KEYS: list[Any] = [
    0, -1, 3, np.int64(2), slice(None), slice(1, 3), slice(None, None, -1), slice(3, 0, -2),
    slice(-2, None), slice(10, 20), slice(2, 1), slice(-10, -20, -1), slice(None, None, 3),
    slice(-1, -10, -1), slice(0, 0), None, Ellipsis, (), (0, 1), (0, slice(None)),
    (slice(None), 0), (slice(None), -1, slice(1)), (Ellipsis, 0), (0, Ellipsis), (0, Ellipsis, 1),
    (Ellipsis, slice(None, None, -1)), (None, 0), (0, None), (Ellipsis, None),
    (None, Ellipsis, None),
    (slice(None, None, 2), slice(None, None, -2)), (slice(None), None, 1, Ellipsis),
    (0, 1, 1), (3, -3, -2), (slice(5, None, -1), 0, slice(None, -5, -1)),
    [0, 2, 2], [], np.array([3, 0]), np.array([[0, 1], [2, -1]]), np.array([], np.int64),
    np.array(1), [-4], np.array([1, 2], np.int32), np.array([1, 2], np.uint8),
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_indexing_follows_numpy(key: Any) -> None:
    x = np.arange(24.0).reshape(4, 3, 2)
    index = np.array(key, int) if isinstance(key, list) else key
    found, wanted = pb.tensor(x)[key], x[index]
    assert found.shape == wanted.shape
    np.testing.assert_array_equal(found.numpy(), wanted)
    at = pb.tensor(x)
    weights = np.random.default_rng(0).normal(size=wanted.shape)
    (bar,) = pb.gradient((at[key] * weights).sum(), [at])
    expected = np.zeros_like(x)
    np.add.at(expected, index, weights)
    np.testing.assert_array_equal(bar.numpy(), expected)


def test_a_tensor_as_an_index() -> None:
    x = pb.tensor([1.0, 2.0, 4.0])
    assert x[pb.tensor([2, 0])].numpy().tolist() == [4, 1]
    assert [1, 2, 3][pb.tensor(1)] == 2
    with pytest.raises(TypeError, match="integer"):
        [1, 2][pb.tensor(1.0)]  # type: ignore[call-overload]


bound = st.none() | st.integers(-7, 7)
step = st.none() | st.integers(-3, 3).filter(bool)


@given(st.integers(0, 5), bound, bound, step)
def test_slices_follow_numpy(length: int, start: Any, stop: Any, by: Any) -> None:
    x = np.arange(length) * 1.0
    found = pb.tensor(x)[start:stop:by]
    assert found.shape == x[start:stop:by].shape
    np.testing.assert_array_equal(found.numpy(), x[start:stop:by])


@pytest.mark.parametrize("key", [3, -4, (0, 2), (0, -3), np.int64(99)], ids=str)
def test_an_index_out_of_range(key: Any) -> None:
    with pytest.raises(LabelError, match="from -"):
        pb.zeros((3, 2))[key]
    assert issubclass(LabelError, IndexError)


@pytest.mark.parametrize("key", [(0, 0, 0), (Ellipsis, 0, 0, 0), (Ellipsis, Ellipsis)], ids=str)
def test_an_index_with_too_much_in_it(key: Any) -> None:
    with pytest.raises(ShapeError):
        pb.zeros((3, 2))[key]


@pytest.mark.parametrize("mask", [[True, False, True], np.array([True, False, True]), True])
def test_boolean_masks_are_refused_with_their_line(mask: Any) -> None:
    with pytest.raises(TraceError, match=r"where(.|\n)*") as caught:
        pb.tensor([1.0, 2.0, 3.0])[mask]
    assert "test_node.py" in str(caught.value)
    x = pb.tensor([1.0, 2.0, 3.0])
    with pytest.raises(TraceError, match=r"test_node\.py"):
        x[x > 1]


def test_indices_that_are_not_whole_numbers() -> None:
    with pytest.raises(DtypeError, match="integers"):
        pb.tensor([1.0, 2.0])[np.array([0.0])]
    with pytest.raises(DtypeError, match="integers"):
        pb.zeros((2, 2))[[0], [0.5]]


def test_going_through_a_tensor() -> None:
    assert [row.numpy().tolist() for row in pb.tensor([[1.0, 2.0], [3.0, 4.0]])] == [[1, 2], [3, 4]]
    assert len(pb.zeros((3, 2))) == 3
    with pytest.raises(ShapeError):
        len(pb.tensor(1.0))
    with pytest.raises(ShapeError):
        list(pb.tensor(1.0))


@pytest.mark.parametrize(
    "f", [lambda a, b: a + b, pb.maximum, pb.hypot, lambda a, b: pb.where(a > 0, a, b)]
)
def test_shapes_that_do_not_broadcast_are_named(f: Callable[..., Any]) -> None:
    with pytest.raises(ShapeError) as caught:
        f(pb.zeros((2, 3)), pb.zeros((4,)))
    assert "(2, 3)" in str(caught.value)
    assert "(4,)" in str(caught.value)
    assert "test_node.py" in str(caught.value)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x @ pb.zeros((4, 2)),
        lambda x: x @ pb.tensor(1.0),
        lambda x: x.reshape(4, 2),
        lambda x: x.reshape(-1, 4),
        lambda x: x.broadcast_to((3, 2)),
        lambda x: x.broadcast_to((3,)),
        lambda x: x.transpose(0, 0),
        lambda x: x.transpose(0),
        lambda x: x.sum(axis=2),
        lambda x: x.sum(axis=(0, 0)),
        lambda x: pb.squeeze(x, 0),
        lambda x: pb.concatenate([x, pb.zeros((2, 4))]),
        lambda x: pb.concatenate([x, pb.zeros(3)]),
        lambda x: pb.concatenate([]),
        lambda x: pb.stack([x, pb.zeros((3, 2))]),
        lambda x: pb.zeros(-1),
        lambda x: pb.zeros((2.5,)),
        lambda x: x.item(),
    ],
)
def test_shapes_that_do_not_fit_are_our_error(f: Callable[[Any], Any]) -> None:
    with pytest.raises(ShapeError) as caught:
        f(pb.zeros((2, 3)))
    assert caught.value.do, "what to do about it"
    assert caught.value.received


def test_reshapes() -> None:
    x = pb.tensor(np.arange(6.0))
    assert x.reshape(2, 3).shape == x.reshape((2, 3)).shape == x.reshape(2, -1).shape == (2, 3)
    assert x.reshape(-1) is x
    assert pb.zeros((0, 3)).reshape(-1).shape == (0,)
    assert pb.tensor(1.0).reshape(1, 1).shape == (1, 1)
    assert x.reshape(2, 3).T.shape == (3, 2)
    assert pb.expand_dims(x, -1).shape == (6, 1)
    assert pb.squeeze(pb.zeros((1, 2, 1))).shape == (2,)


def test_values_are_copies_in_and_out() -> None:
    mine = np.array([1.0, 2.0])
    x = pb.tensor(mine)
    mine[0] = 9
    assert x.numpy().tolist() == [1, 2]
    x.numpy()[0] = 9
    assert x.numpy().tolist() == [1, 2]
    view = x.reshape(2, 1)
    view.numpy()[0] = 9
    assert x.numpy().tolist() == [1, 2]
    repeated = x.broadcast_to((3, 2)).numpy()
    repeated[0, 0] = 9
    assert repeated[1, 0] == 1


def test_python_numbers_of_a_tensor() -> None:
    assert float(pb.tensor(1.5)) == 1.5
    assert int(pb.tensor([[3]])) == 3
    assert bool(pb.tensor(0.0)) is False
    assert pb.tensor([2.5]).item() == 2.5
    with pytest.raises(ShapeError, match="one element"):
        bool(pb.tensor([1.0, 2.0]))
    assert repr(pb.tensor([1.0])) == "tensor([1.])"
    assert repr(pb.tensor([1])) == "tensor([1], dtype=int64)"
    assert "placeholder" in repr(placeholder("x", (2,)))
    np.testing.assert_array_equal(np.asarray(pb.tensor([1.0, 2.0])), [1, 2])
    assert np.asarray(pb.tensor([1.0]), dtype=np.float64).dtype == np.float64


UNKNOWN: list[Callable[[Any], Any]] = [
    bool, float, int, np.asarray, lambda x: x.numpy(), lambda x: x.item(), lambda x: [0][x],
    lambda x: 1 if x else 0, range, lambda x: np.sum(np.asarray(x)),
]  # fmt: skip


@pytest.mark.parametrize("f", UNKNOWN)
def test_a_value_not_yet_known_is_an_error_that_names_the_line(f: Callable[[Any], Any]) -> None:
    x = placeholder("batch", (), "int64") * 2
    with pytest.raises(TraceError) as caught:
        f(x)
    message = str(caught.value)
    assert "batch" in message
    line = f.__code__.co_firstlineno if hasattr(f, "__code__") else caught.tb.tb_lineno
    assert f"asked for in test_node.py:{line}" in message
    assert "pb.where" in message


def test_lists_of_nodes_become_stacks() -> None:
    a, b = pb.tensor(1.0), pb.tensor(2.0)
    y = pb.sum([[a, 2.0], [b, a * b]])
    assert y.item() == 7
    assert [bar.item() for bar in pb.gradient(y, [a, b])] == [3, 2]


def test_numpy_functions_do_not_swallow_tensors() -> None:
    with pytest.raises(TypeError):
        np.exp(pb.tensor([1.0]))  # a node is not an array: use pb.exp


@pytest.mark.parametrize(
    "make",
    [
        lambda: pb.tensor([1.0, 2.0]),
        lambda: pb.tensor([1.0, 2.0]) * 3.0,
        lambda: (pb.tensor([1.0, 2.0]) * 3.0).reshape(2, 1),
        lambda: pb.tensor([[1.0, 2.0]]).T,
        lambda: pb.ones((2, 3)),
        lambda: pb.sum(pb.tensor([1.0, 2.0])),
    ],
)
def test_a_known_value_cannot_be_made_writeable(make: Callable[[], Node]) -> None:
    x = make()
    before = x.numpy()
    assert x.value is not None
    with pytest.raises(ValueError, match="WRITEABLE"):
        x.value.flags.writeable = True
    with pytest.raises(ValueError, match="read-only"):
        x.value[...] = 7
    np.testing.assert_array_equal(x.numpy(), before)
    assert before.flags.writeable, "a copy is the caller's own"


def test_numbers_are_shared_but_for_the_sign_of_zero() -> None:
    zeros = [constant(x, "float32").numpy() for x in (0.0, -0.0)]
    assert [bool(np.signbit(zero)) for zero in zeros] == [False, True]
    assert np.isnan(constant(float("nan"), "float32").numpy())
    with pytest.raises(DataError, match="must fit in its dtype"):
        constant(1e39, "float32")
