r"""Initial values of parameters, each a pure function of seed and place.

`fan_in` is how many numbers feed one output, `fan_out` how many outputs one number feeds.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pullback import named
from pullback.errors import ConfigError
from pullback.graph.dtypes import Array, Shape
from pullback.named import register
from pullback.nn.initialiser import Fans as Fans
from pullback.nn.initialiser import Initialiser as Initialiser
from pullback.nn.initialiser import fans_of as fans_of
from pullback.nn.initialiser import normal as _normal
from pullback.nn.initialiser import uniform as _uniform
from pullback.nn.structured import Identity as Identity
from pullback.nn.structured import Orthogonal as Orthogonal
from pullback.nn.structured import Sparse as Sparse


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


@register
class Zeros(Initialiser):
    """All 0.

    References:
        I. Goodfellow, Y. Bengio and A. Courville, 2016, "Deep learning", section 8.4.
    """

    name = "zeros"

    def draw(self, shape: Shape, fans: Fans, seed: int, stream: int) -> Array:
        return np.zeros(shape)


@register
class Ones(Initialiser):
    """All 1.

    References:
        I. Goodfellow, Y. Bengio and A. Courville, 2016, "Deep learning", section 8.4.
    """

    name = "ones"

    def draw(self, shape: Shape, fans: Fans, seed: int, stream: int) -> Array:
        return np.ones(shape)


@register
class Constant(Initialiser):
    """All `value`.

    References:
        I. Goodfellow, Y. Bengio and A. Courville, 2016, "Deep learning", section 8.4.
    """

    name = "constant"
    value: float = 0.0

    def check(self) -> None:
        """Check the value."""
        self.check_number("value")

    def draw(self, shape: Shape, fans: Fans, seed: int, stream: int) -> Array:
        return np.full(shape, self.value)


@register
class Normal(Initialiser):
    """Normal with mean 0 and the given deviation.

    References:
        I. Goodfellow, Y. Bengio and A. Courville, 2016, "Deep learning", section 8.4.
    """

    name = "normal"
    deviation: float = 0.01

    def check(self) -> None:
        """Check the deviation."""
        self.check_number("deviation", above=0)

    def draw(self, shape: Shape, fans: Fans, seed: int, stream: int) -> Array:
        return _normal(shape, self.deviation, seed, stream)


@register
class Uniform(Initialiser):
    """Uniform within plus or minus `limit`.

    References:
        I. Goodfellow, Y. Bengio and A. Courville, 2016, "Deep learning", section 8.4.
    """

    name = "uniform"
    limit: float = 0.05

    def check(self) -> None:
        """Check the limit."""
        self.check_number("limit", above=0)

    def draw(self, shape: Shape, fans: Fans, seed: int, stream: int) -> Array:
        return _uniform(shape, self.limit, seed, stream)


@register
class TruncatedNormal(Initialiser):
    """Normal with mean 0, drawn again where it is further out than `bound` deviations.

    What is left has a smaller deviation: 0.88 of `deviation` with a bound of 2.

    References:
        M. Abadi et al., 2016, "TensorFlow: a system for large-scale machine learning".
    """

    name = "truncated_normal"
    deviation: float = 0.01
    bound: float = 2.0

    def check(self) -> None:
        """Check the deviation and the bound."""
        self.check_number("deviation", above=0)
        self.check_number("bound", least=0.1)

    def draw(self, shape: Shape, fans: Fans, seed: int, stream: int) -> Array:
        return _truncated(shape, self.bound, seed, stream) * self.deviation


MODES = ("fan_in", "fan_out", "fan_mean")
FORMS = ("uniform", "normal", "truncated_normal")
# The deviation of a normal distribution that is cut off at two deviations.
CUT_AT_TWO = 0.87962566103423978


@register
class VarianceScaling(Initialiser):
    r"""Numbers of mean 0 and variance `scale / n`, where n is `fan_in`, `fan_out` or their mean.

    Glorot is s = 1 with `fan_mean`, He s = 2 and LeCun s = 1 with `fan_in`.

    Args:
        scale: s, above 0.
        mode: "fan_in", "fan_out" or "fan_mean".
        form: "uniform", "normal", or "truncated_normal" (cut off at two deviations, and widened
            by as much as that narrows it).

    Raises:
        ConfigError: A setting that there is not.

    References:
        K. He, X. Zhang, S. Ren and J. Sun, 2015, "Delving deep into rectifiers", generalised.
    """

    name = "variance_scaling"
    scale: float = 1.0
    mode: str = "fan_in"
    form: str = "truncated_normal"

    def check(self) -> None:
        """Check the settings."""
        self.check_number("scale", above=0)
        for setting, choices in (("mode", MODES), ("form", FORMS)):
            if getattr(self, setting) not in choices:
                raise ConfigError(
                    f"{setting} of the initialiser 'variance_scaling' must be one of "
                    + ", ".join(choices),
                    f"{setting}={getattr(self, setting)!r}",
                    "Choose one of them.",
                )

    def draw(self, shape: Shape, fans: Fans, seed: int, stream: int) -> Array:
        counts = {"fan_in": fans[0], "fan_out": fans[1], "fan_mean": sum(fans) / 2}
        deviation = math.sqrt(self.scale / max(counts[self.mode], 1))
        if self.form == "uniform":
            return _uniform(shape, math.sqrt(3) * deviation, seed, stream)
        if self.form == "normal":
            return _normal(shape, deviation, seed, stream)
        return _truncated(shape, 2.0, seed, stream) * (deviation / CUT_AT_TWO)


def _truncated(shape: Shape, bound: float, seed: int, stream: int) -> Array:
    """Standard normal numbers; those beyond the bound are drawn again until none is."""
    values, number = _normal(shape, 1.0, seed, stream), 0
    while (outside := np.abs(values) > bound).any():
        number += 1
        values = np.where(outside, _normal(shape, 1.0, seed, stream, number), values)
    return values


@register
class FanInUniform(Initialiser):
    r"""Uniform within plus or minus 1 / sqrt(fan_in), for weights and biases alike.

    What PyTorch gives a linear layer.

    References:
        A. Paszke et al., 2019, "PyTorch: an imperative style, high-performance deep learning
        library", whose layers begin so.
    """

    name = "fan_in_uniform"

    def draw(self, shape: Shape, fans: Fans, seed: int, stream: int) -> Array:
        return _uniform(shape, 1 / math.sqrt(max(fans[0], 1)), seed, stream)


@register
class GlorotUniform(Initialiser):
    r"""Uniform within plus or minus sqrt(6 / (fan_in + fan_out)).

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
    r"""Normal with deviation sqrt(2 / (fan_in + fan_out)).

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
    r"""Uniform within plus or minus sqrt(6 / fan_in), for rectifiers.

    References:
        He, Zhang, Ren and Sun, 2015, "Delving deep into rectifiers".
    """

    name = "he_uniform"
    aliases = ("kaiming_uniform", "he", "kaiming")

    def draw(self, shape: Shape, fans: Fans, seed: int, stream: int) -> Array:
        return _uniform(shape, math.sqrt(6 / max(fans[0], 1)), seed, stream)


@register
class HeNormal(Initialiser):
    r"""Normal with deviation sqrt(2 / fan_in), for rectifiers.

    References:
        He, Zhang, Ren and Sun, 2015, "Delving deep into rectifiers".
    """

    name = "he_normal"
    aliases = ("kaiming_normal",)

    def draw(self, shape: Shape, fans: Fans, seed: int, stream: int) -> Array:
        return _normal(shape, math.sqrt(2 / max(fans[0], 1)), seed, stream)


@register
class LecunUniform(Initialiser):
    r"""Uniform within plus or minus sqrt(3 / fan_in).

    References:
        LeCun, Bottou, Orr and Mueller, 1998, "Efficient backprop".
    """

    name = "lecun_uniform"

    def draw(self, shape: Shape, fans: Fans, seed: int, stream: int) -> Array:
        return _uniform(shape, math.sqrt(3 / max(fans[0], 1)), seed, stream)


@register
class LecunNormal(Initialiser):
    r"""Normal with deviation sqrt(1 / fan_in).

    References:
        LeCun, Bottou, Orr and Mueller, 1998, "Efficient backprop".
    """

    name = "lecun_normal"
    aliases = ("lecun",)

    def draw(self, shape: Shape, fans: Fans, seed: int, stream: int) -> Array:
        return _normal(shape, math.sqrt(1 / max(fans[0], 1)), seed, stream)
