"""A program: the order of its instructions, what lives how long, and the text that it prints."""

from __future__ import annotations

import gc
import re
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

import pullback as pb
from pullback.errors import ConfigError
from pullback.execute import NumpyExecutor, State
from pullback.graph import placeholder, slot
from pullback.plan import Program, Step, plan
from pullback.train.step import Batch, Recipe
from tests.plan.steps import REWRITES, planned, step_of

F4, I8 = np.dtype(np.float32), np.dtype(np.int64)


def training(hidden: list[int], *, batch: int = 16, classes: int = 3, **more: object) -> Program:
    network = pb.nn.dense(4, hidden, classes, dropout=0.1).initialise()
    recipe = Recipe(network, pb.losses.get("cross_entropy"), pb.optim.get("adam"), **more)
    x, y = np.ones((batch, 4), F4), np.zeros(batch, I8)
    return plan(recipe.training_step(Batch.of(x, y, np.ones(batch, F4))))


def alive(program: Program) -> set[int]:
    """Check that nothing is read before it is made or after it is freed; returns what is left."""
    outside = {n for n, _, _ in (*program.feeds.values(), *program.slots.values())}
    there = outside | set(program.constants)
    for number, i in enumerate(program.instructions):
        missing = [n for n in i.inputs if n not in there]
        assert not missing, f"instruction {number} reads {missing}"
        assert i.output not in there, f"instruction {number} makes a value twice"
        there.add(i.output)
        assert set(i.frees) <= there, f"instruction {number} frees what is not there"
        assert not set(i.frees) & outside, "feeds and slots are not the program's to free"
        assert not set(i.frees) & set(program.constants)
        there -= set(i.frees)
    needed = {*program.outputs.values(), *program.assigns.values(), *(program.finite or ())}
    if program.guard is not None:
        needed.add(program.guard)
    assert needed <= there, "what the program gives is freed"
    return there - outside - set(program.constants) - needed


