"""The process of one candidate: it is asked for one thing at a time, over a pipe.

Requests and answers are JSON objects, one a line: `prepare` (make the runner, and give its first
losses), `round` (train for so long), `memory` (what training needs). It ends when the pipe does.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.inputs import Inputs
from benchmarks.memory import peak_from_now, resident
from benchmarks.records import workload_of
from benchmarks.runner import Runner


class Session:
    """What one candidate's process knows."""

    def __init__(self) -> None:
        self.runner: Runner | None = None

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do what a request asks for."""
        do = request.pop("do")
        return {"prepare": self.prepare, "round": self.round, "memory": self.memory}[do](**request)

    def prepare(
        self, workload: Any, inputs: str, module: str, settings: dict[str, Any], steps: int
    ) -> dict[str, Any]:
        """Make the runner; the losses of its first steps."""
        record = workload_of(workload)
        given = Inputs.load(Path(inputs))
        made = importlib.import_module(module).runner
        self.before = resident()
        self.runner = made(record, given, **settings)
        return {"losses": self.runner.losses(steps)}

    def round(self, seconds: float) -> dict[str, Any]:
        """Train for at least so long."""
        assert self.runner is not None
        began = time.process_time()
        elapsed, steps = self.runner.timed(seconds)
        return {"seconds": elapsed, "steps": steps, "cpu": time.process_time() - began}

    def memory(self, seconds: float) -> dict[str, Any]:
        """MiB before the runner was made, and at most while it trains; None where unknown."""
        assert self.runner is not None
        peak = peak_from_now()
        self.runner.timed(seconds)
        return {"before": self.before, "peak": peak()}


def main() -> None:
    """Answer requests until there are no more."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a library prints must not get between the answers
    session = Session()
    for line in sys.stdin:
        try:
            answer = session.answer(json.loads(line))
        except Exception as error:  # whatever a library raises is told to the harness
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
