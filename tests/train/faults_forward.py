"""Sources of NaN and inf in the forward pass, each with what must be said of it."""

from __future__ import annotations

import math

import numpy as np

import pullback as pb
from tests.train.faults import (
    PLACE,
    ROWS,
    Apply,
    Fault,
    constant,
    head,
    of,
    table,
)

FIRST = (PLACE, 0)
BEYOND = "beyond 3.4e+38, the largest float32"
NO_NUMBER = "which is no number"

OPERATIONS = [
    Fault(
        "log of 0", of(lambda x: pb.log(x)), "log", "log of 0, defined above 0",
        bad=0, because=(f"the 0 is feed 'x', row {PLACE}, column 2",), advice="log",
        line="pb.log(x)",
    ),
    Fault(
        "log of a negative number", of(lambda x: pb.log(x)), "log", "log of -1.5, defined above 0",
        "NaN", bad=-1.5, advice="log",
    ),
    Fault("log2 of 0", of(lambda x: pb.log2(x)), "log2", "log2 of 0, defined above 0", bad=0),
    Fault("log10 of 0", of(lambda x: pb.log10(x)), "log10", "log10 of 0, defined above 0", bad=0),
    Fault("log1p of -1", of(pb.log1p), "log1p", "log1p of -1, defined above -1", bad=-1),
    Fault(
        "sqrt of a negative number", of(lambda x: pb.sqrt(x)), "sqrt",
        "sqrt of -4, defined from 0 on", "NaN", bad=-4, advice="sqrt",
    ),
    Fault(
        "a number by 0", of(lambda x: 3 / x), "div", "div: 3 / 0, a division by 0",
        bad=0, advice="divisor", line="3 / x",
    ),
    Fault("0 by 0", of(lambda x: x / x), "div", "div: 0 / 0, a division by 0", "NaN", bad=0),
    Fault(
        "the reciprocal of 0", of(lambda x: pb.reciprocal(x)), "reciprocal",
        "reciprocal: 1 / 0, a division by 0", bad=0, advice="divisor",
    ),
    Fault(
        "a quotient that is too large", of(lambda x: 1e30 / x * 1e-30), "div",
        f"div: 1e+30 / 1e-20, {BEYOND}", bad=1e-20, advice="divisor",
    ),
    Fault(
        "a fractional power of a negative number", of(lambda x: x**0.5), "power",
        "power: (-4)^0.5, a fractional power of a negative number", "NaN", bad=-4, advice="base",
    ),
    Fault(
        "a negative power of 0", of(lambda x: x**-2.0), "power",
        "power: 0^(-2), a division by 0", bad=0, advice="base",
    ),
    Fault(
        "exp of 200", of(lambda x: pb.exp(x)), "exp",
        "exp of 200, which overflows float32 above 88.7", bad=200, advice="exp",
    ),
    Fault("expm1 of 200", of(lambda x: pb.expm1(x)), "expm1", f"expm1 of 200, {BEYOND}", bad=200),
    Fault("cosh of -200", of(lambda x: pb.cosh(x)), "cosh", f"cosh of -200, {BEYOND}", bad=-200),
    Fault(
        "asin of 2", of(lambda x: pb.asin(x)), "asin", "asin of 2, defined from -1 to 1", "NaN",
        bad=2, advice="clip",
    ),
    Fault(
        "acos of -2", of(lambda x: pb.acos(x)), "acos", "acos of -2, defined from -1 to 1", "NaN",
        bad=-2,
    ),
    Fault(
        "acosh of 0.5", of(lambda x: pb.acosh(x + 1)), "acosh", "acosh of 0.5, defined from 1 on",
        "NaN", bad=-0.5,
    ),
    Fault(
        "atanh of 1", of(lambda x: pb.atanh(x)), "atanh", "atanh of 1, defined between -1 and 1",
        bad=1,
    ),
    Fault(
        "a logarithm in a product", of(lambda x: pb.xlogy(2.0, x)), "xlogy",
        "xlogy: 2 * log(0), defined for a logarithm of numbers above 0", bad=0,
    ),
    Fault(
        "a square that is too large", of(lambda x: pb.square(x)), "square",
        f"square: 1e+20^2, {BEYOND}", bad=1e20, advice="Scale the data down: feed 'x'",
    ),
    Fault(
        "a product that is too large", of(lambda x: x * 1e30 * 1e-30), "mul",
        f"mul: 1e+10 * 1e+30, {BEYOND}", bad=1e10,
    ),
    Fault(
        "a difference that is too large", of(lambda x: (x - 3e38) * 1e-38), "sub",
        f"sub: (-2e+38) - 3e+38, {BEYOND}", bad=-2e38,
    ),
    Fault(
        "a float64 that float32 cannot hold",
        of(lambda x: (x.astype("float64") * 1e30).astype("float32") * 1e-30), "cast",
        f"cast: 1e+50 as float32, {BEYOND}", bad=1e20,
    ),
    Fault(
        "inf in the code", of(lambda x: x * float("inf")), "mul", "mul: 0.5 * inf",
        index=(0, 0), step=1, row=0, because=("written in the code",), advice="pb.where",
        good=lambda: np.full((ROWS, 4), 0.5),
    ),
]  # fmt: skip

