"""A physics-informed network: it learns a function from its differential equation alone.

The harmonic oscillator u'' + w^2 u = 0 with u(0) = 1 and u'(0) = 0 has the solution cos(w t). The
loss is how far the network is from fulfilling the equation at random times, and the conditions at
0; the derivatives in it are taken by the library, and differentiated again by the step.

(M. Raissi, P. Perdikaris and G. Karniadakis, 2019, "Physics-informed neural networks".)
"""

import numpy as np

import pullback as pb

OMEGA, END, STEPS = 2.0, 3.0, 3000

network = pb.nn.dense(1, [32, 32], 1, activation="tanh")
training = pb.Training(network=network, seed=0)


def slope(u, t):
    """du/dt, row by row: each output depends on its own row alone."""
    (u_bar,) = pb.gradient(u.sum(), [t])
    return u_bar


@training.step(optimizer=pb.optim.Adam(3e-3, schedule="cosine"), total_steps=STEPS)
def step(t, zero):
    u = network(t)
    residual = slope(slope(u, t), t) + OMEGA**2 * u
    start = network(zero)
    conditions = ((start - 1.0) ** 2).mean() + (slope(start, zero) ** 2).mean()
    equation = (residual**2).mean()
    return equation + 10.0 * conditions, {"equation": equation, "conditions": conditions}


random = np.random.default_rng(0)
for number in range(1, STEPS + 1):
    loss, parts = step(random.uniform(0, END, (64, 1)), np.zeros((1, 1)))
    if number % 1000 == 0:
        print(f"step {number}: equation {parts['equation']:.1e}, at 0 {parts['conditions']:.1e}")

times = np.linspace(0, END, 100, dtype="float32")[:, None]
error = np.abs(network(times).numpy() - np.cos(OMEGA * times)).max()
print(f"largest error against cos({OMEGA:g} t): {error:.4f}")
assert error < 0.05
