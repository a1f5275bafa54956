"""Operations on arrays beside PyTorch's: reductions, shapes, indices, products, rows."""

from __future__ import annotations

from typing import Any

import numpy as np

import pullback as pb
from tests.peers.case import Case, Table, drawn, operation, whole

CUBE = (2, 3, 4)
ROWS = drawn(4, 5)
TIED = whole(3, 4, 5).astype(float)
ANSWERS = whole(2, 3, 4).astype(bool)
WELL = drawn(2, 3, 3) + 3 * np.eye(3)
"""Two matrices that are far from singular."""
PLACES = np.array([[0, 2], [1, 1]])
KEPT = np.array([[True, True, False, True], [False, True, True, True], [True, False, True, True]])


def reduction(name: str, their: str, x: Any = CUBE) -> list[Case]:
    """Over some axes, over one, and over all."""
    ours = getattr(pb, name)
    return [
        operation(lambda t, x: getattr(t, their)(x, dim=(0, 2)), lambda x: ours(x, (0, 2)), x),
        operation(
            lambda t, x: getattr(t, their)(x, dim=1, keepdim=True),
            lambda x: ours(x, 1, keepdims=True),
            x,
        ),
        operation(lambda t, x: getattr(t, their)(x, dim=(0, 1, 2)), lambda x: ours(x), x),
    ]


def spread(name: str, their: str) -> list[Case]:
    return [
        operation(
            lambda t, x, c=c: getattr(t, their)(x, dim=(0, 2), correction=c),
            lambda x, c=c: getattr(pb, name)(x, (0, 2), correction=c),
            CUBE,
        )
        for c in (0, 1)
    ]


def einsum(subscripts: str, *shapes: tuple[int, ...]) -> Case:
    return operation(
        lambda t, *xs: t.einsum(subscripts, *xs), lambda *xs: pb.einsum(subscripts, *xs), *shapes
    )


def attention(t: Any, q: Any, k: Any, v: Any, **settings: Any) -> Any:
    return t.nn.functional.scaled_dot_product_attention(q, k, v, **settings)


def weights(t: Any, q: Any, k: Any) -> Any:
    scores = (q @ k.mT / 2).masked_fill(~t.tensor(KEPT), -t.inf)
    return scores.softmax(-1)


def put(t: Any, x: Any, values: Any) -> Any:
    return x.index_copy(1, t.tensor([3, 0]), values)


def norm(t: Any, x: Any, **settings: Any) -> Any:
    return t.linalg.vector_norm(x, **settings)


THREE = [(2, 3, 4), (2, 4, 4), (2, 4, 5)]

