"""What a network's raw outputs mean: classes with probabilities, or values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from pullback.errors import ConfigError, FileFormatError
from pullback.graph.dtypes import Array

Form = Literal["softmax", "sigmoid", "values"]
FORMS: tuple[Form, ...] = ("softmax", "sigmoid", "values")


@dataclass(frozen=True)
class Head:
    """How outputs become predictions; `fit` gives it to the network.

    Attributes:
        form: `softmax` (one logit a class), `sigmoid` (one logit for the last of two classes) or
            `values` (regression).
        classes: The classes' labels in the order of the outputs; None numbers them.
        scale: For values: what one unit of each output is worth in the target's own units.
        offset: For values: the target's value where the output is 0.
    """

    form: Form
    classes: tuple[Any, ...] | None = None
    scale: tuple[float, ...] = (1.0,)
    offset: tuple[float, ...] = (0.0,)

    @property
    def task(self) -> Literal["classification", "regression"]:
        """Which of the two tasks it belongs to."""
        return "regression" if self.form == "values" else "classification"

    def scores(self, outputs: Array) -> Array:
        """What metrics take: probabilities (rows, classes), or values (rows, outputs)."""
        if self.form == "values":
            return self.units(outputs).reshape(len(outputs), -1)
        wide = outputs.astype(np.float64)
        if self.form == "sigmoid":
            logit = wide.reshape(len(wide))
            small = np.exp(-np.abs(logit))
            p = np.where(logit >= 0, 1, small) / (1 + small)
            return np.stack([1 - p, p], axis=1)
        with np.errstate(all="ignore"):
            weights = np.exp(wide - wide.max(axis=-1, keepdims=True, initial=-np.inf))
            return np.asarray(weights / weights.sum(axis=-1, keepdims=True))

    def decide(self, outputs: Array) -> Array:
        """One class label a row, or the values: (rows,) for one output.

        Example:
            >>> Head("values", scale=(2.0,), offset=(1.0,)).decide(np.array([[0.0], [3.0]]))
            array([1., 7.])
        """
        if self.form == "values":
            values = self.units(outputs)  # a column (rows, 1) less a target (rows,) is a square
            return values.reshape(len(values)) if values.shape[1:] == (1,) else values
        index: Array = self.scores(outputs).argmax(axis=-1)
        return index if self.classes is None else np.asarray(self.classes)[index]

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


def needs_fit(probabilities: bool, head: Head | None) -> None:
    """Raise ConfigError where probabilities are asked of something that has none."""
    if probabilities and (head is None or head.form == "values"):
        raise ConfigError(
            "probabilities need a network that was fitted as a classifier",
            "a regression network" if head else "a network that was never fitted",
            "Leave probabilities=False, or fit it with a classification loss.",
        )


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
