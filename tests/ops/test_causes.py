"""Every operation says what made an element of its value."""

from __future__ import annotations

import numpy as np
import pytest

from pullback.graph import as_node, registry
from pullback.graph.cause import Cause
from pullback.graph.dtypes import is_float
from pullback.ops.samples import Sample

SAMPLES = [
    pytest.param(sample, id=f"{name}-{i}")
    for name, op in registry().items()
    for i, sample in enumerate(op.samples())
]


def causes(sample: Sample, number: float | None) -> list[tuple[Cause, float, list[np.ndarray]]]:
    """What is said of some elements, with their values, and the inputs.

    With a `number`, that stands in the middle of every input of real numbers.
    """
    random = np.random.default_rng(1)
    drawn = [rule.draw(random).copy() for rule in sample.inputs]
    for array in drawn:
        if number is not None and is_float(array.dtype) and array.size:
            array.flat[array.size // 2] = number
    node = sample.build(*map(as_node, drawn))
    inputs = [x.numpy() for x in node.inputs]
    with np.errstate(all="ignore"):
        y = np.asarray(node.op.forward(*inputs), node.dtype)
        places = [*np.ndindex(y.shape)][:40]
        return [(node.op.why(place, y, *inputs), y[place], inputs) for place in places]


@pytest.mark.parametrize("number", [None, 0.0, 1e300, np.inf, np.nan])
@pytest.mark.parametrize("sample", SAMPLES)
def test_every_element_has_words_or_was_moved(sample: Sample, number: float | None) -> None:
    """What has no words stands in an input as it is; places that are named exist."""
    for cause, value, inputs in causes(sample, number):
        assert cause.words or cause.inputs or not inputs
        taken = [inputs[i][place] for i, place in cause.inputs]
        assert all(np.ndim(x) == 0 for x in taken)
        if not cause.words and inputs:
            np.testing.assert_array_equal(taken[0], value)


@pytest.mark.parametrize("sample", SAMPLES)
def test_numbers_that_are_sound_are_not_called_wrong(sample: Sample) -> None:
    for cause, value, _ in causes(sample, None):
        if np.isfinite(value):
            for word in ("beyond", "which is no number", "defined", "overflows", "a division by 0"):
                assert word not in cause.words
