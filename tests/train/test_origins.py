"""Sources of NaN and inf are named in the step where they arise: what, where, why, what to do."""

from __future__ import annotations

import json
import linecache
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.errors import NonFiniteError
from pullback.runs.store import RunStore
from pullback.train.batches import Batches
from tests.train.faults import (
    BATCH,
    PLACE,
    ROW,
    ROWS,
    STILL,
    Fault,
    Gain,
    constant,
    table,
)
from tests.train.faults_backward import BACKWARD, LOSSES
from tests.train.faults_forward import FORWARD
from tests.train.faults_outside import OUTSIDE, ROADS, UPDATES

FAULTS = [*FORWARD, *BACKWARD, *LOSSES, *UPDATES, *OUTSIDE, *ROADS]


def caught(fault: Fault, **more: Any) -> NonFiniteError:
    """The error of the training that must fail."""
    settings = {
        "batch_size": BATCH, "epochs": 2, "shuffle": False, "loss": "mse", "optimizer": STILL,
        "seed": 0, **fault.settings, **more,
    }  # fmt: skip
    network = fault.make()
    if fault.dtype != "float32":
        network = network.build((4,)).initialise(0).astype(fault.dtype)
    with pytest.raises(NonFiniteError) as found:
        pb.fit(network, fault.data(), **settings)
    return found.value


def check(fault: Fault, error: NonFiniteError) -> None:
    """All that is said of it."""
    origin, run = error.origin, error.run  # type: ignore[attr-defined]
    said = str(origin)
    assert (origin.operation, origin.what) == (fault.operation, fault.what), said
    assert origin.reason.startswith(fault.reason), said
    assert (origin.path, origin.role) == (fault.path, fault.role), said
    assert (origin.row, origin.loop_step) == (fault.row, fault.loop_step), said
    if fault.index is not None:
        assert origin.index == fault.index, said
    if fault.row is not None:
        assert origin.data_row == (fault.step - 1) * BATCH + fault.row, said
    for part in fault.because:
        assert any(part in sentence for sentence in origin.because), said
    assert fault.advice in error.do, error.do
    assert run.step == fault.step - 1, said
    assert run.reason.startswith(f"stopped in step {fault.step}: {said}")
    assert said in error.received
    assert fault.line in line_of(origin.source), said


def line_of(source: str) -> str:
    """The line of a file beside this one, given as `file:line`."""
    file, _, line = source.partition(":")
    return linecache.getline(str(Path(__file__).parent / file), int(line or 0))


@pytest.mark.parametrize("executor", ["native", "numpy"])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_origin_is_named(fault: Fault, executor: str) -> None:
    check(fault, caught(fault, executor=executor))


def test_there_are_enough_of_each_pass() -> None:
    count = Counter(fault.role for fault in FAULTS)
    assert count["forward"] >= 40
    assert count["backward"] >= 10
    assert count["update"] >= 4
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


SOUND = {
    "a masked logarithm": lambda x: pb.where(x > 0, pb.log(x), 0.0),
    "a masked root": lambda x: pb.where(x > 0, pb.sqrt(x), x),
    "a masked quotient": lambda x: pb.where(x > 0, 1 / x, 0.0),
    "a masked exponential": lambda x: pb.where(x > 0, x, pb.exp(1e4 * x) - 1),
    "the library's norm of zeros": lambda x: pb.norm(pb.relu(x - 10), axis=1, keepdims=True),
    "a softmax of a row that is left out": lambda x: pb.softmax(
        pb.where(x > 10, x, float("-inf")), axis=1
    ),
    "a power of 0": lambda x: pb.relu(x) ** 0.5,
    "saturated probabilities": lambda x: pb.sigmoid(1e4 * x) + pb.log_sigmoid(-1e2 * x),
}


