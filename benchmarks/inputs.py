"""First weights and rows of a workload: drawn once, by NumPy, and read by every candidate."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.workloads import Workload

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Inputs:
    """What a workload is trained on, and from where.

    Attributes:
        x: The rows, (rows, *input), float32; or tokens, int64.
        y: Labels, (rows,), int64; or values, (rows, outputs), float32; or the token that follows
            each, like x.
        parameters: The first weights and biases in the order and layout of the workload.
    """

    x: Array
    y: Array
    parameters: list[Array]

    @classmethod
    def draw(cls, workload: Workload, seed: int = 0) -> Inputs:
        """Draw them: rows, answers that follow from the rows, uniform weights."""
        random = np.random.default_rng([seed, workload.number])
        x, y = (_text if workload.tokens else _rows)(workload, random)
        # The weights keep the scale of what passes through, so that deep networks learn too.
        parameters = []
        for shape, about in workload.parameters:
            fan_in = math.prod(shape[:-1])
            bound = math.sqrt(3 / fan_in) if len(shape) > 1 else 0.1
            parameters.append(
                random.uniform(about - bound, about + bound, shape).astype(np.float32)
            )
        return cls(x, y, parameters)

    def astype(self, dtype: str) -> Inputs:
        """The same with all numbers of that type; labels and tokens stay whole."""

        def converted(a: Array) -> Array:
            return a.astype(dtype, copy=False) if a.dtype.kind == "f" else a

        parameters = [converted(p) for p in self.parameters]
        return Inputs(converted(self.x), converted(self.y), parameters)

    def save(self, path: Path) -> None:
        """Write them to one file."""
        named = {f"p{i}": p for i, p in enumerate(self.parameters)}
        np.savez(path, x=self.x, y=self.y, **named)

    @classmethod
    def load(cls, path: Path) -> Inputs:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            count = sum(name.startswith("p") for name in file.files)
            return cls(file["x"], file["y"], [file[f"p{i}"] for i in range(count)])

    def batches(self, size: int) -> Iterator[tuple[Array, Array]]:
        """Rows and answers of each batch of an epoch, in order."""
        for start in range(0, len(self.x), size):
            yield self.x[start : start + size], self.y[start : start + size]


def _rows(workload: Workload, random: np.random.Generator) -> tuple[Array, Array]:
    """Normal rows, and answers that are linear in them."""
    rows = workload.batch * workload.batches
    x = random.standard_normal((rows, *workload.input), dtype=np.float32)
    flat = x.reshape(rows, -1)
    scale = 1 / math.sqrt(flat.shape[1])
    answer = flat @ random.standard_normal((flat.shape[1], workload.outputs), np.float32)
    answer *= np.float32(scale)
    return x, np.tanh(answer) if workload.loss == "mse" else answer.argmax(axis=1)


def _text(workload: Workload, random: np.random.Generator) -> tuple[Array, Array]:
    """Sequences in which one of four tokens follows each, and the same a place later."""
    (time,) = workload.input
    followers = random.integers(0, workload.tokens, (workload.tokens, 4))
    text = np.zeros((workload.batch * workload.batches, time + 1), np.int64)
    text[:, 0] = random.integers(0, workload.tokens, len(text))
    for place in range(time):
        text[:, place + 1] = followers[text[:, place], random.integers(0, 4, len(text))]
    return text[:, :-1].copy(), text[:, 1:].copy()
