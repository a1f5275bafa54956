r"""What a loss is: one number for each row, and the weighted mean over rows.

Every loss is a mean of rows, $L = \sum_i w_i\, l_i / \sum_i w_i$. The two sums are what parts of a
batch (micro-batches, shards) add up, each on its own; the division comes last. So parts of
unequal size give the loss, and the gradient, of the whole.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from pullback import named, ops
from pullback.errors import LabelError, ShapeError, unknown
from pullback.graph.dtypes import DEFAULT_FLOAT, Array, is_float
from pullback.graph.node import Node, Operand, as_node

Task: TypeAlias = Literal["regression", "classification", "binary", "embedding"]
FORMS = {"classification": "softmax", "binary": "sigmoid", "embedding": "embedding"}
REDUCTIONS = ("mean", "sum", "none")
_REDUCED: dict[str, Callable[[Node], Node]] = {"mean": ops.mean, "sum": ops.sum}


class Loss(named.Named):
    r"""How wrong outputs are, as one number to make small.

    A loss of your own defines `per_row`; `row_weights` too if targets carry weights. Settings are
    annotated fields, and `@losses.register` makes the class known by name.

    Class attributes:
        task: What it is for: `regression`, `classification` (one column a class), `binary`
            (each column its own yes or no) or `embedding` (outputs compared with one another).
        ending: The activation in which a network must end for it, such as `log_softmax`; None for
            a linear output.
        raw_units: Whether it needs targets in their own units, as counts are: those of tables are
            not standardised for it.

    Example:
        >>> import pullback as pb
        >>> class LogCosh(pb.losses.Loss):
        ...     name, task = "log_cosh", "regression"
        ...     def per_row(self, outputs, targets):
        ...         return pb.log(pb.cosh(outputs - targets)).mean(axis=1)
        >>> LogCosh()(pb.tensor([[1.0], [2.0]]), pb.tensor([[1.0], [2.0]]))
        tensor(0.)
    """

    kind: ClassVar[str] = "loss"
    task: ClassVar[Task] = "regression"
    ending: ClassVar[str | None] = None
    raw_units: ClassVar[bool] = False

    @property
    def form(self) -> str:
        """What a network's outputs mean when it is trained with this loss: a form of heads."""
        return FORMS.get(self.task, "values")

    def columns(self, targets: int) -> int:
        """How many outputs a network needs for that many columns of targets."""
        return targets

    def per_row(self, outputs: Node, targets: Node) -> Node:
        """The loss of each row, before any weight: `(rows,)`.

        Outputs and targets have one shape, except for losses of class indices.
        """
        raise TypeError(f"{type(self).__name__} must define per_row(outputs, targets)")

    def row_weights(self, targets: Node, dtype: DTypeLike = DEFAULT_FLOAT) -> Node | None:
        """The weight that each target carries, `(rows,)`; None where all are 1."""
        return None

    def spread(self, target: float, outputs: Node) -> Node:
        """One target for all rows, as a node."""
        return ops.full_like(outputs, target)

    def joined(self, outputs: Operand) -> Node:
        """The outputs as one node of real numbers."""
        return floating(outputs)

    def matching(self, outputs: Node, targets: Node) -> tuple[Node, Node]:
        """Outputs and targets checked to fit: of one shape, but for losses of classes.

        Raises:
            ShapeError: They do not fit.
        """
        if self.task == "classification":
            return outputs, targets
        return matched(self.name, outputs, targets)

    def check_targets(self, targets: Array) -> None:
        """Check targets that are known, in a call or before a training.

        Raises:
            LabelError: Targets that the loss cannot take.
        """

    def __call__(
        self,
        outputs: Operand,
        targets: Operand | None,
        weights: Operand | None = None,
        reduction: str = "mean",
    ) -> Node:
        r"""The loss of `outputs` against `targets`.

        Args:
            outputs: What the network said.
            targets: What is right; a Python number stands for every row. None only for a loss
                that compares outputs with one another.
            weights: One weight a row; None counts every row once. A weight of 2 is the same as
                the row twice, a weight of 0 as no row.
            reduction: "mean" for $\sum w l / \sum w$, "sum" for $\sum w l$, "none" for $w l$.

        Shape:
            weights `(rows,)`; outputs and targets as the loss says.

        Returns:
            A scalar, or `(rows,)` with reduction "none". Where all weights are 0 (every label
            ignored), the mean is 0 with gradient 0; the mean of no rows is NaN.

        Raises:
            ShapeError: The shapes do not fit.
            UnknownNameError: No such reduction.
        """
        if reduction not in REDUCTIONS:
            raise unknown("reduction", reduction, REDUCTIONS)
        losses, counted = self._rows(outputs, targets, weights)
        if counted is None:
            return losses if reduction == "none" else _REDUCED[reduction](losses)
        weighted = ops.scale(counted, losses)
        if reduction == "none":
            return weighted
        total, weight = ops.sum(weighted), ops.sum(counted)
        return total if reduction == "sum" else divided(total, weight)

    def sums(
        self, outputs: Operand, targets: Operand | None, weights: Operand | None = None
    ) -> tuple[Node, Node]:
        r"""$\sum w_i l_i$ and $\sum w_i$, for a batch that comes in parts; see `divided`.

        Example:
            >>> import pullback as pb
            >>> pb.losses.mse.sums([1.0, 3.0], [1.0, 1.0], weights=[1.0, 0.5])
            (tensor(2.), tensor(1.5))
        """
        losses, counted = self._rows(outputs, targets, weights)
        if counted is None:
            return ops.sum(losses), ops.full((), float(losses.size), losses.dtype)
        return ops.sum(ops.scale(counted, losses)), ops.sum(counted)

    def _rows(
        self, outputs: Operand, targets: Operand | None, weights: Operand | None
    ) -> tuple[Node, Node | None]:
        """The loss and the weight of each row; None for weights of 1."""
        said = self.joined(outputs)
        if isinstance(targets, numbers.Real):
            right = self.spread(float(targets), said)
        elif targets is None:
            raise ShapeError(
                f"{self.name} needs targets", "None", "Give one target for each row of outputs."
            )
        else:
            right = as_node(targets)
            if is_float(right.dtype) and isinstance(targets, (list, tuple)):
                right = as_node(targets, said.dtype)  # Python's floats have no dtype of their own
        if right.value is not None:
            self.check_targets(np.asarray(right.value))
        said, right = self.matching(said, right)
        losses = self.per_row(said, right)
        counted = self.row_weights(right, losses.dtype)
        if weights is None:
            return losses, counted
        given = as_node(weights, losses.dtype).astype(losses.dtype)
        if given.shape != losses.shape:
            raise ShapeError(
                f"{self.name} needs one weight a row",
                f"weights {given.shape}, rows {losses.shape}",
                f"Give weights of shape {losses.shape}.",
            )
        return losses, given if counted is None else given * counted


