"""For every layer and activation: instances, inputs, and the formula in NumPy."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

import pullback as pb
from pullback.graph import Node
from pullback.nn import Module
from pullback.nn.parameter import bound
from tests.nn import (
    cases_activations,
    cases_attention,
    cases_convolution,
    cases_normalisation,
    cases_recurrent,
    cases_wiring,
)
from tests.nn.case import ANY, ROWS, Case, real, sigmoid, softmax, whole

CASES: dict[str, list[Case]] = {
    "Linear": [
        Case(lambda: pb.nn.Linear(3, 2), ROWS, lambda x, b, w: x @ w + b),
        Case(lambda: pb.nn.Linear(3, 1, bias=False), ROWS, lambda x, w: x @ w),
        Case(
            lambda: pb.nn.Linear(3, 4, weight_init="he_normal", bias_init="ones"),
            ROWS,
            lambda x, b, w: x @ w + b,
        ),
    ],
    "Embedding": [
        Case(
            lambda: pb.nn.Embedding(5, 3),
            ANY,
            lambda i, w: w[i],
            whole(5),
        ),
        Case(
            lambda: pb.nn.Embedding(4, 2, padding_index=1),
            ANY,
            lambda i, w: np.where((i == 1)[..., None], 0, w[i]),
            whole(4),
        ),
    ],
    "Flatten": [
        Case(
            pb.nn.Flatten,
            ((2, 3, 4), (1, 2), (3, 1, 1, 2), (0, 2, 2), (2, 0)),
            lambda x: x.reshape(len(x), math.prod(x.shape[1:])),
        )
    ],
    "Dropout": [Case(partial(pb.nn.Dropout, p), ANY, lambda x: x) for p in (0.0, 0.5, 1.0)],
    "Sequential": [
        Case(lambda: pb.nn.Sequential(), ANY, lambda x: x),
        Case(
            lambda: pb.nn.Sequential(pb.nn.Linear(3, 2), "tanh", pb.nn.Linear(2, 2)),
            ROWS,
            lambda x, c, v, b, w: np.tanh(x @ v + c) @ w + b,
        ),
        Case(
            lambda: pb.nn.Sequential("sigmoid", pb.nn.Sequential("tanh")),
            ANY,
            lambda x: np.tanh(sigmoid(x)),
        ),
    ],
    "ReLU": [Case(pb.nn.ReLU, ANY, lambda x: np.maximum(x, 0))],
    "LeakyReLU": [
        Case(pb.nn.LeakyReLU, ANY, lambda x: np.where(x > 0, x, 0.01 * x)),
        Case(lambda: pb.nn.LeakyReLU(0.3), ANY, lambda x: np.where(x > 0, x, 0.3 * x)),
    ],
    "ELU": [
        Case(pb.nn.ELU, ANY, lambda x: np.where(x > 0, x, np.expm1(x))),
        Case(lambda: pb.nn.ELU(0.5), ANY, lambda x: np.where(x > 0, x, 0.5 * np.expm1(x))),
    ],
    "SiLU": [Case(pb.nn.SiLU, ANY, lambda x: x * sigmoid(x))],
    "Sigmoid": [Case(pb.nn.Sigmoid, ANY, sigmoid)],
    "Tanh": [Case(pb.nn.Tanh, ANY, np.tanh)],
    "Softplus": [Case(pb.nn.Softplus, ANY, lambda x: np.log1p(np.exp(x)))],
    "Softmax": [
        Case(pb.nn.Softmax, ((3,), (2, 3), (1, 1), (2, 1, 4)), softmax),
        Case(lambda: pb.nn.Softmax(axis=0), ((3,), (2, 3), (2, 1, 4)), lambda x: softmax(x, 0)),
    ],
    "Identity": [Case(pb.nn.Identity, ANY, lambda x: x)],
    **cases_activations.CASES,
    **cases_attention.CASES,
    **cases_convolution.CASES,
    **cases_normalisation.CASES,
    **cases_recurrent.CASES,
    **cases_wiring.CASES,
}


def parameters_of(module: Module) -> list[str]:
    return sorted(module.parameters())


def called(module: Module, *values: Node) -> Node:
    """The module's output from its inputs and values for its parameters, in order of names.

    Buffers have their first values, in the dtype of the inputs.
    """
    for path, buffer in module.buffers().items():
        buffer.dtype = values[0].dtype
        buffer.initialise(0, path)
    names = parameters_of(module)
    count = len(values) - len(names)
    parameters = module.parameters()
    nodes = {parameters[n]: v for n, v in zip(names, values[count:], strict=True)}
    with bound(nodes):
        return module(*values[:count])


def drawn(case: Case, seed: int) -> tuple[Module, list[np.ndarray]]:
    """The layer, inputs for it, and values for its parameters; no number is near 0."""
    module = case.make()
    random = np.random.default_rng(seed)
    inputs = case.draw(random, case.shapes[seed % len(case.shapes)])
    known = module.parameters()
    values = [real(random, known[path].shape)[0] for path in parameters_of(module)]
    return module, [*map(np.asarray, inputs), *values]


def as_real(array: np.ndarray, dtype: object) -> np.ndarray:
    """The array with its real numbers in another dtype; whole numbers and flags stay."""
    return array.astype(dtype) if array.dtype.kind == "f" else array
