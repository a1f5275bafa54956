"""What a candidate must be able to do; each library's runners derive from `Runner`."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod

from benchmarks.inputs import Inputs
from benchmarks.workloads import Workload


class Runner(ABC):
    """Trains the network of one workload with one library.

    Args:
        workload: What is trained.
        inputs: The first weights, and the rows.
    """

    def __init__(self, workload: Workload, inputs: Inputs) -> None:
        self.workload = workload
        self.inputs = inputs

    @abstractmethod
    def losses(self, steps: int) -> list[float]:
        """The losses of the first steps, from the first weights.

        Called once, before anything is timed. Step k is given batch k of the epoch, and the epoch
        begins anew where it is over.
        """

    @abstractmethod
    def epoch(self) -> None:
        """Train once through the rows, batch after batch; all is computed when it returns."""

    def timed(self, seconds: float) -> tuple[float, int]:
        """Train whole epochs for at least so long.

        Returns:
            The seconds that it took, and the steps that were made.
        """
        epochs, began = 0, time.perf_counter()
        while True:
            self.epoch()
            epochs += 1
            elapsed = time.perf_counter() - began
            if elapsed >= seconds:
                return elapsed, epochs * self.workload.batches
