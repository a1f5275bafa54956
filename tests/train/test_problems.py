"""Small problems that a network must solve, in seconds; and memory that does not grow."""

from __future__ import annotations

import gc
import time
import tracemalloc
from typing import Any

import numpy as np
import pytest

import pullback as pb


def xor() -> tuple[np.ndarray, np.ndarray]:
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    return x, np.array([0, 1, 1, 0])


def moons(rows: int = 400, noise: float = 0.1, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    angle = random.uniform(0, np.pi, rows)
    y = np.arange(rows) % 2
    x = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    x[y == 1] = np.array([1, 0.5]) - x[y == 1]
    return x + random.normal(scale=noise, size=x.shape), y


def spirals(
    rows: int = 400, turns: float = 1.75, noise: float = 0.02, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Two arms that wind around each other."""
    random = np.random.default_rng(seed)
    y = np.arange(rows) % 2
    r = np.sqrt(random.uniform(0.02, 1, rows))
    angle = 2 * np.pi * turns * r + np.pi * y
    x = np.stack([r * np.cos(angle), r * np.sin(angle)], axis=1)
    return x + random.normal(scale=noise, size=x.shape), y


@pytest.mark.parametrize("activation", ["tanh", "gelu", "silu"])
def test_xor(activation: str) -> None:
    for seed in range(3):
        network = pb.nn.dense(2, [8], 2, activation=activation)
        run = pb.fit(
            network,
            xor(),
            until="train.accuracy >= 1 and train.loss < 0.05",
            epochs=2000,
            optimizer=pb.optim.Adam(0.03),
            seed=seed,
        )
        assert run.scores["train.accuracy"] == 1.0
        np.testing.assert_array_equal(network.predict(xor()[0]), [0, 1, 1, 0])


def test_xor_with_one_output() -> None:
    x, y = xor()
    run = pb.fit(
        pb.nn.dense(2, [8], 1, activation="tanh"),
        (x, y),
        loss="bce",
        until="train.loss < 0.05",
        epochs=2000,
        optimizer=pb.optim.SGD(0.5, momentum=0.9),
    )
    assert run.scores["train.accuracy"] == 1.0


def solved(make: Any, hidden: list[int], epochs: int, wanted: float) -> None:
    began = time.process_time()
    run = pb.fit(
        pb.nn.dense(2, hidden, 2, activation="tanh"),
        make(seed=1),
        validation=make(seed=2),
        until=f"accuracy >= {wanted} and loss < 0.1",
        epochs=epochs,
        optimizer=pb.optim.Adam(0.02),
        seed=0,
    )
    assert run.scores["validation.accuracy"] >= wanted, run
    x, y = make(seed=3)
    assert (run.network.predict(x) == y).mean() >= wanted - 0.01
    assert time.process_time() - began < 30


def test_moons() -> None:
    solved(moons, [16, 16], 200, 0.98)


def test_two_spirals() -> None:
    solved(spirals, [32, 32], 600, 0.98)


def test_a_sine() -> None:
    x = np.linspace(-3, 3, 200)[:, None]
    run = pb.fit(
        pb.nn.dense(1, [24], 1, activation="tanh"),
        (x, np.sin(2 * x)),
        until="train.r2 >= 0.99",
        epochs=1500,
        optimizer=pb.optim.Adam(0.02),
    )
    assert run.scores["train.r2"] >= 0.99


@pytest.mark.parametrize(("accumulate", "steps"), [(1, 2000), (2, 500)])
def test_two_thousand_steps_keep_memory_flat(accumulate: int, steps: int) -> None:
    """What grows is the record of steps, of 40 bytes each, and of epochs, here 1 for 100 steps."""
    seen: dict[int, int] = {}

    class Watch(pb.Callback):
        def on_step(self, session: Any) -> None:
            if session.step in (200, 200 + steps):
                gc.collect()
                seen[session.step] = tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        pb.fit(
            pb.nn.dense(2, [8], 2, dropout=0.1),
            moons(400),
            steps=200 + steps,
            batch_size=4,
            accumulate=accumulate,
            callbacks=[Watch()],
        )
    finally:
        tracemalloc.stop()
    assert seen[200 + steps] - seen[200] < (2.5 * 40 + 30) * steps, seen