def divided(total: Node, weight: Node) -> Node:
    """`total / weight`, and 0 with derivative 0 where the weight is 0.

    Example:
        >>> import pullback as pb
        >>> pb.losses.divided(pb.tensor(0.0), pb.tensor(0.0))
        tensor(0.)
    """
    return total / ops.where(ops.equal(weight, 0), 1, weight)


def floating(x: Operand) -> Node:
    """`x` as a node of real numbers; whole numbers become float32."""
    node = as_node(x)
    return node if is_float(node.dtype) else node.astype(DEFAULT_FLOAT)


def matched(name: str, outputs: Node, targets: Node) -> tuple[Node, Node]:
    """Outputs and targets of one shape and dtype, with at least one axis.

    Nothing is broadcast: `(n,)` against `(n, 1)` would silently compare every output with
    every target.

    Raises:
        ShapeError: The shapes differ.
    """
    if outputs.shape != targets.shape:
        if outputs.size == targets.size:
            do = f"Write targets.reshape{(-1, *outputs.shape[1:])}, or reshape the outputs."
        else:
            do = "Give one row of targets for each row of outputs, with as many columns."
        raise ShapeError(
            f"{name} needs outputs and targets of one shape; nothing is broadcast",
            f"outputs {outputs.shape} ({outputs.origin}), targets {targets.shape}",
            do,
        )
    right = targets.astype(outputs.dtype)
    return (outputs, right) if outputs.shape else (outputs.reshape(1), right.reshape(1))


def mean_of_rows(elements: Node) -> Node:
    """The mean over all axes but the first: `(rows, ...)` to `(rows,)`."""
    return elements if elements.ndim == 1 else elements.mean(axis=range(1, elements.ndim))


def refuse_outside(
    name: str, targets: Array, wrong: Array, must: str, do: str = "Check the targets."
) -> None:
    """Raise LabelError where a target is `wrong`, with the first such place.

    Example:
        >>> refuse_outside("poisson_nll", np.array([1.0]), np.array([False]), "at least 0")
    """
    places = np.argwhere(wrong)
    if len(places):
        first = tuple(int(i) for i in places[0])
        where = f" at place {list(first)}" if first else ""
        raise LabelError(
            f"targets of {name} must be {must}",
            f"{targets[first]:g}{where} ({len(places)} such)",
            do,
        )


def check_probabilities(name: str, targets: Array) -> None:
    """Refuse targets that are not from 0 to 1.

    Raises:
        LabelError: One is out of range, or NaN.
    """
    low, high = float(np.min(targets, initial=0)), float(np.max(targets, initial=1))
    if low >= 0 and high <= 1:
        return
    if math.isnan(low):
        received = "targets that are NaN"
        do = "Leave out rows with missing labels, or give them weight 0 and any label."
    else:
        received = f"targets from {np.min(targets):g} to {np.max(targets):g}"
        do = "Encode 'no' and 'yes' as 0 and 1; for one class of several use cross_entropy."
    raise LabelError(f"targets of {name} must be from 0 to 1", received, do)


def registry() -> dict[str, type[Loss]]:
    """All losses by name, sorted.

    Example:
        >>> "mse" in registry()
        True
    """
    return named.registry(Loss)


def get(value: Loss | type[Loss] | str | dict[str, Any]) -> Loss:
    """The loss of a name, an alias or a configuration; an instance is handed back.

    Raises:
        UnknownNameError: There is none; the nearest is named.
        ConfigError: A setting that the loss does not take.

    Example:
        >>> get("mean_squared_error")
        MSE()
        >>> get({"name": "huber", "delta": 2.0})
        Huber(delta=2.0)
    """
    return named.get(Loss, value)
