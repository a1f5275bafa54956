"""Convolution and pooling beside PyTorch's, whose channels come first."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pullback as pb
from pullback import nn
from tests.peers.case import (
    Case,
    Table,
    called,
    channels_first,
    channels_last,
    layer,
    operation,
)


def kernel(weight: Any) -> Any:
    """From (*window, in, out) to PyTorch's (out, in, *window), and (in, out, *window)
    for transposed convolution, whose kernel here is (*window, out, in)."""
    return weight.movedim(-2, 0).movedim(-1, 0)


def turned(state: dict[str, Any]) -> dict[str, Any]:
    return {name: kernel(v) if name == "weight" else v for name, v in state.items()}


def module(name: str, size: tuple[int, ...], *arguments: Any, **settings: Any) -> Case:
    """Our layer and PyTorch's of the same name and arguments."""

    def theirs(torch: Any, state: dict[str, Any], x: Any) -> Any:
        made = getattr(torch.nn, name)(*arguments, **settings)
        return channels_last(called(torch, made, turned(state), channels_first(x)))

    return layer(lambda: getattr(nn, name)(*arguments, **settings), theirs, size)


def moved(theirs: Callable[..., Any]) -> Callable[..., Any]:
    """`theirs(functional, x, kernel if any)` of our layout."""

    def run(torch: Any, x: Any, *weights: Any) -> Any:
        y = theirs(torch.nn.functional, channels_first(x), *(kernel(w) for w in weights))
        return channels_last(y)

    return run


