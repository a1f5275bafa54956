"""What to train a table with of which nothing is known: network, optimizer, batch, patience."""

from __future__ import annotations

import inspect
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pullback import losses, optim
from pullback.data import Prepared, prepare
from pullback.errors import unknown
from pullback.nn import Flatten, Module, Sequential, activations, dense
from pullback.train.fit import fit
from pullback.train.run import Run
from pullback.train.sources import USUAL

ROWS_PER_BATCH = ((32, 4_000), (64, 16_000), (128, 64_000), (256, 256_000))
LARGEST_BATCH = 512
WIDE = 200


@dataclass(frozen=True)
class Choice:
    """A network and how to train it, each replaceable by the user's own wish.

    Attributes:
        loss: What it should make small.
        hidden: The width of each hidden layer.
        activation: Of the hidden layers.
        dropout: Probability of dropping a hidden number while training.
        optimizer: With its rates and schedule.
        batch_size: Rows a step.
        epochs: Times through the data, at most.
        patience: Epochs without improvement after which training stops.
        monitor: What has to improve.
        clip_norm: Largest global norm of the gradient; None does not clip.
        reasons: Why, by the name of the field, where there is more to say than 'usual'.
    """

    loss: losses.Loss
    hidden: tuple[int, ...]
    activation: str
    dropout: float
    optimizer: optim.Optimizer
    batch_size: int
    epochs: int
    patience: int
    monitor: str = "loss"
    clip_norm: float | None = None
    reasons: dict[str, str] = field(default_factory=dict)

    def network(self, prepared: Prepared, loss: Any) -> Module:
        """A fresh network for these data and this loss, without values."""
        shape, outputs = prepared.encoder.input_shape, outputs_of(prepared, loss)
        body = dense(
            math.prod(shape), self.hidden, outputs, activation=self.activation, dropout=self.dropout
        )
        ending = losses.get(loss).ending
        end = [] if ending is None else [activations.get(ending)]
        start = [Flatten()] if len(shape) > 1 else []
        return Sequential(*start, *body, *end) if start or end else body

    def fitting(self) -> dict[str, Any]:
        """What `fit` is told."""
        return {
            "loss": self.loss,
            "optimizer": self.optimizer,
            "batch_size": self.batch_size,
            "epochs": self.epochs,
            "patience": self.patience,
            "monitor": self.monitor,
            "clip_norm": self.clip_norm,
        }


def choose(prepared: Prepared) -> Choice:
    """What to train these data with.

    Args:
        prepared: The data.
    """
    rows, features = len(prepared.train), math.prod(prepared.encoder.input_shape)
    batch = next((size for size, most in ROWS_PER_BATCH if rows <= most), LARGEST_BATCH)
    reasons = {"batch_size": f"for {rows:,} training rows"}
    task = prepared.task
    loss: losses.Loss = losses.get(USUAL[task])
    if features < WIDE:
        rule = optim.AdamW(2e-3, weight_decay=1e-2, schedule="warmup")
        return Choice(
            loss, (64, 64), "silu", 0.1, rule, max(1, min(batch, rows)), 200, 30, reasons=reasons
        )
    # Pixels and their like: more room, and more to hold it back from learning rows by heart.
    reasons |= dict.fromkeys(("hidden", "dropout", "epochs"), f"for {features:,} features")
    rule = optim.AdamW(2e-3, weight_decay=1e-1, schedule="warmup")
    if task == "classification":
        loss = losses.CrossEntropy(label_smoothing=0.1)
    batch = max(1, min(2 * batch, rows))
    return Choice(loss, (256, 128), "silu", 0.3, rule, batch, 40, 15, reasons=reasons)


def fit_table(source: Any, target: str | Sequence[str] | None = None, **options: Any) -> Run:
    """Train on a table of which nothing is known: what `pullback train FILE --target COLUMN` does.

    Args:
        source: A file, a frame, arrays: whatever `pb.data.prepare` reads.
        target: The column to learn, or several: of numbers, or of yes and no.
        options: Of `pb.data.prepare` (`task`, `roles`, `split`, `validation`, `test`, ...), of the
            network (`hidden`, `activation`, `dropout`) and of `pb.fit` (`epochs`, `until`,
            `save`, ...); `seed` goes to data and training alike.

    Returns:
        The run, with scores on training, validation and test rows.

    Raises:
        DataError: A table that cannot be learned from.
        ConfigError: An option that cannot be used.
        UnknownNameError: No such option; the nearest is named.

    Example:
        >>> import pullback as pb
        >>> run = pb.fit_table(pb.datasets.path("penguins"), "species", until="accuracy >= 0.95")
        >>> run.scores["test.accuracy"] > 0.9
        True
    """
    wanted = {"data": _DATA, "choice": _CHOICE, "training": _TRAINING}
    sorted_: dict[str, dict[str, Any]] = {name: {} for name in wanted}
    for option, value in options.items():
        homes = [name for name, known in wanted.items() if option in known]
        if not homes:
            raise unknown("option", option, sorted({o for known in wanted.values() for o in known}))
        for home in homes:
            sorted_[home][option] = value
    prepared = prepare(source, target, **sorted_["data"])
    choice = replace(choose(prepared), **sorted_["choice"])
    if not len(prepared.validation):
        choice = replace(choice, monitor="train.loss")
    training = {**choice.fitting(), **sorted_["training"]}
    network = choice.network(prepared, training["loss"])
    return fit(network, prepared, **training)


def outputs_of(prepared: Prepared, loss: Any) -> int:
    """How many numbers the network has to give for each row."""
    chosen, target = losses.get(loss), prepared.encoder.target
    if chosen.task == "binary" and target.task == "classification":
        return 1
    return chosen.columns(target.outputs)


_DATA = frozenset(inspect.signature(prepare).parameters) - {"source", "target"}
_CHOICE = frozenset(("hidden", "activation", "dropout"))
_TRAINING = frozenset(inspect.signature(fit).parameters) - {"network", "data", "validation"}
