"""Attention and embeddings beside PyTorch's, in float64, forward and backward."""

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


def torch_attention(torch: Any, ours: pb.nn.MultiHeadAttention) -> Any:
    """PyTorch's layer with the same values in its parameters."""
    value = {path: torch.tensor(p.numpy()) for path, p in ours.parameters().items()}
    theirs = torch.nn.MultiheadAttention(
        ours.features, ours.heads, batch_first=True, dtype=torch.float64
    )
    parts = ("query", "key", "value")
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([value[f"{p}.weight"].T for p in parts]))
        theirs.in_proj_bias.copy_(torch.cat([value[f"{p}.bias"] for p in parts]))
        theirs.out_proj.weight.copy_(value["out.weight"].T)
        theirs.out_proj.bias.copy_(value["out.bias"])
    return theirs


def gradients(made: Any, run: Any, y_bar: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Our output, and the gradient of its product with y_bar with respect to every parameter."""
    nodes = {p: pb.tensor(p.numpy()) for p in made.parameters().values()}
    with bound(nodes):
        y = run(made)
    bars = pb.gradient((y * y_bar).sum(), [nodes[p] for p in made.parameters().values()])
    return y.numpy(), {n: b.numpy() for n, b in zip(made.parameters(), bars, strict=True)}


@pytest.mark.parametrize("kind", ["self", "causal", "padding", "cross"])
def test_multi_head_attention(kind: str) -> None:
    torch = pytest.importorskip("torch")
    ours = pb.nn.MultiHeadAttention(12, 3, causal=kind == "causal").astype("float64")
    for i, p in enumerate(ours.parameters().values()):
        p.assign(drawn(i, *p.shape) / 3)
    theirs = torch_attention(torch, ours)
    q, k, v = drawn(20, 2, 5, 12), drawn(21, 2, 7, 12), drawn(22, 2, 7, 12)
    inputs = (q, k, v) if kind == "cross" else (q,)
    keys = np.arange(5) < np.array([[3], [5]]) if kind == "padding" else None
    settings: dict[str, Any] = {"need_weights": False}
    if kind == "causal":
        settings["attn_mask"] = torch.tensor(~np.tri(5, dtype=bool))
    if keys is not None:
        settings["key_padding_mask"] = torch.tensor(~keys)
    y_bar = drawn(30, 2, 5, 12)
    tensors = [torch.tensor(x) for x in (inputs if kind == "cross" else (q, q, q))]
    wanted, _ = theirs(*tensors, **settings)
    (wanted * torch.tensor(y_bar)).sum().backward()
    found, bars = gradients(ours, lambda layer: layer(*inputs, mask=keys), y_bar)
    np.testing.assert_allclose(found, wanted.detach().numpy(), **TOLERANCE)
    packed = theirs.in_proj_weight.grad.numpy().reshape(3, 12, 12)
    for part, their in zip(("query", "key", "value"), packed, strict=True):
        np.testing.assert_allclose(bars[f"{part}.weight"], their.T, **TOLERANCE)
    np.testing.assert_allclose(bars["out.weight"], theirs.out_proj.weight.grad.numpy().T)
    np.testing.assert_allclose(bars["out.bias"], theirs.out_proj.bias.grad.numpy(), **TOLERANCE)


@pytest.mark.parametrize("causal", [False, True])
def test_scaled_dot_product_attention(causal: bool) -> None:
    torch = pytest.importorskip("torch")
    arrays = [drawn(i, 2, 3, 5, 4) for i in range(3)]
    theirs = [torch.tensor(x, requires_grad=True) for x in arrays]
    wanted = torch.nn.functional.scaled_dot_product_attention(*theirs, is_causal=causal)
    (wanted**2).sum().backward()
    ours = [pb.tensor(x) for x in arrays]
    found = pb.scaled_dot_product_attention(*ours, causal=causal)
    np.testing.assert_allclose(found.numpy(), wanted.detach().numpy(), **TOLERANCE)
    for bar, x in zip(pb.gradient((found**2).sum(), ours), theirs, strict=True):
        np.testing.assert_allclose(bar.numpy(), x.grad.numpy(), **TOLERANCE)


def test_embedding() -> None:
    torch = pytest.importorskip("torch")
    ours = pb.nn.Embedding(7, 3, padding_index=2).astype("float64")
    weight = drawn(0, 7, 3)
    weight[2] = 0
    ours.weight.assign(weight)
    theirs = torch.nn.Embedding(7, 3, padding_idx=2, _weight=torch.tensor(weight))
    indices = np.random.default_rng(0).integers(0, 7, (4, 5))
    y_bar = drawn(1, 4, 5, 3)
    wanted = theirs(torch.tensor(indices))
    (wanted * torch.tensor(y_bar)).sum().backward()
    found, bars = gradients(ours, lambda layer: layer(indices), y_bar)
    np.testing.assert_array_equal(found, wanted.detach().numpy())
    np.testing.assert_allclose(bars["weight"], theirs.weight.grad.numpy(), **TOLERANCE)


@pytest.mark.parametrize("norm_first", [True, False])
def test_transformer_block(norm_first: bool) -> None:
    torch = pytest.importorskip("torch")
    ours = pb.nn.TransformerBlock(12, 3, 20, causal=True, norm_first=norm_first).astype("float64")
    for i, p in enumerate(ours.parameters().values()):
        p.assign(drawn(i, *p.shape) / 3)
    theirs = torch.nn.TransformerEncoderLayer(
        12, 3, 20, 0.0, "gelu", batch_first=True, norm_first=norm_first, dtype=torch.float64
    )
    theirs.self_attn = torch_attention(torch, ours.attention)
    value = {path: torch.tensor(p.numpy()) for path, p in ours.parameters().items()}
    pairs = (("linear1", "hidden"), ("linear2", "out"), ("norm1", "norm1"), ("norm2", "norm2"))
    with torch.no_grad():
        for their, our in pairs:
            getattr(theirs, their).weight.copy_(value[f"{our}.weight"].T)
            getattr(theirs, their).bias.copy_(value[f"{our}.bias"])
    x, y_bar = drawn(40, 2, 5, 12), drawn(41, 2, 5, 12)
    mask = torch.tensor(~np.tri(5, dtype=bool))
    wanted = theirs(torch.tensor(x), src_mask=mask)
    (wanted * torch.tensor(y_bar)).sum().backward()
    found, bars = gradients(ours, lambda layer: layer(x), y_bar)
    np.testing.assert_allclose(found, wanted.detach().numpy(), **TOLERANCE)
    for their, our in pairs:
        bar = getattr(theirs, their).weight.grad.numpy()
        np.testing.assert_allclose(bars[f"{our}.weight"], bar.T, **TOLERANCE)