@pytest.mark.parametrize("name", SOUND)
def test_what_is_left_out_fails_no_step(name: str) -> None:
    x, y = table() - 0.4, np.ones((ROWS, 1))
    x[ROW] = 0
    network = pb.nn.Sequential(Gain(SOUND[name]), pb.nn.Linear(1))
    run = pb.fit(network, (x, y), loss="mse", batch_size=BATCH, epochs=2, optimizer=STILL)
    assert np.isfinite(run.losses).all()


def test_a_step_of_ones_own() -> None:
    """The value that goes wrong beside the loss, and is not watched, is not blamed."""
    network = pb.nn.Linear(4, 1, weight_init=constant(0.25), bias=False)
    training = pb.Training(network=network)

    @training.step(optimizer=STILL)
    def learn(x: pb.Tensor, rate: pb.Tensor) -> Any:
        aside = pb.log(pb.sum(x) * 0)
        return pb.mean(pb.sqrt(network(x) - rate)), {"aside": aside}

    x = np.ones((BATCH, 4), "float32")
    learn(x, 0.5)
    learn(x, 0.25)
    x[PLACE] = 0.5
    with pytest.raises(NonFiniteError) as found:
        learn(x, 0.5)  # the root of 0, whose derivative is infinite
    origin = found.value.origin
    assert (origin.operation, origin.index, origin.row) == ("reciprocal", (PLACE, 0), PLACE)
    assert origin.reason.endswith("a division by 0, in the derivative of sqrt at 0")
    assert "pb.sqrt(network(x)" in line_of(origin.source)
    assert found.value.received.endswith("in step 3 of 'learn'")
    assert "sqrt" in found.value.do


def test_rows_are_those_of_the_data_when_they_are_shuffled() -> None:
    fault = FAULTS[0]
    error = caught(fault, shuffle=True)
    assert error.origin.data_row == ROW
    step, row = error.run.step, error.origin.row  # type: ignore[attr-defined]
    found = Batches(ROWS, BATCH, seed=0).at(step)
    assert found[row] == ROW
    assert error.origin.index == (row, 2)


@pytest.mark.parametrize(("shuffle", "data_row"), [(False, ROW), (True, None)])
def test_rows_of_a_stream(shuffle: bool, data_row: int | None) -> None:
    """Known as long as its chunks are not mixed."""
    x, y = FAULTS[0].data()
    stream = pb.data.Stream([(x[:24], y[:24]), (x[24:], y[24:])])
    settings = {"loss": "mse", "optimizer": STILL, "batch_size": BATCH, "shuffle": shuffle}
    with pytest.raises(NonFiniteError) as found:
        pb.fit(FAULTS[0].make(), stream, epochs=1, **settings)
    origin = found.value.origin
    assert origin.index == (origin.row, 2)
    assert origin.data_row == data_row


def test_a_stream_that_comes_once() -> None:
    x, y = FAULTS[0].data()
    settings = {"loss": "mse", "optimizer": STILL, "batch_size": BATCH, "shuffle": False}
    with pytest.raises(NonFiniteError) as found:
        pb.fit(FAULTS[0].make(), pb.data.Stream(iter([(x, y)])), **settings)
    assert found.value.origin.data_row == ROW


def test_the_run_keeps_the_reason(tmp_path: Path) -> None:
    (fault,) = (fault for fault in LOSSES if fault.name == "a squared error")
    error = caught(fault, save=tmp_path, name="bad")
    with RunStore.open(tmp_path / "bad-1") as store:
        kept = store.status.summary["origin"]
    assert kept == json.loads(json.dumps(error.origin.to_json()))
    assert kept["reason"].startswith(fault.reason)
    assert (kept["row"], kept["data_row"]) == (PLACE, ROW)
    assert kept["advice"] == error.do
    assert error.run.origin == error.origin  # type: ignore[attr-defined]


def test_a_run_that_ends_well_has_no_origin(tmp_path: Path) -> None:
    x, y = table(), np.ones((ROWS, 1))
    run = pb.fit(pb.nn.dense(4, [], 1), (x, y), loss="mse", epochs=1, save=tmp_path)
    assert run.origin is None
    with RunStore.open(run.path) as store:
        assert store.status.summary["origin"] is None
