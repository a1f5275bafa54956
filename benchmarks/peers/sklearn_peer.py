"""scikit-learn's MLP, for workloads of dense layers and classes."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from benchmarks.inputs import Array, Inputs
from benchmarks.runner import Runner
from benchmarks.workloads import SGD, Workload


class Given(MLPClassifier):
    """An MLP that begins with given weights."""

    first: Iterator[Array]  # weight and bias of each layer, as they are asked for

    def _init_coef(self, fan_in: int, fan_out: int, dtype: Any) -> tuple[Array, Array]:
        return next(self.first).copy(), next(self.first).copy()


class Sklearn(Runner):
    """`MLPClassifier.fit`; steps of their own by `partial_fit`, for the losses alone."""

    def __init__(self, workload: Workload, inputs: Inputs) -> None:
        super().__init__(workload, inputs)
        warnings.filterwarnings("ignore", category=ConvergenceWarning)
        self.epochs = 1

    def model(self, epochs: int) -> Given:
        """An untrained model."""
        workload, rule = self.workload, self.workload.optimizer
        (activation,) = workload.activations
        made = Given(
            [shape[0] for shape in workload.shapes[1:-1]],
            activation=activation,
            solver="sgd" if isinstance(rule, SGD) else "adam",
            alpha=0.0,
            batch_size=workload.batch,
            learning_rate_init=rule.learning_rate,
            momentum=getattr(rule, "momentum", 0.9),
            nesterovs_momentum=False,
            max_iter=epochs,
            shuffle=False,
            tol=0.0,
            n_iter_no_change=10**9,
        )
        made.first = iter(self.inputs.parameters)
        return made

    def losses(self, steps: int) -> list[float]:
        model, classes = self.model(1), np.arange(self.workload.outputs)
        batches = list(self.inputs.batches(self.workload.batch))
        for k in range(steps):
            # Its Adam adds epsilon before the moments are corrected, the others after: this one
            # makes them the same rule. It has the optimizer once it has made a step.
            epsilon = 1e-8 * math.sqrt(1 - 0.999 ** (k + 1))
            vars(vars(model).get("_optimizer", model))["epsilon"] = epsilon
            model.partial_fit(*batches[k % len(batches)], classes=classes)
        return [float(x) for x in model.loss_curve_]

    def epoch(self) -> None:
        self.model(1).fit(self.inputs.x, self.inputs.y)

    def timed(self, seconds: float) -> tuple[float, int]:
        """Of one `fit`, whose preparation counts: so many epochs that it counts for little."""
        while True:
            began = time.perf_counter()
            self.model(self.epochs).fit(self.inputs.x, self.inputs.y)
            elapsed = time.perf_counter() - began
            if elapsed >= seconds:
                return elapsed, self.epochs * self.workload.batches
            self.epochs = max(self.epochs + 1, int(1.2 * self.epochs * seconds / elapsed))


runner = Sklearn