REDUCTIONS = [
    Fault(
        "a sum that is too large", of(lambda x: pb.sum(x, axis=1, keepdims=True)), "sum",
        f"sum of 4 numbers, the largest 3e+38, {BEYOND}", index=FIRST, bad=[1e38, 2e38, 3e38, 0],
        because=(f"the 3e+38 is feed 'x', row {PLACE}, column 2",),
    ),
    Fault(
        "squares in a deviation", of(lambda x: pb.std(x, axis=1, keepdims=True)), "std",
        f"std of 4 numbers, the largest -2e+20, {BEYOND}", index=FIRST, bad=[1e20, 0, -2e20, 0],
    ),
    Fault(
        "a norm", of(lambda x: pb.norm(x, axis=1, keepdims=True)), "norm",
        f"norm of 4 numbers, the largest 3e+38, {BEYOND}", index=FIRST, bad=[3e38] * 4,
    ),
    Fault(
        "a product of many", of(lambda x: pb.prod(x, axis=1, keepdims=True)), "prod",
        f"prod of 4 numbers, the largest 1e+12, {BEYOND}", index=FIRST,
        bad=[1e10, 1e10, 1e12, 1e10],
    ),
    Fault(
        "a running product", of(lambda x: pb.cumprod(x, axis=1)), "cumprod",
        f"cumprod of 3 numbers, the largest 1e+20, {BEYOND}", bad=[1e10, 1e20, 1e15, 1],
    ),
    Fault(
        "the mean of nothing", of(lambda x: x + pb.mean(x[:, 4:], axis=1, keepdims=True)), "mean",
        f"mean of no numbers, {NO_NUMBER}", "NaN", index=(0, 0), step=1, row=None,
    ),
]  # fmt: skip


def scaled(x: pb.Tensor) -> pb.Tensor:
    """Numbers brought to mean 0 and deviation 1, without an epsilon."""
    rest = x - pb.mean(x, axis=1, keepdims=True)
    return rest / pb.sqrt(pb.mean(rest * rest, axis=1, keepdims=True))


def grown(x: pb.Tensor) -> pb.Tensor:
    """A recurrence that grows without bound."""
    carry = pb.zeros((x.shape[0],))
    last, _ = pb.scan(lambda h, row: (h * 1e10 + row, h), carry, x.T)
    return last.reshape((-1, 1)) * 1e-30


def looked(x: pb.Tensor) -> pb.Tensor:
    """The logarithm in each step of a loop."""
    return pb.scan(lambda h, row: (h, pb.log(row)), pb.zeros(()), x.T)[1].T


def softmaxes(x: pb.Tensor) -> pb.Tensor:
    return pb.log(pb.softmax(x, axis=1))


