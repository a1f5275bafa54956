"""Recurrent layers: settings, inputs, and their definitions in plain loops."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import pullback as pb
from tests.nn.case import Case, Draw, sigmoid

Array = np.ndarray
Step = Callable[..., tuple[Array, ...]]


def rnn(z: Array, u: Array, h: Array) -> tuple[Array, ...]:
    return (np.tanh(z + h @ u),)


def rectified(z: Array, u: Array, h: Array) -> tuple[Array, ...]:
    return (np.maximum(z + h @ u, 0),)


def lstm(z: Array, u: Array, h: Array, c: Array) -> tuple[Array, ...]:
    i, f, g, o = np.split(z + h @ u, 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru(z: Array, u: Array, h: Array, b: Array | float = 0.0) -> tuple[Array, ...]:
    (zr, zu, zn), (hr, hu, hn) = np.split(z, 3, axis=-1), np.split(h @ u, 3, axis=-1)
    n = np.tanh(zn + sigmoid(zr + hr) * (hn + b))
    u = sigmoid(zu + hu)
    return ((1 - u) * n + u * h,)


def looped(step: Step, z: Array, u: Array, states: int, reverse: bool, *more: Array) -> Array:
    """What a layer gives at every step, from what the input adds to the gates."""
    batch, time, _ = z.shape
    state = (np.zeros((batch, len(u))),) * states
    y = np.zeros((batch, time, len(u)))
    for t in sorted(range(time), reverse=reverse):
        state = step(z[:, t], u, *state, *more)
        y[:, t] = state[0]
    return y


def both(step: Step, states: int, x: Array, *values: Array) -> Array:
    """Two directions; the values are the biases, the input weights and the recurrent ones."""
    bs, ws, us = values[:2], values[2:4], values[4:]
    ways = [looped(step, x @ ws[i] + bs[i], us[i], states, i == 1) for i in (0, 1)]
    return np.concatenate(ways, axis=-1)


def one(step: Step, states: int = 1) -> Callable[..., Array]:
    return lambda x, b, w, u: looped(step, x @ w + b, u, states, False)


def stacked(x: Array, b0: Array, b1: Array, w0: Array, w1: Array, u0: Array, u1: Array) -> Array:
    y = looped(lstm, x @ w0 + b0, u0, 2, False)
    return looped(lstm, y @ w1 + b1, u1, 2, False)


def series(features: int) -> Draw:
    """A series, small enough that no unit is saturated, where differences would see nothing."""
    return lambda random, shape: [random.uniform(-1, 1, (*shape, features))]


TIMES = ((1, 3), (1, 1), (2, 2))

CASES: dict[str, list[Case]] = {
    "RNN": [
        Case(lambda: pb.nn.RNN(2, 3), TIMES, one(rnn), series(2)),
        Case(
            lambda: pb.nn.RNN(1, 2, activation="relu", bias=False),
            TIMES,
            lambda x, w, u: looped(rectified, x @ w, u, 1, False),
            series(1),
        ),
        Case(
            lambda: pb.nn.RNN(2, 2, bidirectional=True, last=True),
            TIMES,
            lambda x, *values: both(rnn, 1, x, *values)[:, [-1, -1, 0, 0], [0, 1, 2, 3]],
            series(2),
        ),
    ],
    "LSTM": [
        Case(lambda: pb.nn.LSTM(1, 2), ((2, 2), (1, 1), (0, 2), (2, 0)), one(lstm, 2), series(1)),
        Case(lambda: pb.nn.LSTM(1, 1, layers=2), ((1, 2), (1, 1)), stacked, series(1)),
        Case(
            lambda: pb.nn.LSTM(1, 1, bidirectional=True),
            ((1, 2), (1, 1)),
            lambda x, *values: both(lstm, 2, x, *values),
            series(1),
        ),
    ],
    "GRU": [
        Case(
            lambda: pb.nn.GRU(1, 2),
            ((2, 2), (1, 1), (0, 2), (1, 0)),
            lambda x, b, w, c, u: looped(gru, x @ w + b, u, 1, False, c),
            series(1),
        ),
        Case(
            lambda: pb.nn.GRU(1, 1, bias=False),
            ((2, 3), (1, 2)),
            lambda x, w, u: looped(gru, x @ w, u, 1, False),
            series(1),
        ),
    ],
    "Last": [Case(pb.nn.Last, ((2, 3, 2), (1, 1, 1), (0, 2, 2)), lambda x: x[:, -1])],
}
