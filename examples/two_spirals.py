"""Two interleaved spirals, told apart by a dense network that is trained until it is good enough.

The picture at the end is the network's answer over the whole plane.
"""

from __future__ import annotations

import numpy as np

import pullback as pb

random = np.random.default_rng(0)
t = random.uniform(0.5, 3.0, 400)
label = random.integers(0, 2, 400)
angle = np.pi * (t + label)
X = np.stack([t * np.cos(angle), t * np.sin(angle)], axis=1) + random.normal(0, 0.05, (400, 2))

network = pb.nn.dense(2, [32, 32], 2, activation="tanh")
print(network)

run = pb.fit(
    network,
    (X, label),
    validation=0.2,
    optimizer=pb.optim.Adam(learning_rate=1e-2),
    epochs=500,
    until="accuracy >= 0.99",
    seed=0,
)
print()
print(run)

columns, rows = np.linspace(-3.2, 3.2, 60), np.linspace(3.2, -3.2, 26)
plane = np.array([(a, b) for b in rows for a in columns])
answer = network.predict(plane).reshape(len(rows), len(columns))
print()
for row in answer:
    print("".join(".#"[cell] for cell in row))
