"""JAX: a jitted step called for each batch, and whole epochs inside one `lax.scan`.

Network and optimizer are written by hand, as few lines as a user of JAX alone would write.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from benchmarks.inputs import Inputs
from benchmarks.layers import Conv, Dense, Pool
from benchmarks.runner import Runner
from benchmarks.workloads import SGD, Workload

ACTIVATIONS = {
    "relu": lambda x: jnp.maximum(x, 0),
    "tanh": jnp.tanh,
    "gelu": lambda x: jax.nn.gelu(x, approximate=False),
}
LAYOUT = ("NHWC", "HWIO", "NHWC")


def pooled(layer: Pool, x: jax.Array) -> jax.Array:
    """The largest number, or the average, of every window."""
    window = (1, layer.size, layer.size, 1)
    if layer.kind == "max":
        return lax.reduce_window(x, -jnp.inf, lax.max, window, window, "VALID")
    return lax.reduce_window(x, 0.0, lax.add, window, window, "VALID") / layer.size**2


def outputs(workload: Workload, parameters: list[jax.Array], x: jax.Array) -> jax.Array:
    """The network's outputs for a batch."""
    given = iter(parameters)
    for layer in workload.layers:
        if isinstance(layer, Dense):
            x = x @ next(given) + next(given)
        elif isinstance(layer, Conv):
            padding = [(layer.padding, layer.padding)] * 2
            x = lax.conv_general_dilated(
                x, next(given), (1, 1), padding, dimension_numbers=LAYOUT
            ) + next(given)
        elif isinstance(layer, Pool):
            x = pooled(layer, x)
        else:
            x = x.reshape(len(x), -1)
        if getattr(layer, "activation", None):
            x = ACTIVATIONS[layer.activation](x)
    return x


def loss(workload: Workload, parameters: list[jax.Array], x: jax.Array, y: jax.Array) -> jax.Array:
    """The loss of a batch."""
    found = outputs(workload, parameters, x)
    if workload.loss == "mse":
        return jnp.mean((found - y) ** 2)
    chosen = jnp.take_along_axis(jax.nn.log_softmax(found), y[:, None], axis=1)
    return -jnp.mean(chosen)


def updated(rule: Any, state: dict[str, Any], gradients: list[jax.Array]) -> dict[str, Any]:
    """The state after one update of the optimizer."""
    p, number = state["parameters"], state["step"] + 1
    each = jax.tree.map
    m = state["first"]
    if isinstance(rule, SGD):
        m = each(lambda b, g: rule.momentum * b + g, m, gradients)
        new = each(lambda w, b: w - rule.learning_rate * b, p, m)
        return {"parameters": new, "first": m, "step": number}
    m = each(lambda m, g: 0.9 * m + 0.1 * g, m, gradients)
    v = each(lambda v, g: 0.999 * v + 0.001 * g * g, state["second"], gradients)
    t = number.astype(jnp.float32)
    # 1 - 0.999^t, without what float32 loses in the difference.
    first, second = -jnp.expm1(t * math.log(0.9)), -jnp.expm1(t * math.log(0.999))

    def moved(w: jax.Array, m: jax.Array, v: jax.Array) -> jax.Array:
        return w - rule.learning_rate * (m / first) / (jnp.sqrt(v / second) + 1e-8)

    return {"parameters": each(moved, p, m, v), "first": m, "second": v, "step": number}


class Jax(Runner):
    """One training loop in JAX.

    Args:
        workload: What is trained.
        inputs: The first weights, and the rows.
        scan: Whether a whole epoch is one call.
    """

    def __init__(self, workload: Workload, inputs: Inputs, scan: bool = False) -> None:
        super().__init__(workload, inputs)
        self.scan = scan
        self.batches = [(jnp.asarray(x), jnp.asarray(y)) for x, y in inputs.batches(workload.batch)]
        first = [jnp.array(p) for p in inputs.parameters]
        self.state: dict[str, Any] = {"parameters": first, "step": jnp.int32(0)}
        self.state["first"] = [jnp.zeros_like(p) for p in first]
        if not isinstance(workload.optimizer, SGD):
            self.state["second"] = [jnp.zeros_like(p) for p in first]

        def step(state: Any, batch: Any) -> Any:
            found, gradients = jax.value_and_grad(
                lambda p: loss(workload, p, *batch),
            )(state["parameters"])
            return updated(workload.optimizer, state, gradients), found

        self.step = jax.jit(step, donate_argnums=0)
        self.many = jax.jit(lambda state, xs: lax.scan(step, state, xs), donate_argnums=0)
        if scan:
            self.stacked = tuple(jnp.stack(part) for part in zip(*self.batches, strict=True))

    def losses(self, steps: int) -> list[float]:
        found = []
        if self.scan:  # those of the scan itself, which is compiled otherwise than a step
            while len(found) < steps:
                self.state, some = self.many(self.state, self.stacked)
                found += [float(x) for x in some]
            return found[:steps]
        for k in range(steps):
            self.state, one = self.step(self.state, self.batches[k % len(self.batches)])
            found.append(float(one))
        return found

    def epoch(self) -> None:
        if self.scan:
            self.state, _ = self.many(self.state, self.stacked)
        else:
            for batch in self.batches:
                self.state, _ = self.step(self.state, batch)
        jax.block_until_ready(self.state)


runner = Jax
