"""Calling a module: inputs by place and by name, and what comes back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.graph import Node
from pullback.nn.summary import rows, summary


class Takes(pb.nn.Module):
    """Hands back what `forward` was given."""

    def __init__(self) -> None:
        self.got: Any = None

    def forward(self, *inputs: Any, **named: Any) -> pb.Tensor:
        object.__setattr__(self, "got", (inputs, named))
        return pb.zeros(())


class Cell(pb.nn.Module):
    """Two states in a tuple, and outputs in a dict."""

    def __init__(self) -> None:
        self.linear = pb.nn.Linear(3, 3)

    def forward(
        self, x: pb.Tensor, state: tuple[pb.Tensor, pb.Tensor] | None = None, *, keep: bool = True
    ) -> dict[str, Any]:
        h, c = (x, x) if state is None else state
        y = self.linear(x) + h
        return {"y": y, "state": (y, c)} if keep else {"y": y}


@pytest.mark.parametrize("thing", [None, True, False, "mean"])
def test_flags_and_text_reach_forward_as_they_are(thing: Any) -> None:
    layer = Takes()
    layer(thing, thing=thing)
    assert layer.got == ((thing,), {"thing": thing})


@pytest.mark.parametrize("x", [2, 2.5, [1.0, 2.0], np.ones(3), np.bool_(True), np.float32(2)])
def test_numbers_and_arrays_become_tensors(x: Any) -> None:
    layer = Takes()
    layer(x, x=x)
    (a,), named = layer.got
    for found in (a, named["x"]):
        assert isinstance(found, Node)
        np.testing.assert_array_equal(found.numpy(), np.asarray(x))


def test_so_they_do_in_tuples_and_dicts() -> None:
    layer = Takes()
    layer((np.ones(2), None, {"a": 1.0}))
    ((a, nothing, inner),), _ = layer.got
    assert (a.shape, nothing, inner["a"].shape) == ((2,), None, ())


def test_several_outputs() -> None:
    cell = Cell().initialise()
    x = np.ones((2, 3), np.float32)
    first = cell(x)
    second = cell(x, first["state"], keep=True)
    np.testing.assert_allclose(second["y"].numpy(), first["y"].numpy() * 2 - 1, rtol=1e-6)
    assert set(cell(x, keep=False)) == {"y"}
    (row,) = [r for r in rows(cell) if r.path == "linear"]
    assert row.outputs == ((3,),)


def test_the_table_shows_several_outputs() -> None:
    class Outer(pb.nn.Module):
        def __init__(self) -> None:
            self.cell = Cell()
            self.gain = pb.nn.Parameter(3, "ones")

        def forward(self, x: pb.Tensor) -> pb.Tensor:
            y: pb.Tensor = self.cell(x)["y"]
            return y * self.gain

    class Ends(Takes):
        def forward(self, x: pb.Tensor) -> Any:
            return x, {"half": x[:, :1]}

    made = pb.nn.Sequential(pb.nn.Linear(3, 2), Ends())
    assert "(batch, 2), (batch, 1)" in summary(made)
    assert [r.outputs for r in rows(Outer(), (3,))] == [((3,),), ((3,),)]
