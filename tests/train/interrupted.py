"""A training that a test sends signals to; it says when what happened, in seconds of one clock.

Usage: interrupted.py FOLDER KIND, with KIND one of `steps`, `evaluation`, `slow steps`.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import pullback as pb

STEP_SECONDS = 0.2


class Clock(pb.Callback):
    """Notes the moments between which an interrupt has to be over."""

    def __init__(self, slow: bool) -> None:
        self.slow = slow
        self.stopped = 0.0

    def on_start(self, session: Any) -> None:
        print("training", flush=True)

    def on_step(self, session: Any) -> None:
        if self.slow:
            time.sleep(STEP_SECONDS)

    def on_stop(self, session: Any) -> None:
        self.stopped = time.monotonic()


def training(kind: str) -> tuple[pb.nn.Module, tuple[Any, ...], dict[str, Any]]:
    rows = 60_000 if kind == "evaluation" else 400
    random = np.random.default_rng(0)
    x = random.normal(size=(rows, 8)).astype(np.float32)
    y = (x[:, 0] + 0.3 * random.normal(size=rows) > 0).astype(np.int64)
    settings = {
        "batch_size": rows if kind == "evaluation" else 16,
        "validation": 0.5 if kind == "evaluation" else 0.2,
        "seed": 1,
        "optimizer": "adam",
        "progress": "none",
        "checkpoint_steps": 50,
    }
    if kind == "evaluation":
        settings["batch_size"] = rows // 2
    return pb.nn.dense(8, [16], 2, dropout=0.1), (x, y), settings


def main(folder: Path, kind: str) -> None:
    network, data, settings = training(kind)
    clock = Clock(kind == "slow steps")
    run = pb.fit(network, data, save=folder, callbacks=[clock], epochs=100_000, **settings)
    told = time.monotonic()
    print(run.ending, run.reason, clock.stopped, told, run.step, flush=True)
    assert run.network.predict(data[0][:10]).shape == (10,)


if __name__ == "__main__":
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    main(Path(sys.argv[1]), sys.argv[2])
