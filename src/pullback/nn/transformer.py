"""The block that transformers are stacked of."""

from __future__ import annotations

from pullback.graph.node import Node
from pullback.nn import activations
from pullback.nn.attention import MultiHeadAttention
from pullback.nn.dropout import Dropout
from pullback.nn.linear import Linear
from pullback.nn.module import Module, register_layer
from pullback.nn.normalisation import LayerNorm
from pullback.nn.sizes import positive


@register_layer
class TransformerBlock(Module):
    r"""Attention, then two layers of neurons at each place, each added to what it was given.

    $h = x + \operatorname{attention}(\operatorname{norm}(x))$ and
    $y = h + W_2\, a(W_1 \operatorname{norm}(h) + b_1) + b_2$. With `norm_first=False` the norm is
    of each sum instead, as in the paper; the sums of many blocks then train less easily.

    Args:
        features: How many numbers each place has.
        heads: How many heads the attention has; they share the features equally.
        hidden: How many neurons the first of the two layers has; 4 times the features by default.
        causal: Whether a place sees only itself and those before it.
        dropout: The probability of dropping a weight of the attention, a hidden number, or a
            number that is added, while training.
        activation: Of the hidden neurons.
        norm_first: Whether the norm comes before the attention and the layers, or after the sums.
        rotary: Whether the attention knows positions by turning queries and keys.

    Shape:
        x and output: (batch, time, features)
        mask: (batch, time), True where there is no padding, or as `MultiHeadAttention` says

    Raises:
        ConfigError: A size is no positive whole number, or the heads cannot share the features.
        ShapeError: The input or the mask does not fit.

    Example:
        >>> import pullback as pb
        >>> block = pb.nn.TransformerBlock(8, heads=2, causal=True).initialise(seed=0)
        >>> block(pb.ones((3, 5, 8))).shape
        (3, 5, 8)

    References:
        Vaswani, Shazeer, Parmar, Uszkoreit, Jones, Gomez, Kaiser and Polosukhin, 2017,
        "Attention is all you need"; Xiong et al., 2020, "On layer normalization in the transformer
        architecture", for the norm first.
    """

    def __init__(
        self,
        features: int,
        heads: int,
        hidden: int | None = None,
        causal: bool = False,
        dropout: float = 0.0,
        activation: str | activations.Activation = "gelu",
        norm_first: bool = True,
        rotary: bool = False,
    ) -> None:
        width = positive("TransformerBlock", "features", features)
        hidden = 4 * width if hidden is None else positive("TransformerBlock", "hidden", hidden)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(width)
        self.attention = MultiHeadAttention(
            width, heads, causal=causal, dropout=dropout, rotary=rotary
        )
        self.norm2 = LayerNorm(width)
        self.hidden = Linear(width, hidden)
        self.activation = activations.get(activation)
        self.out = Linear(hidden, width)
        self.drop = Dropout(dropout)

    def forward(self, x: Node, mask: Node | None = None) -> Node:
        if self.norm_first:
            x = x + self.drop(self.attention(self.norm1(x), mask=mask))
            return x + self.drop(self._neurons(self.norm2(x)))
        x = self.norm1(x + self.drop(self.attention(x, mask=mask)))
        return self.norm2(x + self.drop(self._neurons(x)))

    def _neurons(self, x: Node) -> Node:
        return self.out(self.drop(self.activation(self.hidden(x))))
