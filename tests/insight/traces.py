"""What the tests of traces share."""

from __future__ import annotations

from typing import Any

import numpy as np

import pullback as pb
from pullback import nn


def values(network: nn.Module) -> dict[str, Any]:
    return {path: value.numpy() for path, value in network.state().items()}


def same(seen: pb.Trace, before: dict[str, Any], after: dict[str, Any], prefix: str = "") -> None:
    """Values, new values and updates are those of the step, to the bit."""
    moved = set()
    for path, old in before.items():
        one = seen[prefix + path]
        np.testing.assert_array_equal(one.value, old)
        if one.after is None:
            np.testing.assert_array_equal(after[path], old)
            continue
        np.testing.assert_array_equal(one.after, after[path], err_msg=path)
        np.testing.assert_array_equal(one.update, after[path] - old)
        moved.add(prefix + path)
    assert moved == set(seen.updates)
    assert moved >= set(seen.gradients)


def stack() -> nn.Sequential:
    made = nn.Sequential(nn.Linear(6, 8), "relu", nn.Dropout(0.5), nn.Linear(8, 8), nn.Linear(8, 3))
    made.initialise(seed=0)
    return made


def rows(count: int = 12) -> tuple[Any, Any]:
    random = np.random.default_rng(0)
    return random.normal(size=(count, 6)).astype("float32"), random.integers(0, 3, count)


def equal(a: pb.Trace, b: pb.Trace) -> None:
    assert list(a) == list(b)
    for place in a:
        for what in ("value", "cotangent", "after", "per_sample"):
            one, other = getattr(a[place], what), getattr(b[place], what)
            assert (one is None) == (other is None), (place, what)
            if one is not None:
                np.testing.assert_array_equal(one, other, err_msg=f"{place} {what}")
