"""The block of all slots: where each lies, what may be put there, and complete copies."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from pullback.errors import PullbackError, ShapeError, UnknownNameError
from pullback.execute import State

INITIAL = {
    "w": np.arange(6, dtype=np.float32).reshape(2, 3),
    "step": np.asarray(3, np.int64),
    "empty": np.zeros((0, 4)),
    "flag": np.asarray(True),
    "wide": np.linspace(0, 1, 5),
}


def test_every_slot_is_an_aligned_view_of_one_block() -> None:
    state = State(INITIAL)
    ends = []
    for label, array in INITIAL.items():
        view = state[label]
        assert (view.shape, view.dtype) == (array.shape, array.dtype)
        np.testing.assert_array_equal(view, array)
        if view.size:
            assert np.shares_memory(view, state.block)
            start = view.__array_interface__["data"][0] - state.block.__array_interface__["data"][0]
            assert start % 64 == 0
            ends.append((start, start + view.nbytes))
    ends.sort()
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(ends)), "no overlap"
    assert list(state) == list(INITIAL)
    assert len(state) == 5


def test_the_initial_values_are_copied() -> None:
    w = np.zeros(3, np.float32)
    state = State({"w": w})
    w[:] = 7
    assert not state["w"].any()


def test_the_block_is_all_there_is() -> None:
    a, b = State(INITIAL), State({k: np.zeros_like(v) for k, v in INITIAL.items()})
    b.block[...] = a.block
    assert all(a[k].tobytes() == b[k].tobytes() for k in a)


def test_snapshot_and_restore() -> None:
    state = State(INITIAL)
    kept = state.snapshot()
    state["w"] = np.full((2, 3), 9.0)
    state["step"] = 4
    assert kept["w"][1, 2] == 5
    state.restore(kept)
    assert all(state[k].tobytes() == INITIAL[k].tobytes() for k in state)


@pytest.mark.parametrize(
    "change",
    [
        lambda kept: kept.pop("w"),
        lambda kept: kept.update(w=np.zeros((3, 2), np.float32)),
        lambda kept: kept.update(w=np.zeros((2, 3), np.int64)),
        lambda kept: kept.update(step=np.asarray(1.5)),
        lambda kept: kept.update(more=np.zeros(2)),
    ],
    ids=["missing", "shape", "dtype", "a fraction", "too many"],
)
def test_restoring_something_else_is_refused_and_changes_nothing(change) -> None:
    state = State(INITIAL)
    kept = state.snapshot()
    kept["wide"] = kept["wide"] + 1
    change(kept)
    before = state.block.copy()
    with pytest.raises(PullbackError):
        state.restore(kept)
    assert state.block.tobytes() == before.tobytes()


def test_wrong_slots() -> None:
    state = State(INITIAL)
    with pytest.raises(UnknownNameError, match="'wide'"):
        state["wid"]
    with pytest.raises(ShapeError, match=r"\(2, 3\)"):
        state["w"] = np.zeros((3, 2))
    with pytest.raises(ShapeError):
        state["w"] = 1.0


def test_no_slots() -> None:
    state = State({})
    assert state.block.nbytes == 0
    assert state.snapshot() == {}
