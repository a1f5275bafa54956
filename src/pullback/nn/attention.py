"""The layer in which every place of a sequence looks at the others."""

from __future__ import annotations

import math

from pullback import ops
from pullback.errors import ConfigError, ShapeError
from pullback.graph.node import Node
from pullback.nn.dropout import Dropout
from pullback.nn.initialisers import Uniform, Zeros
from pullback.nn.linear import Linear
from pullback.nn.module import Module, register_layer
from pullback.nn.positions import rotated
from pullback.nn.sizes import positive


@register_layer
class MultiHeadAttention(Module):
    r"""Every query looks at all keys and sees a mean of their values, in several heads at once.

    Head i sees $H_i = \operatorname{softmax}(Q_i K_i^\top / \sqrt d)\, V_i$, where $Q_i$, $K_i$
    and $V_i$ are d = features / heads columns of the projections $Q = X W_q + b_q$ and so on; the
    output is $[H_1, H_2, \ldots]\, W_o + b_o$. Call `layer(x)` for self-attention, or
    `layer(query, key, value)`, where the value is the key unless it is given.

    A mask is boolean, True where a query may attend to a key: (batch, keys) says which keys are
    no padding; (batch, queries, keys) and (batch, heads, queries, keys) say it for each query,
    with axes of length 1 where it is the same for all. What may attend to nothing sees zeros.

    Args:
        features: How many numbers each place has.
        heads: How many heads; they share the features equally.
        causal: Whether a place sees only itself and those before it.
        bias: Whether the projections have one.
        dropout: The probability with which a weight is dropped while training.
        rotary: Whether queries and keys are turned by their position (see `rotated`).

    Shape:
        query: (batch, queries, features)
        key and value: (batch, keys, features)
        output: (batch, queries, features)
        weights: (features, features) each; of query, key and value uniform in
            $\pm\sqrt{6 / (4 \cdot \text{features})}$ at first, all biases 0

    Raises:
        ConfigError: The features cannot be shared equally, or not in pairs where rotary.
        ShapeError: Inputs or mask do not fit.
        DtypeError: The mask is not boolean.

    Example:
        >>> import pullback as pb
        >>> layer = pb.nn.MultiHeadAttention(8, 2, causal=True).initialise(seed=0)
        >>> x = pb.ones((3, 5, 8))
        >>> layer(x).shape, layer(x, pb.ones((3, 5, 8))).shape
        ((3, 5, 8), (3, 5, 8))
        >>> layer(x, mask=[[True] * 4 + [False]] * 3).shape
        (3, 5, 8)

    References:
        Vaswani, Shazeer, Parmar, Uszkoreit, Jones, Gomez, Kaiser and Polosukhin, 2017,
        "Attention is all you need".
    """

    def __init__(
        self,
        features: int,
        heads: int,
        causal: bool = False,
        bias: bool = True,
        dropout: float = 0.0,
        rotary: bool = False,
    ) -> None:
        self.features = positive("MultiHeadAttention", "features", features)
        self.heads = positive("MultiHeadAttention", "heads", heads)
        self.causal, self.rotary = causal, rotary
        each = 2 * self.heads if rotary else self.heads
        if self.features % each:
            raise ConfigError(
                "the heads of MultiHeadAttention share the features equally"
                + (", in pairs that are turned" if rotary else ""),
                f"{features} features for {heads} heads",
                f"Use {each * max(round(self.features / each), 1)} features.",
            )

        def projection(weight: Uniform | str) -> Linear:
            return Linear(self.features, self.features, bias, weight, Zeros())

        packed = Uniform(math.sqrt(1.5 / self.features))  # Glorot's, of the three side by side
        self.query, self.key, self.value = (projection(packed) for _ in range(3))
        self.out = projection("fan_in_uniform")
        self.drop = Dropout(dropout)

    def forward(
        self,
        query: Node,
        key: Node | None = None,
        value: Node | None = None,
        mask: Node | None = None,
    ) -> Node:
        key = query if key is None else key
        value = key if value is None else value
        self._check(query, key, value)
        q, k, v = (
            self._split(project(x))
            for project, x in ((self.query, query), (self.key, key), (self.value, value))
        )
        if self.rotary:
            q, k = rotated(q), rotated(k)
        if mask is not None:
            mask = self._mask(mask, (query.shape[0], self.heads, query.shape[1], key.shape[1]))
        weights = self.drop(ops.attention_weights(q, k, mask, self.causal))
        seen = ops.matmul(weights, v).transpose(0, 2, 1, 3)  # (batch, queries, heads, width)
        return self.out(seen.reshape(query.shape))

    def _split(self, x: Node) -> Node:
        """(batch, time, features) as (batch, heads, time, width)."""
        batch, time, _ = x.shape
        shape = (batch, time, self.heads, self.features // self.heads)
        return x.reshape(shape).transpose(0, 2, 1, 3)

    def _check(self, query: Node, key: Node, value: Node) -> None:
        for x in (query, key, value):
            if x.ndim != 3 or x.shape[-1] != self.features:
                raise ShapeError(
                    f"{self!r}, made in {self._source}, takes (batch, time, {self.features})",
                    f"an input of shape {x.shape} from {x.origin}",
                    "Give each place as many features, by an Embedding or a Linear layer.",
                )
        if key.shape != value.shape or query.shape[0] != key.shape[0]:
            raise ShapeError(
                f"{self!r} needs one value a key, and keys for each row of the batch",
                f"query {query.shape}, key {key.shape}, value {value.shape}",
                "Pass (batch, queries, features), then (batch, keys, features) twice.",
            )

    def _mask(self, mask: Node, shape: tuple[int, ...]) -> Node:
        """The mask with an axis for each of (batch, heads, queries, keys)."""
        batch, _, queries, keys = shape
        if mask.ndim == 2 and mask.shape == (batch, keys):
            return mask.reshape((batch, 1, 1, keys))
        if mask.ndim == 3:
            return mask.reshape((mask.shape[0], 1, *mask.shape[1:]))
        if mask.ndim == 4:
            return mask
        raise ShapeError(
            f"a mask of {self!r} is (batch, keys), (batch, queries, keys) or "
            f"(batch, heads, queries, keys); here ({batch}, {keys}), ({batch}, {queries}, {keys})"
            f" or {shape}",
            f"a mask of shape {mask.shape} from {mask.origin}",
            "Reshape it; axes but the keys' may be 1 where there are three or four.",
        )
