"""Recurrent layers, attention and transformers beside PyTorch's."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from pullback import nn
from tests.peers.case import Case, Table, called, layer, whole

State = dict[str, Any]


def recurrent_state(torch: Any, kind: str, state: State, hidden: int, directions: int) -> State:
    """Our parameters by the names of PyTorch's, whose second bias only the GRU needs."""
    found: State = {}
    places = [name.partition(".")[2] for name in state if name.startswith("input_weight")]
    for i, place in enumerate(places):
        end = place and f".{place}"
        suffix = f"_l{i // directions}" + "_reverse" * (i % directions)
        found[f"weight_ih{suffix}"] = state[f"input_weight{end}"].T
        found[f"weight_hh{suffix}"] = state[f"recurrent_weight{end}"].T
        if f"bias{end}" not in state:
            continue
        second = torch.zeros_like(state[f"bias{end}"])
        if kind == "GRU":
            second = torch.cat([second[: 2 * hidden], state[f"recurrent_bias{end}"]])
        found[f"bias_ih{suffix}"], found[f"bias_hh{suffix}"] = state[f"bias{end}"], second
    return found


def recurrent(kind: str, layers: int, bidirectional: bool, **settings: Any) -> Case:
    """From given states; the states at the end are outputs too."""
    directions = 1 + bidirectional
    count, parts = layers * directions, 2 if kind == "LSTM" else 1

    def theirs(torch: Any, state: State, x: Any, *start: Any) -> Any:
        made = getattr(torch.nn, kind)(
            3, 4, layers, batch_first=True, bidirectional=bidirectional,
            **{{"activation": "nonlinearity"}.get(k, k): v for k, v in settings.items()},
        )  # fmt: skip
        named = recurrent_state(torch, kind, state, 4, directions)
        first = [s if count > 1 else s[None] for s in start]
        y, end = called(torch, made, named, x, first[0] if parts == 1 else tuple(first))
        ends = end if isinstance(end, tuple) else (end,)
        return y, [s if count > 1 else s[0] for s in ends]

    start = [(count, 2, 4) if count > 1 else (2, 4)] * parts
    return layer(
        lambda: getattr(nn, kind)(3, 4, layers, bidirectional=bidirectional, **settings),
        theirs,
        (2, 5, 3),
        *start,
        call=lambda made, x, *s: made(x, s if parts > 1 else s[0], return_state=True),
    )


def padded(kind: str) -> Case:
    """Rows of several lengths: what PyTorch does with packed sequences."""
    lengths = np.array([6, 4, 1])

    def theirs(torch: Any, state: State, x: Any, counts: Any) -> Any:
        made = getattr(torch.nn, kind)(3, 4, batch_first=True, bidirectional=True)
        rnn = torch.nn.utils.rnn
        packed = rnn.pack_padded_sequence(x, counts, batch_first=True)
        y, end = called(torch, made, recurrent_state(torch, kind, state, 4, 2), packed)
        return rnn.pad_packed_sequence(y, batch_first=True)[0], end

    def call(made: Any, x: Any, counts: Any) -> Any:
        y, state = made(x, lengths=counts, return_state=True)
        return y * (np.arange(6) < lengths[:, None])[..., None].astype(float), state

    return layer(
        lambda: getattr(nn, kind)(3, 4, bidirectional=True), theirs, (3, 6, 3), lengths, call=call
    )


def attention_state(torch: Any, state: State, before: str = "") -> State:
    """Our four maps, of which PyTorch packs three."""
    three = [before + part for part in ("query", "key", "value")]
    packed = {"in_proj_weight": torch.cat([state[f"{p}.weight"].T for p in three])}
    packed["out_proj.weight"] = state[f"{before}out.weight"].T
    if f"{before}out.bias" in state:
        packed["in_proj_bias"] = torch.cat([state[f"{p}.bias"] for p in three])
        packed["out_proj.bias"] = state[f"{before}out.bias"]
    return packed


LATER = ~np.tri(5, dtype=bool)
KEPT = np.arange(5) < np.array([[3], [5]])
SEEN = (np.arange(100).reshape(2, 2, 5, 5) % 3 > 0) | np.eye(5, dtype=bool)
MASKS = {"padding": KEPT, "each head": SEEN, "all heads": SEEN[:, :1]}


