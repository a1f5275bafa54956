"""A lap of `race.py` with PyTorch: `python -m benchmarks.peers.torch_race COURSE`, in JSON."""

from __future__ import annotations

import itertools
import json
import sys
from typing import Any

import numpy as np
import torch
from torch.nn import functional


def network(sizes: list[int], dropout: float) -> torch.nn.Sequential:
    """Dense layers with relu and dropout between them."""
    made: list[torch.nn.Module] = []
    for inputs, outputs in itertools.pairwise(sizes):
        made += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU(), torch.nn.Dropout(dropout)]
    return torch.nn.Sequential(*made[:-2])


def main(course: dict[str, Any]) -> None:
    """Train until it is good enough, and print what was reached."""
    torch.manual_seed(course["seed"])
    with np.load(course["file"]) as file:
        x, x_test = (
            torch.from_numpy(file[name].reshape(-1, course["sizes"][0])).float() / 255
            for name in ("x_train", "x_test")
        )
        y, y_test = (torch.from_numpy(file[name]).long() for name in ("y_train", "y_test"))
    made = network(course["sizes"], course["dropout"])
    optimizer = torch.optim.Adam(made.parameters(), course["rate"], fused=True)
    accuracy, epoch = 0.0, 0
    while accuracy < course["goal"] and epoch < course["epochs"]:
        made.train()
        for rows in torch.randperm(len(x)).split(course["batch"]):
            optimizer.zero_grad(set_to_none=True)
            functional.cross_entropy(made(x[rows]), y[rows]).backward()
            optimizer.step()
        made.eval()
        with torch.no_grad():
            accuracy = (made(x_test).argmax(1) == y_test).float().mean().item()
        epoch += 1
    print(json.dumps({"epochs": epoch, "accuracy": accuracy}))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
