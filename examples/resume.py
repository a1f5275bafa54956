"""A training that is interrupted, and goes on later to the very same bits.

Ctrl-C or a killed process would do the same as the callback here: what is on the disk is always a
whole step.
"""

from __future__ import annotations

import numpy as np

import pullback as pb


class Stop(pb.Callback):
    """Interrupts after some steps, in the middle of an epoch."""

    def on_step(self, session: object) -> None:
        if session.step == 137:
            session.stop("something came up", "interrupted")


def data() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    X = random.normal(size=(300, 2))
    return X, (X[:, 0] * X[:, 1] > 0).astype(int)


def network() -> pb.nn.Module:
    return pb.nn.dense(2, [16], 2, activation="tanh", dropout=0.1)


settings = {"validation": 0.2, "epochs": 40, "batch_size": 16, "seed": 7}

whole = pb.fit(network(), data(), **settings)
print(f"without interruption: {whole.step} steps")

first = pb.fit(network(), data(), save="runs", name="xor", callbacks=[Stop()], **settings)
print(f"interrupted: {first.reason}, after step {first.step}; kept in {first.path}")

second = pb.resume(first.path)
print(f"resumed: {second.step} steps, {second.reason}")

same = all(
    np.array_equal(a.numpy(), b.numpy())
    for a, b in zip(
        whole.network.parameters().values(), second.network.parameters().values(), strict=True
    )
)
print("the same bits:", same)
