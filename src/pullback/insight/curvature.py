"""`pb.curvature`: the largest eigenvalues of the Hessian, and what they allow."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pullback import ops
from pullback.autodiff.reverse import backward, gradient
from pullback.errors import ConfigError
from pullback.execute import State, executor
from pullback.graph.dtypes import Array
from pullback.graph.node import Node, placeholder
from pullback.insight.subject import Subject, of_network
from pullback.insight.values import feeds_and_slots
from pullback.nn.module import Module
from pullback.plan import Step

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Curvature:
    r"""The ends of the spectrum of a Hessian $H = \partial^2 L / \partial \theta^2$.

    Attributes:
        eigenvalues: The largest ones, the largest first.
        errors: How far each can be from an eigenvalue: the norm of $Hv - \lambda v$.
        lowest: The smallest eigenvalue found; below 0 the loss curves down along some direction.
        products: How many products of H with a vector it took.
        learning_rate: The one it was compared with, where one was given.
        eigenvectors: Of each eigenvalue its vector, of length 1, by the path of the parameter.
    """

    eigenvalues: Array
    errors: Array
    lowest: float
    products: int
    learning_rate: float | None = None
    eigenvectors: tuple[Mapping[str, Array], ...] = ()

    @property
    def sharpness(self) -> float:
        r"""The largest eigenvalue $\lambda$."""
        return float(self.eigenvalues[0])

    @property
    def critical_rate(self) -> float:
        r"""$2/\lambda$: beyond it, gradient descent overshoots along the sharpest direction."""
        return 2 / self.sharpness if self.sharpness > 0 else float("inf")

    def __str__(self) -> str:
        pairs = zip(self.eigenvalues, self.errors, strict=True)
        shown = ", ".join(f"{value:.4g} (to {error:.1g})" for value, error in pairs)
        lines = [f"largest eigenvalues of the Hessian: {shown}", f"the lowest: {self.lowest:.4g}"]
        said = f"gradient descent is stable up to a learning rate of {self.critical_rate:.4g}"
        if self.learning_rate is not None:
            fits = "within it" if self.learning_rate <= self.critical_rate else "BEYOND it"
            said += f"; {self.learning_rate:g} is {fits}"
        return "\n".join([*lines, said])

    __repr__ = __str__

    def to_json(self) -> dict[str, Any]:
        """The eigenvalues as plain data, without the vectors; None for what is not finite."""

        def finite(x: float) -> float | None:
            return float(x) if math.isfinite(x) else None

        return {
            "eigenvalues": [finite(x) for x in self.eigenvalues.tolist()],
            "errors": [finite(x) for x in self.errors.tolist()],
            "lowest": finite(self.lowest),
            "products": self.products,
            "learning_rate": self.learning_rate,
            "critical_rate": finite(self.critical_rate),
        }

    def figure(self) -> Figure:
        """The eigenvalues as bars; see `pb.figure`."""
        from pullback.insight.figures import figure

        return figure(self)


def curvature(
    network: Module,
    data: Any,
    *,
    loss: Any,
    count: int = 3,
    tolerance: float = 1e-3,
    products: int = 100,
    learning_rate: float | None = None,
    training: bool = False,
    seed: int = 0,
    executor: str | None = None,
) -> Curvature:
    r"""The largest eigenvalues of the Hessian of a network's loss on a batch.

    The Hessian is never built: the method of Lanczos needs its products with vectors only, and
    each is a backward pass through the backward pass. All vectors so far are kept orthogonal, so
    no eigenvalue is found twice.

    Args:
        network: With values; frozen parameters are left out.
        data: `(X, y)` or `(X, y, weights)`.
        loss: A loss or its name; a dict of them for several outputs.
        count: How many eigenvalues are wanted.
        tolerance: How near they must be, relative to the largest.
        products: How many products with vectors there are at most.
        learning_rate: Whether gradient descent with it is stable is said.
        training: Whether the network is called as in training.
        seed: Of the first vector.
        executor: By which engine; None takes the default.

    Returns:
        A `Curvature`; `errors` says how near its eigenvalues are.

    Raises:
        ConfigError: `count` or `products` is not positive, or nothing can be trained.

    Example:
        >>> import pullback as pb
        >>> network = pb.nn.Linear(1, 1, bias=False).initialise(seed=0)
        >>> found = pb.curvature(network, ([[1.0], [3.0]], [[0.0], [1.0]]), loss="mse", count=1)
        >>> round(found.sharpness, 4)  # the mean of 2 x^2
        10.0

    References:
        C. Lanczos, 1950, "An iteration method for the solution of the eigenvalue problem".
        B. Pearlmutter, 1994, "Fast exact multiplication by the Hessian".
        J. Cohen et al., 2021, "Gradient descent on neural networks typically occurs at the edge of
        stability".
    """
    if count < 1 or products < 1:
        raise ConfigError(
            "count and products must be positive", f"{count} and {products}", "Use 3 and 100."
        )
    subject = of_network(network, data, loss, training=training)
    trained = {p: subject.node(p) for p, v in network.parameters().items() if v.trainable}
    if not trained:
        raise ConfigError(
            "a Hessian is that of trainable parameters", "none", "Call network.unfreeze()."
        )
    product, size = hessian_product(subject, trained, executor)
    random = np.random.default_rng(seed)
    values, errors, lowest, taken, vectors = _lanczos(
        product, size, count, tolerance, products, random
    )
    apart = tuple(_by_path(vector, trained) for vector in vectors)
    return Curvature(values, errors, lowest, taken, learning_rate, apart)


def _by_path(vector: Array, wrt: Mapping[str, Node]) -> dict[str, Array]:
    """A vector of all parameters in a row, cut into one array each."""
    bounds = np.cumsum([0, *(x.size for x in wrt.values())])
    cut = zip(wrt.items(), bounds, bounds[1:], strict=False)
    return {path: vector[a:b].reshape(x.shape) for (path, x), a, b in cut}


def hessian_product(
    subject: Subject, wrt: dict[str, Node], kind: str | None = None
) -> tuple[Callable[[Array], Array], int]:
    """The product of the Hessian with a vector of all `wrt` in a row, and its length."""
    nodes = list(wrt.values())
    bars = gradient(subject.loss, nodes)
    ways = [placeholder(f"way/{name}", x.shape, x.dtype) for name, x in wrt.items()]
    made = backward(bars, ways, nodes)
    outputs = {
        name: ops.full_like(x, 0.0) if bar is None else bar
        for (name, x), bar in zip(wrt.items(), made, strict=True)
    }
    feeds, state = feeds_and_slots(subject.values)
    ran = executor(Step(outputs, name="product with the Hessian"), State(state), kind)
    program = getattr(ran, "program", None)
    bounds = np.cumsum([0, *(x.size for x in nodes)])

    def product(vector: Array) -> Array:
        given = dict(feeds)
        for name, x, a, b in zip(wrt, nodes, bounds, bounds[1:], strict=False):
            given[f"way/{name}"] = vector[a:b].reshape(x.shape).astype(x.dtype)
        needed = given if program is None else {label: given[label] for label in program.feeds}
        found = ran.run(needed)
        return np.concatenate([found[name].ravel().astype(np.float64) for name in wrt])

    return product, int(bounds[-1])


def _lanczos(
    product: Callable[[Array], Array],
    size: int,
    count: int,
    tolerance: float,
    most: int,
    random: np.random.Generator,
) -> tuple[Array, Array, float, int, list[Array]]:
    """The largest eigenvalues, how far off each may be, the lowest, the products, the vectors."""
    first = random.normal(size=size)
    basis = [first / np.linalg.norm(first)]
    diagonal: list[float] = []
    beside: list[float] = []
    while True:
        w = product(basis[-1])
        diagonal.append(float(w @ basis[-1]))
        for _ in range(2):  # once is not enough for vectors that nearly vanish
            for q in basis:
                w -= (w @ q) * q
        beta = float(np.linalg.norm(w))
        t = np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)
        values, vectors = np.linalg.eigh(t)
        errors = np.abs(beta * vectors[-1])
        top = slice(None, -count - 1, -1)
        scale = max(float(np.abs(values).max()), 1e-30)
        ended = len(diagonal) >= min(size, most) or beta <= 1e-7 * scale
        if ended or (len(values) > count and (errors[top] <= tolerance * scale).all()):
            ritz = [np.tensordot(v, np.stack(basis), 1) for v in vectors.T[top]]
            return values[top], errors[top], float(values[0]), len(diagonal), ritz
        beside.append(beta)
        basis.append(w / beta)
