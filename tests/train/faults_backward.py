"""Sources of NaN and inf in the loss, the backward pass, the update, the data and the state."""

from __future__ import annotations

from typing import Any

import numpy as np

import pullback as pb
from tests.train.faults import (
    PLACE,
    ROW,
    ROWS,
    Apply,
    Fault,
    behind,
    constant,
    head,
    of,
    table,
)

FIRST = (PLACE, 0)
BEYOND = "beyond 3.4e+38, the largest float32"


def root(x: pb.Tensor) -> pb.Tensor:
    return pb.sqrt(x)


def length(x: pb.Tensor) -> pb.Tensor:
    """A norm of one's own, whose derivative at 0 is infinite."""
    return pb.sqrt(pb.sum(x * x, axis=1, keepdims=True))


inverse_of_zero = pb.custom_derivative(
    lambda x: pb.square(x), lambda y_bar, y, x: (y_bar / (x - 0.25),)
)


def roots_in_a_loop(x: pb.Tensor) -> pb.Tensor:
    return pb.scan(lambda h, row: (h, pb.sqrt(row)), pb.zeros(()), x.T)[1].T


def chosen_late(x: pb.Tensor) -> pb.Tensor:
    """A root whose argument is 0 both where it is used and where it is not."""
    positive = pb.maximum(x, 0.0)
    return pb.where(x >= 0, pb.sqrt(positive), 0.0)


def with_negatives() -> np.ndarray:
    x = table()
    x[::2, 1] = -3.0
    return x


def targets(bad: float, good: float = 1.0) -> Any:
    """Targets with one bad row."""

    def made() -> np.ndarray:
        y = np.full((ROWS, 1), good)
        y[ROW] = bad
        return y

    return made


class Scaled(pb.losses.Loss):
    """The mean square, times a number so large that gradients overflow."""

    name, task = "scaled", "regression"

    def per_row(self, outputs: pb.Tensor, targets: pb.Tensor) -> pb.Tensor:
        return outputs[:, 0] * 1e31


BACKWARD = [
    Fault(
        "the slope of a root at 0", behind(root), "reciprocal",
        "reciprocal: 1 / 0, a division by 0, in the derivative of sqrt at 0", role="backward",
        bad=0, advice="sqrt", line="pb.sqrt(x)",
    ),
    Fault(
        "the slope of a norm of one's own at 0", behind(length), "reciprocal",
        "reciprocal: 1 / 0, a division by 0, in the derivative of sqrt at 0", role="backward",
        index=FIRST, bad=[0] * 4, y=targets(1.0), advice="sqrt", line="pb.sqrt(pb.sum",
    ),
    Fault(
        "the slope of a power at 0", behind(lambda x: x**0.5), "power",
        "power: 0^(-0.5), a division by 0, in the derivative of power", role="backward",
        bad=0, advice="base",
    ),
    Fault(
        "the slope of asin at 1", behind(pb.asin), "reciprocal",
        "reciprocal: 1 / 0, a division by 0, in the derivative of asin at 1", role="backward",
        bad=1, advice="clip", because=("the 0 is sqrt of 0",),
    ),
    Fault(
        "the slope of acos at -1", behind(pb.acos), "reciprocal",
        "reciprocal: 1 / 0, a division by 0, in the derivative of acos at -1", role="backward",
        bad=-1, advice="clip",
    ),
    Fault(
        "the slope of acosh at 1", behind(lambda x: pb.acosh(x + 1)), "reciprocal",
        "reciprocal: 1 / 0, a division by 0, in the derivative of acosh at 1", role="backward",
        bad=0, advice="clip",
    ),
    Fault(
        "the slope of a logarithm of a tiny number", behind(pb.log), "reciprocal",
        f"reciprocal: 1 / 1e-39, {BEYOND}, in the derivative of log at 1e-39", role="backward",
        bad=1e-39, advice="log",
    ),
    Fault(
        "the slope of a quotient with a tiny divisor", behind(lambda x: 1e-20 / x), "mul",
        f"mul: 1e+10 * 1e+30, {BEYOND}, in the derivative of div", role="backward", bad=1e-30,
        advice="divisor", settings={"loss": "mae"},
    ),
    Fault(
        "a derivative of one's own", behind(lambda x: inverse_of_zero(x)), "div",
        "div: ", role="backward", bad=0.25, advice="divisor",
        line="inverse_of_zero(x)",
    ),
    Fault(
        "a loop backwards", behind(roots_in_a_loop), "reciprocal",
        "reciprocal: 1 / 0, a division by 0, in the derivative of sqrt, in step 2 of a loop",
        role="backward", bad=0, index=(PLACE,), loop_step=2, advice="sqrt",
        because=("the 0 is sqrt of 0",),
    ),
    Fault(
        "one slope of an operation whose others are left out", behind(chosen_late), "reciprocal",
        "reciprocal: 1 / 0, a division by 0, in the derivative of sqrt at 0", role="backward",
        bad=0, good=with_negatives,
    ),
    Fault(
        "a loss that is scaled too much",
        lambda: pb.nn.Sequential(pb.nn.Linear(1, weight_init=constant(1e-3), bias=False)), "matmul",
        f"matmul, a sum of 8 products, the largest 1e+09 * 1.25e+30, {BEYOND}", role="backward",
        index=(2, 0), bad=1e9, advice="clip",
        settings={"loss": Scaled(), "optimizer": pb.optim.SGD(1e-40)},
    ),
]  # fmt: skip


