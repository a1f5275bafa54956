"""A trained network that takes raw rows: the network, and the encoder that was fitted with it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pullback.container import read_tensors
from pullback.data.encoder import Encoder
from pullback.errors import ConfigError, DataError, FileFormatError, LabelError
from pullback.graph.dtypes import Array, as_array
from pullback.metrics import ClassReport, report
from pullback.nn import Module, storage
from pullback.nn.head import Head, Heads, heads_by_output
from pullback.nn.inference import outputs, predict
from pullback.nn.several import ONE, structured, targets_by_name
from pullback.train.generate import generate
from pullback.train.known import Known, own_units
from pullback.train.measures import Wanted, measured, measures_of


@dataclass(repr=False)
class Model:
    """A network with what turns raw rows into its inputs.

    Attributes:
        network: The network.
        encoder: From raw tables to rows of numbers and back; None for networks on arrays.
        warnings: What the last call noticed: unseen categories, columns ignored.
    """

    network: Module
    encoder: Encoder | None = None
    warnings: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        number = sum(p.size for p in self.network.parameters().values())
        what = "not fitted" if self.head is None else self.head.task
        table = "" if self.encoder is None else f", predicts {', '.join(self.encoder.target.names)}"
        return f"Model({what}{table}; {number:,} parameters)"

    @property
    def head(self) -> Head | Heads | None:
        """What the outputs mean."""
        return self.network._head

    def features(self, rows: Any) -> Any:
        """The network's inputs for raw rows: a file, a frame, or arrays."""
        if self.encoder is None:
            return rows
        table = self.encoder.read(rows)
        self.warnings = list(self.encoder.report(table).warnings)
        return self.encoder.features(table)

    def outputs(self, rows: Any, batch_size: int = 1024) -> Any:
        """The raw outputs for raw rows; of several, in the structure that the network returns."""
        return structured(outputs(self.network, self.features(rows), batch_size))

    def predict(self, rows: Any, *, probabilities: bool = False) -> Any:
        """One class (or value) a row; with `probabilities`, those of every class instead.

        Args:
            rows: A file, a frame, an array, or a dict or tuple of arrays, as it was trained on.
            probabilities: Ask for (rows, classes).

        Returns:
            An array; of a network with several outputs a dict or tuple of them, as it returns.
        """
        return predict(self.network, self.features(rows), 1024, probabilities)

    def generate(
        self, prompt: str = "", length: int = 200, *, temperature: float = 1.0, seed: int = 0
    ) -> str:
        """Go on with a text, token by token; see `pullback.train.generate`."""
        return generate(self, prompt, length, temperature=temperature, seed=seed)

    def evaluate(self, data: Any, metrics: Wanted = None) -> dict[str, float]:
        """How good it is on rows whose answers are known.

        Args:
            data: A file or a frame with the target column, or a pair (X, y). Without an encoder,
                (X, y) with y as class indices or values; dicts or tuples of arrays where the
                network has several inputs or outputs.
            metrics: Names, metrics or functions; those usual for the task when None. Of several
                outputs, a dict by output or names such as `age.rmse`.

        Returns:
            Each metric by its name.

        Raises:
            DataError: The target is absent, or a value of it is missing or unknown.
            ConfigError: The network was never fitted, or a metric is not one for its task.
        """
        known = self.known(data)
        classes = {name: rows.scores.shape[-1] for name, rows in known.items()}
        return measured(measures_of(metrics, self._fitted, classes), known)

    def report(self, data: Any) -> ClassReport | dict[str, ClassReport] | None:
        """How each class fares, with the confusion matrix; None for a regression.

        Of several outputs, the reports of those that are classes, by name.
        """
        known = self.known(data)
        found = {
            name: report(rows.scores, rows.targets, names=rows.head.classes)
            for name, rows in known.items()
            if rows.head.task == "classification"
        }
        return found.get(ONE) if ONE in known else found

    @property
    def _fitted(self) -> Head | Heads:
        if self.head is None:
            raise ConfigError(
                "a network that is evaluated must have been fitted",
                "one that was not",
                "Fit it, or compare network.predict(X) with your targets.",
            )
        return self.head

    def known(self, data: Any) -> dict[str, Known]:
        """What metrics take, by output, for rows whose answers are known."""
        heads = heads_by_output(self._fitted)
        if self.encoder is not None:
            found = self.encoder.read(data)
            self.warnings = list(self.encoder.report(found).warnings)
            x, y = self.encoder.examples(found)
            said, target = outputs(self.network, x), self.encoder.target
            if target.task == "regression":
                y = own_units(target).scores(y)
            elif target.task == "multilabel":
                y = y.astype(np.int64)
            return {ONE: Known.of(heads[ONE], said[ONE], y)}
        if not isinstance(data, (tuple, list)) or len(data) != 2:
            raise DataError(
                "a network on arrays is evaluated on a pair (X, y)",
                type(data).__name__,
                "Pass both: model.evaluate((X, y)).",
            )
        targets = targets_by_name(data[1])
        if set(targets) != set(heads):
            raise DataError(
                "a network is evaluated on the targets of its outputs",
                f"{', '.join(targets) or 'one array'} for {', '.join(heads) or 'one output'}",
                "Pass y as it was passed to fit.",
            )
        said = outputs(self.network, data[0])
        return {
            name: Known.of(heads[name], said[name], _codes(heads[name], as_array(y)))
            for name, y in targets.items()
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write network and encoder to one file; `pb.load` reads it."""
        storage.save(self.network, path, self.extra())

    def extra(self) -> dict[str, Any]:
        """What a file of the model holds beside the network."""
        return {"encoder": stored_encoder(self.encoder)}


def load(path: str | os.PathLike[str], custom: Iterable[type[Module]] = ()) -> Model:
    """Read a trained model: from a run's folder, or from a file that `save` wrote.

    Args:
        path: The folder or the file.
        custom: Layer classes of one's own that the network is made of.

    Raises:
        FileFormatError: It is missing, damaged, or made by a newer version.
        UnknownNameError: A class of one's own was not passed.
    """
    where = Path(path)
    file = where / "model.safetensors" if where.is_dir() else where
    if where.is_dir() and not file.exists():
        raise FileFormatError(
            f"{where} must hold a trained model",
            "no model.safetensors in it" + (", but a run" if (where / "run.json").exists() else ""),
            f"Finish the run first: pullback resume {where}."
            if (where / "run.json").exists()
            else "Name a run's folder, such as runs/penguins-1.",
        )
    found = read_tensors(file, kind=storage.KIND)
    return model_of(found.tensors, found.metadata, custom)


def model_of(
    tensors: Mapping[str, Array], metadata: Mapping[str, Any], custom: Iterable[type[Module]] = ()
) -> Model:
    """The model of a file's contents."""
    network = storage.restored(tensors, metadata, custom)
    return Model(network, encoder_of(metadata.get("encoder")))


def stored_encoder(encoder: Encoder | None) -> dict[str, Any] | None:
    """An encoder as plain JSON data."""
    return None if encoder is None else json.loads(encoder.to_json())


def encoder_of(stored: Any) -> Encoder | None:
    """The encoder of plain JSON data; None where there is none."""
    return None if stored is None else Encoder.from_json(json.dumps(stored))


def _codes(head: Head, y: Array) -> Array:
    """Plain targets as metrics take them: labels become indices of classes."""
    if head.task == "regression":
        return y.reshape(len(y), -1)
    if head.task == "embedding":
        return y
    if head.task == "multilabel":
        return (y > 0.5).astype(np.int64)
    if head.classes is None:
        return _rows_or_places(y).astype(np.int64)
    place = {label: index for index, label in enumerate(head.classes)}
    strange = [label for label in y.reshape(-1).tolist() if label not in place]
    if strange:
        raise LabelError(
            "targets must be classes that the network knows",
            repr(strange[0]),
            f"The classes are {', '.join(map(repr, head.classes[:10]))}.",
        )
    codes = np.array([place[label] for label in y.reshape(-1).tolist()], np.int64)
    return _rows_or_places(codes.reshape(y.shape))


def _rows_or_places(y: Array) -> Array:
    """Labels of rows as (rows,), also where they came as one column; of sequences as they are."""
    return y.reshape(len(y)) if y.size == len(y) else y
