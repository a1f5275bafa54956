"""Networks: paths, sharing, modules of one's own, errors that name both layers, their table."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.errors import (
    ConfigError,
    DataError,
    DtypeError,
    PullbackError,
    ShapeError,
    UnknownNameError,
)
from pullback.graph import placeholder, topological
from pullback.nn.description import describe, rebuild, rebuildable
from pullback.nn.summary import summary


class Block(pb.nn.Module):
    """A residual block of one's own, with a gain and settings that describe it."""

    def __init__(self, width: int, *, gain: float = 1.0, names: tuple[str, ...] = ("a",)) -> None:
        self.inner = pb.nn.Sequential(pb.nn.Linear(width, width), "tanh")
        self.gain = pb.nn.Parameter(width, pb.nn.initialisers.Constant(gain))
        self.names = names

    def forward(self, x: pb.Tensor) -> pb.Tensor:
        return x + self.inner(x) * self.gain


class Net(pb.nn.Module):
    """Blocks within blocks, and one that is used twice."""

    def __init__(self, width: int, blocks: list[Any]) -> None:
        self.first = pb.nn.Linear(2, width)
        for number, block in enumerate(blocks):
            setattr(self, f"block{number}", block)
        self.twice = pb.nn.Linear(width, width)
        self.again = self.twice
        self.last = pb.nn.Linear(width, 1)
        self.count = len(blocks)

    def forward(self, x: pb.Tensor) -> pb.Tensor:
        x = self.first(x)
        for number in range(self.count):
            x = self[f"block{number}"](x)
        return self.last(self.again(self.twice(x)))


def net() -> Net:
    return Net(3, [Block(3), Block(3, gain=0.5, names=("b", "c"))])


PATHS = [
    "first.weight",
    "first.bias",
    "block0.gain",
    "block0.inner.0.weight",
    "block0.inner.0.bias",
    "block1.gain",
    "block1.inner.0.weight",
    "block1.inner.0.bias",
    "twice.weight",
    "twice.bias",
    "last.weight",
    "last.bias",
]


def test_parameters_have_paths_in_order_and_come_once() -> None:
    made = net()
    assert list(made.parameters()) == PATHS
    assert made["again"] is made["twice"]
    assert made["block1.inner.0.weight"] is made.parameters()["block1.inner.0.weight"]
    for path, module in made.modules():
        assert not path or made[path] is module
    assert list(pb.nn.dense(2, [3], 1).parameters()) == ["0.weight", "0.bias", "2.weight", "2.bias"]


def test_a_place_that_is_not_there_names_the_nearest() -> None:
    for wrong, near in (
        ("blok0", "block0"),
        ("first.wight", "first.weight"),
        ("first.weight.0", "first.weight"),
    ):
        with pytest.raises(UnknownNameError, match="place in the network") as caught:
            net()[wrong]
        assert near in caught.value.do


def test_values_depend_on_seed_and_path_alone() -> None:
    """Not on what else there is, nor on the order of making."""
    small = pb.nn.Sequential(pb.nn.Linear(3, 4)).initialise(1)
    large = pb.nn.Sequential(pb.nn.Linear(3, 4), "relu", pb.nn.Linear(4, 4)).initialise(1)
    assert small["0.weight"].numpy().tobytes() == large["0.weight"].numpy().tobytes()
    other = pb.nn.Sequential(pb.nn.Linear(3, 4)).initialise(2)
    assert other["0.weight"].numpy().tobytes() != small["0.weight"].numpy().tobytes()
    twins = pb.nn.Sequential(pb.nn.Linear(4, 4), pb.nn.Linear(4, 4)).initialise(1)
    assert twins["0.weight"].numpy().tobytes() != twins["1.weight"].numpy().tobytes()


def test_initialising_again_keeps_values_unless_told_otherwise() -> None:
    made = net().initialise(1)
    before = made["first.weight"].numpy()
    assert made.initialise(2)["first.weight"].numpy().tobytes() == before.tobytes()
    assert made.initialise(2, overwrite=True)["first.weight"].numpy().tobytes() != before.tobytes()
    assert made.is_initialised
    assert not net().is_initialised


