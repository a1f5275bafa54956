"""Layers of PyTorch that take more than its modules, written as its users write them."""

from __future__ import annotations

import torch
from torch.nn import functional


class Positions(torch.nn.Module):
    """A vector for each place, added."""

    def __init__(self, time: int, features: int) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.empty(time, features))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.weight


class LSTM(torch.nn.Module):
    """PyTorch's LSTM with one bias: the other is zero, and is not trained."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.cells = torch.nn.LSTM(inputs, hidden, batch_first=True)
        self.cells.bias_hh_l0.requires_grad_(False).zero_()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.cells(x)[0]


class Block(torch.nn.Module):
    """A causal transformer block, the norm first, by PyTorch's fused attention."""

    def __init__(self, features: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = torch.nn.LayerNorm(features)
        self.packed = torch.nn.Linear(features, 3 * features)
        self.out = torch.nn.Linear(features, features)
        self.norm2 = torch.nn.LayerNorm(features)
        self.neurons = torch.nn.Sequential(
            torch.nn.Linear(features, 4 * features),
            torch.nn.GELU(),
            torch.nn.Linear(4 * features, features),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        packed = self.packed(self.norm1(x)).unflatten(-1, (3, self.heads, -1))
        query, key, value = packed.permute(2, 0, 3, 1, 4)  # each (batch, heads, time, width)
        seen = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.out(seen.transpose(1, 2).flatten(2))
        return x + self.neurons(self.norm2(x))
