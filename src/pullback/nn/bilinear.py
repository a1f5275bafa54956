"""A layer of two inputs: sums over all pairs of their features."""

from __future__ import annotations

from pullback import ops
from pullback.errors import ShapeError
from pullback.graph.node import Node
from pullback.nn import initialisers
from pullback.nn.module import Module, register_layer
from pullback.nn.parameter import Parameter
from pullback.nn.sizes import positive


@register_layer
class Bilinear(Module):
    r"""Weighted sums of products: $z_k = \sum_{ij} x_i W_{ijk} y_j + b_k$.

    Args:
        in1_features: How many numbers come in for each row of the first input.
        in2_features: How many for each row of the second.
        out_features: How many go out.
        bias: Whether a bias is added.
        weight_init: Initialiser of the weight, an instance or a name. The default is uniform in
            $\pm 1/\sqrt{\text{in1\_features}}$, PyTorch's convention.
        bias_init: Initialiser of the bias; likewise.

    Shape:
        x: (..., in1_features)
        y: (..., in2_features), the same leading axes
        output: (..., out_features)
        weight: (in1_features, in2_features, out_features)
        bias: (out_features,)

    Raises:
        ConfigError: A size is no positive whole number.
        ShapeError: An input has another shape.

    References:
        J. Tenenbaum and W. Freeman, 2000, "Separating style and content with bilinear models".

    Example:
        >>> import pullback as pb
        >>> layer = pb.nn.Bilinear(3, 4, 2).initialise(seed=0)
        >>> layer(pb.ones((5, 3)), pb.ones((5, 4))).shape
        (5, 2)
    """

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        weight_init: initialisers.Initialiser | str = "fan_in_uniform",
        bias_init: initialisers.Initialiser | str = "fan_in_uniform",
    ) -> None:
        self.in1_features = positive("Bilinear", "in1_features", in1_features)
        self.in2_features = positive("Bilinear", "in2_features", in2_features)
        self.out_features = positive("Bilinear", "out_features", out_features)
        sizes = (self.in1_features, self.in2_features, self.out_features)
        fans = self.in1_features, self.out_features
        self.weight = Parameter(sizes, initialisers.get(weight_init), fans=fans)
        self.has_bias = bool(bias)
        if self.has_bias:
            self.bias = Parameter(self.out_features, initialisers.get(bias_init), fans=fans)

    def forward(self, x: Node, y: Node) -> Node:
        wanted = self.in1_features, self.in2_features
        if (x.shape[-1:], y.shape[-1:]) != ((wanted[0],), (wanted[1],)) or (
            x.shape[:-1] != y.shape[:-1]
        ):
            raise ShapeError(
                f"{self!r}, made in {self._source}, takes (..., {wanted[0]}) and "
                f"(..., {wanted[1]}) with the same leading axes",
                f"inputs of shape {x.shape} from {x.origin} and {y.shape} from {y.origin}",
                "Change the sizes, or the layers before it.",
            )
        # all products first, (..., in1_features, in2_features): one large product with the weight
        pairs = x.reshape((*x.shape, 1)) * y.reshape((*y.shape[:-1], 1, wanted[1]))
        flat = pairs.reshape((*x.shape[:-1], wanted[0] * wanted[1]))
        z = ops.matmul(flat, self.weight.reshape(wanted[0] * wanted[1], self.out_features))
        return z + self.bias if self.has_bias else z