def test_a_parameter_that_is_replaced_is_gone() -> None:
    layer = pb.nn.Linear(2, 2)
    layer.bias = None
    assert list(layer.parameters()) == ["weight"]
    layer.weight = pb.nn.Linear(2, 2)
    assert list(layer.parameters()) == ["weight.weight", "weight.bias"]


@pytest.mark.parametrize("name", ["head", "name", "path", "layers", "training", "weights", "shape"])
def test_attributes_may_be_called_as_one_likes(name: str, tmp_path: Path) -> None:
    class Own(pb.nn.Module):
        def __init__(self) -> None:
            setattr(self, name, pb.nn.Linear(2, 2))

        def forward(self, x: pb.Tensor) -> pb.Tensor:
            return self[name](x)

    x = np.eye(2, dtype=np.float32)
    made = Own()
    pb.fit(made, (x, np.array([0, 1])), steps=2)
    made.save(tmp_path / "own")
    again = pb.load(tmp_path / "own", custom=[Own])
    np.testing.assert_array_equal(again.network(x).numpy(), made(x).numpy())
    np.testing.assert_array_equal(again.predict(x), made.predict(x))


def test_descriptions_of_modules_of_ones_own(tmp_path: Path) -> None:
    made = net().initialise(5)
    again = rebuild(describe(made), [Net, Block]).initialise(5)
    assert describe(again) == describe(made) == rebuildable(made)
    assert again["again"] is again["twice"]
    assert again["block1"].names in (("b", "c"), ["b", "c"])
    made["first.bias"].trainable = False
    made.save(tmp_path / "net")
    loaded = pb.load(tmp_path / "net", custom=[Net, Block]).network
    x = pb.tensor(np.random.default_rng(0).normal(size=(4, 2)).astype(np.float32))
    assert loaded(x).numpy().tobytes() == made(x).numpy().tobytes()
    assert [p.trainable for p in loaded.parameters().values()].count(False) == 1
    with pytest.raises(UnknownNameError, match="'Net'") as caught:
        pb.load(tmp_path / "net")
    assert "custom=[Net]" in caught.value.do


def test_a_shared_module_stays_shared(tmp_path: Path) -> None:
    layer = pb.nn.Linear(3, 3)
    made = pb.nn.Sequential(layer, "tanh", layer, "tanh", layer).initialise(2)
    assert list(made.parameters()) == ["0.weight", "0.bias"]
    made.save(tmp_path / "shared")
    again = pb.load(tmp_path / "shared").network
    assert again[0] is again[2] is again[4]
    assert again[0] is not made[0]
    x = pb.ones((2, 3))
    assert again(x).numpy().tobytes() == made(x).numpy().tobytes()
    assert len(made) == len(again) == 5


class Holder(pb.nn.Module):
    def __init__(self, thing: Any, more: dict[str, Any] | None = None) -> None:
        self.thing, self.more = thing, more

    def forward(self, x: pb.Tensor) -> pb.Tensor:
        return x


@pytest.mark.parametrize(
    "thing",
    [
        None,
        True,
        3,
        2.5,
        "text",
        [1, [2.0, "x"]],
        {"a": 1, "b": [pb.nn.initialisers.HeNormal()]},
        pb.nn.initialisers.Normal(0.3),
        np.float32(0.5),
        np.int64(7),
    ],
    ids=repr,
)
def test_arguments_that_can_be_kept(thing: Any) -> None:
    again = rebuild(describe(Holder(thing, {"x": thing})), [Holder])
    assert again.thing == thing
    assert again.more == {"x": thing}


@pytest.mark.parametrize(
    "thing",
    [np.zeros(3), lambda x: x, {1: 2}, {1, 2}, object(), b"x"],
    ids=lambda thing: type(thing).__name__,
)
def test_arguments_that_cannot_be_kept(thing: Any) -> None:
    with pytest.raises(ConfigError, match=r"Holder\(thing="):
        describe(Holder(thing))


