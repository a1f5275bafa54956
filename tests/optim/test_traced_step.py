"""Forward, backward, clipping and update as one program, run by both NumPy executors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import pullback as pb
from pullback import losses, optim
from pullback.execute.choice import executor
from pullback.execute.state import State
from pullback.graph import placeholder, slot
from pullback.optim import Optimizer
from pullback.plan import Step
from tests.optim.references import REFERENCES

SETTINGS = [optimizer for reference in REFERENCES.values() for optimizer in reference.settings]
RANDOM = np.random.default_rng(3)
X, Y = RANDOM.normal(size=(6, 4)), RANDOM.integers(-1, 3, 6)
W = RANDOM.normal(size=(4, 3))
LOSS = losses.CrossEntropy(0.1, class_weights=(1.0, 2.0, 0.5))
TOTAL = 8


def traced(optimizer: Optimizer) -> tuple[Step, State]:
    x, y = placeholder("x", X.shape, "float64"), placeholder("y", Y.shape, "int64")
    w, rate = slot("w", W.shape, "float64"), slot("rate", (), "float64")
    step = slot("step", (), "int64") + 1
    initial = optimizer.initial(W)
    slots = {name: slot(name, value.shape, "float64") for name, value in initial.items()}
    loss = LOSS(x @ w, y) + optim.penalty([w], l2=0.01)
    bars, norm = optim.clip_by_global_norm(pb.gradient(loss, [w]), 0.5)
    new, remembered = optimizer.update(w, bars[0], slots, optimizer.rate(rate, step, TOTAL), step)
    state = {"w": W, "rate": np.float64(optimizer.learning_rate), "step": np.int64(0)}
    state |= initial
    return Step({"loss": loss, "norm": norm}, {"w": new, "step": step, **remembered}), State(state)


def by_hand(optimizer: Optimizer) -> np.ndarray:
    w, slots = W, optimizer.initial(W)
    for number in range(1, TOTAL + 1):
        node = pb.tensor(w)
        loss = LOSS(pb.tensor(X) @ node, Y) + 0.01 * (node * node).sum()
        bar = pb.gradient(loss, [node])[0].numpy()
        bar = bar * min(1.0, 0.5 / np.linalg.norm(bar))
        rate = optimizer.rate(pb.tensor(optimizer.learning_rate, "float64"), number, TOTAL)
        known = {name: pb.tensor(value) for name, value in slots.items()}
        moved, new = optimizer.update(node, pb.tensor(bar), known, rate, pb.tensor(number))
        w, slots = moved.numpy(), {name: value.numpy() for name, value in new.items()}
    return w


@pytest.mark.parametrize(
    ("schedule", "kind"), [("constant", "reference"), ("warmup_cosine", "numpy")]
)
@pytest.mark.parametrize("optimizer", SETTINGS, ids=lambda o: o.describe())
def test_a_traced_step_does_what_single_operations_do(
    optimizer: Optimizer, schedule: str, kind: str
) -> None:
    optimizer = replace(optimizer, schedule=schedule)
    step, state = traced(optimizer)
    run = executor(step, state, kind)
    seen = [run.run({"x": X, "y": Y}) for _ in range(TOTAL)]
    assert state["step"] == TOTAL
    assert seen[-1]["loss"] < seen[0]["loss"]
    np.testing.assert_allclose(state["w"], by_hand(optimizer), rtol=1e-10, atol=1e-12)


def test_the_rate_can_be_changed_while_a_program_runs() -> None:
    step, state = traced(optim.SGD(0.1))
    run = executor(step, state)
    state["rate"] = 0.0
    run.run({"x": X, "y": Y})
    np.testing.assert_array_equal(state["w"], W)
