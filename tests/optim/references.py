"""For every optimizer: settings to test, and its update in plain NumPy, from the formula."""

from __future__ import annotations

from typing import Any

import numpy as np

from pullback import optim
from tests.optim.problems import Array, Gradient, Reference
from tests.optim.references_adaptive import ADAPTIVE
from tests.optim.references_layerwise import LAYERWISE


def sgd(o: Any, w: Array, gradient: Gradient, steps: int) -> list[Array]:
    path, b = [], None
    for _ in range(steps):
        g = gradient(w) + o.weight_decay * w
        if o.momentum:
            b = g if b is None else o.momentum * b + (1 - o.dampening) * g
            g = g + o.momentum * b if o.nesterov else b
        w = w - o.learning_rate * g
        path.append(w)
    return path


def adam(o: Any, w: Array, gradient: Gradient, steps: int) -> list[Array]:
    path, m, v, largest = [], np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)
    for s in range(1, steps + 1):
        if o.name == "adamw":
            g, decay = gradient(w), 1 - o.learning_rate * o.weight_decay
        else:
            g, decay = gradient(w) + o.weight_decay * w, 1.0
        m = o.beta1 * m + (1 - o.beta1) * g
        v = o.beta2 * v + (1 - o.beta2) * g**2
        largest = np.maximum(largest, v)
        m_hat, v_hat = m / (1 - o.beta1**s), (largest if o.amsgrad else v) / (1 - o.beta2**s)
        w = decay * w - o.learning_rate * m_hat / (np.sqrt(v_hat) + o.epsilon)
        path.append(w)
    return path


def rmsprop(o: Any, w: Array, gradient: Gradient, steps: int) -> list[Array]:
    path, v, m, b = [], np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)
    for _ in range(steps):
        g = gradient(w) + o.weight_decay * w
        v = o.alpha * v + (1 - o.alpha) * g * g
        m = o.alpha * m + (1 - o.alpha) * g
        d = g / (np.sqrt(v - m * m if o.centered else v) + o.epsilon)
        b = o.momentum * b + d
        w = w - o.learning_rate * b
        path.append(w)
    return path


REFERENCES: dict[str, Reference] = {
    "sgd": Reference(
        (
            optim.SGD(1e-3),
            optim.SGD(1e-3, weight_decay=0.1),
            optim.SGD(2e-4, momentum=0.9),
            optim.SGD(1e-3, momentum=0.8, dampening=0.3, weight_decay=0.01),
            optim.SGD(2e-4, momentum=0.9, nesterov=True, weight_decay=0.01),
        ),
        sgd,
    ),
    "adam": Reference(
        (
            optim.Adam(),
            optim.Adam(0.05, beta1=0.8, beta2=0.99, epsilon=1e-3, weight_decay=0.1),
            optim.Adam(0.02, beta1=0.0, beta2=0.9),
            optim.Adam(0.05, beta2=0.9, amsgrad=True, weight_decay=0.1),
        ),
        adam,
    ),
    "adamw": Reference(
        (optim.AdamW(), optim.AdamW(0.05, beta1=0.5, weight_decay=0.3), optim.AdamW(beta2=0.0)),
        adam,
    ),
    "rmsprop": Reference(
        (
            optim.RMSprop(),
            optim.RMSprop(1e-3, alpha=0.9, epsilon=1e-4, weight_decay=0.1),
            optim.RMSprop(1e-3, momentum=0.9),
            optim.RMSprop(1e-3, centered=True, momentum=0.5),
        ),
        rmsprop,
    ),
    **ADAPTIVE,
    **LAYERWISE,
}
"""The reference and the settings of every registered optimizer."""