def test_a_network_that_was_changed_afterwards_is_not_saved_as_something_else(
    tmp_path: Path,
) -> None:
    def tied() -> pb.nn.Module:
        made = pb.nn.Sequential(pb.nn.Linear(3, 3), pb.nn.Linear(3, 3))
        made[1].weight = made[0].weight
        return made

    def replaced() -> pb.nn.Module:
        made = pb.nn.dense(3, [4], 3)
        setattr(made, "2", pb.nn.Linear(4, 5))
        return made

    def reset() -> pb.nn.Module:
        made = pb.nn.dense(3, [4], 3, dropout=0.1)
        made[2].p = 0.7
        return made

    def added() -> pb.nn.Module:
        made = pb.nn.dense(3, [4], 3)
        made.more = pb.nn.Linear(3, 3)
        return made

    for change in (tied, replaced, reset, added):
        made = change().initialise()
        with pytest.raises(ConfigError, match="changed or replaced afterwards"):
            made.save(tmp_path / "it")
        with pytest.raises(ConfigError, match="changed or replaced afterwards"):
            pb.fit(made, (np.ones((4, 3)), np.array([0, 1, 2, 1])), steps=1, save=tmp_path / "runs")
        assert not list(tmp_path.rglob("*.safetensors"))


def test_frozen_networks() -> None:
    made = net().freeze()
    assert not any(p.trainable for p in made.parameters().values())
    assert "frozen" in repr(made["first.weight"])
    assert "(55 frozen)" in summary(made)


def source_line(text: str) -> str:
    lines, first = inspect.getsourcelines(test_a_misfit_names_both_layers_and_both_lines)
    (place,) = [i for i, line in enumerate(lines) if text in line and "for words" not in line]
    return f"{Path(__file__).name}:{first + place}"


def test_a_misfit_names_both_layers_and_both_lines() -> None:
    made = pb.nn.Sequential(
        pb.nn.Linear(4, 8),  # gives eight
        pb.nn.ReLU(),
        pb.nn.Linear(9, 3),  # takes nine
    ).initialise()
    with pytest.raises(ShapeError) as caught:
        made(pb.ones((5, 4)))
    text = str(caught.value)
    assert "Linear(9, 3)" in text
    assert "takes 9 features" in text
    assert "(5, 8)" in text
    assert "layer '1'" in text
    for words in ("  # takes nine", "pb.nn.ReLU(),"):
        assert source_line(words) in text, text
    with pytest.raises(ShapeError, match="takes 9 features"):
        pb.fit(made, (np.ones((5, 4)), np.array([0, 1, 2, 0, 1])))


def test_data_that_do_not_fit_the_first_layer() -> None:
    made = pb.nn.dense(4, [3], 2)
    with pytest.raises(ShapeError, match="takes 4 features") as caught:
        pb.fit(made, (np.ones((6, 5)), np.array([0, 1] * 3)))
    assert "Linear(5, 3)" in caught.value.do
    made.initialise()
    with pytest.raises(ShapeError, match="takes 4 features"):
        made.predict(np.ones((6, 5)))


def test_a_network_without_values_says_so() -> None:
    made = pb.nn.dense(4, [3], 2)
    with pytest.raises(ConfigError, match="initialise"):
        made(pb.ones((2, 4)))
    with pytest.raises(ConfigError, match="initialised"):
        made.predict(np.ones((2, 4)))
    with pytest.raises(ConfigError, match="initialised"):
        made.save("nowhere")