def convolution(stride: int, padding: int, dilation: int, groups: int) -> Case:
    """Of uneven strides, paddings at one side, and dilations."""
    steps, wide, apart = (stride, 1), ((padding, 0), (1, padding)), (1, dilation)

    def theirs(f: Any, x: Any, k: Any) -> Any:
        x = f.pad(x, (1, padding, padding, 0))
        return f.conv2d(x, k, None, steps, 0, apart, groups)

    return operation(
        moved(theirs),
        lambda x, k: pb.conv(x, k, steps, wide, apart, groups),
        (2, 4, 5, 4),
        (2, 3, 4 // groups, 4),
    )


def transposed(stride: int, padding: int, more: int, dilation: int, groups: int) -> Case:
    return operation(
        moved(
            lambda f, y, k: f.conv_transpose2d(y, k, None, stride, padding, more, groups, dilation)
        ),
        lambda y, k: pb.conv_transpose(y, k, stride, padding, more, dilation, groups),
        (2, 3, 3, 4),
        (2, 3, 4 // groups, 4),
    )


def kernel_gradient(torch: Any, x: Any, y: Any) -> Any:
    found = torch.nn.grad.conv2d_weight(channels_first(x), (3, 2, 2, 3), channels_first(y), 2, 1)
    return found.permute(2, 3, 1, 0)


POOLS = [((2, 2), None, 0), ((3, 2), 1, (1, 0)), ((1, 3), (2, 3), 0), ((3, 2), (2, 3), (1, 0))]

WINDOW_OPERATIONS: Table = {
    "conv": [
        convolution(*s) for s in itertools.product((1, 2), (0, 2), (1, 2), (1, 2, 4))
    ]
    + [
        operation(
            moved(lambda f, x, k: f.conv2d(x, k, padding="same", dilation=2)),
            lambda x, k: pb.conv(x, k, padding="same", dilation=2),
            (2, 5, 6, 2),
            (3, 2, 2, 3),
        )
    ],
    "conv_transpose": [
        transposed(*s)
        for s in ((1, 0, 0, 1, 1), (2, 1, 1, 1, 2), (3, 0, 2, 1, 1), (2, 1, 1, 2, 4))
    ],
    "conv_kernel": [
        operation(
            kernel_gradient,
            lambda x, y: pb.conv_kernel(x, y, (2, 3), 2, 1),
            (2, 5, 6, 2),
            (2, 3, 3, 3),
        )
    ],
    "max_pool": [
        operation(
            moved(lambda f, x, s=s: f.max_pool2d(x, *s)), lambda x, s=s: pb.max_pool(x, *s),
            (1, 6, 7, 2),
        )
        for s in (*POOLS, ((2, 2), 1, 1, 2))
    ],
    "avg_pool": [
        operation(
            moved(lambda f, x, s=s, c=c: f.avg_pool2d(x, *s, count_include_pad=c)),
            lambda x, s=s, c=c: pb.avg_pool(x, *s, c),
            (1, 6, 7, 2),
        )
        for s in POOLS
        for c in (True, False)
    ],
}  # fmt: skip


def separable(torch: Any, state: dict[str, Any], x: Any) -> Any:
    f = torch.nn.functional
    mixed = f.conv2d(channels_first(x), kernel(state["depthwise.weight"]), None, 1, 1, 1, 3)
    pointwise = kernel(state["pointwise.weight"])
    return channels_last(f.conv2d(mixed, pointwise, state["pointwise.bias"]))


def depthwise(torch: Any, state: dict[str, Any], x: Any) -> Any:
    made = torch.nn.Conv2d(3, 6, 3, 2, 1, groups=3)
    return channels_last(called(torch, made, turned(state), channels_first(x)))


LINE, PLANE, SPACE = (2, 7, 4), (2, 5, 4, 4), (1, 4, 3, 4, 4)

WINDOW_LAYERS: Table = {
    "Conv1d": [module("Conv1d", LINE, 4, 6, 3, 2, 1, 2, 2), module("Conv1d", LINE, 4, 3, 2)],
    "Conv2d": [
        module("Conv2d", PLANE, 4, 6, (3, 2), 2, 1, groups=2),
        module("Conv2d", PLANE, 4, 3, 3, padding="same", bias=False),
        module("Conv2d", PLANE, 4, 4, 1),
    ],
    "Conv3d": [
        module("Conv3d", SPACE, 4, 2, 2, (1, 2, 1), 1),
        module("Conv3d", SPACE, 4, 4, (2, 1, 2), dilation=2, groups=4),
    ],
    "ConvTranspose1d": [module("ConvTranspose1d", LINE, 4, 6, 3, 2, 1, 1, 2)],
    "ConvTranspose2d": [
        module("ConvTranspose2d", PLANE, 4, 6, 3, 2, 1, 1, 2),
        module("ConvTranspose2d", PLANE, 4, 2, (2, 3), bias=False, dilation=2),
    ],
    "ConvTranspose3d": [module("ConvTranspose3d", SPACE, 4, 2, 2, 2, (1, 0, 1), (0, 1, 0))],
    "DepthwiseConv2d": [
        layer(lambda: nn.DepthwiseConv2d(3, 3, 2, 1, multiplier=2), depthwise, (2, 6, 5, 3))
    ],
    "SeparableConv2d": [
        layer(lambda: nn.SeparableConv2d(3, 5, 3, padding=1), separable, (2, 5, 4, 3))
    ],
    "MaxPool1d": [module("MaxPool1d", LINE, 3, 2, 1), module("MaxPool1d", LINE, 2, dilation=2)],
    "MaxPool2d": [module("MaxPool2d", PLANE, (2, 3)), module("MaxPool2d", PLANE, 3, 1, 1)],
    "MaxPool3d": [module("MaxPool3d", SPACE, 2), module("MaxPool3d", SPACE, 3, 2, 1)],
    "AvgPool1d": [module("AvgPool1d", LINE, 3, 2, 1)],
    "AvgPool2d": [
        module("AvgPool2d", PLANE, (2, 3)),
        module("AvgPool2d", PLANE, 3, 2, 1, count_include_pad=False),
    ],
    "AvgPool3d": [module("AvgPool3d", SPACE, 2, 1, 1)],
    "GlobalAvgPool": [
        layer(nn.GlobalAvgPool, lambda t, p, x: t.nn.functional.adaptive_avg_pool2d(
            channels_first(x), 1)[..., 0, 0], PLANE),
    ],
    "GlobalMaxPool": [
        layer(nn.GlobalMaxPool, lambda t, p, x: t.nn.functional.adaptive_max_pool2d(
            channels_first(x), 1)[..., 0, 0], PLANE),
    ],
}  # fmt: skip
