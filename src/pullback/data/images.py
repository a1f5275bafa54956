"""Features kept whole: images and other arrays of several axes."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pullback.data.arrays import Arrays
from pullback.data.column_encoder import center_and_scale
from pullback.data.fields import Fields, damaged
from pullback.data.table import Table
from pullback.errors import DataError, ShapeError
from pullback.memory import must_fit


@dataclasses.dataclass(frozen=True)
class ImageInputs:
    """Standardises whole arrays by one mean and one standard deviation; bytes go to 0..1 first.

    One scale for all pixels keeps the picture a picture: scaling each by itself would blow up
    the noise of pixels that hardly ever change.

    Args:
        shape: The shape of one row.
        unit: What 1 stands for: 255 for bytes.
        center: The mean over the training rows, in units.
        scale: The standard deviation over the training rows, in units.
    """

    shape: tuple[int, ...]
    unit: float
    center: float
    scale: float

    @classmethod
    def fit(cls, x: NDArray[Any]) -> ImageInputs:
        """Fit on training rows.

        Shape:
            x: (rows, ...)
        """
        unit = 255.0 if x.dtype == np.uint8 else 1.0
        if unit == 255.0:  # the moments of bytes follow from how often each occurs
            counts = np.bincount(x.reshape(-1), minlength=256).astype(np.float64)
            level = np.arange(256) / unit
            center = float(counts @ level / counts.sum())
            scale = float(np.sqrt(counts @ (level - center) ** 2 / counts.sum())) or 1.0
        else:
            center, scale = center_and_scale(_finite(x, "X").astype(np.float64).reshape(-1))
        return cls(tuple(x.shape[1:]), unit, center, scale)

    @property
    def feature_names(self) -> list[str]:
        """`x[3,7]` and so on, in the order of memory."""
        places = itertools.product(*(range(size) for size in self.shape))
        return [f"x[{','.join(map(str, place))}]" for place in places]

    @property
    def feature_columns(self) -> list[str]:
        """Every feature comes from X."""
        return ["x"] * int(np.prod(self.shape))

    @property
    def reading(self) -> dict[str, Any]:
        """How pictures are read so that they are as those at training."""
        if len(self.shape) != 3 or self.shape[-1] not in (1, 3):
            return {}
        return {"image_size": self.shape[:2], "channels": self.shape[-1]}

    def encode(self, source: Table | Arrays) -> NDArray[np.float32]:
        """The standardised arrays.

        Shape:
            Returns: (rows, *shape)
        """
        if isinstance(source, Table):
            raise DataError(
                f"the features must be an array of shape (rows, {_joined(self.shape)})",
                f"a table with the columns {', '.join(source.names[:5])}",
                "Pass arrays of the shape that training had.",
            )
        if source.x.shape[1:] != self.shape:
            raise ShapeError(
                f"X must have the shape (rows, {_joined(self.shape)}), as at training",
                f"shape {source.x.shape}",
                "Reshape X, keeping an axis of rows also for one row.",
            )
        must_fit(4 * source.x.size, "the features")
        factor = 1.0 / (self.unit * self.scale)
        features = _finite(source.x, "X").astype(np.float32)
        features *= np.float32(factor)
        features -= np.float32(self.center / self.scale)
        return features

    def examples(self, x: NDArray[np.float32], y: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        """Features and targets that belong together: row by row, as they are."""
        return x, y

    def count(self, source: Table | Arrays) -> tuple[dict[str, int], dict[str, int]]:
        """Arrays hold no unseen and no missing values."""
        return {}, {}

    def content(self) -> dict[str, Any]:
        """Plain data from which `read` makes the inputs again."""
        return {"kind": "images"} | dataclasses.asdict(self)

    @classmethod
    def read(cls, fields: Fields) -> ImageInputs:
        """The inputs stored as `fields`."""
        shape = fields.list("shape")
        sizes = [size for size in shape if isinstance(size, int) and not isinstance(size, bool)]
        if not shape or len(sizes) < len(shape) or len(shape) > 8 or min(sizes) < 1:
            raise damaged("a stored shape must be a list of sizes", shape)
        if np.prod([float(size) for size in sizes]) > 1e8:
            raise damaged("a stored shape must fit into memory", shape)
        unit, center = fields.positive("unit"), fields.number("center")
        return cls(tuple(sizes), unit, center, fields.positive("scale"))


def _finite(x: NDArray[Any], name: str) -> NDArray[Any]:
    if x.dtype.kind not in "fiub":
        raise DataError(
            f"{name} must hold numbers", f"dtype {x.dtype}", "Convert it to a float array."
        )
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(x))[0])
        raise DataError(
            f"every value of {name} must be finite",
            f"{x[place]} at {name}[{_joined(place)}]",
            "Mend those values before training.",
        )
    return x


def _joined(numbers: tuple[int, ...]) -> str:
    return ", ".join(map(str, numbers))
