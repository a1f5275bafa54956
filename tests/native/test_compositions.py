"""Compositions of elementwise operations: to the same bits as one operation after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pullback.execute import native
from tests.native.helpers import EVERY_ISA, module

pytestmark = pytest.mark.native

Array = np.ndarray[Any, Any]
Steps = list[tuple[str, int, list[int]]]  # operation, output, inputs

SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-40, -1e-40, 3e38, -3e38, 1.0, -1.0, 1e-20]


def numbers(leaves: int, count: int, dtype: str) -> Array:
    """Inputs among which every special number meets every other, above 0 as often as not."""
    random = np.random.default_rng(leaves)
    drawn = random.standard_normal((leaves, count)) * 10.0 ** random.integers(-3, 4, count)
    drawn[:, ::2] = np.abs(drawn[:, ::2])
    places = random.random((leaves, count)) < 0.2
    drawn[places] = random.choice(SPECIAL, places.sum())
    return drawn.astype(dtype)


def steps_of(form: str) -> tuple[Steps, int]:
    """The operations of a form; its leaves are the first registers."""
    leaves, steps = form.count("_"), Steps()
    left = iter(range(leaves))

    def value(text: str) -> tuple[int, str]:
        if text[0] == "_":
            return next(left), text[1:]
        name, rest = text.split("(", 1)
        inputs = []
        while rest[0] != ")":
            found, rest = value(rest.removeprefix(","))
            inputs.append(found)
        steps.append((name, leaves + len(steps), inputs))
        return steps[-1][1], rest[1:]

    value(form)
    return steps, leaves


def chain(isa: str, steps: Steps, inputs: Array, stored: list[int]) -> Array:
    """What a chain of these steps makes, for the registers that are stored."""
    leaves, count = inputs.shape
    code = {"float32": 0, "float64": 1}[str(inputs.dtype)]
    memory = np.zeros((leaves + len(stored), count), inputs.dtype)
    memory[:leaves] = inputs

    def place(row: int) -> tuple[int, int, int, list[int], list[int], list[int]]:
        return 0, row * memory.strides[0], code, [count], [1], []

    made = module().Program(isa, memory.reshape(-1).view(np.uint8), np.zeros(8, np.uint8))
    loads = [(n, place(n)) for n in range(leaves)]
    stores = [(reg, place(leaves + n)) for n, reg in enumerate(stored)]
    taken = [(name, code, code, out, given, []) for name, out, given in steps]
    made.chain(isa, [count], loads, taken, stores, [])
    assert made.run() == (True, -1)
    return memory[leaves:]


def one_by_one(isa: str, steps: Steps, inputs: Array) -> dict[int, Array]:
    values = dict(enumerate(inputs))
    for name, out, given in steps:
        values[out] = np.zeros_like(inputs[0])
        module().call_elementwise(isa, name, [values[n] for n in given], values[out])
    return values


def forms() -> list[tuple[str, str]]:
    found = native.module()
    if found is None:
        return [("none", "float32")]
    return found.compositions(found.instruction_sets()[0])


def same_bits(a: Array, b: Array) -> None:
    whole = {4: np.uint32, 8: np.uint64}[a.itemsize]
    both = np.isnan(a) & np.isnan(b)
    np.testing.assert_array_equal(
        np.where(both, 0, a.view(whole)), np.where(both, 0, b.view(whole))
    )


@EVERY_ISA
@pytest.mark.parametrize(("form", "dtype"), forms())
@pytest.mark.parametrize("count", [48, 256, 4096])
def test_a_composition_rounds_as_its_operations(
    isa: str, form: str, dtype: str, count: int
) -> None:
    module()
    steps, leaves = steps_of(form)
    inputs = numbers(leaves, count, dtype)
    wanted = one_by_one(isa, steps, inputs)
    last = steps[-1][1]
    same_bits(chain(isa, steps, inputs, [last])[0], wanted[last])
    every = [out for _, out, _ in steps]  # what is stored too is no part of another
    for made, out in zip(chain(isa, steps, inputs, every), every, strict=True):
        same_bits(made, wanted[out])


@EVERY_ISA
def test_what_two_operations_read_is_made_once(isa: str) -> None:
    """A product that is read twice, once by a sum that could take it in."""
    steps: Steps = [("mul", 3, [0, 1]), ("add", 4, [3, 2]), ("sub", 5, [4, 3])]
    inputs = numbers(3, 512, "float32")
    same_bits(chain(isa, steps, inputs, [5])[0], one_by_one(isa, steps, inputs)[5])


@EVERY_ISA
@pytest.mark.parametrize("again", [3, 0], ids=["made", "loaded"])
def test_a_register_may_be_written_again(isa: str, again: int) -> None:
    steps: Steps = [("mul", 3, [0, 1]), ("square", again, [2]), ("add", 4, [3, again])]
    steps += [("sub", 5, [4, 2])]
    inputs = numbers(3, 512, "float32")
    same_bits(chain(isa, steps, inputs, [5])[0], one_by_one(isa, steps, inputs)[5])


@EVERY_ISA
def test_forms_can_be_found_step_by_step(isa: str) -> None:
    """A composition whose parts are no compositions would never be met."""
    found = {form for form, _ in module().compositions(isa)}
    for form in found:
        steps, leaves = steps_of(form)
        text = dict.fromkeys(range(leaves), "_")
        for name, out, given in steps:
            text[out] = f"{name}({','.join(text[n] for n in given)})"
            single = all(n < leaves for n in given)
            assert single or text[out] in found, text[out]
