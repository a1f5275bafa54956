"""Sources of NaN and inf are named in the step where they arise: what, where, why, what to do."""

from __future__ import annotations

import json
import linecache
from pathlib import Path
from typing import Any

import pytest

import pullback as pb
from pullback.errors import NonFiniteError
from tests.train.faults import BATCH, STILL, Fault
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
    if fault.line:
        file, _, line = origin.source.partition(":")
        text = linecache.getline(str(Path(__file__).parent / file), int(line))
        assert fault.line in text, said


@pytest.mark.parametrize("executor", ["native", "numpy"])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_origin_is_named(fault: Fault, executor: str) -> None:
    check(fault, caught(fault, executor=executor))


def test_there_are_enough_of_each_pass() -> None:
    roles = [fault.role for fault in FAULTS]
    assert len(FAULTS) >= 40
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    assert json.dumps(roles)
