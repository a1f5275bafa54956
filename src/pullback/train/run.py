"""What a training leaves behind: the network, its history, how good it is, why it stopped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from pullback.execute import NonFiniteOrigin
from pullback.graph.dtypes import Array
from pullback.metrics import ClassReport
from pullback.nn.module import Module
from pullback.train.history import EpochRecord, StepLog
from pullback.train.loop import Ending
from pullback.train.model import Model
from pullback.train.readings import Look, Reading, Readings


@dataclass(repr=False)
class Run:
    """One training that has ended.

    Attributes:
        model: The network with what turns raw rows into its inputs.
        reason: Why training stopped, in a sentence.
        ending: `finished`, `interrupted` (can go on) or `failed` (NaN or inf).
        steps: Records of the steps of this session.
        epochs: Records of all epochs.
        scores: The final network's metrics by part and name, such as `test.accuracy`; after an
            interruption those of the last epoch.
        elapsed: Seconds of training.
        step: How many steps were taken.
        best_step: The step whose weights were put back, if they are others than the last.
        path: The run's folder, if it was saved.
        notes: What the user should know.
        looks: What probes saw of some steps of this session.
        classes: How each class fares, by part (`validation`, `test`), or by part and output
            (`validation.city`) where there are several; empty for values.
        origin: Where a NaN or inf arose and why, if one did.
    """

    model: Model
    reason: str
    ending: Ending
    steps: StepLog
    epochs: list[EpochRecord]
    scores: dict[str, float]
    elapsed: float
    step: int
    best_step: int | None = None
    path: Path | None = None
    notes: list[str] = field(default_factory=list)
    classes: dict[str, ClassReport] = field(default_factory=dict)
    looks: list[Look] = field(default_factory=list)
    origin: NonFiniteOrigin | None = None

    @property
    def network(self) -> Module:
        """The trained network."""
        return self.model.network

    @property
    def losses(self) -> Array:
        """The loss of every step of this session."""
        return self.steps.losses

    def history(self, name: str) -> Array:
        """One value an epoch: `train.loss`, `validation.accuracy`, ...

        Example:
            >>> import numpy as np, pullback as pb
            >>> x = np.linspace(-1, 1, 20)[:, None]
            >>> run = pb.fit(pb.nn.dense(1, [4], 1), (x, x), epochs=3, loss="mse")
            >>> run.history("train.loss").shape
            (3,)
        """
        known = sorted({key for e in self.epochs for key in e.values})
        if known and name not in known:
            from pullback.errors import unknown

            raise unknown("history", name, known)
        return np.array([e.values.get(name, np.nan) for e in self.epochs])

    @cached_property
    def probes(self) -> Readings:
        """What probes saw, by place: `run.probes["0.output"].mean`, one number a look.

        Of a saved run also what was seen before it was resumed.

        Raises:
            FileFormatError: The run's telemetry is damaged.
        """
        return Readings(self.looks) if self.path is None else Readings.of(self.path)

    def probe(self, place: str) -> Reading:
        """What probes saw of one place; the same as `run.probes[place]`.

        Raises:
            UnknownNameError: It was not looked at; the nearest that was is named.

        Example:
            >>> import numpy as np, pullback as pb
            >>> x = np.linspace(-1, 1, 20)[:, None]
            >>> run = pb.fit(pb.nn.dense(1, [4], 1), (x, x), steps=5, loss="mse", probes="*.output")
            >>> run.probe("1.output").mean.shape
            (5,)
        """
        return self.probes[place]

    def predict(self, rows: Any, *, probabilities: bool = False) -> Any:
        """See `Model.predict`."""
        return self.model.predict(rows, probabilities=probabilities)

    def evaluate(self, data: Any, metrics: Any = None) -> dict[str, float]:
        """See `Model.evaluate`."""
        return self.model.evaluate(data, metrics)

    def __repr__(self) -> str:
        return f"Run({self.ending} after {self.step:,} steps: {self.reason})"

    def to_json(self) -> dict[str, Any]:
        """The outcome as plain data."""
        return {
            "ending": self.ending,
            "reason": self.reason,
            "steps": self.step,
            "epochs": self.epochs[-1].epoch if self.epochs else 0,
            "seconds": round(self.elapsed, 3),
            "best_step": self.best_step,
            "scores": {k: _finite(v) for k, v in self.scores.items()},
            "path": None if self.path is None else str(self.path),
            "notes": list(self.notes),
        }

    def summary(self) -> dict[str, Any]:
        """What the run's folder keeps of the outcome, as plain data."""
        name, value = headline(self.scores)
        return {
            "metric": name,
            "best": value,
            "scores": {k: _finite(v) for k, v in self.scores.items()},
            "classes": {part: report.as_dict() for part, report in self.classes.items()},
            "origin": None if self.origin is None else self.origin.to_json(),
        }

    def __str__(self) -> str:
        parts = [p for p in ("train", "validation", "test") if f"{p}.loss" in self.scores]
        names = list(dict.fromkeys(k.partition(".")[2] for k in self.scores))
        lines = [f"{self.ending}: {self.reason}"]
        epochs = self.epochs[-1].epoch if self.epochs else 0
        lines.append(f"{epochs:,} epochs, {self.step:,} steps, {self.elapsed:.2f} s of training")
        if self.best_step is not None:
            lines.append(f"weights of the best epoch (after step {self.best_step:,}) put back")
        if parts:
            width = max(len(n) for n in names)
            lines.append(f"{'':<{width}}  " + "  ".join(f"{p:>10}" for p in parts))
        for name in names:
            row = [self.scores.get(f"{p}.{name}", float("nan")) for p in parts]
            lines.append(f"{name:<{width}}  " + "  ".join(f"{v:>10.4f}" for v in row))
        if self.path is not None:
            lines.append(f"saved in {self.path}")
        return "\n".join([*lines, *self.notes])


def headline(scores: Mapping[str, float]) -> tuple[str, float | None]:
    """The one score by which a run is known: the first metric of the validation rows.

    Without validation rows it is that of the test rows, or of the training rows; without
    metrics, the loss.

    Example:
        >>> headline({"train.loss": 0.1, "validation.loss": 0.2, "validation.accuracy": 0.9})
        ('validation.accuracy', 0.9)
    """
    for part in ("validation", "test", "train"):
        names = [key for key in scores if key.startswith(f"{part}.")]
        chosen = next(
            (key for key in names if not key.endswith(".loss")), names[0] if names else ""
        )
        if chosen:
            return chosen, _finite(scores[chosen])
    return "", None


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
