"""Which dtypes exist and how two of them meet."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pullback.errors import DtypeError

Array = NDArray[Any]
Dtype = np.dtype[Any]
Shape = tuple[int, ...]

BOOL = np.dtype(np.bool_)
INT64 = np.dtype(np.int64)
FLOAT32 = np.dtype(np.float32)
FLOAT64 = np.dtype(np.float64)

# In the order of promotion: a later one holds what an earlier one means.
SUPPORTED = tuple(
    np.dtype(t) for t in (np.bool_, np.uint8, np.int32, np.int64, np.float32, np.float64)
)
DEFAULT_FLOAT = FLOAT32


def as_dtype(dtype: DTypeLike) -> Dtype:
    """The supported dtype that `dtype` names.

    Raises:
        DtypeError: It is none of bool, uint8, int32, int64, float32, float64.
    """
    found = np.dtype(dtype)
    if found not in SUPPORTED:
        raise DtypeError(
            f"a tensor's dtype must be one of {', '.join(map(str, SUPPORTED))}",
            str(found),
            "Convert it with .astype(...) first.",
        )
    return found


def is_float(dtype: Dtype) -> bool:
    """Whether `dtype` has derivatives."""
    return dtype.kind == "f"


def promote(*dtypes: Dtype) -> Dtype:
    """The dtype of a result of operands of these dtypes: the last in the order of promotion.

    Unlike NumPy's rule, an integer never widens a float: int64 with float32 is float32.
    """
    return max(dtypes, key=SUPPORTED.index)


def as_array(value: Any) -> Array:
    """A value as an array: a list, an array, or another library's through DLPack.

    Raises:
        ValueError: Rows of unequal length, or memory that is not this machine's own.

    Example:
        >>> as_array([[1, 2]]).shape
        (1, 2)
    """
    if hasattr(value, "__dlpack__") and not hasattr(value, "__array__"):
        try:
            return np.from_dlpack(value)
        except (BufferError, RuntimeError, TypeError) as error:
            raise ValueError(f"{type(value).__name__}: {error}") from error
    return np.asarray(value)
