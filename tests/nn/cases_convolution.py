"""Layers over windows: settings, inputs, and their definitions in plain loops."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

import pullback as pb
from pullback.ops.averaging import AvgPool
from pullback.ops.convolution import Conv, ConvTranspose
from pullback.ops.max_pooling import MaxPool
from tests.nn.case import Case
from tests.ops import expected_windows as loops

Array = np.ndarray


def conv(op: Conv, x: Array, b: Array, w: Array) -> Array:
    return loops.conv(op, x, w) + b


def plain(rank: int, stride: int = 1, pad: int = 0, dilation: int = 1, groups: int = 1) -> Conv:
    return Conv((stride,) * rank, ((pad, pad),) * rank, (dilation,) * rank, groups)


def transposed(op: Conv, more: int, x: Array, b: Array, w: Array) -> Array:
    axes = zip(x.shape[1:-1], w.shape[:-2], op.stride, op.padding, op.dilation, strict=True)
    space = tuple((n - 1) * s - 2 * p + d * (k - 1) + 1 + more for n, k, s, (p, _), d in axes)
    return loops.conv_transpose(ConvTranspose(*op.settings(), space), x, w) + b


def separable(op: Conv, x: Array, w: Array, b: Array, mixing: Array) -> Array:
    return loops.conv(op, x, w) @ mixing[0, 0] + b


def pooled(kind: type[Any], name: str, rank: int, window: int, stride: int, pad: int = 0) -> Any:
    op = kind((stride,) * rank, ((pad, pad),) * rank, (1,) * rank, (window,) * rank)
    return partial(loops.EXPECTED[name], op)


SERIES = ((2, 5, 2), (1, 3, 2), (0, 4, 2))
IMAGES = ((1, 4, 3, 2), (2, 3, 2, 2), (0, 3, 4, 2))
VOLUMES = ((1, 2, 3, 2, 2), (1, 2, 2, 2, 2))

CASES: dict[str, list[Case]] = {
    "Conv1d": [
        Case(lambda: pb.nn.Conv1d(2, 3, 3), SERIES, partial(conv, plain(1))),
        Case(
            lambda: pb.nn.Conv1d(2, 2, 2, 2, 1, 2, 2, weight_init="he_normal"),
            SERIES,
            partial(conv, plain(1, 2, 1, 2, 2)),
        ),
    ],
    "Conv2d": [
        Case(lambda: pb.nn.Conv2d(2, 2, 3), ((1, 3, 3, 2), (1, 3, 4, 2)), partial(conv, plain(2))),
        Case(
            lambda: pb.nn.Conv2d(2, 1, [3, 2], padding=[1, (0, 1)]),
            IMAGES,
            partial(conv, Conv((1, 1), ((1, 1), (0, 1)), (1, 1), 1)),
        ),
        Case(
            lambda: pb.nn.Conv2d(2, 2, 3, padding="same", bias=False),
            IMAGES,
            lambda x, w: loops.conv(plain(2, pad=1), x, w),
        ),
    ],
    "Conv3d": [Case(lambda: pb.nn.Conv3d(2, 1, 2), VOLUMES, partial(conv, plain(3)))],
    "DepthwiseConv2d": [
        Case(
            lambda: pb.nn.DepthwiseConv2d(2, 2, padding=1, multiplier=2),
            IMAGES,
            partial(conv, plain(2, pad=1, groups=2)),
        ),
        Case(
            lambda: pb.nn.DepthwiseConv2d(2, 3), ((1, 3, 4, 2),), partial(conv, plain(2, groups=2))
        ),
    ],
    "SeparableConv2d": [
        Case(
            lambda: pb.nn.SeparableConv2d(2, 2, 2, 2),
            ((1, 2, 3, 2), (0, 3, 2, 2)),
            partial(separable, plain(2, 2, groups=2)),
        )
    ],
    "ConvTranspose1d": [
        Case(lambda: pb.nn.ConvTranspose1d(2, 3, 2), SERIES, partial(transposed, plain(1), 0)),
        Case(
            lambda: pb.nn.ConvTranspose1d(2, 4, 3, 2, 1, 1, 2, dilation=2),
            SERIES,
            partial(transposed, plain(1, 2, 1, 2, 2), 1),
        ),
    ],
    "ConvTranspose2d": [
        Case(
            lambda: pb.nn.ConvTranspose2d(2, 1, 2, stride=2),
            IMAGES,
            partial(transposed, plain(2, 2), 0),
        ),
    ],
    "ConvTranspose3d": [
        Case(
            lambda: pb.nn.ConvTranspose3d(2, 1, 2),
            ((1, 1, 2, 1, 2), (1, 2, 1, 1, 2)),
            partial(transposed, plain(3), 0),
        )
    ],
    "MaxPool1d": [
        Case(lambda: pb.nn.MaxPool1d(2), SERIES, pooled(MaxPool, "max_pool", 1, 2, 2)),
        Case(lambda: pb.nn.MaxPool1d(3, 1, 1), SERIES, pooled(MaxPool, "max_pool", 1, 3, 1, 1)),
    ],
    "MaxPool2d": [Case(lambda: pb.nn.MaxPool2d(2), IMAGES, pooled(MaxPool, "max_pool", 2, 2, 2))],
    "MaxPool3d": [
        Case(lambda: pb.nn.MaxPool3d(2, 1), VOLUMES, pooled(MaxPool, "max_pool", 3, 2, 1))
    ],
    "AvgPool1d": [
        Case(lambda: pb.nn.AvgPool1d(2), SERIES, pooled(AvgPool, "avg_pool", 1, 2, 2)),
        Case(
            lambda: pb.nn.AvgPool1d(3, 1, 1, count_include_pad=False),
            SERIES,
            partial(loops.EXPECTED["avg_pool"], AvgPool((1,), ((1, 1),), (1,), (3,), False)),
        ),
    ],
    "AvgPool2d": [Case(lambda: pb.nn.AvgPool2d(2), IMAGES, pooled(AvgPool, "avg_pool", 2, 2, 2))],
    "AvgPool3d": [
        Case(lambda: pb.nn.AvgPool3d(2, 1), VOLUMES, pooled(AvgPool, "avg_pool", 3, 2, 1))
    ],
    "GlobalAvgPool": [
        Case(
            pb.nn.GlobalAvgPool,
            (*SERIES, *IMAGES, *VOLUMES),
            lambda x: x.reshape(len(x), -1, 2).mean(1) if len(x) else np.zeros((0, 2)),
        )
    ],
    "GlobalMaxPool": [
        Case(
            pb.nn.GlobalMaxPool,
            (*SERIES, *IMAGES, *VOLUMES),
            lambda x: x.reshape(len(x), -1, 2).max(1) if len(x) else np.zeros((0, 2)),
        )
    ],
    "RandomFlip": [Case(pb.nn.RandomFlip, IMAGES, lambda x: x)],
    "RandomShift": [Case(pb.nn.RandomShift, IMAGES, lambda x: x)],
    "RandomCrop": [
        Case(
            lambda: pb.nn.RandomCrop((2, 3)),
            ((1, 4, 3, 2), (2, 5, 5, 1)),
            lambda x: x[:, 1:3] if x.shape[1] == 4 else x[:, 1:3, 1:4],
        ),
        Case(
            lambda: pb.nn.RandomCrop(3, padding=[1, 0]),
            ((2, 2, 3, 1),),
            lambda x: np.concatenate([0 * x[:, :1], x], axis=1),
        ),
    ],
    "Cutout": [Case(lambda: pb.nn.Cutout(2, p=0.5), IMAGES, lambda x: x)],
}
