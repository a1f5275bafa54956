"""What to train a table with of which nothing is known: network, optimizer, batch, patience."""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from pullback import losses, optim
from pullback.data import Prepared, prepare, prepare_series, prepare_text
from pullback.data.series import SeriesInputs
from pullback.data.text import Corpus, TextInputs
from pullback.errors import ConfigError, unknown
from pullback.nn import Module, Sequential, activations, architectures
from pullback.nn.architectures import Architecture, ConvNet, Dense, Inputs, LSTMNetwork
from pullback.train.fit import fit
from pullback.train.run import Run
from pullback.train.sources import USUAL

ROWS_PER_BATCH = ((32, 4_000), (64, 16_000), (128, 64_000), (256, 256_000))
LARGEST_BATCH = 512
WIDE = 200
LEAST_PICTURE = 8
MANY_PICTURES = 20_000
SHAPE = ("hidden", "activation", "dropout")
TEXTS = (".txt", ".text")
TEXT_METRICS = ("bits_per_token", "accuracy")


@dataclass(frozen=True)
class Choice:
    """A network and how to train it, each replaceable by the user's own wish.

    Attributes:
        architecture: What network is built.
        loss: What it should make small.
        optimizer: With its rates and schedule.
        batch_size: Rows a step.
        epochs: Times through the data, at most.
        patience: Epochs without improvement after which training stops.
        monitor: What has to improve.
        clip_norm: Largest global norm of the gradient; None does not clip.
        metrics: What is measured after every epoch; None for the task's own.
        reasons: Why, by the name of the field, where there is more to say than 'usual'.
    """

    architecture: Architecture
    loss: losses.Loss
    optimizer: optim.Optimizer
    batch_size: int
    epochs: int
    patience: int
    monitor: str = "loss"
    clip_norm: float | None = None
    metrics: tuple[str, ...] | None = None
    reasons: dict[str, str] = field(default_factory=dict)

    def network(self, prepared: Prepared, loss: Any) -> Module:
        """A fresh network for these data and this loss, without values."""
        made = self.architecture.build(inputs_of(prepared), outputs_of(prepared, loss))
        ending = losses.get(loss).ending
        return made if ending is None else Sequential(*made, activations.get(ending))

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
            **({} if self.metrics is None else {"metrics": self.metrics}),
        }


def inputs_of(prepared: Prepared) -> Inputs:
    """The form of a row of some data."""
    found = prepared.encoder.inputs
    tokens = len(found.vocabulary) if isinstance(found, TextInputs) else None
    return Inputs(found.shape, tokens, isinstance(found, SeriesInputs))


def choose(prepared: Prepared) -> Choice:
    """What to train these data with.

    Args:
        prepared: The data.
    """
    form = inputs_of(prepared)
    if form.tokens:
        return _for_text(prepared)
    if form.series:
        return _for_series(prepared)
    if form.is_image and min(form.shape[:2]) >= LEAST_PICTURE:
        return _for_pictures(prepared)
    return _for_table(prepared, math.prod(form.shape))


def _batch(prepared: Prepared, times: int = 1) -> tuple[int, dict[str, str]]:
    """The batch size for so many rows, and why."""
    rows = len(prepared.train)
    size = next((size for size, most in ROWS_PER_BATCH if rows <= most), LARGEST_BATCH)
    return max(1, min(times * size, rows)), {"batch_size": f"for {rows:,} training rows"}


def _usual_loss(prepared: Prepared, smoothing: float = 0.0) -> losses.Loss:
    if prepared.task == "classification" and smoothing:
        return losses.CrossEntropy(label_smoothing=smoothing)
    return losses.get(USUAL[prepared.task])


def _for_table(prepared: Prepared, features: int) -> Choice:
    if features < WIDE:
        batch, reasons = _batch(prepared)
        rule = optim.AdamW(2e-3, weight_decay=1e-2, schedule="warmup")
        network, loss = Dense((64, 64), "silu", 0.1), _usual_loss(prepared)
        return Choice(network, loss, rule, batch, 200, 30, reasons=reasons)
    # More room, and more to hold it back from learning rows by heart.
    batch, reasons = _batch(prepared, 2)
    reasons |= dict.fromkeys(("hidden", "dropout", "epochs"), f"for {features:,} features")
    rule = optim.AdamW(2e-3, weight_decay=1e-1, schedule="warmup")
    network, loss = Dense((256, 128), "silu", 0.3), _usual_loss(prepared, 0.1)
    return Choice(network, loss, rule, batch, 40, 15, reasons=reasons)


def _for_pictures(prepared: Prepared) -> Choice:
    batch, reasons = _batch(prepared)
    rule = optim.AdamW(4e-3, weight_decay=1e-2, schedule="cosine")
    many = len(prepared.train) > MANY_PICTURES
    epochs, dropout = (8, 0.0) if many else (12, 0.3)
    reasons |= dict.fromkeys(("epochs", "dropout"), reasons["batch_size"])
    network, loss = ConvNet(dropout=dropout), _usual_loss(prepared)
    return Choice(network, loss, rule, batch, epochs, 4, reasons=reasons)


def _for_series(prepared: Prepared) -> Choice:
    batch, reasons = _batch(prepared)
    rule = optim.Adam(5e-3, schedule="warmup")
    network = LSTMNetwork(hidden=32)
    return Choice(
        network, _usual_loss(prepared), rule, batch, 50, 15, clip_norm=1.0, reasons=reasons
    )


def _for_text(prepared: Prepared) -> Choice:
    batch, reasons = _batch(prepared)
    rule = optim.AdamW(4e-3, weight_decay=1e-2, schedule="warmup")
    loss, metrics = losses.cross_entropy, TEXT_METRICS
    return Choice(
        *(LSTMNetwork(hidden=128), loss, rule, min(batch, 64), 4, 2),
        clip_norm=1.0,
        metrics=metrics,
        reasons=reasons,
    )


