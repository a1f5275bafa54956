"""A library that only sleeps: what the harness is tested with, in place of large downloads."""

from __future__ import annotations

import fcntl
import os
import subprocess
import time
from pathlib import Path
from typing import Any

from benchmarks.runner import Runner


class Fake(Runner):
    """Sleeps through every epoch; can also lie, shout, fail, die and never be ready."""

    def __init__(
        self,
        workload: Any,
        inputs: Any,
        sleep: float = 0.001,
        loss: float = 1.0,
        log: str = "",
        fails: str = "",
    ) -> None:
        super().__init__(workload, inputs)
        self.sleep, self.loss, self.log, self.fails = sleep, loss, log, fails
        print("what a library prints when it is imported")
        if fails == "made":
            raise ValueError("no such device")
        if fails == "compiled":
            with Path(log).open("w", encoding="utf-8") as file:
                fcntl.flock(file, fcntl.LOCK_EX)  # held as long as the compiler lives
                print("compiling", file=file, flush=True)
                subprocess.run(["sleep", "600"], pass_fds=[file.fileno()], check=False)

    def losses(self, steps: int) -> list[float]:
        return [self.loss + float(self.inputs.x[0, 0])] * steps

    def timed(self, seconds: float) -> tuple[float, int]:
        if self.fails == "timed":
            os.write(2, b"terminated by the fake\n")
            os._exit(3)
        if self.log:
            with Path(self.log).open("a", encoding="utf-8") as file:
                file.write(f"{self.sleep} {os.environ['OMP_NUM_THREADS']}\n")
        return super().timed(seconds)

    def epoch(self) -> None:
        time.sleep(self.sleep)


runner = Fake
