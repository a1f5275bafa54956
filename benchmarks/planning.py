"""How long it takes until a training can begin: tracing, planning, making an executor.

Run as a process of its own: `python -m benchmarks.planning` prints JSON.
"""

from __future__ import annotations

import json
import statistics
import time
from typing import Any

from benchmarks.contenders import ORACLE
from benchmarks.inputs import Inputs
from benchmarks.workloads import WORKLOADS, Adam, Workload, dense

DEPTHS = (250, 500, 1000)


def deep(layers: int) -> Workload:
    """A network of so many layers."""
    return dense(0, f"{layers:,} layers", [64] * (layers + 1), "tanh", 32, 1, Adam(), "mse")


def once(workload: Workload, inputs: Inputs, executor: str) -> dict[str, float]:
    """Seconds from a network to a program that can run."""
    from benchmarks.ours import network, optimizer
    from pullback import losses
    from pullback.execute import State
    from pullback.execute import executor as built
    from pullback.plan import plan
    from pullback.train.step import Batch, Recipe

    made = network(workload, inputs)
    recipe = Recipe(made, losses.get(workload.loss), optimizer(workload))
    state = State(recipe.initial_state(0))
    x, y = next(inputs.batches(workload.batch))
    began = time.perf_counter()
    step = recipe.training_step(Batch.of(x, y, None))
    traced = time.perf_counter()
    plan(step)
    planned = time.perf_counter()
    built(step, state, executor)  # plans once more: what a training does after tracing
    ended = time.perf_counter()
    return {"trace": traced - began, "plan": planned - traced, "build": ended - planned}


def measured(workload: Workload, executor: str, rounds: int) -> dict[str, Any]:
    """The median of each part, in seconds, after one that is not counted."""
    inputs = Inputs.draw(workload)
    found = [once(workload, inputs, executor) for _ in range(rounds + 1)][1:]
    parts = {part: statistics.median(f[part] for f in found) for part in found[0]}
    return {"title": workload.title, "executor": executor, **parts}


def main() -> None:
    """Print the figures of workload 4 and of deep networks, by every executor."""
    from pullback.errors import ConfigError
    from pullback.execute import EXECUTORS

    found = []
    for executor in EXECUTORS:
        if executor == ORACLE:
            continue
        try:
            found.append(measured(WORKLOADS[3], executor, 7))
            found += [measured(deep(layers), executor, 1) for layers in DEPTHS]
        except ConfigError:  # there is no native module
            continue
    print(json.dumps(found))


if __name__ == "__main__":
    main()