def shaped(usual: Architecture, wishes: Mapping[str, Any]) -> Architecture:
    """The architecture with the user's wishes in it.

    Args:
        usual: What is built without wishes.
        wishes: `network` (an architecture, its name or configuration), `hidden`, `activation`
            and `dropout`, each replaced where it is given. Hidden widths alone mean a dense
            network.

    Raises:
        ConfigError: The architecture has no such setting.
    """
    wide = wishes.get("hidden")
    several = isinstance(wide, (list, tuple)) and len(wide) != 1
    made = usual
    if "network" in wishes:
        made = architectures.get(wishes["network"])
        if made.name == usual.name:  # what was not said stays as it is usual here
            said = wishes["network"]
            own = said if isinstance(said, dict) else {"name": made.name}
            made = made if said is made else architectures.get({**usual.to_config(), **own})
    elif wide is not None and (several or not hasattr(usual, "hidden")):
        made = usual if isinstance(usual, Dense) else Dense((64, 64), "silu", 0.3)
    known = [f.name for f in fields(made)]
    changes = {name: wishes[name] for name in SHAPE if name in wishes}
    for name in changes:
        if name not in known:
            raise unknown(f"setting of the network {made.name!r}", name, known)
    if isinstance(wide, (list, tuple)) and not isinstance(made, Dense):
        changes["hidden"] = wide[0]
    return replace(made, **changes)


def read_for(source: Any, target: Any = None, **options: Any) -> Prepared:
    """Data of any kind, ready for training: a table, pictures, a series, or a text.

    Args:
        source: What `pb.data.prepare` reads; a `.txt` file where no target is named is a text.
        target: The column to learn, or several.
        options: Those of `pb.data.prepare`; of `prepare_series` with `window`; of `prepare_text`
            for a text.

    Raises:
        UnknownNameError: An option that this kind of data does not have.
        ConfigError: A horizon without a window.
    """
    make: Callable[..., Prepared] = prepare
    kind, given = "a table", {"target": target}
    if is_text(source, target):
        kind, make, given = "a text", prepare_text, {}
    elif "window" in options:
        kind, make = "a series", prepare_series
    known = inspect.signature(make).parameters
    for option in options:
        if option in known:
            continue
        if option == "horizon":
            raise ConfigError(
                "a horizon belongs to a series, which has a window",
                f"horizon={options[option]} for {kind}",
                "Say how many rows a prediction is made from, such as window=32 (--window 32).",
            )
        raise unknown(f"option of {kind}", option, [name for name in known if name != "source"])
    return make(source, **given, **options)


def is_drawn(source: Any, target: Any, options: Mapping[str, Any]) -> bool:
    """Whether the parts are drawn by a seed; those of texts and series follow each other."""
    return not (is_text(source, target) or "window" in options)


def is_text(source: Any, target: Any = None) -> bool:
    """Whether a source is a text to be continued: a `.txt` file without a column to learn."""
    if isinstance(source, Corpus):
        return True
    name = os.fspath(source) if isinstance(source, (str, os.PathLike)) else ""
    return not target and str(name).removesuffix(".gz").endswith(TEXTS)


def fit_table(source: Any, target: str | Sequence[str] | None = None, **options: Any) -> Run:
    """Train on data of which nothing is known: what `pullback train FILE --target COLUMN` does.

    Args:
        source: A file, a folder of pictures, a frame, arrays: whatever `pb.data.prepare` reads; a
            `.txt` file is a text to be continued, with `window` a table is a series.
        target: The column to learn, or several: of numbers, or of yes and no.
        options: Of `pb.data.prepare` (`task`, `roles`, `split`, `validation`, `test`, ...), of
            `prepare_series` (`window`, `horizon`) or `prepare_text` (`length`, `unit`), of the
            network (`network="lstm"`, `hidden`, `activation`, `dropout`) and of `pb.fit`
            (`epochs`, `until`, `save`, ...); `seed` goes to data and training alike.

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
    wanted = {"data": DATA_OPTIONS, "choice": {"network", *SHAPE}, "training": _TRAINING}
    sorted_: dict[str, dict[str, Any]] = {name: {} for name in wanted}
    for option, value in options.items():
        homes = [name for name, known in wanted.items() if option in known]
        if not homes:
            raise unknown("option", option, sorted({o for known in wanted.values() for o in known}))
        for home in homes:
            sorted_[home][option] = value
    found = sorted_["data"]
    if (
        is_text(source, target) or "window" in found
    ):  # its parts lie one after the other: nothing is drawn
        found.pop("seed", None)
    prepared = read_for(source, target, **found)
    choice = choose(prepared)
    choice = replace(choice, architecture=shaped(choice.architecture, sorted_["choice"]))
    if not len(prepared.validation):
        choice = replace(choice, monitor="train.loss")
    training = {**choice.fitting(), **sorted_["training"]}
    network = choice.network(prepared, training["loss"])
    return fit(network, prepared, **training)


def outputs_of(prepared: Prepared, loss: Any) -> int:
    """How many numbers the network has to give for each row, or for each token."""
    chosen, target = losses.get(loss), prepared.encoder.target
    if chosen.task == "binary" and target.task == "classification":
        return 1
    return chosen.columns(target.outputs)


DATA_OPTIONS = frozenset(
    name
    for make in (prepare, prepare_series, prepare_text)
    for name in inspect.signature(make).parameters
) - {"source", "target"}
_TRAINING = frozenset(inspect.signature(fit).parameters) - {"network", "data", "validation"}
