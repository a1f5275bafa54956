"""XOR by a training loop written by hand: forward, loss, gradient, update.

A network without a hidden layer cannot learn XOR; one with a few hidden neurons can.
`stop_gradient` lets the new weights start a history of their own, so every step costs the same.
"""

from __future__ import annotations

import numpy as np

import pullback as pb

X = pb.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
y = pb.tensor([[0.0], [1.0], [1.0], [0.0]])

random = np.random.default_rng(1)
weights = {
    "W1": pb.tensor(random.normal(size=(2, 4)), "float32"),
    "b1": pb.zeros((4,)),
    "W2": pb.tensor(random.normal(size=(4, 1)), "float32"),
    "b2": pb.zeros((1,)),
}


def logits(W1: pb.Tensor, b1: pb.Tensor, W2: pb.Tensor, b2: pb.Tensor) -> pb.Tensor:
    return pb.tanh(X @ W1 + b1) @ W2 + b2


learning_rate = 0.5
for step in range(501):
    loss = pb.losses.binary_cross_entropy_with_logits(logits(**weights), y)
    bars = pb.gradient(loss, list(weights.values()))
    if step % 100 == 0:
        print(f"step {step:3}  loss {loss.item():.4f}")
    weights = {
        name: pb.stop_gradient(w - learning_rate * w_bar)
        for (name, w), w_bar in zip(weights.items(), bars, strict=True)
    }

print()
probabilities = pb.sigmoid(logits(**weights)).numpy()
for (a, b), p in zip(X.numpy(), probabilities, strict=True):
    print(f"{a:.0f} xor {b:.0f}: {p.item():.3f}")
