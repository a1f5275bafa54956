"""Attention: how much each query looks at each key, and what it then sees."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from pullback.errors import DtypeError, ShapeError
from pullback.graph.cause import Cause, Place, figure, largest, outcome
from pullback.graph.dtypes import BOOL, Array, Dtype, Shape, promote
from pullback.graph.node import Node, Operand, as_node, constant, function
from pullback.graph.op import apply, register
from pullback.ops.comparison import logical_and, where
from pullback.ops.contraction import matmul
from pullback.ops.families import Rowwise
from pullback.ops.fused import SoftmaxPullback, softmax, softmax_values
from pullback.ops.reductions import _floating
from pullback.ops.samples import Flags, Real, Sample

__all__ = ["attention_weights", "scaled_dot_product_attention"]


@register
class AttentionWeights(Rowwise):
    r"""How much each query attends to each key: $P = \operatorname{softmax}(Q K^\top / \sqrt d)$.

    With $\bar S$ the pullback of the softmax, $\bar Q = \bar S K / \sqrt d$ and
    $\bar K = \bar S^\top Q / \sqrt d$.

    Where the mask is false, and where `causal` and the key comes after the query, the weight is
    exactly 0. A query that may attend to nothing gets a row of zeros with a zero derivative.

    Shape:
        queries: (..., queries, features)
        keys: (..., keys, features), the same leading axes
        mask: (..., queries, keys), booleans; an axis of length 1 serves all
        y: (..., queries, keys)
    """

    name = "attention_weights"
    family = "FUSED"
    arity = -1
    causal: bool = False

    def infer(self, *inputs: Node) -> tuple[Shape, Dtype]:
        q, k = inputs[:2]
        if q.ndim < 2 or q.shape[:-2] != k.shape[:-2] or q.shape[-1:] != k.shape[-1:]:
            raise ShapeError(
                "queries (..., queries, features) need keys (..., keys, features)",
                f"queries {q.shape} ({q.origin}) and keys {k.shape} ({k.origin})",
                "Project both to the same features, and give both the same leading axes.",
            )
        shape = (*q.shape[:-1], k.shape[-2])
        if self.causal and q.shape[-2] != k.shape[-2]:
            raise ShapeError(
                "causal attention needs as many keys as queries, in the same order",
                f"{q.shape[-2]} queries and {k.shape[-2]} keys ({q.origin})",
                "Attend from a sequence to itself, or pass a mask.",
            )
        if inputs[2:]:
            _check_mask(inputs[2], shape)
        return shape, q.dtype

    def forward(self, q: Array, k: Array, mask: Array | None = None) -> Array:
        # dividing the queries is cheaper than dividing the scores: (queries, features)
        root = q.dtype.type(1 / math.sqrt(max(q.shape[-1], 1)))
        scores = np.matmul(q * root, np.swapaxes(k, -1, -2))
        if self.causal:
            later = ~np.tri(q.shape[-2], dtype=np.bool_)
            np.copyto(scores, -np.inf, where=later)
        if mask is not None:
            np.copyto(scores, -np.inf, where=~mask)
        return softmax_values(scores, (scores.ndim - 1,))

    def why(self, at: Place, y: Array, *inputs: Array) -> Cause:
        """The query and the largest of the keys it is compared with."""
        q, k = inputs[:2]
        (a, left), (b, right) = largest(q, at[:-1]), largest(k, at[:-2])
        words = f"attention of a query up to {figure(abs(a))} to keys up to {figure(abs(b))}"
        return Cause(words + outcome(y, at, inputs[:2]), ((0, left), (1, right)))

    def vjp(
        self, y_bar: Node, y: Node, q: Node, k: Node, mask: Node | None = None
    ) -> tuple[Node | None, ...]:
        root = 1 / math.sqrt(max(q.shape[-1], 1))
        s_bar = apply(SoftmaxPullback((y.ndim - 1,)), y_bar, y)  # (..., queries, keys)
        bars = root * matmul(s_bar, k), root * matmul(_turned(s_bar), q)
        return bars if mask is None else (*bars, None)

    def decompose(self, q: Node, k: Node, mask: Node | None = None) -> Node:
        scores = matmul(q, _turned(k)) * (1 / math.sqrt(max(q.shape[-1], 1)))
        allowed = mask
        if self.causal:
            earlier = constant(np.tri(q.shape[-2], dtype=np.bool_))
            allowed = earlier if mask is None else logical_and(mask, earlier)
        if allowed is not None:
            scores = where(allowed, scores, float("-inf"))
        return softmax(scores, axis=-1)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        pairs: tuple[tuple[Shape, Shape], ...] = (
            ((2, 3), (4, 3)), ((1, 1), (1, 1)), ((0, 2), (3, 2)), ((2, 2), (0, 2)),
            ((2, 3, 2), (2, 3, 2)),
        )  # fmt: skip
        for q, k in pairs:
            scores = (*q[:-1], k[-2])
            for mask in (scores, (1,) * len(scores[:-1]) + scores[-1:]):
                yield Sample(cls(), (Real(q), Real(k), Flags(mask)))
            yield Sample(cls(q[-2] == k[-2]), (Real(q), Real(k)))


def _turned(x: Node) -> Node:
    """The matrix transpose, on every place of the leading axes."""
    return x.transpose(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2)


def _check_mask(mask: Node, shape: Shape) -> None:
    """Refuse a mask that is not boolean, or does not say for every query which keys it sees."""
    if mask.dtype != BOOL:
        raise DtypeError(
            "a mask of attention is boolean: True where a query may attend to a key",
            f"{mask.dtype} numbers ({mask.origin})",
            "Compare first: mask = tokens != 0.",
        )
    fits = len(mask.shape) == len(shape) and all(
        m in (1, n) for m, n in zip(mask.shape, shape, strict=True)
    )
    if not fits:
        raise ShapeError(
            f"the mask must be {shape}, (..., queries, keys), or 1 where an axis is shared",
            f"a mask of shape {mask.shape} ({mask.origin})",
            "Reshape it: keys that are padding make (batch, 1, 1, keys).",
        )


@function
def attention_weights(
    queries: Operand, keys: Operand, mask: Operand | None = None, causal: bool = False
) -> Node:
    r"""$\operatorname{softmax}(Q K^\top / \sqrt d)$: each query's weights of the keys, sum 1.

    Args:
        queries: (..., queries, features).
        keys: (..., keys, features).
        mask: (..., queries, keys), True where a query may attend to a key; axes may be 1.
        causal: Whether query i may attend to keys 0 to i alone.

    Raises:
        ShapeError: The shapes do not fit together.
        DtypeError: The mask is not boolean.

    Example:
        >>> import pullback as pb
        >>> pb.attention_weights(pb.zeros((2, 3)), pb.zeros((2, 3)), causal=True)
        tensor([[1. , 0. ],
                [0.5, 0.5]])
    """
    q, k = _floating(queries), _floating(keys)
    dtype = promote(q.dtype, k.dtype)
    inputs = [q.astype(dtype), k.astype(dtype)]
    return apply(AttentionWeights(causal), *inputs, *([] if mask is None else [as_node(mask)]))


@function
def scaled_dot_product_attention(
    queries: Operand,
    keys: Operand,
    values: Operand,
    mask: Operand | None = None,
    causal: bool = False,
) -> Node:
    r"""What each query sees: $\operatorname{softmax}(Q K^\top / \sqrt d)\, V$.

    A query that may attend to nothing sees zeros.

    Args:
        queries: (..., queries, features).
        keys: (..., keys, features).
        values: (..., keys, value features).
        mask: (..., queries, keys), True where a query may attend to a key; axes may be 1.
        causal: Whether query i may attend to keys 0 to i alone.

    Raises:
        ShapeError: The shapes do not fit together.
        DtypeError: The mask is not boolean.

    Example:
        >>> import pullback as pb
        >>> v = pb.tensor([[1.0], [3.0]])
        >>> pb.scaled_dot_product_attention(pb.zeros((2, 4)), pb.zeros((2, 4)), v, causal=True)
        tensor([[1.],
                [2.]])

    References:
        Vaswani, Shazeer, Parmar, Uszkoreit, Jones, Gomez, Kaiser and Polosukhin, 2017,
        "Attention is all you need".
    """
    weights = attention_weights(queries, keys, mask, causal)
    v = _floating(values)
    if v.shape[:-2] != weights.shape[:-2] or v.ndim < 2 or v.shape[-2] != weights.shape[-1]:
        raise ShapeError(
            "attention needs one value a key, (..., keys, value features)",
            f"values {v.shape} ({v.origin}) and keys {as_node(keys).shape}",
            "Give each key its value.",
        )
    return matmul(weights, v)
