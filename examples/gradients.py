"""Derivatives of anything: gradients, directional derivatives, Hessians, and a check of them.

A value knows how it was computed. Its derivative is a value too, so it can be printed as a formula
and differentiated again.
"""

from __future__ import annotations

import pullback as pb
from pullback.autodiff import pullback
from pullback.graph.printing import formula

x = pb.tensor([0.5, -1.0, 2.0], name="x")
loss = (pb.tanh(x) ** 2).sum()
(x_bar,) = pb.gradient(loss, [x])
print("loss     ", loss)
print("gradient ", x_bar)

# The rule of one operation (its pullback), written out.
y, y_bar = pb.tanh(x), pb.tensor([1.0, 1.0, 1.0])
(x_bar,) = pullback(y, y_bar)
print("rule      x_bar =", formula(x_bar, {y: "y", y_bar: "y_bar"}))


def rosenbrock(p: pb.Tensor) -> pb.Tensor:
    """A narrow, curved valley whose lowest point is (1, 1)."""
    return (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2


here = pb.tensor([-1.2, 1.0], "float64")
value, slope = pb.value_and_grad(rosenbrock)(here)
print("\nRosenbrock's valley at", here)
print("value    ", value)
print("gradient ", slope)

# Along one direction: the slope, and how the gradient changes.
east = pb.tensor([1.0, 0.0], "float64")
_, rate = pb.jvp(rosenbrock, [here], [east])
(column,) = pb.hvp(rosenbrock, [here], [east])
print("slope to the east         ", rate)
print("first column of the Hessian", column)

print("\nBoth orders against finite differences:")
print(pb.gradcheck(rosenbrock, [here]))
print(pb.gradcheck(rosenbrock, [here], order=2))