def attention(kind: str) -> Case:
    causal, bias = kind == "causal", kind != "no bias"

    def theirs(torch: Any, state: State, *inputs: Any) -> Any:
        made = torch.nn.MultiheadAttention(8, 2, bias=bias, batch_first=True)
        settings: State = {"need_weights": False}
        if causal:
            settings["attn_mask"] = torch.tensor(LATER)
        if kind in MASKS:
            *inputs, kept = inputs  # type: ignore[assignment]
            hidden = ~kept if kept.ndim < 3 else ~kept.expand(2, 2, 5, 5).reshape(4, 5, 5)
            settings["key_padding_mask" if kept.ndim == 2 else "attn_mask"] = hidden
        three = inputs if kind == "cross" else inputs[:1] * 3
        return called(torch, made, attention_state(torch, state), *three, **settings)[0]

    inputs: list[Any] = [(2, 5, 8)]
    inputs += [(2, 7, 8), (2, 7, 8)] * (kind == "cross") + [MASKS.get(kind)] * (kind in MASKS)

    def call(made: Any, *xs: Any) -> Any:
        return made(xs[0], mask=xs[1]) if kind in MASKS else made(*xs)

    make = lambda: nn.MultiHeadAttention(8, 2, causal=causal, bias=bias)  # noqa: E731
    return layer(make, theirs, *inputs, call=call)


def transformer(norm_first: bool, activation: str, causal: bool, padding: bool) -> Case:
    def theirs(torch: Any, state: State, x: Any, kept: Any = None) -> Any:
        made = torch.nn.TransformerEncoderLayer(
            8, 2, 12, 0.0, activation, batch_first=True, norm_first=norm_first
        )
        packed = attention_state(torch, state, "attention.")
        named = {f"self_attn.{name}": v for name, v in packed.items()}
        pairs = {"linear1": "hidden", "linear2": "out", "norm1": "norm1", "norm2": "norm2"}
        for their, our in pairs.items():
            weight = state[f"{our}.weight"]
            named[f"{their}.weight"] = weight.T if weight.ndim == 2 else weight
            named[f"{their}.bias"] = state[f"{our}.bias"]
        mask = torch.tensor(LATER) if causal else None
        hidden = None if kept is None else ~kept
        return called(torch, made, named, x, src_mask=mask, src_key_padding_mask=hidden)

    return layer(
        lambda: nn.TransformerBlock(8, 2, 12, causal, activation=activation, norm_first=norm_first),
        theirs,
        (2, 5, 8),
        *([KEPT] if padding else []),
    )


def embedding(padding_index: int | None) -> Case:
    """Ours gives zeros for padding; PyTorch gives its row, which is zeros at first."""

    def theirs(torch: Any, state: State, indices: Any) -> Any:
        kept = torch.arange(7) != (-1 if padding_index is None else padding_index)
        made = torch.nn.Embedding(7, 3, padding_index)
        return called(torch, made, {"weight": state["weight"] * kept[:, None]}, indices)

    return layer(lambda: nn.Embedding(7, 3, padding_index), theirs, whole(7, 4, 5))


def tied(torch: Any, state: State, indices: Any) -> Any:
    f, weight = torch.nn.functional, state["0.weight"]
    return f.linear(f.embedding(indices, weight), weight, state["1.bias"])


def tied_network() -> nn.Module:
    first = nn.Embedding(6, 3)
    return nn.Sequential(first, nn.Tied(first))


def learned_positions(torch: Any, state: State, x: Any) -> Any:
    made = torch.nn.Embedding(9, 4)
    return x + called(torch, made, state, torch.arange(x.shape[1]))


SEQUENCE_LAYERS: Table = {
    **{
        kind: [
            *(recurrent(kind, *s) for s in itertools.product((1, 2), (False, True))),
            recurrent(kind, 2, True, bias=False),
            padded(kind),
        ]
        for kind in ("GRU", "LSTM")
    },
    "RNN": [
        *(recurrent("RNN", *s) for s in itertools.product((1, 2), (False, True))),
        recurrent("RNN", 2, False, activation="relu"),
        recurrent("RNN", 1, True, bias=False),
        padded("RNN"),
    ],
    "Embedding": [embedding(None), embedding(2)],
    "LearnedPositions": [layer(lambda: nn.LearnedPositions(9, 4), learned_positions, (2, 5, 4))],
    "MultiHeadAttention": [
        attention(kind) for kind in ("self", "causal", "cross", "no bias", *MASKS)
    ],
    "Tied": [layer(tied_network, tied, whole(6, 2, 3))],
    "TransformerBlock": [
        transformer(*s)
        for s in (
            (True, "gelu", True, False),
            (False, "gelu", False, False),
            (True, "relu", False, True),
            (False, "relu", True, True),
        )
    ],
}