class Naive(pb.losses.Loss):
    """Cross-entropy of two probabilities."""

    name, task = "naive", "regression"

    def per_row(self, outputs: pb.Tensor, targets: pb.Tensor) -> pb.Tensor:
        p = outputs[:, 0]
        return -(targets[:, 0] * pb.log(p) + (1 - targets[:, 0]) * pb.log(1 - p))


class Relative(pb.losses.Loss):
    """Errors as shares of the targets."""

    name, task = "relative", "regression"

    def per_row(self, outputs: pb.Tensor, targets: pb.Tensor) -> pb.Tensor:
        return pb.abs((outputs - targets) / targets)[:, 0]


class Exploding(pb.losses.Loss):
    """An exponential of the outputs."""

    name, task = "exploding", "regression"

    def per_row(self, outputs: pb.Tensor, targets: pb.Tensor) -> pb.Tensor:
        return pb.exp(outputs - targets)[:, 0]


def no_class_two() -> pb.nn.Module:
    """Logits of three classes, of which the last is left out."""
    left_out = np.array([True, True, False])
    made = pb.nn.Linear(3, weight_init=constant(0.5))
    return pb.nn.Sequential(made, Apply(lambda x: pb.where(left_out, x, float("-inf"))))


def classes() -> np.ndarray:
    y = np.arange(ROWS) % 2
    y[ROW] = 2
    return y


LOSSES = [
    Fault(
        "a saturated probability",
        lambda: pb.nn.Sequential(
            pb.nn.Linear(1, weight_init=constant(1), bias=False), pb.nn.Sigmoid()
        ),
        "log", "log of 0, defined above 0", path="loss", index=(PLACE,),
        bad=[10, 10, 10, 10], settings={"loss": Naive()},
        because=("the 0 is 1 - 1", "the 1 is sigmoid of 40 (layer '1')"), line="pb.log(1 - p)",
        advice="logits",
    ),
    Fault(
        "an error as a share of 0", of(lambda x: x), "div", "div: ", path="loss", index=FIRST,
        y=targets(0.0), settings={"loss": Relative()}, advice="divisor", line="/ targets",
    ),
    Fault(
        "an exponential in a loss", lambda: pb.nn.Sequential(head()), "exp",
        "exp of 1000.", path="loss", index=FIRST, y=targets(-1000.0),
        settings={"loss": Exploding()},
        because=(f"goes back to feed 'y', row {PLACE}, column 0, which is -1000",), advice="exp",
    ),
    Fault(
        "a squared error", lambda: pb.nn.Sequential(head()), "square",
        f"square: (-1e+25)^2, {BEYOND}", path="loss", index=FIRST, y=targets(1e25),
        because=(f"goes back to feed 'y', row {PLACE}, column 0, which is 1e+25",),
        advice="Scale the data down",
    ),
    Fault(
        "a rate of counts that is too large",
        lambda: pb.nn.Sequential(pb.nn.Linear(1, weight_init=constant(1), bias=False)), "exp",
        "exp of 400, which overflows float32 above 88.7", path="loss", index=FIRST,
        bad=[100] * 4, settings={"loss": "poisson_nll"}, advice="exp",
    ),
    Fault(
        "a class that was left out", no_class_two, "cross_entropy_with_logits",
        "cross_entropy_with_logits: cross-entropy of class 2, whose logit is -inf", path="loss",
        index=(PLACE,), y=classes, settings={"loss": "cross_entropy"},
        because=("written in the code",), advice="the target -1",
    ),
    Fault(
        "a penalty on a large weight",
        lambda: pb.nn.Sequential(pb.nn.Linear(1, weight_init=constant(1e20), bias=False)),
        "scale", f"scale: 1e+20 * 2e+20, {BEYOND}, in the derivative of square at 1e+20",
        path="loss", role="backward", index=(0, 0), step=1, row=None,
        settings={"l2": 1e20, "loss": "mae"},
        because=("goes back to state '0.weight', element [0, 0], which is 1e+20",),
        advice="learning rate",
    ),
]  # fmt: skip
