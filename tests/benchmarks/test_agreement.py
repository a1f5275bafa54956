"""Every peer trains the network that Pullback trains: their losses agree step by step."""

from __future__ import annotations

import importlib
from dataclasses import replace

import pytest

from benchmarks.contenders import PEERS, Contender
from benchmarks.inputs import Inputs
from benchmarks.ours import Fit
from benchmarks.rows import STEPS, TOLERANCE
from benchmarks.workloads import SEQUENCES, WORKLOADS, Workload

# The compiler of PyTorch takes minutes, and what it compiles is the network of the others.
PAIRS = [
    pytest.param(contender, workload, id=f"{contender.label}-{workload.number}")
    for contender in PEERS
    for workload in (*WORKLOADS, *SEQUENCES)
    if contender.takes(workload) and not contender.settings.get("compiled")
]


@pytest.mark.peers
@pytest.mark.parametrize(("contender", "workload"), PAIRS)
def test_losses_agree(contender: Contender, workload: Workload) -> None:
    small = replace(workload, batch=min(workload.batch, 16), batches=4)
    inputs = Inputs.draw(small)
    made = importlib.import_module(contender.module).runner
    found = made(small, inputs, **contender.settings).losses(STEPS + 1)
    wanted = Fit(small, inputs, "numpy").losses(STEPS + 1)
    assert found == pytest.approx(wanted, abs=TOLERANCE, rel=TOLERANCE)
