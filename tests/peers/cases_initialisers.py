"""First values beside PyTorch's: what is drawn is chance, how far it reaches is not.

PyTorch's `uniform_` and `normal_` give way to the limit or deviation they were called with; ours is
what a draw is divided by the same draw with a limit or deviation of 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pullback import nn
from pullback.nn import initialisers as ours
from tests.peers.case import Array, Arrays, Case, Table

LINEAR, IMAGES = (4, 6), (3, 2, 4, 6)
UNITS = {"uniform": ours.Uniform(1.0), "normal": ours.Normal(1.0)}


def recorded(make: Callable[[Any], Any]) -> Any:
    """What PyTorch makes where each draw is its limit or deviation."""
    import torch

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "uniform_", lambda x, low=0.0, high=1.0, **_: x.fill_(high))
        patch.setattr(torch.Tensor, "normal_", lambda x, mean=0.0, std=1.0, **_: x.fill_(std))
        return make(torch)


def turned(shape: tuple[int, ...]) -> tuple[int, ...]:
    """(window, in, out) as (out, in, window)."""
    return (shape[-1], shape[-2], *shape[:-2])


def reach(initialiser: ours.Initialiser, form: str, shape: Any, fans: Any = None) -> Array:
    draw, unit = (
        made(shape, np.dtype("float64"), seed=3, fans=fans) for made in (initialiser, UNITS[form])
    )
    return np.asarray(draw / unit)


def drawing(form: str, initialiser: ours.Initialiser, name: str, **settings: Any) -> list[Case]:
    """An initialiser beside `torch.nn.init`'s, for a linear layer and for a convolution."""

    def theirs(shape: tuple[int, ...]) -> Arrays:
        def make(torch: Any) -> Any:
            empty = torch.zeros(turned(shape), dtype=torch.float64)
            return getattr(torch.nn.init, name)(empty, **settings)

        return {"reach": np.full(shape, recorded(make).numpy().flat[0])}

    return [
        Case({}, lambda _, s=s: theirs(s), lambda _, s=s: {"reach": reach(initialiser, form, s)})
        for s in (LINEAR, IMAGES)
    ]


def filled(initialiser: ours.Initialiser, name: str, *settings: float) -> Case:
    """One that draws nothing."""

    def theirs(_: Arrays) -> Arrays:
        import torch

        empty = torch.zeros(LINEAR, dtype=torch.float64)
        return {"value": getattr(torch.nn.init, name)(empty, *settings).numpy()}

    return Case({}, theirs, lambda _: {"value": initialiser(LINEAR, np.dtype("float64"))})


def layer(make: Callable[[], nn.Module], theirs: Callable[[Any], Any], **names: str) -> Case:
    """How far the first values of a layer's parameters reach; their names here and there.

    PyTorch's are in float32, as ours are when a layer is made.
    """

    def of_theirs(_: Arrays) -> Arrays:
        state = dict(recorded(theirs).named_parameters())
        found = {our: state[their].detach().numpy() for our, their in names.items()}
        return {our: np.float64(np.float32(value.flat[0])) for our, value in found.items()}

    def of_ours(_: Arrays) -> Arrays:
        found = make().parameters()
        far = {n: reach(found[n].initialiser, "uniform", found[n].shape, found[n].fans)
               for n in names}  # fmt: skip
        return {n: np.float64(np.float32(x.flat[0])) for n, x in far.items()}

    return Case({}, of_theirs, of_ours)


BOTH = {"weight": "weight", "bias": "bias"}
GATES = {
    "input_weight": "weight_ih_l0", "recurrent_weight": "weight_hh_l0", "bias": "bias_ih_l0",
}  # fmt: skip

INITIALISERS: Table = {
    "zeros": [filled(ours.Zeros(), "zeros_")],
    "ones": [filled(ours.Ones(), "ones_")],
    "constant": [filled(ours.Constant(0.3), "constant_", 0.3)],
    "identity": [filled(ours.Identity(), "eye_")],
    "uniform": [
        *drawing("uniform", ours.Uniform(0.2), "uniform_", a=-0.2, b=0.2),
        *(
            layer(lambda k=k: getattr(nn, k)(3, 5), lambda t, k=k: getattr(t.nn, k)(3, 5), **GATES)
            for k in ("RNN", "GRU", "LSTM")
        ),
        layer(
            lambda: nn.MultiHeadAttention(8, 2),
            lambda t: t.nn.MultiheadAttention(8, 2),
            **{"query.weight": "in_proj_weight", "out.weight": "out_proj.weight"},
        ),
    ],
    "normal": drawing("normal", ours.Normal(0.2), "normal_", std=0.2),
    "glorot_uniform": drawing("uniform", ours.GlorotUniform(), "xavier_uniform_"),
    "glorot_normal": drawing("normal", ours.GlorotNormal(), "xavier_normal_"),
    "he_uniform": drawing("uniform", ours.HeUniform(), "kaiming_uniform_", nonlinearity="relu"),
    "he_normal": drawing("normal", ours.HeNormal(), "kaiming_normal_", nonlinearity="relu"),
    "lecun_uniform": drawing(
        "uniform", ours.LecunUniform(), "kaiming_uniform_", nonlinearity="linear"
    ),
    "lecun_normal": drawing(
        "normal", ours.LecunNormal(), "kaiming_normal_", nonlinearity="linear"
    ),
    "fan_in_uniform": [
        *drawing("uniform", ours.FanInUniform(), "kaiming_uniform_", a=5**0.5),
        layer(lambda: nn.Linear(7, 3), lambda t: t.nn.Linear(7, 3), **BOTH),
        layer(lambda: nn.Bilinear(3, 4, 2), lambda t: t.nn.Bilinear(3, 4, 2), **BOTH),
        layer(lambda: nn.Conv1d(4, 6, 3, groups=2), lambda t: t.nn.Conv1d(4, 6, 3, groups=2),
              **BOTH),
        layer(lambda: nn.Conv2d(4, 6, 3), lambda t: t.nn.Conv2d(4, 6, 3), **BOTH),
        layer(lambda: nn.Conv3d(2, 3, 2), lambda t: t.nn.Conv3d(2, 3, 2), **BOTH),
        layer(lambda: nn.ConvTranspose2d(4, 6, 3, groups=2),
              lambda t: t.nn.ConvTranspose2d(4, 6, 3, groups=2), **BOTH),
    ],
    "variance_scaling": [
        *drawing("uniform", ours.VarianceScaling(2.0, "fan_out", "uniform"), "kaiming_uniform_",
                 mode="fan_out", nonlinearity="relu"),
        *drawing("normal", ours.VarianceScaling(25 / 9, "fan_in", "normal"), "kaiming_normal_",
                 nonlinearity="tanh"),
        *drawing("normal", ours.VarianceScaling(4.0, "fan_mean", "normal"), "xavier_normal_",
                 gain=2.0),
    ],
}  # fmt: skip
