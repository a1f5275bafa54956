"""Using a network: its outputs for many rows, a batch at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pullback.errors import ConfigError, DataError
from pullback.execute import Executor, State, executor
from pullback.graph.dtypes import INT64, Array, Dtype, as_array
from pullback.graph.node import placeholder, slot
from pullback.large import Lazy, chunks, stays
from pullback.nn.head import Head, Heads, heads_by_output, needs_fit
from pullback.nn.mode import Mode, mode
from pullback.nn.module import Module
from pullback.nn.parameter import bound
from pullback.nn.several import inputs_by_name, labelled, outputs_by_name, structured, unlabelled
from pullback.plan import Step


def predict(network: Module, x: Any, batch_size: int, probabilities: bool) -> Any:
    """See `Module.predict`."""
    needs_fit(probabilities, network._head)
    return said(network._head, outputs(network, x, batch_size), probabilities)


def said(head: Head | Heads | None, found: Mapping[str, Array], probabilities: bool) -> Any:
    """What raw outputs by name mean, in the structure in which the network returns them.

    Of several outputs, those that are values stay values where probabilities are asked for.
    """
    if head is None:
        return structured(found)
    heads = heads_by_output(head)
    if set(heads) != set(found):
        raise ConfigError(
            "a network has the outputs that it was fitted with",
            f"{', '.join(found)}, fitted with {', '.join(heads)}",
            "Fit it again.",
        )
    meant = {}
    for name, array in found.items():
        likely = probabilities and heads[name].task in ("classification", "multilabel")
        meant[name] = heads[name].scores(array) if likely else heads[name].decide(array)
    return structured(meant)


def outputs(network: Module, x: Any, batch_size: int = 1024) -> dict[str, Array]:
    """The raw outputs of a network by name for the rows of `x`, in the mode for use.

    Args:
        network: With values.
        x: One array, or a dict or tuple of arrays.
        batch_size: How many rows are computed at a time.

    Raises:
        ConfigError: The network has no values yet, or the batch size is not positive.
        DataError: `x` is not made of numbers, or one of them is missing or not finite.
    """
    rows = rows_by_label(x, network)
    if batch_size < 1:
        raise ConfigError("a batch has at least one row", str(batch_size), "Use 1024.")
    if not network.is_initialised:
        raise ConfigError(
            "a network needs values before it can be used",
            "parameters that were never initialised",
            "Fit it, load it, or call network.initialise(seed=0).",
        )
    state = State({path: value.numpy() for path, value in network.state().items()})
    parts: dict[str, list[Array]] = {}
    programs: dict[int, Executor] = {}
    count = len(next(iter(rows.values())))
    for start in range(0, max(count, 1), batch_size):
        size = min(count - start, batch_size)
        chosen = np.arange(start, start + size)
        batch = {label: array.take(chosen, 0) for label, array in rows.items()}
        if size not in programs:
            programs[size] = executor(forward_step(network, batch), state)
        for label, array in programs[size].run(batch).items():
            parts.setdefault(label, []).append(array)
    joined = {label: np.concatenate(arrays) for label, arrays in parts.items()}
    return unlabelled("output", joined)


def forward_step(network: Module, batch: Mapping[str, Array]) -> Step:
    """The step that computes the network's outputs for one shape of batch."""
    nodes = {v: slot(path, v.shape, v.dtype) for path, v in network.state().items()}
    with bound(nodes), mode(Mode(training=False)):
        given = {label: placeholder(label, a.shape, a.dtype) for label, a in batch.items()}
        found = outputs_by_name(network, unlabelled("x", given))
        return Step(labelled("output", found), name="forward")


def rows_by_label(x: Any, network: Module) -> dict[str, Array | Lazy]:
    """Features as a network takes them: `x`, or `x.NAME` for each of several inputs.

    Raises:
        DataError: An array is not made of rows of finite numbers, or the rows differ in number.
        UnknownNameError: An input that the network does not have.
    """
    named = {name: as_rows(part, network) for name, part in inputs_by_name(network, x).items()}
    if len({len(array) for array in named.values()}) > 1:
        raise DataError(
            "all inputs must have the same number of rows",
            ", ".join(f"{name} {array.shape}" for name, array in named.items()),
            "Check how they were cut.",
        )
    return labelled("x", named)


def dtype_of(network: Module) -> Dtype:
    """The dtype in which a network computes: that of its parameters."""
    found = (p.dtype for _, module in network.modules() for p in module._parameters.values())
    return next(found, np.dtype(np.float32))


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


def as_rows(x: Any, network: Module) -> Array | Lazy:
    """`x` as an array of rows of finite numbers, in the dtype in which they enter a network.

    A large array that is mapped from the disk stays there, and is cast as its rows are taken.

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
        array = as_array(x)
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
    if array.ndim < 1 + (input_dtype(network, array) != INT64):
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
    if stays(array):
        return Lazy(array, input_dtype(network, array))
    with np.errstate(over="ignore"):
        rows = np.ascontiguousarray(array, input_dtype(network, array))
    check_finite("feature", rows, f" in {rows.dtype}, in which the network computes")
    return rows


def check_finite(what: str, array: Array, where: str = "") -> None:
    """Raise DataError where an array of numbers holds NaN or infinity, with the first place.

    Example:
        >>> check_finite("feature", np.array([[1.0, 2.0]]))
    """
    if array.dtype.kind != "f":
        return
    for start, piece in chunks(array):
        if np.isfinite(piece).all():
            continue
        bad = np.argwhere(~np.isfinite(piece))
        row, *column = (int(i) for i in bad[0])
        place = f"row {start + row}" + "".join(f", column {i}" for i in column[:1])
        more = f", and {len(bad) - 1} more" if len(bad) > 1 else ""
        raise DataError(
            f"every {what} must be finite{where}",
            f"{piece[tuple(bad[0])]} in {place}{more}",
            "Leave out those rows, fill them in (pb.data.prepare imputes), or scale the column.",
        )
