"""The table tested is the table shipped: every registered operation, none left out."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.graph import Op, apply, constant, registry
from pullback.graph.node import Leaf
from pullback.graph.op import operation
from pullback.graph.printing import formula
from pullback.ops.families import Elementwise
from pullback.ops.samples import Sample
from tests.ops.expected import EXPECTED

OPERATIONS = {name: op for name, op in registry().items() if not issubclass(op, Leaf)}
LEAVES = {"constant", "placeholder", "slot"}

every_operation = pytest.mark.parametrize("name", OPERATIONS)


def drawn(sample: Sample, seed: int) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [rule.draw(random) for rule in sample.inputs]


def test_the_leaves_are_the_only_operations_without_a_meaning() -> None:
    assert set(registry()) - set(OPERATIONS) == LEAVES
    assert len(OPERATIONS) >= 80


@every_operation
def test_it_has_what_every_operation_needs(name: str) -> None:
    op = OPERATIONS[name]
    samples = list(op.samples())
    assert op.name == name
    assert (op.__doc__ or "").strip(), "a docstring"
    assert op.__doc__ != Op.__doc__, "a docstring of its own"
    assert "forward" in dir(op)
    assert op.forward is not Op.forward, "a meaning"
    assert op.infer is not Op.infer, "a shape rule"
    assert len(samples) >= 3, "samples"
    assert all(isinstance(s, Sample) and type(s.op) is op for s in samples)
    if op.arity >= 0:
        assert all(len(s.inputs) == op.arity for s in samples)
    if op.differentiable:
        assert op.vjp is not Op.vjp or op.decompose is not Op.decompose, "a derivative"
    if op.family == "FUSED":
        assert op.decompose is not Op.decompose, "a definition in simpler operations"
    if issubclass(op, Elementwise) and not op.__subclasses__():
        assert op.hard_points, "hard points"


@every_operation
def test_its_samples_cover_the_shapes(name: str) -> None:
    sizes = {np.size(x) for s in OPERATIONS[name].samples() for x in drawn(s, 0)}
    op = OPERATIONS[name]
    if op.arity != 0 and op.family not in {"CREATION", "RANDOM"} and op.name != "argmax":
        reducible = not hasattr(op, "least") or op.least() == 0
        assert not reducible or 0 in sizes, "nothing"
        assert 1 in sizes or op.name == "std", "one number"
        assert max(sizes) > 1, "several numbers"


@every_operation
def test_it_has_a_row_in_the_native_table(name: str, repository: Path) -> None:
    op = OPERATIONS[name]
    text = (repository / "native" / "ops.def").read_text("utf-8")
    row = f"PULLBACK_OP({name}, {op.family}, {op.arity})"
    assert re.search(rf"^{re.escape(row)}$", text, re.MULTILINE), f"add {row} to native/ops.def"


@every_operation
def test_it_can_be_reached_by_the_user(name: str) -> None:
    if name not in {"embed", "slice"}:  # what indexing and its pullback are made of
        assert callable(getattr(pb, name))
        assert (getattr(pb, name).__doc__ or "").strip()


@every_operation
@pytest.mark.parametrize("style", ["text", "latex"])
def test_it_prints(name: str, style: Any) -> None:
    for sample in OPERATIONS[name].samples():
        inputs = [constant(x) for x in drawn(sample, 0)]
        names = {x: f"x_{i}" for i, x in enumerate(inputs)}
        text = formula(
            apply(sample.op, *inputs) if not sample.spread else sample.build(*inputs), names, style
        )
        assert text
        assert text.count("{") == text.count("}")
        assert text.count("(") == text.count(")")
        missing = [shown for shown in names.values() if shown not in text]
        assert not missing or sample.op.family == "RANDOM", text


@every_operation
def test_equal_settings_are_one_computation(name: str) -> None:
    for sample, again in zip(OPERATIONS[name].samples(), OPERATIONS[name].samples(), strict=True):
        assert sample.op == again.op
        assert hash(sample.op) == hash(again.op)


def test_an_expectation_for_every_operation_and_no_other() -> None:
    assert set(EXPECTED) == set(OPERATIONS), set(EXPECTED) ^ set(OPERATIONS)


@every_operation
def test_its_values(name: str) -> None:
    for i, sample in enumerate(OPERATIONS[name].samples()):
        for seed in range(4):
            arrays = drawn(sample, 10 * i + seed)
            node = sample.build(*map(constant, arrays))
            found = node.numpy()
            wanted = np.asarray(EXPECTED[name](sample.op, *arrays))
            assert found.shape == node.shape == wanted.shape
            assert found.dtype == node.dtype
            assert found.dtype.kind == wanted.dtype.kind or wanted.dtype.kind == "f"
            np.testing.assert_allclose(
                found, wanted, rtol=4e-15, atol=4e-15, err_msg=f"{sample.op} seed {seed}"
            )


@every_operation
def test_it_leaves_its_inputs_alone(name: str) -> None:
    for sample in OPERATIONS[name].samples():
        arrays = drawn(sample, 5)
        before = [x.copy() for x in arrays]
        node = sample.build(*map(constant, arrays))
        with np.errstate(all="ignore"):
            value = node.op.forward(*(x.numpy() for x in node.inputs))
        node.numpy()
        assert np.asarray(value).shape == node.shape
        assert all(np.array_equal(x, b) for x, b in zip(arrays, before, strict=True))


@every_operation
def test_float32_agrees_with_float64(name: str) -> None:
    """In float32, an operation is off by a few units of what its inputs' rounding costs."""
    for i, sample in enumerate(OPERATIONS[name].samples()):
        arrays = drawn(sample, i)
        if not any(x.dtype == np.float64 for x in arrays) or name == "cast":
            continue
        narrow = [x.astype(np.float32) if x.dtype == np.float64 else x for x in arrays]
        wide = [x.astype(np.float64) if x.dtype == np.float32 else x for x in narrow]
        low = sample.build(*map(constant, narrow))
        high = sample.build(*map(constant, wide))
        if high.dtype == np.float64:
            assert low.dtype == np.float32, sample.op
            np.testing.assert_allclose(low.numpy(), high.numpy(), rtol=2e-6, atol=5e-7)
        else:
            np.testing.assert_array_equal(low.numpy(), high.numpy())


def test_two_operations_of_one_name_are_refused() -> None:
    from pullback.graph import register

    with pytest.raises(ValueError, match="two operations are named 'tanh'"):
        register(type("Tanh", (Elementwise,), {"name": "tanh", "__doc__": "Again."}))


def test_an_unknown_operation_names_the_nearest() -> None:
    with pytest.raises(pb_errors().UnknownNameError, match="tanh"):
        operation("tanhh")


def pb_errors() -> Any:
    import pullback.errors

    return pullback.errors


def test_the_registry_is_a_copy() -> None:
    registry().clear()
    assert registry()


def test_rules_take_no_loose_keywords() -> None:
    for name, op in OPERATIONS.items():
        for method in (op.forward, op.vjp, op.decompose):
            if method in (Op.vjp, Op.decompose):
                continue
            kinds = {p.kind for p in inspect.signature(method).parameters.values()}
            assert inspect.Parameter.VAR_KEYWORD not in kinds, name