OPERATIONS: Table = {
    "all": [operation(lambda t, x: t.all(x, 1), lambda x: pb.all(x, 1), ANSWERS)],
    "any": [operation(lambda t, x: t.any(x, 1), lambda x: pb.any(x, 1), ANSWERS)],
    "sum": reduction("sum", "sum"),
    "mean": reduction("mean", "mean"),
    "max": reduction("max", "amax", whole(3, 2, 3, 4).astype(float)),
    "min": reduction("min", "amin", whole(3, 2, 3, 4).astype(float)),
    "prod": [
        operation(lambda t, x: x.prod(1), lambda x: pb.prod(x, 1), x)
        for x in (CUBE, np.array([[0.0, 2, 3], [0, 0, 3]]))
    ],
    "logsumexp": [
        *reduction("logsumexp", "logsumexp"),
        operation(lambda t, x: t.logsumexp(x, 1), lambda x: pb.logsumexp(x, 1),
                  np.array([[-np.inf, 0.0], [1e4, -1e4]])),
    ],
    "variance": spread("variance", "var"),
    "std": spread("std", "std"),
    "moments": [
        operation(lambda t, x: t.stack(t.var_mean(x, 1, correction=0, keepdim=True)[::-1], -1),
                  lambda x: pb.moments(x, 1), CUBE),
    ],
    "norm": [
        operation(lambda t, x: norm(t, x, dim=(0, 2)), lambda x: pb.norm(x, (0, 2)), CUBE),
        operation(lambda t, x: norm(t, x, dim=1), lambda x: pb.norm(x, 1), np.zeros((2, 3))),
    ],
    "cumsum": [operation(lambda t, x, a=a: x.cumsum(a), lambda x, a=a: pb.cumsum(x, a), CUBE)
               for a in (0, -1)],
    "cumprod": [
        operation(lambda t, x: x.cumprod(1), lambda x: pb.cumprod(x, 1), CUBE),
        operation(lambda t, x: x.cumprod(0), lambda x: pb.cumprod(x, 0), TIED),
    ],
    "sort": [
        operation(lambda t, x, d=d: x.sort(1, descending=d)[0],
                  lambda x, d=d: pb.sort(x, 1, descending=d), ROWS)
        for d in (False, True)
    ],
    "argsort": [
        operation(lambda t, x: x.argsort(dim=1, stable=True), lambda x: pb.argsort(x, 1), TIED),
        operation(lambda t, x: x.argsort(0, descending=True),
                  lambda x: pb.argsort(x, 0, descending=True), ROWS),
    ],
    "argmax": [operation(lambda t, x: x.argmax(1), lambda x: pb.argmax(x, 1), ROWS)],
    "argmin": [operation(lambda t, x: x.argmin(1), lambda x: pb.argmin(x, 1), ROWS)],
    "top_k": [operation(lambda t, x: tuple(x.topk(3, 1)), lambda x: pb.top_k(x, 3, 1), ROWS)],
    "reshape": [operation(lambda t, x: x.reshape(4, 6), lambda x: x.reshape(4, 6), CUBE)],
    "transpose": [
        operation(lambda t, x: x.permute(2, 0, 1), lambda x: pb.transpose(x, (2, 0, 1)), CUBE)
    ],
    "broadcast_to": [
        operation(lambda t, x: x.expand(2, 3, 4), lambda x: pb.broadcast_to(x, (2, 3, 4)), (3, 1))
    ],
    "slice": [
        operation(lambda t, x: x[1:, :, ::2], lambda x: x[1:, :, ::2], CUBE),
        operation(lambda t, x: x[0, ..., -1], lambda x: x[0, ..., -1], CUBE),
    ],
    "concatenate": [
        operation(lambda t, *xs: t.cat(xs, 1), lambda *xs: pb.concatenate(xs, 1), (2, 3), (2, 1))
    ],
    "stack": [
        operation(lambda t, *xs: t.stack(xs, 1), lambda *xs: pb.stack(xs, 1), (2, 3), (2, 3))
    ],
    "split": [operation(lambda t, x: x.split((1, 3), 2), lambda x: pb.split(x, (1, 3), 2), CUBE)],
    "flip": [operation(lambda t, x: x.flip(0, 2), lambda x: pb.flip(x, (0, 2)), CUBE)],
    "roll": [operation(lambda t, x: x.roll(3, 1), lambda x: pb.roll(x, 3, 1), ROWS)],
    "repeat": [
        operation(lambda t, x: x.repeat_interleave(2, 1), lambda x: pb.repeat(x, 2, 1), CUBE)
    ],
    "tile": [operation(lambda t, x: x.tile(2, 3), lambda x: pb.tile(x, (2, 3)), (2, 3))],
    "pad": [
        operation(
            lambda t, x, m=theirs: t.nn.functional.pad(x, (1, 2), m),
            lambda x, m=ours: pb.pad(x, ((0, 0), (0, 0), (1, 2)), m),
            CUBE,
        )
        for ours, theirs in {
            "constant": "constant", "edge": "replicate", "reflect": "reflect", "wrap": "circular"
        }.items()
    ],
    "diagonal": [operation(lambda t, x: x.diagonal(dim1=-2, dim2=-1), pb.diagonal, (2, 3, 3))],
    "trace": [operation(lambda t, x: x.trace(), pb.trace, (3, 3))],
    "tril": [operation(lambda t, x: x.tril(-1), lambda x: pb.tril(x, -1), CUBE)],
    "triu": [operation(lambda t, x: x.triu(1), lambda x: pb.triu(x, 1), CUBE)],
    "gather": [
        operation(lambda t, x: x[:, t.tensor(PLACES)], lambda x: pb.gather(x, PLACES, 1), CUBE)
    ],
    "scatter_add": [
        operation(
            lambda t, x: t.zeros(2, 5, dtype=x.dtype).index_add(1, t.tensor([3, 0, 3]), x),
            lambda x: pb.scatter_add(x, np.array([3, 0, 3]), 5, 1),
            (2, 3),
        )
    ],
    "take_along_axis": [
        operation(
            lambda t, x, i: t.take_along_dim(x, i, 1),
            lambda x, i: pb.take_along_axis(x, i, 1),
            ROWS,
            whole(5, 4, 3),
        )
    ],
    "put": [
        operation(put, lambda x, v: pb.put(x, np.array([3, 0]), v, 1), (2, 4), (2, 2))
    ],
    "embed": [
        operation(lambda t, y: t.constant_pad_nd(y, (1, 2, 0, 1)),
                  lambda y: pb.pad(y, ((0, 1), (1, 2))), (2, 3)),
    ],
    "one_hot": [
        operation(lambda t, i: t.nn.functional.one_hot(i, 4).double(),
                  lambda i: pb.one_hot(i, 4, "float64"), whole(4, 2, 3)),
    ],
    "arange": [operation(lambda t, x: x * t.arange(4), lambda x: x * pb.arange(4), CUBE)],
    "full": [
        operation(lambda t, x: x * t.full((4,), 2.5, dtype=x.dtype),
                  lambda x: x * pb.full((4,), 2.5, "float64"), CUBE),
    ],
    "matmul": [
        operation(lambda t, a, b: a @ b, pb.matmul, *shapes)
        for shapes in (((3, 4), (4, 2)), ((2, 3, 4), (2, 4, 5)), ((2, 1, 3, 4), (3, 4, 2)),
                       ((4,), (4,)), ((2, 3, 4), (4,)))
    ],
    "outer": [operation(lambda t, a, b: t.outer(a, b), pb.outer, (3,), (4,))],
    "einsum": [
        einsum("ij,jk->ik", (2, 3), (3, 4)),
        einsum("bij,bjk->bik", (2, 3, 4), (2, 4, 2)),
        einsum("bhqd,bhkd->bhqk", (2, 2, 3, 4), (2, 2, 5, 4)),
        einsum("ii->i", (3, 3)),
        einsum("i,ij,j->", (3,), (3, 4), (4,)),
        einsum("...i,ij->...j", (2, 3, 4), (4, 2)),
    ],
    "inverse": [operation(lambda t, a: t.linalg.inv(a), pb.inverse, WELL)],
    "solve": [operation(lambda t, a, b: t.linalg.solve(a, b), pb.solve, WELL, (2, 3, 2))],
    "softmax": [operation(lambda t, x, a=a: x.softmax(a), lambda x, a=a: pb.softmax(x, a), CUBE)
                for a in (-1, 1)],
    "log_softmax": [operation(lambda t, x, a=a: x.log_softmax(a),
                              lambda x, a=a: pb.log_softmax(x, a), CUBE) for a in (-1, 0)],
    "cross_entropy_with_logits": [
        operation(
            lambda t, z, i: t.nn.functional.cross_entropy(z, i, ignore_index=-1, reduction="none"),
            pb.cross_entropy_with_logits, (4, 3), np.array([2, -1, 0, 0]),
        )
    ],
    "normalise": [operation(lambda t, x: t.nn.functional.normalize(x, dim=-1), pb.normalise, CUBE)],
    "cosine_similarity": [
        operation(lambda t, a, b: t.cosine_similarity(a, b, -1), pb.cosine_similarity, CUBE, CUBE)
    ],
    "standardise": [
        operation(lambda t, x: t.nn.functional.layer_norm(x, (4,)), lambda x: pb.standardise(x, -1),
                  CUBE),
        operation(lambda t, x: t.nn.functional.layer_norm(x, (3, 4), eps=0.1),
                  lambda x: pb.standardise(x, (1, 2), 0.1), CUBE),
    ],
    "rms_normalise": [
        operation(lambda t, x: t.nn.functional.rms_norm(x, (4,), eps=0.1),
                  lambda x: pb.rms_normalise(x, -1, 0.1), CUBE),
    ],
    "attention_weights": [
        operation(weights, lambda q, k: pb.attention_weights(q, k, KEPT[None]), *THREE[:2])
    ],
    "scaled_dot_product_attention": [
        operation(attention, pb.scaled_dot_product_attention, *THREE),
        operation(lambda t, *xs: attention(t, *xs, is_causal=True),
                  lambda *xs: pb.scaled_dot_product_attention(*xs, causal=True),
                  *[(2, 2, 3, 4)] * 3),
        operation(lambda t, *xs: attention(t, *xs, attn_mask=t.tensor(KEPT)),
                  lambda *xs: pb.scaled_dot_product_attention(*xs, KEPT[None]), *THREE),
    ],
}  # fmt: skip
