"""Functions made of several operations, against NumPy: values, derivatives, refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pullback as pb
from pullback.autodiff import gradcheck
from pullback.errors import (
    DifferentiationError,
    DtypeError,
    LabelError,
    ShapeError,
    TraceError,
    UnknownNameError,
)

X = np.random.default_rng(0).normal(size=(3, 4))
CUBE = np.random.default_rng(1).normal(size=(2, 3, 4))
SQUARE = np.random.default_rng(2).normal(size=(2, 3, 3))

SAME: dict[str, tuple[Callable[[Any, Any], Any], np.ndarray]] = {
    "sort": (lambda m, x: m.sort(x, axis=0), X),
    "argsort": (lambda m, x: m.argsort(x, axis=1), X),
    "pad": (lambda m, x: m.pad(x, ((1, 2), (0, 3))), X),
    "pad edge": (lambda m, x: m.pad(x, ((1, 2), (0, 3)), mode="edge"), X),
    "pad reflect": (lambda m, x: m.pad(x, ((2, 1), (3, 0)), mode="reflect"), X),
    "pad wrap": (lambda m, x: m.pad(x, ((2, 1), (3, 4)), mode="wrap"), X),
    "tile": (lambda m, x: m.tile(x, (2, 1, 3)), X),
    "tile last": (lambda m, x: m.tile(x, 2), X),
    "flip": (lambda m, x: m.flip(x, axis=1), X),
    "flip all": (lambda m, x: m.flip(x), CUBE),
    "roll": (lambda m, x: m.roll(x, 5, axis=1), X),
    "roll back": (lambda m, x: m.roll(x, -1, axis=0), X),
    "repeat": (lambda m, x: m.repeat(x, 3, axis=0), X),
    "moveaxis": (lambda m, x: m.moveaxis(x, 0, -1), CUBE),
    "swapaxes": (lambda m, x: m.swapaxes(x, 0, 2), CUBE),
    "tril": (lambda m, x: m.tril(x), X),
    "triu": (lambda m, x: m.triu(x), CUBE),
    "outer": (lambda m, x: m.outer(x[0], x[1]), X),
    "cumsum": (lambda m, x: m.cumsum(x, axis=1), CUBE),
    "cumprod": (lambda m, x: m.cumprod(x, axis=2), CUBE),
}


@pytest.mark.parametrize("name", SAME)
def test_as_in_numpy(name: str) -> None:
    f, x = SAME[name]
    found, wanted = f(pb, pb.tensor(x)), f(np, x)
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-14)
    if found.dtype == np.float64:
        for order in (1, 2):
            assert gradcheck(lambda a: f(pb, a), [x], order=order)


@pytest.mark.parametrize("offset", [-4, -1, 0, 2, 5])
def test_triangles_with_an_offset(offset: int) -> None:
    np.testing.assert_array_equal(pb.tril(X, offset).numpy(), np.tril(X, offset))
    np.testing.assert_array_equal(pb.triu(X, offset).numpy(), np.triu(X, offset))


@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (4, 2), (2, 3, 5), (0, 3)])
def test_diagonals(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(3).normal(size=shape)
    np.testing.assert_array_equal(pb.diagonal(x).numpy(), np.diagonal(x, axis1=-2, axis2=-1))
    np.testing.assert_allclose(pb.trace(x).numpy(), np.trace(x, axis1=-2, axis2=-1), rtol=1e-14)
    assert gradcheck(pb.diagonal, [x]) if x.size else True


def test_what_is_made_of_nothing() -> None:
    np.testing.assert_array_equal(pb.eye(2, 3).numpy(), np.eye(2, 3, dtype="float32"))
    found = pb.linspace(-1.0, 2.0, 7, "float64").numpy()
    np.testing.assert_allclose(found, np.linspace(-1, 2, 7), rtol=1e-14, atol=1e-15)
    assert pb.linspace(3.0, 9.0, 1).numpy().tolist() == [3.0]


EINSUMS: dict[str, tuple[str, list[tuple[int, ...]]]] = {
    "matrix product": ("ij,jk->ik", [(2, 3), (3, 4)]),
    "batched": ("bij,bjk->bik", [(2, 3, 4), (2, 4, 2)]),
    "transpose": ("ij->ji", [(2, 3)]),
    "sum": ("ij->", [(2, 3)]),
    "rows": ("ij->i", [(2, 3)]),
    "implied": ("ij,jk", [(2, 3), (3, 4)]),
    "implied order": ("ba", [(2, 3)]),
    "trace": ("ii->", [(3, 3)]),
    "diagonal": ("bii->bi", [(2, 3, 3)]),
    "three times": ("iii->i", [(2, 2, 2)]),
    "outer": ("i,j->ij", [(2,), (3,)]),
    "dots": ("...ij,...jk->...ik", [(2, 2, 3), (2, 3, 1)]),
    "dots of one": ("...i,i->...", [(2, 3, 4), (4,)]),
    "three operands": ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 2)]),
    "attention": ("bqhd,bkhd->bhqk", [(2, 3, 2, 2), (2, 4, 2, 2)]),
    "lonely axis": ("ij,kl->il", [(2, 3), (4, 2)]),
    "nothing inside": ("ij,jk->ik", [(2, 0), (0, 3)]),
    "bilinear": ("bi,oij,bj->bo", [(2, 3), (4, 3, 2), (2, 2)]),
}


@pytest.mark.parametrize("name", EINSUMS)
def test_einsum(name: str) -> None:
    subscripts, shapes = EINSUMS[name]
    random = np.random.default_rng(4)
    xs = [random.normal(size=shape) for shape in shapes]
    found = pb.einsum(subscripts, *xs)
    np.testing.assert_allclose(found.numpy(), np.einsum(subscripts, *xs), rtol=1e-12, atol=1e-14)
    for order in (1, 2):
        assert gradcheck(lambda *a: pb.einsum(subscripts, *a), xs, order=order)


@given(st.data())
def test_keys_of_every_kind(data: st.DataObject) -> None:
    """Numbers, slices, arrays of indices, None and ...: what NumPy picks, and its derivative."""
    x = np.random.default_rng(5).normal(size=(3, 4, 2))
    shape = data.draw(st.sampled_from([(2,), (2, 3), ()]))
    kinds = data.draw(
        st.lists(st.sampled_from(["number", "slice", "array"]), min_size=1, max_size=3)
    )
    key: list[Any] = []
    for axis, kind in enumerate(kinds):
        size = x.shape[axis]
        if kind == "number":
            key.append(data.draw(st.integers(-size, size - 1)))
        elif kind == "slice":
            ends = st.one_of(st.none(), st.integers(-size, size))
            step = data.draw(st.sampled_from([None, 1, 2, -1]))
            key.append(slice(data.draw(ends), data.draw(ends), step))
        else:
            entries = st.lists(
                st.integers(-size, size - 1),
                min_size=int(np.prod(shape)),
                max_size=int(np.prod(shape)),
            )
            key.append(np.array(data.draw(entries), np.int64).reshape(shape))
    if data.draw(st.booleans()):
        key.insert(data.draw(st.integers(0, len(key))), None)
    # NumPy counts a number among the arrays; ours is a slice of length 1: the same but where the
    # axes of the arrays go once a number stands apart from them
    has_array = any(isinstance(k, np.ndarray) for k in key)
    if has_array and "number" in kinds:
        key = [np.array(k) if isinstance(k, int) else k for k in key]
    found = pb.tensor(x)[tuple(key)]
    wanted = x[tuple(key)]
    assert found.shape == wanted.shape, key
    np.testing.assert_array_equal(found.numpy(), wanted)
    node = pb.tensor(x)
    (bar,) = pb.gradient((node[tuple(key)] * 2.0).sum(), [node])
    counts = np.zeros(x.shape)
    np.add.at(counts, tuple(k for k in key if k is not None), 2.0)
    np.testing.assert_array_equal(bar.numpy(), counts)


@pytest.mark.parametrize(
    ("key", "error", "words"),
    [
        ((3,), LabelError, "from -3 to 2"),
        ((0, 0, 0), ShapeError, "2 axes"),
        ((..., ...), ShapeError, "at most one"),
        (([0, 3],), LabelError, "from 0 to 2"),
        (([0, 1], [0, 4]), LabelError, "from 0 to 3"),
        (([0, 1], [0, 1, 2]), ShapeError, "broadcast"),
        ((X > 0,), TraceError, "boolean mask"),
        (([0.5],), DtypeError, "integers"),
    ],
)
def test_keys_that_are_refused(key: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        pb.tensor(X)[key].numpy()


def test_an_index_out_of_one_axis_is_not_one_of_another() -> None:
    """(0, 4) of shape (3, 4) would be (1, 0) once the axes are joined."""
    rows, columns = pb.tensor([0]), pb.tensor([4])
    with pytest.raises(LabelError):
        pb.tensor(X)[rows, columns].numpy()


@pytest.mark.parametrize("axis", [0, 1])
def test_put(axis: int) -> None:
    indices = np.array([2, 0, 2])
    values = np.random.default_rng(6).normal(size=(3, 4) if axis == 0 else (3, 3))
    wanted = X.copy()
    for i, index in enumerate(indices):  # the last one wins
        if axis == 0:
            wanted[index] = values[i]
        else:
            wanted[:, index] = values[:, i]
    np.testing.assert_array_equal(pb.put(X, indices, values, axis).numpy(), wanted)
    assert gradcheck(lambda x, v: pb.put(x, indices, v, axis), [X, values])
    node = pb.tensor(values)
    (bar,) = pb.gradient(pb.put(X, indices, node, axis).sum(), [node])
    lost = bar.numpy()[0] if axis == 0 else bar.numpy()[:, 0]
    assert (lost == 0).all(), "what is written over has derivative 0"


def test_put_of_nothing_and_of_the_last() -> None:
    assert pb.put(X, np.zeros(0, np.int64), 1.0).numpy().tolist() == X.tolist()
    assert pb.put([1.0, 2.0], [-1], 5.0).numpy().tolist() == [1.0, 5.0]
    with pytest.raises(LabelError):
        pb.put([1.0, 2.0], [2], 5.0).numpy()


def test_top_k_and_split() -> None:
    values, indices = pb.top_k(X, 2)
    order = np.argsort(-X, axis=1)[:, :2]
    np.testing.assert_array_equal(indices.numpy(), order)
    np.testing.assert_array_equal(values.numpy(), np.take_along_axis(X, order, 1))
    assert gradcheck(lambda x: pb.top_k(x, 3, axis=0)[0], [X])
    whole = pb.top_k(np.array([3, -(2**63), 5]), 3)[0]
    assert whole.numpy().tolist() == [5, 3, -(2**63)]
    parts = pb.split(X, [1, 0, 3])
    assert [p.shape for p in parts] == [(3, 1), (3, 0), (3, 3)]
    np.testing.assert_array_equal(pb.concatenate(parts, -1).numpy(), X)


def test_take_along_axis_gives_each_row_its_own() -> None:
    indices = np.array([[0, 3], [1, 1], [2, 0]])
    found = pb.take_along_axis(X, indices)
    np.testing.assert_array_equal(found.numpy(), np.take_along_axis(X, indices, -1))
    assert gradcheck(lambda x: pb.take_along_axis(x, indices), [X])


def test_linear_algebra() -> None:
    wide = SQUARE + 3 * np.eye(3)
    b = np.random.default_rng(7).normal(size=(2, 3, 2))
    np.testing.assert_allclose(pb.solve(wide, b).numpy(), np.linalg.solve(wide, b), rtol=1e-12)
    assert gradcheck(pb.solve, [wide, b])
    q = pb.orthogonalise(X, 40).numpy()
    np.testing.assert_allclose(q @ q.T, np.eye(3), atol=1e-12)
    u, _, v = np.linalg.svd(X, full_matrices=False)
    np.testing.assert_allclose(q, u @ v, atol=1e-10)
    np.testing.assert_allclose(pb.orthogonalise(X.T, 40).numpy(), q.T, atol=1e-12)
    assert (pb.inverse(np.zeros((2, 2))).numpy() == np.inf).all()
    mixed = np.stack([np.zeros((2, 2)), 2 * np.eye(2)])
    np.testing.assert_array_equal(pb.inverse(mixed).numpy()[1], np.eye(2) / 2)


def test_unit_vectors_of_zero() -> None:
    zero = pb.tensor([0.0, 0.0])
    (bar,) = pb.gradient(pb.normalise(zero).sum(), [zero])
    assert pb.normalise(zero).numpy().tolist() == bar.numpy().tolist() == [0, 0]
    assert pb.cosine_similarity([0.0, 0.0], [1.0, 2.0]).item() == 0
    assert gradcheck(pb.cosine_similarity, [X, X + 1])


REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "pad below 0": (lambda: pb.pad(X, -1), ShapeError, "0 or more"),
    "pad of other axes": (lambda: pb.pad(X, ((1, 1),)), ShapeError, "each axis"),
    "pad mode": (lambda: pb.pad(X, 1, mode="mirror"), UnknownNameError, "mirror"),
    "reflect too far": (lambda: pb.pad(X, 3, mode="reflect"), ShapeError, "at most 2"),
    "tile below 0": (lambda: pb.tile(X, -1), ShapeError, "0 or more"),
    "repeat below 0": (lambda: pb.repeat(X, -1), ShapeError, "0 or more"),
    "split unevenly": (lambda: pb.split(X, 3), ShapeError, "make up"),
    "split too long": (lambda: pb.split(X, [2, 3]), ShapeError, "make up"),
    "triangle of a vector": (lambda: pb.tril([1.0]), ShapeError, "a matrix"),
    "top_k of too few": (lambda: pb.top_k(X, 9), ShapeError, "from 0 to 4"),
    "indices of another shape": (
        lambda: pb.take_along_axis(X, [0, 1]), ShapeError, "the shape of x"),
    "indices that are no numbers": (
        lambda: pb.take_along_axis(X, X), DtypeError, "integers"),
    "inverse of a wide matrix": (lambda: pb.inverse(X), ShapeError, "square"),
    "einsum without a group": (lambda: pb.einsum("ij", X, X), ShapeError, "'ij'"),
    "einsum of too few": (lambda: pb.einsum("i->i", X), ShapeError, "all be named"),
    "einsum of unequal": (lambda: pb.einsum("ij,jk->ik", X, X), ShapeError, "one length"),
    "einsum to a new axis": (lambda: pb.einsum("ij->ik", X), ShapeError, "the result"),
    "einsum twice": (lambda: pb.einsum("ij->ii", X), ShapeError, "the result"),
    "put in a table": (lambda: pb.put(X, [[0]], 1.0), ShapeError, "one axis"),
    "ravel of one": (lambda: pb.ravel_index([[0]], (2, 2)), ShapeError, "each axis"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str) -> None:
    call, error, words = REFUSED[name]
    with pytest.raises(error, match=words):
        call()


def test_an_order_behind_stop_gradient_is_meant() -> None:
    """Only where the user says so: a bare argmax in the loss is taken for a mistake."""
    x = pb.tensor([1.0, 3.0])
    (bar,) = pb.gradient(pb.argmax(pb.stop_gradient(x)).astype("float32") * 2.0, [x])
    assert bar.numpy().tolist() == [0, 0]
    with pytest.raises(DifferentiationError, match="argmax"):
        pb.gradient(pb.argmax(x).astype("float32") * 2.0, [x])
