"""Linear and normalising layers, and what joins layers, beside PyTorch's."""

from __future__ import annotations

from typing import Any

from pullback import nn
from tests.peers.case import Case, Table, called, channels_first, channels_last, layer

SHAPES = ((5, 6), (4, 7, 6), (3, 4, 5, 6))
State = dict[str, Any]


def linear(torch: Any, state: State, x: Any) -> Any:
    made = torch.nn.Linear(4, 3, bias="bias" in state)
    return called(torch, made, {**state, "weight": state["weight"].T}, x)


def bilinear(torch: Any, state: State, x: Any, y: Any) -> Any:
    made = torch.nn.Bilinear(3, 4, 2, bias="bias" in state)
    return called(torch, made, {**state, "weight": state["weight"].movedim(-1, 0)}, x, y)


def batch_norm(shape: tuple[int, ...], training: bool, **settings: Any) -> Case:
    theirs_of = {"epsilon": "eps"}

    def theirs(torch: Any, state: State, x: Any) -> Any:
        kind = torch.nn.BatchNorm2d if len(shape) == 4 else torch.nn.BatchNorm1d
        made = kind(6, **{theirs_of.get(k, k): v for k, v in settings.items()}).double()
        made.running_mean.copy_(state["running_mean"])
        made.running_var.copy_(state["running_variance"])
        learned = {k: v for k, v in state.items() if "running" not in k}
        y = channels_last(called(torch, made.train(training), learned, channels_first(x)))
        return (y, made.running_mean, made.running_var) if training else y

    return layer(lambda: nn.BatchNorm(6, **settings), theirs, shape, training=training)


def within_rows(ours: str, theirs: str, shape: tuple[int, ...], *a: Any, **settings: Any) -> Case:
    """Normalisation over the features, which come last in PyTorch too."""
    there = {{"epsilon": "eps", "affine": "elementwise_affine"}.get(k, k): v
             for k, v in settings.items()}  # fmt: skip

    def run(torch: Any, state: State, x: Any) -> Any:
        return called(torch, getattr(torch.nn, theirs)(6, **there), state, x)

    return layer(lambda: getattr(nn, ours)(6, *a, **settings), run, shape)


def group_norm(shape: tuple[int, ...], groups: int, **settings: Any) -> Case:
    def theirs(torch: Any, state: State, x: Any) -> Any:
        made = torch.nn.GroupNorm(groups, 6, **settings)
        return channels_last(called(torch, made, state, channels_first(x)))

    return layer(lambda: nn.GroupNorm(6, groups, **settings), theirs, shape)


def instance_norm(shape: tuple[int, ...], affine: bool) -> Case:
    def theirs(torch: Any, state: State, x: Any) -> Any:
        kind = torch.nn.InstanceNorm2d if len(shape) == 4 else torch.nn.InstanceNorm1d
        return channels_last(called(torch, kind(6, affine=affine), state, channels_first(x)))

    return layer(lambda: nn.InstanceNorm(6, affine=affine), theirs, shape)


def joined(torch: Any, state: State, x: Any) -> Any:
    f = torch.nn.functional
    first = f.linear(x, state["0.weight"].T, state["0.bias"])
    return torch.cat([first, f.relu(x)], -1)


def residual(torch: Any, state: State, x: Any) -> Any:
    return x + torch.nn.functional.linear(x, state["body.weight"].T, state["body.bias"])


def sequential(torch: Any, state: State, x: Any) -> Any:
    made = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    turned = {k: v.T if k.endswith("weight") else v for k, v in state.items()}
    return called(torch, made, turned, x)


LAYERS: Table = {
    "Linear": [
        layer(lambda: nn.Linear(4, 3), linear, (5, 4)),
        layer(lambda: nn.Linear(4, 3), linear, (2, 3, 4)),
        layer(lambda: nn.Linear(4, 3, bias=False), linear, (5, 4)),
    ],
    "Bilinear": [
        layer(lambda: nn.Bilinear(3, 4, 2), bilinear, (5, 3), (5, 4)),
        layer(lambda: nn.Bilinear(3, 4, 2, bias=False), bilinear, (2, 5, 3), (2, 5, 4)),
    ],
    "BatchNorm": [
        *(batch_norm(shape, training) for shape in SHAPES for training in (True, False)),
        batch_norm((5, 6), True, epsilon=0.1, momentum=0.3),
        batch_norm((5, 6), True, affine=False),
    ],
    "LayerNorm": [
        *(within_rows("LayerNorm", "LayerNorm", shape) for shape in SHAPES),
        within_rows("LayerNorm", "LayerNorm", (5, 6), epsilon=0.1),
        within_rows("LayerNorm", "LayerNorm", (5, 6), bias=False),
        within_rows("LayerNorm", "LayerNorm", (5, 6), affine=False),
    ],
    "RMSNorm": [
        *(within_rows("RMSNorm", "RMSNorm", shape) for shape in SHAPES),
        within_rows("RMSNorm", "RMSNorm", (5, 6), epsilon=0.1),
        within_rows("RMSNorm", "RMSNorm", (5, 6), affine=False),
    ],
    "GroupNorm": [
        *(group_norm(shape, 3) for shape in SHAPES),
        group_norm((4, 7, 6), 2, affine=False),
    ],
    "InstanceNorm": [instance_norm(s, affine) for s in SHAPES[1:] for affine in (False, True)],
    "Flatten": [layer(nn.Flatten, lambda t, p, x: t.nn.Flatten()(x), (2, 3, 4))],
    "Reshape": [layer(lambda: nn.Reshape((4, 3)), lambda t, p, x: x.unflatten(1, (4, 3)), (2, 12))],
    "Concatenate": [layer(nn.Concatenate, lambda t, p, *xs: t.cat(xs, -1), (2, 3), (2, 4))],
    "Parallel": [layer(lambda: nn.Parallel(nn.Linear(3, 2), "relu"), joined, (4, 3))],
    "Residual": [layer(lambda: nn.Residual(nn.Linear(3, 3)), residual, (4, 3))],
    "Sequential": [
        layer(lambda: nn.Sequential(nn.Linear(3, 4), "tanh", nn.Linear(4, 2)), sequential, (5, 3))
    ],
    "Dropout": [
        layer(nn.Dropout, lambda t, p, x: t.nn.Dropout().eval()(x), (4, 3), training=False)
    ],
}
