"""Small trainings that use everything that a resume has to carry on, and what they left behind.

As a script it is the process that other tests kill: `trainings.py NAME FOLDER [SLOW]` starts the
training NAME in FOLDER or goes on with it, SLOW seconds longer at every step.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import pullback as pb
from pullback.runs.store import RunStore


class UsedTwice(pb.nn.Module):
    """One weight in two places, with dropout and a frozen gain: a network of one's own."""

    def __init__(self, features: int, outputs: int) -> None:
        self.inner = pb.nn.Linear(features, features)
        self.again = self.inner
        self.gain = pb.nn.Parameter(features, pb.nn.initialisers.Ones(), trainable=False)
        self.drop = pb.nn.Dropout(0.25)
        self.head = pb.nn.Linear(features, outputs)

    def forward(self, x: pb.Tensor) -> pb.Tensor:
        x = self.drop(pb.tanh(self.inner(x)))
        return self.head(self.drop(pb.tanh(self.again(x))) * self.gain)


def table(rows: int = 45, features: int = 4, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Rows of three classes that a line separates badly."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, features)).astype(np.float32)
    return x, ((x[:, 0] * x[:, 1] > 0).astype(int) + (x[:, 2] > 0.3)).astype(np.int64)


def network(name: str) -> pb.nn.Module:
    if name == "own network":
        return UsedTwice(4, 3)
    if name == "regression":
        return pb.nn.dense(4, [6], 2, activation="gelu", dropout=0.2).astype("float64")
    if name == "running statistics":
        return pb.nn.Sequential(pb.nn.Linear(6), pb.nn.BatchNorm(), "relu", pb.nn.Linear(3))
    return pb.nn.dense(4, [8], 3, activation="tanh", dropout=0.3)


def data(name: str) -> tuple[np.ndarray, ...]:
    x, y = table()
    if name == "regression":
        return x, np.stack([x[:, 0] * x[:, 1], np.sin(x[:, 2])], axis=1)
    if name == "weights and best":
        return x, y, np.random.default_rng(0).uniform(0, 2, len(y)).astype(np.float32)
    return x, y


# A batch of 16 leaves a smaller last one of the 45 or 36 rows.
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {"optimizer": pb.optim.SGD(0.1), "epochs": 3},
    "momentum in parts": {
        "optimizer": pb.optim.SGD(0.05, momentum=0.9, nesterov=True, schedule="cosine"),
        "accumulate": 3,
        "epochs": 3,
        "clip_norm": 0.5,
    },
    "weights and best": {
        "optimizer": pb.optim.Adam(0.1, schedule=pb.optim.WarmUp(4)),
        "validation": 0.2,
        "patience": 2,
        "epochs": 5,
        "l1": 1e-3,
        "l2": 1e-3,
        "class_weight": "balanced",
    },
    "until": {
        "optimizer": pb.optim.AdamW(0.05),
        "validation": 0.2,
        "until": "train.accuracy >= 0.63",
        "epochs": 6,
        "shuffle": False,
    },
    "own network": {"optimizer": "rmsprop", "epochs": 3, "validation": 0.2, "patience": 1},
    # Not Adam: the bias before the normalisation has no gradient but rounding, which it scales up.
    "running statistics": {
        "optimizer": pb.optim.SGD(0.1, momentum=0.9),
        "epochs": 2,
        "accumulate": 2,
        "validation": 0.2,
        "patience": 1,
    },
    "regression": {"optimizer": "adam", "loss": "huber", "epochs": 3, "accumulate": 2},
    "averages on a plateau": {
        "optimizer": pb.optim.ScheduleFreeAdamW(
            0.05, schedule=pb.optim.WarmUp(2, pb.optim.ReduceOnPlateau(patience=0, threshold=0.2))
        ),
        "validation": 0.2,
        "patience": 1,
        "epochs": 3,
    },
    "average, constraints, layers": {
        "optimizer": pb.optim.SAM(
            0.05, base="muon", rho=0.1, layers={"0.*": {"learning_rate": 0.2}}
        ),
        "ema": 0.8,
        "constraints": {"*.weight": pb.optim.MaxNorm(0.8)},
        "clip_each_norm": 0.5,
        "epochs": 2,
    },
    "driven": {
        "optimizer": pb.optim.LBFGS(iterations=3, history=2, weight_decay=1e-3, schedule="cosine"),
        "epochs": 2,
    },
}


def start(name: str, root: Path, **more: Any) -> pb.Run:
    """The training of that name, kept below `root`."""
    settings = {"batch_size": 16, "seed": 5, "progress": "none", "checkpoint_steps": 2}
    return pb.fit(network(name), data(name), save=root, **{**settings, **SETTINGS[name], **more})


def go_on(path: Path, **more: Any) -> pb.Run:
    return pb.resume(path, custom=[UsedTwice], progress="none", **more)


class Stop(pb.Callback):
    """Stops as Ctrl-C would, after a step."""

    def __init__(self, step: int) -> None:
        self.at = step

    def on_step(self, session: Any) -> None:
        if session.step == self.at:
            session.stop("stopped by a test", "interrupted")


class Killed(BaseException):
    """The end of a process, as far as that can be played inside one."""


class Kill(pb.Callback):
    """Ends training without a farewell: after a step or an epoch, before that is recorded."""

    def __init__(self, *, step: int = 0, epoch: int = 0) -> None:
        self.at_step, self.at_epoch = step, epoch

    def on_step(self, session: Any) -> None:
        if session.step == self.at_step:
            raise Killed

    def on_epoch(self, session: Any) -> None:
        if session.epoch == self.at_epoch:
            raise Killed


@dataclass(frozen=True)
class Left:
    """All that must be the same in the end, whatever happened on the way."""

    model: dict[str, bytes]
    state: dict[str, bytes]
    steps: dict[str, list[float]]
    epochs: dict[str, list[float]]
    reason: str


def left(path: Path) -> Left:
    """What the run in that folder left behind."""
    with RunStore.open(path) as store:
        assert store.problems() == []
        assert store.status.state == "finished", store.status
        history, metrics = store.telemetry.history(), store.telemetry.metrics()
        del history["time"]
        return Left(
            {k: v.tobytes() for k, v in store.load_model().tensors.items()},
            {k: v.tobytes() for k, v in store.load_checkpoint().tensors.items()},
            {k: v.tolist() for k, v in history.items()},
            {k: v.tolist() for k, v in sorted(metrics.items())},
            store.status.reason,
        )


class Slow(pb.Callback):
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def on_step(self, session: Any) -> None:
        time.sleep(self.seconds)


def main(name: str, root: Path, slow: float = 0.0) -> None:
    runs = [path for path in root.glob("[!.]*") if path.is_dir()]
    callbacks = [Slow(slow)]
    print("ready", flush=True)
    if runs:
        go_on(runs[0], callbacks=callbacks)
    else:
        start(name, root, callbacks=callbacks)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *map(float, sys.argv[3:]))
