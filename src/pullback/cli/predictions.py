"""Predictions as columns, and the files that they are written to."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pullback.cli.output import finite
from pullback.cli.places import plain_arrays
from pullback.errors import ConfigError, unknown
from pullback.files import atomic_write

if TYPE_CHECKING:
    import polars as pl

    from pullback.data.targets import Target
    from pullback.graph.dtypes import Array
    from pullback.nn.head import Head
    from pullback.train import Model

FORMATS = (".csv", ".tsv", ".parquet", ".json")


@dataclass(frozen=True)
class Predicted:
    """Predictions for some rows, and what was noticed on the way.

    Attributes:
        columns: `prediction` and the rest, by name.
        classes: The classes, where there are any.
        unseen: How many rows of each column hold a value that training rows did not.
        missing: How many rows of each column hold no value.
        warnings: Sentences for the user.
    """

    columns: dict[str, Array]
    classes: tuple[Any, ...] | None
    unseen: Mapping[str, int]
    missing: Mapping[str, int]
    warnings: tuple[str, ...]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(next(iter(self.columns.values())))

    def table(self, kept: Any = None) -> pl.DataFrame:
        """A data frame with the row's number, the predictions, and the columns of `kept`."""
        import polars as pl

        columns: dict[str, Any] = {"row": np.arange(1, self.rows + 1)}
        columns |= {name: _series(values) for name, values in self.columns.items()}
        for name, column in getattr(kept, "columns", {}).items():
            free = name if name not in columns else f"input_{name}"
            columns[free] = _cells(column)
        return pl.DataFrame(columns, strict=False)

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "rows": self.rows,
            "classes": self.classes,
            "columns": self.columns,
            "unseen": dict(self.unseen),
            "missing": dict(self.missing),
            "warnings": list(self.warnings),
        }


def predicted(model: Model, source: Any, probabilities: bool) -> Predicted:
    """The predictions of a model for rows that were read.

    Raises:
        PullbackError: A column is missing or holds what it must not, or probabilities are asked
            of a regression.
    """
    from pullback.data import Arrays
    from pullback.data.text import Corpus
    from pullback.nn.head import heads_by_output, needs_fit
    from pullback.nn.inference import outputs
    from pullback.nn.several import ONE

    needs_fit(probabilities, model.head)
    if isinstance(source, Corpus):
        raise ConfigError(
            "a network of texts says what comes next",
            "a text to be predicted row by row",
            "Use pullback generate RUN --prompt TEXT, or pullback evaluate RUN FILE.",
        )
    rows = source if model.encoder is not None else plain_arrays(model, source)[0]
    raw = outputs(model.network, model.features(rows))
    names = ("",) if model.encoder is None else model.encoder.target.names
    heads = {} if model.head is None else heads_by_output(model.head)
    files = getattr(source, "names", ()) if isinstance(source, Arrays) else ()
    columns: dict[str, Any] = {"file": np.asarray(files)} if files else {}
    columns |= {
        f"{output}_{column}" if output else column: values
        for output, said in raw.items()
        for column, values in _columns(heads.get(output), said, names, probabilities).items()
    }
    classes = heads[ONE].classes if ONE in heads else None
    if model.encoder is not None and not probabilities:
        columns |= _answers(columns, model.encoder.target)
    if model.encoder is None:
        return Predicted(columns, classes, {}, {}, ())
    report = model.encoder.report(source)
    return Predicted(columns, classes, report.unseen, report.missing, report.warnings)


def _answers(columns: Mapping[str, Array], target: Target) -> dict[str, Array]:
    """The columns of labels as they stand in the table, such as `no` and `yes`."""
    pairs = zip(target.names, target.pairs, strict=False)
    named = {f"prediction_{name}": np.asarray(pair) for name, pair in pairs}
    named = {name: pair[columns[name]] for name, pair in named.items() if name in columns}
    if len(target.pairs) == 1:
        named["prediction"] = np.asarray(target.pairs[0])[columns["prediction"]]
    return named


def _columns(
    head: Head | None, raw: Array, names: tuple[str, ...], probabilities: bool
) -> dict[str, Array]:
    from pullback.data.targets import label_text

    if head is None or head.task != "classification":
        values = raw if head is None else head.decide(raw)
        values = values.reshape(len(values), -1)
        if head is not None and head.task == "multilabel":
            values = head.scores(raw).reshape(values.shape) if probabilities else values
            names = tuple(map(label_text, head.classes or ()))
        if values.shape[1] == 1:
            return {"prediction": values[:, 0]}
        if len(names) != values.shape[1]:
            names = tuple(map(str, range(values.shape[1])))
        return {f"prediction_{name}": values[:, i] for i, name in enumerate(names)}
    scores = head.scores(raw)
    columns = {"prediction": head.decide(raw), "probability": scores.max(axis=1)}
    if probabilities:
        classes = head.classes or tuple(range(scores.shape[1]))
        columns |= {f"probability_{label_text(c)}": scores[:, i] for i, c in enumerate(classes)}
    return columns


def check_format(path: str) -> None:
    """Raise UnknownNameError where the ending of `path` names no format."""
    if Path(path).suffix.casefold() not in FORMATS:
        raise unknown("format of the output", Path(path).suffix or path, FORMATS)


def csv_of(frame: pl.DataFrame, separator: str = ",") -> str:
    """A data frame as text."""
    return frame.write_csv(separator=separator)


def write(frame: pl.DataFrame, path: str) -> None:
    """Write a data frame in the format that the file's ending names, whole or not at all."""
    ending = Path(path).suffix.casefold()
    with atomic_write(path) as file:
        if ending == ".parquet":
            content = io.BytesIO()  # polars would tell of a full disk in words of its own
            frame.write_parquet(content)
            file.write(content.getbuffer())
        elif ending == ".json":
            rows = json.dumps(finite(frame.to_dicts()), indent=1, allow_nan=False)
            file.write(rows.encode("ascii") + b"\n")
        else:
            file.write(csv_of(frame, "\t" if ending == ".tsv" else ",").encode("utf-8"))


def _series(values: Array) -> Any:
    """Text, whole numbers and truth values as they are; real numbers with 9 digits.

    Networks compute in float32, so further digits would be noise.
    """
    if values.dtype.kind == "f":
        return [float(f"{value:.9g}") for value in values.tolist()]
    return values.tolist()


def _cells(column: Any) -> list[Any]:
    """The cells of an input column, None where there is no value."""
    if column.kind == "number":
        whole = column.values[~column.missing]
        integers = bool((whole == np.floor(whole)).all() and (np.abs(whole) < 2**53).all())
        return [
            None if gone else (int(value) if integers else value)
            for value, gone in zip(column.values.tolist(), column.missing.tolist(), strict=True)
        ]
    return [column.cell(row) or None for row in range(len(column))]
