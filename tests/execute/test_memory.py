"""What is beyond memory, or beyond patience, is refused at once and by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback import memory
from pullback.errors import ConfigError, OutOfMemoryError, PullbackError, ShapeError
from pullback.execute import NativeExecutor, State, compiled, executor
from pullback.graph import Node, placeholder
from pullback.ops.exponential import Exp
from pullback.plan import Step

X = pb.tensor([1.0, 2.0])
MADE: dict[str, Callable[[int], Node]] = {
    "ones": lambda n: pb.ones((n,)),
    "zeros": lambda n: pb.zeros(n),
    "full": lambda n: pb.full((n,), 2.0),
    "broadcast_to": lambda n: X.broadcast_to((n, 2)),
    "a sum of ones": lambda n: pb.ones((n,)).sum(),
    "repeat": lambda n: pb.repeat(X, n),
    "tile": lambda n: pb.tile(X, n),
    "arange": lambda n: pb.arange(n),
    "linspace": lambda n: pb.linspace(0, 1, n),
    "eye": lambda n: pb.eye(n),
    "one_hot": lambda n: pb.one_hot(pb.tensor([1, 2]), n),
    "pad": lambda n: pb.pad(X, [(0, n)]),
    "scatter_add": lambda n: pb.scatter_add(X, pb.tensor([0, 1]), n),
    "vmap": lambda n: pb.vmap(lambda a: a + 1)(pb.zeros((n,))),
    "jacobian": lambda n: pb.jacobian(lambda x: x * x)(pb.zeros((n,))),
    "a loop's ys": lambda n: pb.scan(lambda c, _: (c, c), 0.0, None, length=n)[1],
    "a loop's carry": lambda n: pb.scan(lambda c, _: (c + 1, None), 0.0, None, length=n)[0],
}


@pytest.mark.parametrize("count", [2**40, 2**62, 2**70])
@pytest.mark.parametrize("name", MADE)
def test_huge_counts_are_refused_at_once(name: str, count: int) -> None:
    with pytest.raises((ShapeError, ConfigError)) as caught:
        MADE[name](count).numpy()
    said = str(caught.value)
    assert any(limit in said for limit in ("2**63", "machine's memory", "2,147,483,648 steps"))
    assert any(str(n) in said for n in (count, count + 2))
    assert "to do:" in said


def test_what_is_needed_and_what_there_is_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "whole", lambda: 10**9)
    said = r"memory, 1\.0 GB in all\n.*full of shape \(300000000,\), float32.*takes 1\.2 GB"
    with pytest.raises(ShapeError, match=said):
        pb.zeros(3 * 10**8).numpy()


def wide(rows: int) -> Step:
    """Values that are all needed at the end: 8 of `rows` megabytes."""
    x = placeholder("x", (rows, 250_000))
    return Step({f"y{n}": pb.sin(x * float(n)) for n in range(7)}, name="mine")


@pytest.mark.native
def test_a_plan_that_does_not_fit_says_its_size_and_what_would_shrink_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "whole", lambda: 3 * 10**8)
    program = executor(wide(30), State({}), "native")
    assert isinstance(program, NativeExecutor)
    said = r"memory, 0\.3 GB in all\n.*a plan of 0\.4 GB; .* of shape \(45, 250000\), float32"
    with pytest.raises(MemoryError, match=said) as caught:
        executor(wide(45), State({}), "native")
    assert "batch_size" in str(caught.value)


@pytest.mark.native
def test_an_arena_that_cannot_be_had_has_the_same_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*_: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(compiled, "Blocks", none_left)
    with pytest.raises(OutOfMemoryError, match=r"a plan of 0\.0 GB; the largest value is sum"):
        executor(step(placeholder("x", (0,))), State({}), "native")


def step(x: Node) -> Step:
    return Step({"y": pb.exp(x).sum()}, name="mine")


@pytest.mark.parametrize("kind", ["numpy", "native", "reference"])
def test_a_program_is_refused_too(kind: str) -> None:
    x = placeholder("x", (2,))
    whole = step(x.broadcast_to((2**40, 2)) * pb.arange(2**40).reshape(-1, 1))
    with pytest.raises(PullbackError, match="machine's memory"):
        executor(whole, State({}), kind).run({"x": np.zeros(2, "f4")})


@pytest.mark.parametrize("kind", ["lazy", "numpy"])
def test_the_end_of_memory_has_words(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(Exp, "forward", full)
    program = executor(step(placeholder("x", (2,))), State({}), "numpy")
    look = pb.exp(X).numpy if kind == "lazy" else lambda: program.run({"x": np.zeros(2, "f4")})
    with pytest.raises(ShapeError, match=r"exp of shape \(2,\), float32"):
        look()