LAYERS = [
    Fault(
        "a dense layer",
        lambda: pb.nn.Sequential(pb.nn.Linear(4, 3, weight_init=constant(1e10)), head()),
        "matmul", f"matmul, a sum of 4 products, the largest 1e+30 * 1e+10, {BEYOND}",
        index=FIRST, bad=[1, 1, 1e30, 1],
        because=(f"the 1e+30 is feed 'x', row {PLACE}, column 2",),
        advice="Scale the data down", line="pb.nn.Linear(4, 3",
    ),
    Fault(
        "a convolution",
        lambda: pb.nn.Sequential(
            pb.nn.Conv2d(1, 2, 3, weight_init=constant(1e5)), pb.nn.Flatten(), head()
        ),
        "conv", f"conv of a row up to 1e+35 and a kernel up to 100000, {BEYOND}",
        index=(PLACE, 0, 0, 0), good=lambda: table(4, 4, 1), bad=np.full((4, 4, 1), 1e35),
        advice="Scale the data down",
    ),
    Fault(
        "layer normalisation of numbers far apart",
        lambda: pb.nn.Sequential(pb.nn.LayerNorm(4), head()), "standardise",
        f"standardise of 4 numbers, the largest 3e+38, {NO_NUMBER}", "NaN",
        index=None, bad=[3e38, -3e38, 3e38, -3e38],
    ),
    Fault(
        "layer normalisation of equal numbers, its epsilon rounded to 0",
        lambda: pb.nn.Sequential(pb.nn.LayerNorm(4, epsilon=1e-50), head()), "standardise",
        "standardise of 4 equal numbers, each 0.5, with an epsilon of 1e-50, which is 0 in float32",
        "NaN", index=FIRST, bad=[0.5] * 4, advice="epsilon",
    ),
    Fault(
        "normalisation by the mean square of zeros, its epsilon rounded to 0",
        lambda: pb.nn.Sequential(pb.nn.RMSNorm(4, epsilon=1e-50), head()), "rms_normalise",
        "rms_normalise of 4 equal numbers, each 0, with an epsilon of 1e-50, which is 0 in float32",
        "NaN", index=FIRST, bad=[0] * 4,
    ),
    Fault(
        "a normalisation of one's own, of equal numbers", of(scaled), "div",
        "div: 0 / 0, a division by 0", "NaN", index=FIRST, bad=[0.5] * 4,
        because=("the 0 is sqrt of 0",), line="pb.sqrt(pb.mean",
    ),
    Fault(
        # of infinite scores attention makes a choice; it is the values that do harm
        "attention to numbers that are too large",
        lambda: pb.nn.Sequential(pb.nn.MultiHeadAttention(4, 1), pb.nn.Flatten(), head()),
        "matmul", "matmul, a sum of 4 products, the largest ",
        index=None, good=lambda: table(3, 4), bad=np.full((3, 4), 3e38), path="0.value",
    ),
    Fault(
        "an embedding that is scaled",
        lambda: pb.nn.Sequential(
            table_of(3e38), Apply(lambda x: x * 10.0), pb.nn.Flatten(), head()
        ),
        "mul", f"mul: 3e+38 * 10, {BEYOND}", path="1", index=(PLACE, 0, 1),
        good=lambda: np.zeros((ROWS, 2), "int64"), bad=[7, 0],
        because=("the 3e+38 is state '0.weight', element [7, 1]",), advice="learning rate",
    ),
    Fault(
        "a recurrence that grows", of(grown), "mul",
        f"mul: 3e+30 * 1e+10, {BEYOND}, in step 2 of a loop", index=(PLACE,),
        bad=[3e20, 0, 0, 0], loop_step=2, line="pb.scan(lambda h",
    ),
    Fault(
        "a step of a loop", of(looked), "log", "log of 0, defined above 0, in step 2 of a loop",
        index=(PLACE,), bad=0, loop_step=2, because=("the 0 is feed 'x'",), line="pb.log(row)",
    ),
    Fault(
        "behind a recurrent layer",
        lambda: pb.nn.Sequential(
            pb.nn.RNN(1, 2, last=True, weight_init=constant(1), recurrent_init=constant(1),
                      bias=False, activation="relu"),
            Apply(lambda x: pb.log(x)), head(),
        ),
        "log", "log of 0, defined above 0", path="1", index=FIRST,
        good=lambda: table(3, 1), bad=np.zeros((3, 1)),
        because=("the 0 is relu of 0",),
    ),
    Fault(
        "behind dropout",
        lambda: pb.nn.Sequential(
            pb.nn.Dropout(0.2), Apply(lambda x: pb.exp(x * 200 - 150)), head()
        ),
        "exp", "exp of ", path="1", index=None, bad=[1] * 4, advice="exp",
        because=("the ",),
    ),
    Fault(
        "a softmax that underflowed", of(softmaxes), "log", "log of 0, defined above 0",
        bad=[200, 200, 0, 200],
        because=("the 0 is softmax of 0, which lies 200 below the largest of its row",),
        advice="cross_entropy",
    ),
]  # fmt: skip


def table_of(large: float) -> pb.nn.Module:
    """An embedding with one number that is large, in the row of class 7."""
    made = pb.nn.Embedding(8, 2).initialise(0)
    weight = np.zeros((8, 2), "float32")
    weight[7, 1] = large
    made["weight"].assign(weight)
    return made


def masked(x: pb.Tensor) -> pb.Tensor:
    """Logarithms that a choice leaves out for negative numbers, though not for 0."""
    return pb.where(x >= 0, pb.log(x), 0.0)


def with_negatives() -> np.ndarray:
    x = table()
    x[::2, 1] = -3.0
    return x


CHOICES = [
    Fault(
        "one element of an operation whose others are left out", of(masked), "log",
        "log of 0, defined above 0", bad=0, good=with_negatives,
    ),
    Fault(
        "an operation behind one that is left out",
        of(lambda x: pb.where(x > 0, pb.log(x), 0.0) + pb.sqrt(x)), "sqrt",
        "sqrt of -9, defined from 0 on", "NaN", bad=-9,
    ),
    Fault(
        "an operation on what is left out elsewhere",
        of(lambda x: pb.where(x > 0, pb.sqrt(pb.log(x) + 2), 0.0)), "sqrt",
        "sqrt of -1, defined from 0 on", "NaN", bad=math.exp(-3), good=with_negatives,
    ),
]  # fmt: skip

FORWARD = [*OPERATIONS, *REDUCTIONS, *LAYERS, *CHOICES]
