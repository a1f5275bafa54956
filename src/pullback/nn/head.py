"""What a network's raw outputs mean: classes or labels with probabilities, or values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from pullback.errors import ConfigError, FileFormatError
from pullback.graph.dtypes import Array

Form = Literal[
    "softmax",
    "sigmoid",
    "probability",
    "multilabel",
    "multilabel_probability",
    "values",
    "rate",
    "gaussian",
    "embedding",
]
FORMS: tuple[Form, ...] = get_args(Form)
HeadTask = Literal["classification", "multilabel", "regression", "embedding"]
TASKS: dict[Form, HeadTask] = {
    "softmax": "classification",
    "sigmoid": "classification",
    "probability": "classification",
    "multilabel": "multilabel",
    "multilabel_probability": "multilabel",
    "values": "regression",
    "rate": "regression",
    "gaussian": "regression",
    "embedding": "embedding",
}


@dataclass(frozen=True)
class Head:
    """How outputs become predictions; `fit` gives it to the network.

    The forms of classes: `softmax` (one logit, or log-probability, a class), `sigmoid` (one logit
    for the last of two classes), `probability` (one probability for it). Of several labels, each
    with its own yes or no: `multilabel` (logits), `multilabel_probability`. Of numbers: `values`,
    `rate` (outputs are logarithms of what is predicted), `gaussian` (means, then as many
    log-variances). `embedding`: outputs stand for themselves.

    Attributes:
        form: Which of these.
        classes: The classes' labels in the order of the outputs, or the labels' names; None
            numbers them.
        scale: For values: what one unit of each output is worth in the target's own units.
        offset: For values: the target's value where the output is 0.
    """

    form: Form
    classes: tuple[Any, ...] | None = None
    scale: tuple[float, ...] = (1.0,)
    offset: tuple[float, ...] = (0.0,)

    @property
    def task(self) -> HeadTask:
        """Which task it belongs to."""
        return TASKS[self.form]

    def scores(self, outputs: Array) -> Array:
        """What metrics take.

        Probabilities (rows, ..., classes), of two classes from one output (rows, 2); of labels
        (rows, labels); values (rows, outputs); embeddings as they are.
        """
        if self.task == "regression":
            return self.values(outputs).reshape(len(outputs), -1)
        if self.form == "embedding":
            return outputs
        wide = outputs.astype(np.float64)
        if self.form == "softmax":
            with np.errstate(all="ignore"):
                weights = np.exp(wide - wide.max(axis=-1, keepdims=True, initial=-np.inf))
                return np.asarray(weights / weights.sum(axis=-1, keepdims=True))
        p = _sigmoid(wide) if self.form in ("sigmoid", "multilabel") else np.clip(wide, 0, 1)
        if self.task == "multilabel":
            return p
        p = p.reshape(len(p))
        return np.stack([1 - p, p], axis=1)

    def decide(self, outputs: Array) -> Array:
        """One class label a row (or place of a sequence), or the values: (rows,) for one output.

        Of labels 1 for yes and 0 for no, in the outputs' shape. A gaussian decides for its mean.

        Example:
            >>> Head("values", scale=(2.0,), offset=(1.0,)).decide(np.array([[0.0], [3.0]]))
            array([1., 7.])
            >>> Head("multilabel", ("sweet", "sour")).decide(np.array([[3.0, -1.0]]))
            array([[1, 0]])
        """
        if self.task == "regression":
            values = self.values(outputs)  # a column (rows, 1) less a target (rows,) is a square
            return values.reshape(len(values)) if values.shape[1:] == (1,) else values
        scores = self.scores(outputs)
        if self.form == "embedding":
            return scores
        if self.task == "multilabel":
            return (scores > 0.5).astype(np.int64)
        index: Array = scores.argmax(axis=-1)
        return index if self.classes is None else np.asarray(self.classes)[index]

    def values(self, outputs: Array) -> Array:
        """Of a regression: what is predicted, in the target's own units."""
        if self.form == "rate":
            with np.errstate(over="ignore"):
                return np.exp(outputs.astype(np.float64))
        if self.form == "gaussian":
            outputs = outputs[..., : outputs.shape[-1] // 2]
        return self.units(outputs)

    def units(self, values: Array) -> Array:
        """Standardised values in the target's own units."""
        if self.scale == (1.0,) and self.offset == (0.0,):
            return values
        wide = values.reshape(len(values), -1).astype(np.float64)
        return (wide * self.scale + self.offset).reshape(values.shape)

    def to_config(self) -> dict[str, Any]:
        """As plain JSON data."""
        classes = None if self.classes is None else [_plain(c) for c in self.classes]
        return {
            "form": self.form,
            "classes": classes,
            "scale": list(self.scale),
            "offset": list(self.offset),
        }

    @classmethod
    def from_config(cls, config: Any) -> Head:
        """From plain JSON data.

        Raises:
            FileFormatError: It is no such data.
        """
        if not isinstance(config, dict) or config.get("form") not in FORMS:
            raise FileFormatError(
                f"a head has one of the forms {', '.join(FORMS)}",
                repr(config)[:80],
                "Save it again.",
            )
        classes = config.get("classes")
        try:
            scale = tuple(float(v) for v in config.get("scale", (1.0,)))
            offset = tuple(float(v) for v in config.get("offset", (0.0,)))
            named = None if classes is None else tuple(classes)
            sound = len(scale) == len(offset) and not isinstance(classes, str)
        except (TypeError, ValueError):
            sound = False
        if not sound:
            raise FileFormatError(
                "a head has a list of classes, and numbers for scale and offset",
                repr(config)[:80],
                "Save it again.",
            )
        return cls(config["form"], named, scale, offset)


@dataclass(frozen=True)
class Heads:
    """What several outputs mean.

    Attributes:
        outputs: A head by the name of its output.

    Example:
        >>> heads = Heads({"age": Head("values"), "city": Head("softmax", ("Bonn", "Rome"))})
        >>> head_from_config(heads.to_config()) == heads
        True
    """

    outputs: Mapping[str, Head]
    task: ClassVar[str] = "several outputs"

    def to_config(self) -> dict[str, Any]:
        """As plain JSON data."""
        return {"outputs": {name: head.to_config() for name, head in self.outputs.items()}}


def head_from_config(config: Any) -> Head | Heads:
    """A head, or those of several outputs, from plain JSON data.

    Raises:
        FileFormatError: It is no such data.
    """
    outputs = config.get("outputs") if isinstance(config, dict) else None
    if isinstance(outputs, dict):
        return Heads({str(name): Head.from_config(head) for name, head in outputs.items()})
    return Head.from_config(config)


def heads_by_output(head: Head | Heads) -> Mapping[str, Head]:
    """The head of each output by name; that of the only output has the name ""."""
    return head.outputs if isinstance(head, Heads) else {"": head}


def needs_fit(probabilities: bool, head: Head | Heads | None) -> None:
    """Raise ConfigError where probabilities are asked of something that has none."""
    tasks = set() if head is None else {h.task for h in heads_by_output(head).values()}
    if probabilities and not tasks & {"classification", "multilabel"}:
        raise ConfigError(
            "probabilities need a network that was fitted as a classifier",
            f"one fitted for {head.task}" if head else "a network that was never fitted",
            "Leave probabilities=False, or fit it with a classification loss.",
        )


def _sigmoid(logits: Array) -> Array:
    small = np.exp(-np.abs(logits))
    return np.where(logits >= 0, 1, small) / (1 + small)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
