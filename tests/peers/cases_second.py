"""Gradients of gradients, loops, and what derivatives are made of, beside PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pullback as pb
from tests.peers.case import (
    Case,
    Table,
    between,
    channels_first,
    channels_last,
    cotangent,
    drawn,
    operation,
)

CUBE, IMAGE = (2, 3, 4), (1, 5, 6, 2)


def twice(theirs: Callable[..., Any], ours: Callable[..., Any], *inputs: Any) -> Case:
    """The gradients of `theirs(torch, *inputs)` and `ours(*inputs)`, and the gradients of these."""

    def of_theirs(torch: Any, *xs: Any) -> Any:
        y = theirs(torch, *xs)
        total = (y * torch.tensor(cotangent(7, y.shape))).sum()
        return torch.autograd.grad(total, xs, create_graph=True)

    def of_ours(*xs: Any) -> Any:
        y = ours(*xs)
        return list(pb.gradient((y * cotangent(7, y.shape)).sum(), xs))

    return operation(of_theirs, of_ours, *inputs)


def pooled(torch: Any, x: Any) -> Any:
    return channels_last(torch.nn.functional.avg_pool2d(channels_first(x), 2, 1, 1).square())


def convolved(torch: Any, x: Any, k: Any) -> Any:
    y = torch.nn.functional.conv2d(channels_first(x), k.permute(3, 2, 0, 1), None, 2, 1)
    return channels_last(y)


def largest_places(torch: Any, x: Any) -> Any:
    """PyTorch counts places within a channel; ours stand in the whole array."""
    batch, height, width, channels = x.shape
    _, within = torch.nn.functional.max_pool2d(channels_first(x), 2, return_indices=True)
    found = channels_last(within) * channels + torch.arange(channels)
    return found + torch.arange(batch).reshape(-1, 1, 1, 1) * (height * width * channels)


def looped(torch: Any, h: Any, xs: Any, w: Any) -> Any:
    ys = []
    for x in xs:
        h = torch.tanh(h @ w + x)
        ys.append(h)
    return h, torch.stack(ys)


def our_loop(h: Any, xs: Any, w: Any) -> Any:
    def step(h: Any, x: Any) -> Any:
        h = pb.tanh(h @ w + x)
        return h, h

    return pb.scan(step, h, xs)


def attention(torch: Any, q: Any, k: Any, v: Any) -> Any:
    return ((q @ k.mT) / q.shape[-1] ** 0.5).softmax(-1) @ v


SECOND: Table = {
    "avg_unpool": [twice(pooled, lambda x: pb.avg_pool(x, 2, 1, 1) ** 2, IMAGE)],
    "conv_kernel": [
        twice(convolved, lambda x, k: pb.conv(x, k, 2, 1), IMAGE, (3, 2, 2, 3)),
    ],
    "scan": [operation(looped, our_loop, (2, 3), (4, 2, 3), (3, 3))],
    "max_pool_index": [
        operation(largest_places, lambda x: pb.max_pool_index(x, 2), (2, 4, 6, 3)),
    ],
    "max_pool_pullback": [
        twice(
            lambda t, x: channels_last(t.nn.functional.max_pool2d(channels_first(x), 2).square()),
            lambda x: pb.max_pool(x, 2) ** 2,
            IMAGE,
        )
    ],
    "softmax_pullback": [
        twice(lambda t, x: x.softmax(1), lambda x: pb.softmax(x, 1), CUBE),
        twice(lambda t, x: x.log_softmax(-1), lambda x: pb.log_softmax(x, -1), CUBE),
        twice(attention, pb.scaled_dot_product_attention, CUBE, CUBE, CUBE),
    ],
    "standardise_pullback": [
        twice(
            lambda t, x: t.nn.functional.layer_norm(x, (4,)),
            lambda x: pb.standardise(x, -1),
            CUBE,
        )
    ],
    "rms_normalise_pullback": [
        twice(
            lambda t, x: t.nn.functional.rms_norm(x, (4,), eps=0.1),
            lambda x: pb.rms_normalise(x, -1, 0.1),
            CUBE,
        )
    ],
    "logsumexp": [twice(lambda t, x: x.logsumexp(1), lambda x: pb.logsumexp(x, 1), CUBE)],
    "prod": [twice(lambda t, x: x.prod(1), lambda x: pb.prod(x, 1), CUBE)],
    "norm": [twice(lambda t, x: x.norm(dim=1), lambda x: pb.norm(x, 1), CUBE)],
    "inverse": [
        twice(lambda t, a: t.linalg.inv(a), pb.inverse, drawn(3, 3) / 4 + [[3, 0, 0], [0, 2, 0],
                                                                           [0, 0, 3]]),
    ],
    "power": [twice(lambda t, a, b: a**b, pb.power, between(0.3, 2, 3, 4), (4,))],
    "mish": [twice(lambda t, x: t.nn.functional.mish(x), pb.mish, CUBE)],
    "silu": [twice(lambda t, x: t.nn.functional.silu(x), pb.silu, CUBE)],
    "gelu": [twice(lambda t, x: t.nn.functional.gelu(x), pb.gelu, CUBE)],
}  # fmt: skip
"""By operation; the names that are in other tables too have these beside what stands there."""
