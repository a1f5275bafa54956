"""Recurrent layers beside PyTorch's, in float64, forward and backward."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.nn.parameter import bound

pytestmark = pytest.mark.peers
TOLERANCE = {"rtol": 1e-10, "atol": 1e-10}


def drawn(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def torch_layer(torch: Any, kind: str, ours: Any) -> Any:
    """PyTorch's layer with the same values in its parameters."""
    size = ours.in_features, ours.hidden_features, ours.layers
    made = getattr(torch.nn, kind)(
        *size, batch_first=True, bidirectional=ours.bidirectional, dtype=torch.float64
    )
    several = ours.layers * ours.directions > 1
    with torch.no_grad():
        for i in range(ours.layers * ours.directions):
            place = f".{i}" if several else ""
            layer, way = divmod(i, ours.directions)
            suffix = f"_l{layer}" + "_reverse" * way

            def of(name: str, place: str = place) -> Any:
                return torch.tensor(ours[name + place].numpy())

            getattr(made, f"weight_ih{suffix}").copy_(of("input_weight").T)
            getattr(made, f"weight_hh{suffix}").copy_(of("recurrent_weight").T)
            getattr(made, f"bias_ih{suffix}").copy_(of("bias"))
            second = getattr(made, f"bias_hh{suffix}").zero_()
            if kind == "GRU":
                second[2 * ours.hidden_features :] = of("recurrent_bias")
    return made


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_recurrent_layers(kind: str, bidirectional: bool, layers: int) -> None:
    torch = pytest.importorskip("torch")
    ours: Any = getattr(pb.nn, kind)(3, 5, layers, bidirectional=bidirectional).astype("float64")
    for i, p in enumerate(ours.parameters().values()):
        p.assign(drawn(i, *p.shape) / 3)
    theirs = torch_layer(torch, kind, ours)
    x, count = drawn(50, 2, 7, 3), layers * ours.directions
    start = [drawn(60 + i, count, 2, 5) for i in range(ours.states)]
    y_bar = drawn(70, 2, 7, 5 * ours.directions)

    nodes = {p: pb.tensor(p.numpy()) for p in ours.parameters().values()}
    first = tuple(pb.tensor(s[0] if count == 1 else s) for s in start)
    with bound(nodes):
        y, state = ours(pb.tensor(x), first, return_state=True)
    bars = pb.gradient((y * y_bar).sum(), [nodes[p] for p in ours.parameters().values()])

    given = [torch.tensor(s) for s in start]
    wanted, end = theirs(torch.tensor(x), given[0] if len(given) == 1 else tuple(given))
    (wanted * torch.tensor(y_bar)).sum().backward()
    np.testing.assert_allclose(y.numpy(), wanted.detach().numpy(), **TOLERANCE)
    ends = end if isinstance(end, tuple) else (end,)
    found = state if isinstance(state, tuple) else (state,)
    for a, b in zip(found, ends, strict=True):
        np.testing.assert_allclose(a.numpy().reshape(b.shape), b.detach().numpy(), **TOLERANCE)
    for name, bar in zip(ours.parameters(), bars, strict=True):
        base, _, i = name.partition(".")
        layer, way = divmod(int(i or 0), ours.directions)
        suffix = f"_l{layer}" + "_reverse" * way
        kinds = {"input_weight": "weight_ih", "recurrent_weight": "weight_hh", "bias": "bias_ih"}
        grad = getattr(theirs, kinds.get(base, "bias_hh") + suffix).grad.numpy().T
        grad = grad[2 * ours.hidden_features :] if base == "recurrent_bias" else grad
        np.testing.assert_allclose(bar.numpy(), grad, err_msg=name, **TOLERANCE)


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_padded_batches(kind: str) -> None:
    torch = pytest.importorskip("torch")
    ours: Any = getattr(pb.nn, kind)(3, 4, bidirectional=True).initialise().astype("float64")
    theirs = torch_layer(torch, kind, ours)
    x, lengths = drawn(1, 3, 6, 3), [6, 4, 1]
    packed = torch.nn.utils.rnn.pack_padded_sequence(torch.tensor(x), lengths, batch_first=True)
    out, end = theirs(packed)
    wanted, _ = torch.nn.utils.rnn.pad_packed_sequence(out, batch_first=True)
    y, state = ours(x, lengths=lengths, return_state=True)
    for row, n in enumerate(lengths):
        np.testing.assert_allclose(
            y.numpy()[row, :n], wanted.detach().numpy()[row, :n], **TOLERANCE
        )
    ends = end if isinstance(end, tuple) else (end,)
    for a, b in zip(state if isinstance(state, tuple) else (state,), ends, strict=True):
        np.testing.assert_allclose(a.numpy(), b.detach().numpy(), **TOLERANCE)
