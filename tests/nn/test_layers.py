"""Every layer and activation of the tables: value, derivatives, description, file, text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import pullback as pb
from pullback.autodiff import gradcheck
from pullback.errors import ConfigError, UnknownNameError
from pullback.nn import Activation, Module, activations, layers
from pullback.nn.description import describe, rebuild
from pullback.nn.mode import mode
from tests.nn.cases import CASES, as_real, called, drawn, parameters_of

SAMPLES = 36
each = pytest.mark.parametrize("name", CASES)


def test_the_table_is_complete() -> None:
    assert set(CASES) == set(layers()), set(CASES) ^ set(layers())
    public = {
        name
        for name in pb.nn.__all__
        if isinstance(getattr(pb.nn, name), type) and issubclass(getattr(pb.nn, name), Module)
    }
    assert public - {"Module", "Activation"} == set(CASES)


def test_every_activation_is_a_layer_with_a_reference() -> None:
    for name, cls in activations.registry().items():
        assert issubclass(cls, Activation)
        assert cls.name == name
        assert cls.__name__ in CASES
        assert name == "identity" or "References:" in (cls.__doc__ or "")


@each
def test_its_docstring_says_what_it_computes(name: str) -> None:
    assert len(layers()[name].__doc__ or "") > 20


@each
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_its_value(name: str, dtype: str) -> None:
    for case in CASES[name]:
        for seed in range(2 * len(case.shapes)):
            module, arrays = drawn(case, seed)
            narrow = [as_real(a, dtype) for a in arrays]
            y = called(module, *map(pb.tensor, narrow))
            wanted = case.formula(*(as_real(a, "float64") for a in narrow))
            assert (y.shape, y.dtype) == (wanted.shape, dtype)
            tolerance = 1e-13 if dtype == "float64" else 3e-6
            np.testing.assert_allclose(y.numpy(), wanted, rtol=tolerance, atol=tolerance)


def varied(count: int, turn: int) -> list[int]:
    """Which arrays a check varies: all, or of many the input and two others, by turns."""
    if count <= 5:
        return list(range(count))
    return sorted({0, *(1 + (2 * turn + i) % (count - 1) for i in range(2))})


def test_every_array_has_its_turn() -> None:
    for cases in CASES.values():
        for case in cases:
            count = len(drawn(case, 0)[1])
            turns = range(SAMPLES // len(cases))
            assert {i for turn in turns for i in varied(count, turn)} == set(range(count))


@each
@pytest.mark.parametrize("order", [1, 2])
def test_its_derivatives(name: str, order: int) -> None:
    """With respect to the input and every parameter, in float64 at 1e-6."""
    checked = 0
    seed = 0
    while checked < SAMPLES:
        case = CASES[name][seed % len(CASES[name])]
        module, arrays = drawn(case, seed)
        seed += 1
        chosen = varied(len(arrays), checked // len(CASES[name]))

        def f(
            *nodes: pb.Tensor,
            module: Module = module,
            arrays: list[np.ndarray] = arrays,
            chosen: list[int] = chosen,
        ) -> pb.Tensor:
            values = dict(zip(chosen, nodes, strict=True))
            return called(module, *(values.get(i, pb.tensor(x)) for i, x in enumerate(arrays)))

        verdict = gradcheck(f, [arrays[i] for i in chosen], order=order, seed=seed)
        assert verdict, f"{module!r} {[a.shape for a in arrays]}\n{verdict}"
        checked += 1
    assert checked >= 30


@pytest.mark.parametrize("order", [1, 2])
def test_the_derivatives_of_dropout_in_training(order: int) -> None:
    for seed in range(SAMPLES):
        layer = pb.nn.Dropout((0.0, 0.3, 0.9, 1.0)[seed % 4])
        x = np.random.default_rng(seed).normal(size=((5,), (2, 3), ())[seed % 3])
        with mode(training=True, seed=seed):
            y = layer(pb.tensor(x)).numpy()

        def f(node: pb.Tensor, layer: Module = layer, seed: int = seed) -> pb.Tensor:
            with mode(training=True, seed=seed):
                return layer(node)

        assert gradcheck(f, [x], order=order, seed=seed)
        kept = 1 / (1 - layer.p) if layer.p < 1 else 0.0
        assert (np.isclose(y, kept * x) | (y == 0)).all()


@each
def test_its_description_leads_back_to_it(name: str) -> None:
    for case in CASES[name]:
        module = case.make().initialise(3)
        again = rebuild(describe(module)).initialise(3)
        assert describe(again) == describe(module)
        assert repr(again) == repr(module)
        before, after = module.parameters(), again.parameters()
        assert list(before) == list(after)
        for path, p in before.items():
            assert p.numpy().tobytes() == after[path].numpy().tobytes()


@each
def test_its_file_gives_the_same_bits(name: str, tmp_path: Path) -> None:
    for number, case in enumerate(CASES[name]):
        module = case.make().initialise(4)
        module.save(tmp_path / f"{number}.safetensors")
        again = pb.load(tmp_path / f"{number}.safetensors").network
        arrays = [as_real(a, "float32") for a in drawn(case, 1)[1]]
        inputs = arrays[: len(arrays) - len(module.parameters())]
        assert module(*inputs).numpy().tobytes() == again(*inputs).numpy().tobytes()


@each
def test_it_prints(name: str) -> None:
    for case in CASES[name]:
        module = case.make()
        assert repr(module).startswith(name)
        assert str(module).splitlines()[-1].split()[1].startswith("parameter")
        assert module.parameters() == module.parameters()


def test_activations_by_name() -> None:
    for name, cls in activations.registry().items():
        for alias in (name, name.upper(), *cls.aliases):
            assert type(activations.get(alias)) is cls
        made = cls()
        assert activations.get(made) is made
    assert isinstance(activations.get(None), pb.nn.Identity)  # type: ignore[arg-type]
    for wrong, near in (("rellu", "relu"), ("Tanhh", "tanh"), ("swich", ""), (3, "")):
        with pytest.raises(UnknownNameError, match="unknown activation") as caught:
            activations.get(wrong)  # type: ignore[arg-type]
        assert near in caught.value.do
        with pytest.raises(UnknownNameError):
            pb.nn.dense(2, [2], 1, activation=wrong)  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError, match="relu"):
        pb.nn.Sequential(pb.nn.Linear(2, 2), "relux")


@pytest.mark.parametrize("size", [0, -1, 1.5, "3", True, None, (2,), np.float64(2)])
def test_sizes_that_are_none(size: object) -> None:
    for sizes in ((size, 2), (2, size)):
        if sizes[0] is None:  # found at the first call
            continue
        with pytest.raises(ConfigError, match="positive whole number"):
            pb.nn.Linear(*sizes)  # type: ignore[arg-type]


def test_sizes_of_numpy_are_sizes(tmp_path: Path) -> None:
    made = pb.nn.Linear(np.int64(3), np.uint8(2)).initialise()
    made.save(tmp_path / "it")
    assert pb.load(tmp_path / "it").network["weight"].shape == (3, 2)


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan"), float("inf"), "0.5", None])
def test_probabilities_that_are_none(p: object) -> None:
    with pytest.raises(ConfigError, match="probability"):
        pb.nn.Dropout(p)  # type: ignore[arg-type]


def test_layers_that_are_none() -> None:
    for wrong in (3, None, pb.relu, pb.nn.ReLU, [pb.nn.ReLU()]):
        with pytest.raises(ConfigError, match="in place 1"):
            pb.nn.Sequential(pb.nn.ReLU(), wrong)  # type: ignore[arg-type]


def test_the_mask_of_dropout() -> None:
    """It keeps the share that it should, keeps the mean, and depends on seed and place."""
    layer = pb.nn.Dropout(0.3)
    x = pb.ones((400, 100))

    def masks(seed: int) -> np.ndarray:
        with mode(training=True, seed=seed):
            return layer(x).numpy()

    one = masks(1)
    assert abs((one == 0).mean() - 0.3) < 0.01
    assert abs(one.mean() - 1) < 0.02
    assert (masks(1) == one).all()
    assert (masks(2) != one).any()
    assert (layer(x).numpy() == 1).all()


def test_parameters_of_cases_are_checked_too() -> None:
    """The tables above would notice a layer without parameters where it should have some."""
    assert [len(parameters_of(case.make())) for case in CASES["Linear"]] == [2, 1, 2]
