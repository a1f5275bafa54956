"""References of the optimizers that look at each weight alone, by their papers' formulas."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pullback import optim
from tests.optim.problems import Array, Gradient, Reference


def adagrad(o: Any, w: Array, gradient: Gradient, steps: int) -> list[Array]:
    path, v = [], np.full_like(w, o.initial_sum)
    for _ in range(steps):
        g = gradient(w) + o.weight_decay * w
        v = v + g**2
        w = w - o.learning_rate * g / (np.sqrt(v) + o.epsilon)
        path.append(w)
    return path


def adadelta(o: Any, w: Array, gradient: Gradient, steps: int) -> list[Array]:
    path, v, u = [], np.zeros_like(w), np.zeros_like(w)
    for _ in range(steps):
        g = gradient(w) + o.weight_decay * w
        v = o.rho * v + (1 - o.rho) * g**2
        d = np.sqrt((u + o.epsilon) / (v + o.epsilon)) * g
        u = o.rho * u + (1 - o.rho) * d**2
        w = w - o.learning_rate * d
        path.append(w)
    return path


def nadam(o: Any, w: Array, gradient: Gradient, steps: int) -> list[Array]:
    path, m, v, product = [], np.zeros_like(w), np.zeros_like(w), 1.0
    for s in range(1, steps + 1):
        g = gradient(w) + o.weight_decay * w
        m = o.beta1 * m + (1 - o.beta1) * g
        v = o.beta2 * v + (1 - o.beta2) * g**2
        now, then = (o.beta1 * (1 - 0.96 ** (k * o.momentum_decay) / 2) for k in (s, s + 1))
        product *= now
        ahead = (1 - now) * g / (1 - product) + then * m / (1 - product * then)
        w = w - o.learning_rate * ahead / (np.sqrt(v / (1 - o.beta2**s)) + o.epsilon)
        path.append(w)
    return path


def radam(o: Any, w: Array, gradient: Gradient, steps: int) -> list[Array]:
    path, m, v = [], np.zeros_like(w), np.zeros_like(w)
    longest = 2 / (1 - o.beta2) - 1
    for s in range(1, steps + 1):
        g = gradient(w) + o.weight_decay * w
        m = o.beta1 * m + (1 - o.beta1) * g
        v = o.beta2 * v + (1 - o.beta2) * g**2
        m_hat, kept = m / (1 - o.beta1**s), o.beta2**s
        rho = longest - 2 * s * kept / (1 - kept)
        if rho > 5:
            r = (rho - 4) * (rho - 2) * longest / ((longest - 4) * (longest - 2) * rho)
            m_hat = math.sqrt(r) * m_hat * math.sqrt(1 - kept) / (np.sqrt(v) + o.epsilon)
        w = w - o.learning_rate * m_hat
        path.append(w)
    return path


def adamax(o: Any, w: Array, gradient: Gradient, steps: int) -> list[Array]:
    path, m, u = [], np.zeros_like(w), np.zeros_like(w)
    for s in range(1, steps + 1):
        g = gradient(w) + o.weight_decay * w
        m = o.beta1 * m + (1 - o.beta1) * g
        u = np.maximum(o.beta2 * u, np.abs(g) + o.epsilon)
        w = w - o.learning_rate / (1 - o.beta1**s) * m / u
        path.append(w)
    return path


def adabelief(o: Any, w: Array, gradient: Gradient, steps: int) -> list[Array]:
    path, m, v = [], np.zeros_like(w), np.zeros_like(w)
    for s in range(1, steps + 1):
        g = gradient(w) + o.weight_decay * w
        m = o.beta1 * m + (1 - o.beta1) * g
        v = o.beta2 * v + (1 - o.beta2) * (g - m) ** 2 + o.epsilon
        m_hat, v_hat = m / (1 - o.beta1**s), v / (1 - o.beta2**s)
        w = w - o.learning_rate * m_hat / (np.sqrt(v_hat) + o.epsilon)
        path.append(w)
    return path


def yogi(o: Any, w: Array, gradient: Gradient, steps: int) -> list[Array]:
    path, m, v = [], np.zeros_like(w), np.full_like(w, o.initial_square)
    for s in range(1, steps + 1):
        g = gradient(w) + o.weight_decay * w
        m = o.beta1 * m + (1 - o.beta1) * g
        v = v - (1 - o.beta2) * np.sign(v - g**2) * g**2
        m_hat, v_hat = m / (1 - o.beta1**s), v / (1 - o.beta2**s)
        w = w - o.learning_rate * m_hat / (np.sqrt(v_hat) + o.epsilon)
        path.append(w)
    return path


def lion(o: Any, w: Array, gradient: Gradient, steps: int) -> list[Array]:
    path, m = [], np.zeros_like(w)
    for _ in range(steps):
        g = gradient(w)
        c = o.beta1 * m + (1 - o.beta1) * g
        w = w - o.learning_rate * (np.sign(c) + o.weight_decay * w)
        m = o.beta2 * m + (1 - o.beta2) * g
        path.append(w)
    return path


def rprop(o: Any, w: Array, gradient: Gradient, steps: int) -> list[Array]:
    path, before, size = [], np.zeros_like(w), np.full_like(w, o.learning_rate)
    for _ in range(steps):
        g = gradient(w) + o.weight_decay * w
        for place in np.ndindex(w.shape):
            turned = np.sign(g[place] * before[place])
            factor = {1: o.grow, -1: o.shrink, 0: 1.0}[int(turned)]
            size[place] = min(max(size[place] * factor, o.least), o.most)
            if turned < 0:
                g[place] = 0
        w, before = w - np.sign(g) * size, g
        path.append(w)
    return path


def schedule_free(o: Any, w: Array, gradient: Gradient, steps: int) -> list[Array]:
    """The rate is constant here, so that the average is the plain mean of all z."""
    path, y, v, all_z, z = [], w, np.zeros_like(w), [], w
    for s in range(1, steps + 1):
        g = gradient(y)
        if o.name == "schedule_free_adamw":
            v = o.beta2 * v + (1 - o.beta2) * g**2
            g = g / (np.sqrt(v / (1 - o.beta2**s)) + o.epsilon)
        z = z - o.learning_rate * (g + o.weight_decay * y)
        all_z.append(z)
        y = (1 - o.beta) * z + o.beta * np.mean(all_z, axis=0)
        path.append(y)
    return path


ADAPTIVE: dict[str, Reference] = {
    "adagrad": Reference(
        (optim.Adagrad(), optim.Adagrad(0.1, epsilon=1e-3, initial_sum=0.5, weight_decay=0.1)),
        adagrad,
    ),
    "adadelta": Reference(
        (
            optim.Adadelta(),
            optim.Adadelta(0.5, rho=0.8, epsilon=1e-4, weight_decay=0.1),
            optim.Adadelta(rho=0.0, epsilon=1e-3),
        ),
        adadelta,
    ),
    "nadam": Reference(
        (
            optim.NAdam(),
            optim.NAdam(0.05, beta1=0.8, beta2=0.99, epsilon=1e-3, weight_decay=0.1),
            optim.NAdam(0.02, momentum_decay=0.5),
            optim.NAdam(0.02, beta1=0.0, momentum_decay=0.0),
        ),
        nadam,
    ),
    "radam": Reference(
        (
            optim.RAdam(),
            optim.RAdam(0.001, beta1=0.8, beta2=0.99, epsilon=1e-3, weight_decay=0.1),
            optim.RAdam(0.001, beta2=0.6),
        ),
        radam,
    ),
    "adamax": Reference(
        (optim.Adamax(), optim.Adamax(0.005, beta1=0.5, beta2=0.9, epsilon=1e-3, weight_decay=0.1)),
        adamax,
    ),
    "adabelief": Reference(
        (
            optim.AdaBelief(),
            optim.AdaBelief(0.01, beta1=0.8, beta2=0.99, epsilon=1e-6, weight_decay=0.1),
        ),
        adabelief,
    ),
    "yogi": Reference(
        (
            optim.Yogi(),
            optim.Yogi(0.02, beta2=0.9, epsilon=1e-2, initial_square=0.0, weight_decay=0.1),
        ),
        yogi,
    ),
    "lion": Reference(
        (optim.Lion(), optim.Lion(0.013, beta1=0.5, beta2=0.7, weight_decay=0.3)),
        lion,
    ),
    "rprop": Reference(
        (
            optim.Rprop(),
            optim.Rprop(0.02, shrink=0.3, grow=1.5, least=1e-3, most=0.05, weight_decay=0.1),
        ),
        rprop,
    ),
    "schedule_free_sgd": Reference(
        (
            optim.ScheduleFreeSGD(2e-3),
            optim.ScheduleFreeSGD(1e-3, beta=0.5, weight_decay=0.1),
            optim.ScheduleFreeSGD(1e-3, beta=0.0),
        ),
        schedule_free,
    ),
    "schedule_free_adamw": Reference(
        (
            optim.ScheduleFreeAdamW(),
            optim.ScheduleFreeAdamW(0.01, beta=0.7, beta2=0.9, epsilon=1e-4, weight_decay=0.1),
        ),
        schedule_free,
    ),
}
