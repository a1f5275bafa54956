"""Loops of the native executor: against the NumPy executor, and what the module refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.errors import LabelError
from pullback.execute import State, executor, lowering
from pullback.graph import Node, placeholder
from pullback.plan import Step
from tests.native.helpers import module

pytestmark = pytest.mark.native

F4 = np.dtype("float32")


def agree(outputs: dict[str, Node], feeds: dict[str, Any], native: bool = True) -> Any:
    """Check both executors against each other, twice; returns the native one."""
    module()
    step = Step(outputs)
    made = executor(step, State({}), "native")
    assert ("host" not in str(made)) == native, str(made)
    wanted = executor(step, State({}), "numpy").run(feeds)
    for _ in range(2):  # the second run begins where the first has left the addresses
        found = made.run(feeds)
        for name, b in wanted.items():
            np.testing.assert_allclose(found[name], b, 2e-5, 2e-6, err_msg=name)
    return made


def drawn(*shape: int) -> Any:
    return np.random.default_rng(len(shape)).normal(size=shape).astype(F4)


REVERSE = pytest.mark.parametrize("reverse", [False, True])


@REVERSE
@pytest.mark.parametrize("length", [0, 1, 5])
def test_a_recurrent_layer_and_its_gradients(reverse: bool, length: int) -> None:
    x, w = placeholder("x", (length, 3, 4), F4), placeholder("w", (4, 4), F4)

    def step(carry: Node, row: Node) -> tuple[Node, Node]:
        h = pb.tanh(row + pb.matmul(carry, w))
        return h, h

    last, y = pb.scan(step, pb.ones((3, 4)), x, reverse=reverse)
    bars = pb.gradient((y * y).sum() + (last * last).sum(), [x, w])
    outputs = {"last": last, "y": y, "x_bar": bars[0], "w_bar": bars[1]}
    agree(outputs, {"x": drawn(length, 3, 4), "w": drawn(4, 4)})


@REVERSE
def test_a_carry_whose_parts_change_places(reverse: bool) -> None:
    x = placeholder("x", (4, 3), F4)

    def step(carry: tuple[Node, ...], row: Node) -> tuple[tuple[Node, ...], tuple[Node, ...]]:
        a, b, c, d = carry
        return (b, a, c[::-1], d), (a, a, row, row[::-1], pb.ones((3,)))

    carry = (pb.tensor([1.0, 2.0, 3.0]), pb.zeros((3,)), x[0], x[1])
    parts, ys = pb.scan(step, carry, x, reverse=reverse)
    agree({f"c{i}": c for i, c in enumerate(parts)} | {f"y{i}": y for i, y in enumerate(ys)},
          {"x": drawn(4, 3)})  # fmt: skip


@REVERSE
def test_rows_of_rows_in_a_loop_within_a_loop(reverse: bool) -> None:
    x, w = placeholder("x", (3, 4, 5), F4), placeholder("w", (5,), F4)

    def inner(carry: Node, row: Node) -> tuple[Node, Node]:
        new = pb.tanh(carry * w + row[::-1])
        return new, new * row

    def outer(carry: Node, rows: Node) -> tuple[Node, Node]:
        last, y = pb.scan(inner, carry, rows, reverse=not reverse)
        again, _ = pb.scan(inner, last, rows.transpose(0, 1)[::2])
        return again, y.sum() + y

    last, y = pb.scan(outer, pb.ones((5,)), x, reverse=reverse)
    bars = pb.gradient((y * y).sum() + last.sum(), [x, w])
    agree({"last": last, "y": y, "x_bar": bars[0], "w_bar": bars[1]},
          {"x": drawn(3, 4, 5), "w": drawn(5)})  # fmt: skip


def test_loops_beyond_the_deepest_are_left_to_numpy() -> None:
    x = placeholder("x", (2,), F4)

    def deep(carry: Node, levels: int) -> Node:
        if not levels:
            return pb.sin(carry)
        last, _ = pb.scan(lambda c, _: (deep(c, levels - 1), None), carry, None, length=2)
        return last

    agree({"y": deep(x, lowering.MOST_LOOPS)}, {"x": drawn(2)})
    agree({"y": deep(x, lowering.MOST_LOOPS + 1)}, {"x": drawn(2)}, native=False)


def test_a_body_with_an_operation_without_a_kernel_is_left_to_numpy() -> None:
    x = placeholder("x", (2, 3), F4)
    last, y = pb.scan(lambda c, row: (c + pb.sort(row), c * 2), pb.zeros((3,)), x)
    agree({"last": last, "y": y}, {"x": drawn(2, 3)}, native=False)


def test_a_fault_in_a_loop_is_told_and_the_next_run_is_right() -> None:
    module()
    table, index = placeholder("table", (4, 2), F4), placeholder("index", (5, 1), np.dtype("int64"))
    last, y = pb.scan(
        lambda c, i: (c + pb.gather(table, i).sum(), c), pb.tensor(np.float32(0)), index
    )
    made = executor(Step({"last": last, "y": y}), State({}), "native")
    assert "host" not in str(made)
    feeds = {"table": drawn(4, 2), "index": np.array([[0], [3], [1], [2], [0]])}
    wanted = made.run(feeds)
    bad = {**feeds, "index": np.array([[0], [3], [4], [2], [0]])}
    with pytest.raises(LabelError):
        made.run(bad)
    found = made.run(feeds)
    for name, array in wanted.items():
        np.testing.assert_array_equal(found[name], array)


def program(size: int = 64) -> Any:
    return module().Program(lowering.instruction_set(), np.zeros(size, np.uint8), np.zeros(8, "u1"))


def place(offset: int, moves: list[int]) -> tuple[int, int, int, list[int], list[int], list[int]]:
    return 0, offset, 0, [2], [1], moves


def test_no_step_may_leave_the_block() -> None:
    for offset, moves in ((0, [9]), (0, [-1]), (16, [7]), (24, [-4]), (0, [2**62])):
        made = program()
        made.begin_loop(3)
        with pytest.raises(ValueError, match="beyond"):
            made.call("copy", [place(offset, moves)], [place(0, [])], [], [])
    made = program()
    made.begin_loop(3)
    made.begin_loop(2)
    with pytest.raises(ValueError, match="beyond"):
        made.call("copy", [place(8, [4, 5])], [place(0, [])], [], [])
    made.call("copy", [place(8, [4, 4])], [place(0, [])], [], [])


def test_an_array_moves_with_open_loops_alone() -> None:
    with pytest.raises(ValueError, match="moves"):
        program().call("copy", [place(0, [1])], [place(8, [])], [], [])


def test_loops_begin_and_end() -> None:
    with pytest.raises(ValueError, match="begun"):
        program().end_loop()
    with pytest.raises(ValueError, match="negative"):
        program().begin_loop(-1)
    made = program()
    for _ in range(lowering.MOST_LOOPS):
        made.begin_loop(1)
    with pytest.raises(ValueError, match="too many"):
        made.begin_loop(1)
    with pytest.raises(RuntimeError, match="no end"):
        made.run()
    with pytest.raises(ValueError, match="call nobody"):
        made.host(lambda: None)