PROGRAMS: dict[str, Callable[[], Program]] = {
    "training": lambda: training([8, 8]),
    "clipped": lambda: training([8], clip_norm=1.0, l1=0.1, l2=0.1),
    "no layers between": lambda: training([]),
    "unused": lambda: planned(placeholder("x", (2,))),
    "outputs are inputs": lambda: planned(placeholder("x", (2,)), slot("s", (3,))),
    "as written": lambda: plan(step_of(pb.exp(pb.neg(-placeholder("x", (2,))))), REWRITES),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_value_lives_as_long_as_it_is_needed_and_no_longer(name: str) -> None:
    program = PROGRAMS[name]()
    left = alive(program)
    if "remove_dead" in program.rewrites:
        assert not left, "values that nobody frees"


def test_a_value_that_is_freed_too_early_is_found() -> None:
    """The check above can fail: for every instruction whose input is read again later."""
    program = training([8])
    planted = 0
    for number, i in enumerate(program.instructions):
        made = {j.output for j in program.instructions[:number]}
        later = {n for j in program.instructions[number + 1 :] for n in j.inputs}
        early = [n for n in i.inputs if n in made & later and n not in i.frees]
        if not early:
            continue
        wrong = list(program.instructions)
        wrong[number] = replace(i, frees=(*i.frees, early[0]))
        with pytest.raises(AssertionError, match=r"reads|frees"):
            alive(replace(program, instructions=tuple(wrong)))
        planted += 1
    assert planted > 20


def test_the_executor_really_lets_go() -> None:
    """Freed values are gone: a program that reads one fails rather than finding it."""
    x = placeholder("x", (3,))
    program = planned(pb.tanh(pb.exp(x)) + pb.exp(x))
    (first, *rest) = program.instructions
    wrong = replace(
        program, instructions=(first, replace(rest[0], frees=(first.output,)), *rest[1:])
    )
    feeds = {"x": np.zeros(3, np.float32)}
    NumpyExecutor(program, State({})).run(feeds)
    with pytest.raises(TypeError):
        NumpyExecutor(wrong, State({})).run(feeds)


def test_the_peak_of_a_chain_is_two_values() -> None:
    x = y = placeholder("x", (1000,))
    for _ in range(50):
        y = pb.tanh(y)
    assert planned(y).peak_bytes() == 2 * 4000
    z = x
    kept = []
    for _ in range(50):
        z = pb.tanh(z)
        kept.append(z)
    assert planned(*kept).peak_bytes() == 50 * 4000


def test_the_peak_grows_with_the_batch_not_with_the_number_of_steps() -> None:
    small, large = training([64], batch=16).peak_bytes(), training([64], batch=1600).peak_bytes()
    assert 10 < large / small < 101


def test_instructions_follow_what_they_need() -> None:
    program = training([8])
    place = {i.output: number for number, i in enumerate(program.instructions)}
    for number, i in enumerate(program.instructions):
        assert all(place.get(n, -1) < number for n in i.inputs)


SMALL = """\
program 'training step': 18 instructions, 0.1 KiB of values at most
  rewrites: fold_constants, simplify, elide_broadcasts, merge_common, remove_dead
  feed x: float32 (2, 3)
  feed y: float32 (2, 1)
forward:
  0            %2 = x @ 0.weight                                    float32 (2, 1)
  0            %4 = %2 + 0.bias                                     float32 (2, 1)
  loss         %6 = %4 - y                                          float32 (2, 1)
  loss         %7 = %6^2                                            float32 (2, 1)
  loss         %8 = mean(%7, axes=(1,))                             float32 (2,)
  loss         %9 = mean(%8, axes=(0,))                             float32 ()
backward:
  0            %11 = x^T                                            float32 (3, 2)
  loss         %13 = 0.5                                            float32 (2,)
  loss         %14 = reshape(%13, (2, 1))                           float32 (2, 1)
  loss         %16 = 2 * %6                                         float32 (2, 1)
  loss         %17 = %14 * %16                                      float32 (2, 1)
  0            %18 = %11 @ %17                                      float32 (3, 1)
  0            %19 = sum(%17, axes=(0,))                            float32 (1,)
update:
  -            %22 = step + 1                                       int64 ()
  0            %23 = learning_rate * %18                            float32 (3, 1)
  0            %24 = 0.weight - %23                                 float32 (3, 1)
  0            %25 = learning_rate * %19                            float32 (1,)
  0            %26 = 0.bias - %25                                   float32 (1,)
  output loss = %9
  output weight = 2
  output learning_rate = learning_rate
  assign only if all are finite: %9, %18, %19, %24, %26
  assign step = %22
  assign 0.weight = %24
  assign 0.bias = %26
  probes can look at 8 of these values"""


def small() -> Program:
    network = pb.nn.Sequential(pb.nn.Linear(3, 1)).initialise()
    recipe = Recipe(network, pb.losses.get("mse"), pb.optim.SGD(0.1))
    return plan(recipe.training_step(Batch.of(np.ones((2, 3), F4), np.ones((2, 1), F4), None)))


def test_a_small_step_as_text() -> None:
    """The numbers of values may change with the rules; what stands in each line may not."""
    assert numbered_anew(str(small())) == numbered_anew(SMALL)


def numbered_anew(text: str) -> str:
    """The text with values numbered in the order of their appearance, spaces made single."""
    names: dict[str, str] = {}
    text = re.sub(r"%\d+", lambda found: names.setdefault(found[0], f"%{len(names)}"), text)
    return re.sub(r" +", " ", text)


def test_every_line_names_its_layer() -> None:
    """Or the loss; what belongs to the step as a whole (its number, the rate) has a dash."""
    program = training([8, 8], clip_norm=1.0)
    for i in program.instructions:
        if i.origin.role != "update":
            assert i.origin.path in ("0", "1", "2", "3", "4", "5", "6", "loss"), (i.op, i.origin)
    layers = {i.origin.path for i in program.instructions if i.origin.role == "update"}
    assert {"0", "3", "6"} <= layers
    roles = {i.origin.path: set() for i in program.instructions}
    for i in program.instructions:
        roles[i.origin.path].add(i.origin.role)
    assert roles["0"] == {"forward", "backward", "update"}


def test_every_value_in_the_text_is_made_before_it_is_named() -> None:
    known: set[str] = set()
    for line in str(training([8])).splitlines():
        made, found, rest = line.partition(" = ")
        if not line.startswith("  ") or not found:
            continue
        used = {word.strip("(),[]^T") for word in rest.replace(",", " ").split() if "%" in word}
        used = {word[word.index("%") :].split("^")[0].rstrip(")],") for word in used}
        assert used <= known, line
        known.add(made.split()[-1])


def test_feeds_are_checked() -> None:
    program = planned(pb.exp(placeholder("x", (2, 3))))
    program.check_feeds({"x": np.zeros((2, 3), np.float32)})
    with pytest.raises(ConfigError, match="needs the feed 'x'"):
        program.check_feeds({})
    with pytest.raises(ConfigError, match=r"float32 of shape \(2, 3\)"):
        program.check_feeds({"x": np.zeros((3, 2), np.float32)})
    with pytest.raises(ConfigError, match="float64"):
        program.check_feeds({"x": np.zeros((2, 3))})


def test_one_label_of_two_shapes_is_refused() -> None:
    with pytest.raises(ConfigError, match="one shape and dtype"):
        planned(placeholder("x", (2,)), placeholder("x", (3,)))
    with pytest.raises(ConfigError, match="one shape and dtype"):
        planned(slot("x", (2,)), slot("x", (2,), "float64"))


def test_a_step_without_anything() -> None:
    program = plan(Step({}))
    assert program.instructions == ()
    assert program.peak_bytes() == 0
    assert NumpyExecutor(program, State({})).run({}) == {}
    assert "0 instructions" in str(program)


def planning_seconds(layers: int) -> float:
    """Tracing, differentiating and planning a training step of so many layers: best of three."""
    network = pb.nn.dense(2, [2] * (layers - 1), 2, activation="tanh").initialise()
    recipe = Recipe(network, pb.losses.get("mse"), pb.optim.SGD())
    batch = Batch.of(np.ones((4, 2), F4), np.ones((4, 2), F4), None)
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        program = plan(recipe.training_step(batch))
        best = min(best, time.process_time() - began)
    assert sum(i.op.name == "tanh" for i in program.instructions) == layers - 1
    return best


def test_planning_time_grows_with_the_number_of_layers_not_faster() -> None:
    planning_seconds(10)
    gc.disable()  # whose own work grows with all that the other tests have left
    try:
        short, long = planning_seconds(250), planning_seconds(1000)
    finally:
        gc.enable()
    assert long < 1.5 * 4 * short, f"{short:.3f} s for 250 layers, {long:.3f} s for 1,000"


def test_a_chain_of_many_instructions_is_planned_without_recursion() -> None:
    y = placeholder("x", (2,))
    for _ in range(20_000):
        y = pb.sin(y)
    assert len(planned(y).instructions) == 20_000
