"""References of the optimizers that look at a whole layer's weights together."""

from __future__ import annotations

from typing import Any

import numpy as np

from pullback import optim
from tests.optim.problems import Array, Gradient, Reference


def length(x: Array) -> float:
    return float(np.sqrt(np.sum(x * x)))


def lars(o: Any, w: Array, gradient: Gradient, steps: int) -> list[Array]:
    path, b = [], np.zeros_like(w)
    for _ in range(steps):
        g, local = gradient(w), 1.0
        if w.ndim > 1 and length(g) and length(w):
            local = o.trust * length(w) / (length(g) + o.weight_decay * length(w) + o.epsilon)
        elif w.ndim > 1:
            local = o.trust
        b = o.momentum * b + local * (g + o.weight_decay * w)
        w = w - o.learning_rate * b
        path.append(w)
    return path


def lamb(o: Any, w: Array, gradient: Gradient, steps: int) -> list[Array]:
    path, m, v = [], np.zeros_like(w), np.zeros_like(w)
    for s in range(1, steps + 1):
        g = gradient(w)
        m = o.beta1 * m + (1 - o.beta1) * g
        v = o.beta2 * v + (1 - o.beta2) * g**2
        r = m / (1 - o.beta1**s) / (np.sqrt(v / (1 - o.beta2**s)) + o.epsilon)
        r = r + o.weight_decay * w
        ratio = length(w) / length(r) if w.ndim > 1 and length(w) and length(r) else 1.0
        w = w - o.learning_rate * ratio * r
        path.append(w)
    return path


def adafactor(o: Any, w: Array, gradient: Gradient, steps: int) -> list[Array]:
    path, v = [], np.zeros_like(w)
    rows, columns = np.zeros(w.shape[:-1]), np.zeros(w.shape[:-2] + w.shape[-1:])
    eps = o.epsilon or np.finfo(float).eps
    for s in range(1, steps + 1):
        g, kept = gradient(w), 1 - s**-o.decay
        if w.ndim > 1:
            rows = kept * rows + (1 - kept) * (g * g).mean(axis=-1)
            columns = kept * columns + (1 - kept) * (g * g).mean(axis=-2)
            v = np.einsum("...i,...j->...ij", rows, columns)
            v = v / np.maximum(rows.mean(axis=-1), eps)[..., None, None]
        else:
            v = kept * v + (1 - kept) * g * g
        u = g / np.sqrt(np.maximum(v, eps**2))
        u = u / max(1.0, length(u) / np.sqrt(u.size) / o.clip)
        size = max(length(w) / np.sqrt(w.size), o.least) * min(o.learning_rate, s**-0.5)
        w = (1 - o.learning_rate * o.weight_decay) * w - size * u
        path.append(w)
    return path


def orthogonalised(m: Array, o: Any) -> Array:
    """The same polynomial of the singular values themselves."""
    u, values, v = np.linalg.svd(m, full_matrices=False)
    values = values / max(length(m), o.epsilon)
    for _ in range(o.rounds):
        values = 3.4445 * values - 4.775 * values**3 + 2.0315 * values**5
    return (u * values) @ v


def muon(o: Any, w: Array, gradient: Gradient, steps: int) -> list[Array]:
    path, b, m, v = [], np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)
    for s in range(1, steps + 1):
        g = gradient(w)
        if w.ndim > 1:
            b = o.momentum * b + (1 - o.momentum) * g
            ahead = o.momentum * b + (1 - o.momentum) * g if o.nesterov else b
            towards = max(1.0, w.shape[1] / w.shape[0]) ** 0.5 * orthogonalised(ahead, o)
        else:
            m = o.beta1 * m + (1 - o.beta1) * g
            v = o.beta2 * v + (1 - o.beta2) * g**2
            towards = m / (1 - o.beta1**s) / (np.sqrt(v / (1 - o.beta2**s)) + 1e-8)
        w = (1 - o.learning_rate * o.weight_decay) * w - o.learning_rate * towards
        path.append(w)
    return path


def sam(o: Any, w: Array, gradient: Gradient, steps: int) -> list[Array]:
    """With plain descent as the base; where the gradient is 0 there is no uphill."""
    path = []
    for _ in range(steps):
        g, scale = gradient(w), np.abs(w) if o.adaptive else np.ones_like(w)
        uphill = scale * scale * g / (length(scale * g) + 1e-12)
        w = w - o.learning_rate * (gradient(w + o.rho * uphill) + o.weight_decay * w)
        path.append(w)
    return path


LAYERWISE: dict[str, Reference] = {
    "lars": Reference(
        (
            optim.LARS(2e-4),
            optim.LARS(2e-4, momentum=0.5, trust=0.1, epsilon=1e-3, weight_decay=0.1),
        ),
        lars,
    ),
    "lamb": Reference(
        (optim.LAMB(), optim.LAMB(0.01, beta1=0.8, beta2=0.99, epsilon=1e-3, weight_decay=0.1)),
        lamb,
    ),
    "adafactor": Reference(
        (
            optim.Adafactor(),
            optim.Adafactor(0.1, decay=0.5, clip=0.5, least=0.1, epsilon=1e-4, weight_decay=0.1),
        ),
        adafactor,
    ),
    "sam": Reference(
        (
            optim.SAM(1e-3),
            optim.SAM(1e-3, rho=0.1, adaptive=True, base="sgd", weight_decay=0.1),
        ),
        sam,
    ),
    "muon": Reference(
        (
            optim.Muon(),
            optim.Muon(0.02, momentum=0.8, nesterov=False, weight_decay=0.0),
            optim.Muon(0.02, momentum=0.5, rounds=3, beta1=0.5, beta2=0.9),
        ),
        muon,
    ),
}
