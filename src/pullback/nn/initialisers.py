r"""Initial values of parameters, each a pure function of seed and place.

`fan_in` is how many numbers feed one output, `fan_out` how many outputs one number feeds.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from pullback import named
from pullback.graph.dtypes import Array, Dtype, Shape
from pullback.named import register
from pullback.ops import philox

Fans = tuple[int, int]


class Initialiser(named.Named):
    """Makes the first value of a parameter."""

    kind: ClassVar[str] = "initialiser"

    def __call__(
        self, shape: Shape, dtype: Dtype, *, seed: int = 0, path: str = "", fans: Fans | None = None
    ) -> Array:
        """The initial value of the parameter at `path`: the same seed gives the same value."""
        stream = philox.stream("initialise", path)
        return np.asarray(self.draw(shape, fans or fans_of(shape), seed, stream), dtype)

    def draw(self, shape: Shape, fans: Fans, seed: int, stream: int) -> Array:
        """The values in float64."""
        raise TypeError(f"{type(self).__name__} draws nothing")


def fans_of(shape: Shape) -> Fans:
    """(fan_in, fan_out) of a weight of shape (in_features, out_features), or of a vector."""
    if len(shape) < 2:
        return (shape[0] if shape else 1,) * 2
    field = math.prod(shape[:-2])
    return shape[-2] * field, shape[-1] * field


def registry() -> dict[str, type[Initialiser]]:
    """All initialisers by name, sorted."""
    return named.registry(Initialiser)


def get(value: Initialiser | str | dict[str, Any]) -> Initialiser:
    """The initialiser of that name; an instance is handed back.

    Raises:
        UnknownNameError: There is none; the nearest is named.

    Example:
        >>> get("he_normal")
        HeNormal()
    """
    return named.get(Initialiser, value)


def _uniform(shape: Shape, limit: float, seed: int, stream: int) -> Array:
    unit: Array = philox.uniform(seed, stream, 0, 0, shape, np.dtype(np.float64))
    return (2 * unit - 1) * limit


def _normal(shape: Shape, deviation: float, seed: int, stream: int) -> Array:
    drawn: Array = philox.normal(seed, stream, 0, 0, shape, np.dtype(np.float64))
    return drawn * deviation


@register
class Zeros(Initialiser):
    """All 0."""

    name = "zeros"

    def draw(self, shape: Shape, fans: Fans, seed: int, stream: int) -> Array:
        return np.zeros(shape)


@register
class Ones(Initialiser):
    """All 1."""

    name = "ones"

    def draw(self, shape: Shape, fans: Fans, seed: int, stream: int) -> Array:
        return np.ones(shape)


@register
class Constant(Initialiser):
    """All `value`."""

    name = "constant"
    value: float = 0.0

    def check(self) -> None:
        """Check the value."""
        self.check_number("value")

    def draw(self, shape: Shape, fans: Fans, seed: int, stream: int) -> Array:
        return np.full(shape, self.value)


@register
class Normal(Initialiser):
    """Normal with mean 0 and the given deviation."""

    name = "normal"
    deviation: float = 0.01

    def check(self) -> None:
        """Check the deviation."""
        self.check_number("deviation", above=0)

    def draw(self, shape: Shape, fans: Fans, seed: int, stream: int) -> Array:
        return _normal(shape, self.deviation, seed, stream)


@register
class Uniform(Initialiser):
    """Uniform within plus or minus `limit`."""

    name = "uniform"
    limit: float = 0.05

    def check(self) -> None:
        """Check the limit."""
        self.check_number("limit", above=0)

    def draw(self, shape: Shape, fans: Fans, seed: int, stream: int) -> Array:
        return _uniform(shape, self.limit, seed, stream)


@register
class FanInUniform(Initialiser):
    r"""Uniform within $\pm 1/\sqrt{\text{fan\_in}}$, for weights and biases alike.

    What PyTorch gives a linear layer.
    """

    name = "fan_in_uniform"

    def draw(self, shape: Shape, fans: Fans, seed: int, stream: int) -> Array:
        return _uniform(shape, 1 / math.sqrt(max(fans[0], 1)), seed, stream)


@register
class GlorotUniform(Initialiser):
    r"""Uniform within $\pm\sqrt{6 / (\text{fan\_in} + \text{fan\_out})}$.

    References:
        Glorot and Bengio, 2010, "Understanding the difficulty of training deep feedforward neural
        networks".
    """

    name = "glorot_uniform"
    aliases = ("xavier_uniform", "glorot", "xavier")

    def draw(self, shape: Shape, fans: Fans, seed: int, stream: int) -> Array:
        return _uniform(shape, math.sqrt(6 / max(sum(fans), 1)), seed, stream)


@register
class GlorotNormal(Initialiser):
    r"""Normal with deviation $\sqrt{2 / (\text{fan\_in} + \text{fan\_out})}$.

    References:
        Glorot and Bengio, 2010, "Understanding the difficulty of training deep feedforward neural
        networks".
    """

    name = "glorot_normal"
    aliases = ("xavier_normal",)

    def draw(self, shape: Shape, fans: Fans, seed: int, stream: int) -> Array:
        return _normal(shape, math.sqrt(2 / max(sum(fans), 1)), seed, stream)


@register
class HeUniform(Initialiser):
    r"""Uniform within $\pm\sqrt{6 / \text{fan\_in}}$, for rectifiers.

    References:
        He, Zhang, Ren and Sun, 2015, "Delving deep into rectifiers".
    """

    name = "he_uniform"
    aliases = ("kaiming_uniform", "he", "kaiming")

    def draw(self, shape: Shape, fans: Fans, seed: int, stream: int) -> Array:
        return _uniform(shape, math.sqrt(6 / max(fans[0], 1)), seed, stream)


@register
class HeNormal(Initialiser):
    r"""Normal with deviation $\sqrt{2 / \text{fan\_in}}$, for rectifiers.

    References:
        He, Zhang, Ren and Sun, 2015, "Delving deep into rectifiers".
    """

    name = "he_normal"
    aliases = ("kaiming_normal",)

    def draw(self, shape: Shape, fans: Fans, seed: int, stream: int) -> Array:
        return _normal(shape, math.sqrt(2 / max(fans[0], 1)), seed, stream)


@register
class LecunUniform(Initialiser):
    r"""Uniform within $\pm\sqrt{3 / \text{fan\_in}}$.

    References:
        LeCun, Bottou, Orr and Mueller, 1998, "Efficient backprop".
    """

    name = "lecun_uniform"

    def draw(self, shape: Shape, fans: Fans, seed: int, stream: int) -> Array:
        return _uniform(shape, math.sqrt(3 / max(fans[0], 1)), seed, stream)


@register
class LecunNormal(Initialiser):
    r"""Normal with deviation $\sqrt{1 / \text{fan\_in}}$.

    References:
        LeCun, Bottou, Orr and Mueller, 1998, "Efficient backprop".
    """

    name = "lecun_normal"
    aliases = ("lecun",)

    def draw(self, shape: Shape, fans: Fans, seed: int, stream: int) -> Array:
        return _normal(shape, math.sqrt(1 / max(fans[0], 1)), seed, stream)
