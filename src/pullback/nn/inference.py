"""Using a network: its outputs for many rows, a batch at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from pullback.errors import ConfigError, DataError
from pullback.execute import State, executor
from pullback.graph.dtypes import INT64, Array, Dtype
from pullback.graph.node import placeholder, slot
from pullback.nn.head import needs_fit
from pullback.nn.mode import Mode, mode
from pullback.nn.module import Module
from pullback.nn.parameter import bound
from pullback.plan import Step


def predict(network: Module, x: Any, batch_size: int, probabilities: bool) -> Array:
    """See `Module.predict`."""
    needs_fit(probabilities, network._head)
    found = outputs(network, x, batch_size)
    if network._head is None:
        return found
    return network._head.scores(found) if probabilities else network._head.decide(found)


def outputs(network: Module, x: Any, batch_size: int = 1024) -> Array:
    """The raw outputs of a network for the rows of `x`, in the mode for use.

    Raises:
        ConfigError: The network has no values yet, or the batch size is not positive.
        DataError: `x` is not made of numbers, or one of them is missing or not finite.
    """
    rows = as_rows(x, network)
    if batch_size < 1:
        raise ConfigError("a batch has at least one row", str(batch_size), "Use 1024.")
    if not network.is_initialised:
        raise ConfigError(
            "a network needs values before it can be used",
            "parameters that were never initialised",
            "Fit it, load it, or call network.initialise(seed=0).",
        )
    state = State({path: value.numpy() for path, value in network.state().items()})
    parts, programs = [], {}
    for start in range(0, max(len(rows), 1), batch_size):
        batch = rows[start : start + batch_size]
        if batch.shape not in programs:
            programs[batch.shape] = executor(forward_step(network, batch), state)
        parts.append(programs[batch.shape].run({"x": batch})["output"])
    return np.concatenate(parts)


def forward_step(network: Module, batch: Array) -> Step:
    """The step that computes the network's output for one batch shape."""
    nodes = {v: slot(path, v.shape, v.dtype) for path, v in network.state().items()}
    with bound(nodes), mode(Mode(training=False)):
        x = placeholder("x", batch.shape, batch.dtype)
        return Step({"output": network(x)}, name="forward")


def dtype_of(network: Module) -> Dtype:
    """The dtype in which a network computes: that of its parameters."""
    return next((p.dtype for p in network.parameters().values()), np.dtype(np.float32))


def takes_indices(network: Module) -> bool:
    """Whether a layer of the network takes whole numbers, as an embedding does."""
    return any(module.takes_indices for _, module in network.modules())


def input_dtype(network: Module, array: Array) -> Dtype:
    """In which dtype an array enters a network.

    Whole numbers stay whole where a layer takes them; all else is in the network's dtype.

    Example:
        >>> import pullback as pb
        >>> input_dtype(pb.nn.Linear(2, 1), np.array([[1, 2]]))
        dtype('float32')
    """
    if array.dtype.kind in "iu" and takes_indices(network):
        return INT64
    return dtype_of(network)


def as_rows(x: Any, network: Module) -> Array:
    """`x` as an array of rows of finite numbers, in the dtype in which they enter a network.

    Shape:
        x: (rows, features), or (rows, ...) for images and the like

    Raises:
        DataError: It is no array of rows of numbers, or one of them is NaN or infinite.

    Example:
        >>> import pullback as pb
        >>> as_rows([[1, 2], [3, 4]], pb.nn.Linear(2, 1)).dtype
        dtype('float32')
    """
    try:
        array = np.asarray(x)
    except ValueError as error:  # rows of unequal length
        raise DataError(
            "features must be an array", str(error), "Give every row as many numbers."
        ) from None
    if array.dtype.kind not in "biuf":
        raise DataError(
            "features must be numbers",
            f"an array of dtype {array.dtype}",
            "Encode text and dates first (pb.data.prepare does), or pass a table to the model.",
        )
    if array.ndim < 2:
        raise DataError(
            "features come in rows, (rows, features)",
            f"an array of shape {array.shape}",
            "Pass (rows, features): x.reshape(1, -1) is one row, x.reshape(-1, 1) one column.",
        )
    if np.ma.is_masked(x):
        raise DataError(
            "every feature must be there",
            f"a masked array that lacks {int(np.ma.getmaskarray(x).sum())}",
            "Leave out those rows, or fill them in; pb.data.prepare imputes missing values.",
        )
    check_finite("feature", array)
    with np.errstate(over="ignore"):
        rows = np.ascontiguousarray(array, input_dtype(network, array))
    check_finite("feature", rows, f" in {rows.dtype}, in which the network computes")
    return rows


def check_finite(what: str, array: Array, where: str = "") -> None:
    """Raise DataError where an array of numbers holds NaN or infinity, with the first place.

    Example:
        >>> check_finite("feature", np.array([[1.0, 2.0]]))
    """
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return
    bad = np.argwhere(~np.isfinite(array))
    row, *column = (int(i) for i in bad[0])
    place = f"row {row}" + "".join(f", column {i}" for i in column[:1])
    more = f", and {len(bad) - 1} more" if len(bad) > 1 else ""
    raise DataError(
        f"every {what} must be finite{where}",
        f"{array[tuple(bad[0])]} in {place}{more}",
        "Leave out those rows, fill them in (pb.data.prepare imputes), or scale the column.",
    )