def test_predictions_in_parts_and_of_nothing() -> None:
    made = pb.nn.Sequential(pb.nn.Flatten(), *pb.nn.dense(4, [5], 3)).initialise(1)
    x = np.random.default_rng(0).normal(size=(50, 2, 2))
    whole = made.predict(x)
    for size in (1, 7, 50, 1000):
        np.testing.assert_allclose(made.predict(x, batch_size=size), whole, rtol=1e-5, atol=1e-6)
    assert made.predict(x[:0]).shape == (0, 3)
    with pytest.raises(ConfigError, match="at least one row"):
        made.predict(x, batch_size=0)
    with pytest.raises(DataError, match="numbers"):
        made.predict(np.array([["a", "b"]]))
    with pytest.raises(ConfigError, match="classifier"):
        made.predict(x, probabilities=True)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        ([1.0, 2.0], r"shape \(2,\)\n.*Pass \(rows, features\)"),
        (3.0, r"shape \(\)"),
        ([[1.0, 2.0], [3.0, np.nan]], "nan in row 1, column 1"),
        ([[1.0, 2.0], [-np.inf, np.nan]], "-inf in row 1, column 0, and 1 more"),
        ([[1.0, 2.0], [1e300, 0.0]], r"finite in float32(.|\n)*inf in row 1, column 0"),
        ([[1.0, 2.0], [3.0]], "features must be an array"),
    ],
    ids=str,
)
def test_rows_that_cannot_be_predicted(x: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        pb.nn.dense(2, [3], 1).initialise().predict(x)


def test_values_of_one_output_are_one_number_a_row() -> None:
    x = np.random.default_rng(0).normal(size=(30, 2))
    y = 3 + x[:, :1]
    run = pb.fit(pb.nn.dense(2, [3], 1), (x, y), epochs=2)
    values = run.network.predict(x)
    assert values.shape == run.predict(x).shape == (30,)
    assert (y[:, 0] - values).shape == (30,)
    rmse = np.sqrt(np.mean((y[:, 0] - values) ** 2))
    assert run.model.evaluate((x, y), ["rmse"])["rmse"] == pytest.approx(rmse, rel=1e-5)
    two = pb.fit(pb.nn.dense(2, [3], 2), (x, x), epochs=1)
    assert two.predict(x).shape == (30, 2)


def test_a_target_without_its_column_says_how_to_reshape() -> None:
    x = np.ones((6, 2))
    with pytest.raises(PullbackError) as caught:
        pb.fit(pb.nn.dense(2, [3], 1), (x, np.arange(6.0)))
    assert "reshape" in str(caught.value), str(caught.value)


def test_float64_networks() -> None:
    made = net().initialise(3)
    narrow = made(pb.ones((2, 2))).numpy()
    made.astype("float64")
    assert made.parameters()["first.weight"].dtype == np.float64
    wide = made.predict(np.ones((2, 2)))
    assert wide.dtype == np.float64
    np.testing.assert_allclose(wide, narrow, rtol=1e-5)
    fresh = net().astype("float64").initialise(3)
    assert fresh["first.weight"].numpy().dtype == np.float64
    with pytest.raises(TypeError):
        made.astype("float16")
    with pytest.raises(DtypeError, match="real numbers"):
        made.astype("int64")
    with pytest.raises(DtypeError, match="real numbers"):
        pb.nn.Parameter(3, pb.nn.initialisers.Zeros(), dtype="int32")
    assert made["first.weight"].dtype == np.float64


def test_the_table_of_a_network() -> None:
    lines = str(net()).splitlines()
    cells = [line.split("  ") for line in lines[:-1]]
    table = [[cell.strip() for cell in row if cell.strip()] for row in cells]
    assert table == [
        ["path", "layer", "output", "parameters"],
        ["first", "Linear(2, 3)", "(batch, 3)", "9"],
        ["block0", "Block(3)", "(batch, 3)", "3"],
        ["block0.inner.0", "Linear(3, 3)", "(batch, 3)", "12"],
        ["block0.inner.1", "Tanh()", "(batch, 3)", "0"],
        ["block1", "Block(3, gain=0.5, names=('b', 'c'))", "(batch, 3)", "3"],
        ["block1.inner.0", "Linear(3, 3)", "(batch, 3)", "12"],
        ["block1.inner.1", "Tanh()", "(batch, 3)", "0"],
        ["twice", "Linear(3, 3)", "(batch, 3)", "12"],
        ["last", "Linear(3, 1)", "(batch, 1)", "4"],
    ]
    numbers = sum(int(row[-1]) for row in table[1:])
    assert lines[-1].startswith(f"{numbers} parameters, {4 * numbers} B")
    assert numbers == sum(p.size for p in net().parameters().values())
    assert len({len(line) for line in lines[:-1]}) == 1, "columns are aligned"


def test_printing_never_fails() -> None:
    class Odd(pb.nn.Module):
        def forward(self, x: pb.Tensor, y: pb.Tensor) -> pb.Tensor:
            raise RuntimeError

    class Picky(pb.nn.Module):
        def __init__(self) -> None:
            self.linear = pb.nn.Linear(4, 2)

        def forward(self, x: pb.Tensor) -> pb.Tensor:
            return self.linear(x)[10_000]

    for made in (
        Odd(),
        Picky(),
        pb.nn.Sequential(Odd(), pb.nn.Linear(2, 2)),
        pb.nn.dense(3, [], 1),
        pb.nn.Sequential(pb.nn.Linear(4, 8), pb.nn.Linear(9, 3)),
        pb.nn.Sequential(),
        pb.nn.ReLU(),
    ):
        assert "parameters" in str(made)
        assert type(made).__name__ in repr(made)
    assert "?" in str(pb.nn.Sequential(Odd()))


def test_random_layers_in_a_network_have_streams_of_their_own() -> None:
    from pullback.nn.mode import mode

    layer = pb.nn.Dropout(0.5)
    made = pb.nn.Sequential(layer, layer, pb.nn.Dropout(0.5))
    x = pb.ones((200, 50))
    with mode(training=True, seed=1):
        y = made(x).numpy()
    assert abs((y != 0).mean() - 0.125) < 0.01, "three masks that know nothing of each other"


def test_paths_of_calls() -> None:
    """Each node says which module made it: parts of parts too, and by whatever way it is called."""

    class Deep(pb.nn.Module):
        def __init__(self) -> None:
            self.body = pb.nn.Sequential(pb.nn.Linear(3, 3), pb.nn.Sequential("tanh"))
            self.gain = pb.nn.Parameter(3, pb.nn.initialisers.Ones())

        def forward(self, x: pb.Tensor) -> pb.Tensor:
            x = self.body(x)
            x = self.body[0](x)
            x = self["body.1.0"](x)
            return pb.exp(x) * self.gain

    made = pb.nn.Sequential(Deep(), pb.nn.Linear(3, 2)).initialise()
    graph = topological([made(placeholder("x", (2, 3)))])
    by_op = [(y.op.name, y.origin.path) for y in graph if y.inputs and y.op.name != "broadcast_to"]
    assert by_op == [
        ("matmul", "0.body.0"),
        ("add", "0.body.0"),
        ("tanh", "0.body.1.0"),
        ("matmul", "0.body.0"),
        ("add", "0.body.0"),
        ("tanh", "0.body.1.0"),
        ("exp", "0"),
        ("mul", "0"),
        ("matmul", "1"),
        ("add", "1"),
    ]


def test_a_child_that_is_replaced_keeps_the_name() -> None:
    made = pb.nn.Sequential(pb.nn.Linear(3, 3), "tanh").initialise()
    made(pb.ones((1, 3)))
    setattr(made, "1", pb.nn.Sigmoid())
    assert made(placeholder("x", (2, 3))).origin.path == "1"


def test_arguments_of_every_kind(tmp_path: Path) -> None:
    class Odd(pb.nn.Module):
        def __init__(this, a: int, /, b: int, *sizes: int, c: int = 1, **more: Any) -> None:  # noqa: N805
            this.kept = (a, b, sizes, c, more)
            this.linear = pb.nn.Linear(a, b)

        def forward(this, x: pb.Tensor) -> pb.Tensor:  # noqa: N805
            return this.linear(x)

    for number, made in enumerate(
        (Odd(2, 3), Odd(2, 3, 4, 5), Odd(2, b=3, c=7), Odd(2, 3, 4, c=7, d=8, e=[9]))
    ):
        made.initialise().save(tmp_path / str(number))
        again = pb.load(tmp_path / str(number), custom=[Odd]).network
        assert again.kept == made.kept


def test_a_forward_that_hands_nothing_back() -> None:
    class Forgetful(pb.nn.Module):
        def forward(self, x: pb.Tensor) -> pb.Tensor:
            pb.exp(x)  # and no return

    with pytest.raises(ConfigError, match="hands back its output"):
        Forgetful()(pb.ones(3))


def test_rows_to_predict_are_rows_of_finite_numbers() -> None:
    made = pb.nn.dense(3, [4], 2).initialise()
    x = np.ones((5, 3))
    for wrong in (np.nan, np.inf):
        bad = x.copy()
        bad[3, 1] = wrong
        with pytest.raises(DataError, match="in row 3, column 1"):
            made.predict(bad)
    with pytest.raises(DataError, match=r"x\.reshape"):
        made.predict(x[0])
    with pytest.raises(DataError, match="masked"):
        made.predict(np.ma.masked_array(x, x > 0))
