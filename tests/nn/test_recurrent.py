"""Recurrent layers: padding, states, what is refused, and that they learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.autodiff import gradcheck
from pullback.errors import ConfigError, DtypeError, ShapeError
from pullback.nn.mode import mode
from pullback.nn.parameter import bound
from pullback.ops.loops import Scan
from pullback.plan import plan
from pullback.train.step import Batch, Recipe

KINDS = {"RNN": pb.nn.RNN, "GRU": pb.nn.GRU, "LSTM": pb.nn.LSTM}
each = pytest.mark.parametrize("kind", KINDS)


def made(kind: str, *sizes: int, **settings: Any) -> Any:
    return KINDS[kind](*sizes, **settings).initialise(seed=1).astype("float64")


def series(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape)


def parts(state: Any) -> tuple[pb.Tensor, ...]:
    return state if isinstance(state, tuple) else (state,)


@each
@pytest.mark.parametrize("told", ["lengths", "mask"])
@pytest.mark.parametrize("settings", [{}, {"layers": 2, "bidirectional": True}])
def test_padding_leaves_the_state_alone(kind: str, told: str, settings: Any) -> None:
    layer = made(kind, 2, 3, **settings)
    x, lengths = series(3, 5, 2), np.array([5, 2, 0])
    padding = (
        {"lengths": lengths} if told == "lengths" else {"mask": np.arange(5) < lengths[:, None]}
    )
    y, state = layer(x, return_state=True, **padding)
    for row, n in enumerate(lengths):
        alone, end = layer(x[row : row + 1, :n], return_state=True)
        np.testing.assert_allclose(y.numpy()[row, :n], alone.numpy()[0], rtol=1e-13)
        for a, b in zip(parts(state), parts(end), strict=True):
            np.testing.assert_allclose(a.numpy()[..., row, :], b.numpy()[..., 0, :], rtol=1e-13)
    forwards = y.numpy()[1, :, :3]
    assert (forwards[2:] == forwards[1]).all(), "the state is held: the last row is the last state"


@each
def test_what_padding_holds_does_not_matter(kind: str) -> None:
    layer = made(kind, 2, 3, bidirectional=True)
    x = series(2, 4, 2)
    other = x.copy()
    other[1, 2:] = 1e6
    pair = [layer(a, lengths=np.array([4, 2])).numpy() for a in (x, other)]
    assert pair[0].tobytes() == pair[1].tobytes()
    parameters = list(layer.parameters().values())
    values = [p.numpy() for p in parameters]

    def f(x: pb.Tensor, *nodes: pb.Tensor) -> pb.Tensor:
        with bound(dict(zip(parameters, nodes, strict=True))):
            return layer(x, lengths=np.array([4, 2]))

    assert gradcheck(f, [x, *values])
    bar = pb.gradient(f(node := pb.tensor(x), *map(pb.tensor, values)).sum(), [node])[0].numpy()
    assert (bar[1, 2:] == 0).all()
    assert (bar[1, :2] != 0).all()


@each
@pytest.mark.parametrize("layers", [1, 2])
def test_a_series_in_two_parts(kind: str, layers: int) -> None:
    layer = made(kind, 2, 3, layers)
    x = series(2, 6, 2)
    whole, end = layer(x, return_state=True)
    first, state = layer(x[:, :4], return_state=True)
    second, again = layer(x[:, 4:], state, return_state=True)
    np.testing.assert_allclose(
        np.hstack([first.numpy(), second.numpy()]), whole.numpy(), rtol=1e-13
    )
    for a, b in zip(parts(end), parts(again), strict=True):
        assert a.shape == ((2, 3) if layers == 1 else (2, 2, 3))
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-13)


@each
def test_the_last_output_is_that_of_the_last_step(kind: str) -> None:
    both = made(kind, 2, 3, bidirectional=True, last=True)
    y = made(kind, 2, 3, bidirectional=True)(x := series(2, 5, 2)).numpy()
    np.testing.assert_array_equal(both(x).numpy(), np.hstack([y[:, -1, :3], y[:, 0, 3:]]))
    one = made(kind, 2, 3)(x)
    np.testing.assert_array_equal(pb.nn.Last()(one).numpy(), one.numpy()[:, -1])
    picked = pb.nn.Last()(one, lengths=pb.tensor([2, 5])).numpy()
    np.testing.assert_array_equal(picked, one.numpy()[[0, 1], [1, 4]])


@each
def test_dropout_is_between_layers_and_the_same_for_parts_of_a_batch(kind: str) -> None:
    layer, x = made(kind, 2, 3, layers=2, dropout=0.5), series(4, 3, 2)
    plain = layer(x).numpy()
    with mode(training=True, seed=3):
        whole = layer(x).numpy()
    with mode(training=True, seed=3):
        part = layer(x[:2]).numpy()
    assert (whole != plain).any()
    np.testing.assert_allclose(part, whole[:2], rtol=1e-13)
    with mode(training=True, seed=3):
        assert (made(kind, 2, 3, dropout=0.5)(x).numpy() == made(kind, 2, 3)(x).numpy()).all()


def test_names_of_parameters() -> None:
    assert list(pb.nn.LSTM(2, 3).parameters()) == ["input_weight", "recurrent_weight", "bias"]
    names = list(pb.nn.GRU(2, 3, layers=2).parameters())
    assert names[:4] == [
        "input_weight.0",
        "input_weight.1",
        "recurrent_weight.0",
        "recurrent_weight.1",
    ]
    assert names[-1] == "recurrent_bias.1"
    assert pb.nn.RNN(2, 3, bias=False).parameters().keys() == {"input_weight", "recurrent_weight"}
    assert pb.nn.LSTM(2, 3, 2, bidirectional=True)["input_weight.2"].shape == (6, 12)


def test_initial_values() -> None:
    layer = pb.nn.LSTM(4, 25).initialise()
    for p in layer.parameters().values():
        assert 0.15 < abs(p.numpy()).max() <= 0.2
    layer = pb.nn.GRU(4, 3, recurrent_init="orthogonal", bias_init="zeros").initialise()
    w = layer["recurrent_weight"].numpy()
    np.testing.assert_allclose(w @ w.T, np.eye(3), atol=1e-6)
    assert not layer["bias"].numpy().any()


def test_the_first_size_may_be_left_out() -> None:
    network = pb.nn.Sequential(pb.nn.GRU(8, last=True), pb.nn.Linear(2)).build((5, 3))
    assert repr(network[0]) == "GRU(3, 8, last=True)"
    assert network.initialise()(pb.ones((2, 5, 3))).shape == (2, 2)


@each
def test_inputs_that_do_not_fit(kind: str) -> None:
    layer = made(kind, 2, 3)
    for shape in ((5, 2), (1, 5, 3), (2,)):
        with pytest.raises(ShapeError, match="batch, time, 2"):
            layer(np.zeros(shape))
    x = series(2, 4, 2)
    with pytest.raises(ShapeError, match="state"):
        layer(x, np.zeros((3, 3)))
    with pytest.raises(ConfigError, match="both"):
        layer(x, lengths=[1, 2], mask=np.ones((2, 4), bool))
    with pytest.raises(ShapeError, match="lengths"):
        layer(x, lengths=[1, 2, 3])
    with pytest.raises(ShapeError, match="lengths"):
        layer(x, lengths=[1.0, 2.0])
    with pytest.raises(DtypeError, match="boolean"):
        layer(x, mask=np.ones((2, 4)))
    with pytest.raises(ShapeError, match="mask"):
        layer(x, mask=np.ones((2, 3), bool))
    with pytest.raises(ConfigError, match="probability"):
        KINDS[kind](2, 3, dropout=2)
    for wrong in (np.zeros((2, 3)), np.zeros((2, 0, 3))):
        with pytest.raises(ShapeError, match="Last takes a series"):
            pb.nn.Last()(wrong)
    with pytest.raises(ShapeError, match="lengths"):
        pb.nn.Last()(x, lengths=[1])


@each
def test_it_learns_to_remember_the_first_symbol(kind: str) -> None:
    random = np.random.default_rng(0)
    symbols = random.integers(0, 4, (400, 8))
    x, y = np.eye(4, dtype="float32")[symbols], symbols[:, 0]
    network = pb.nn.Sequential(KINDS[kind](4, 16), pb.nn.Last(), pb.nn.Linear(16, 4))
    pb.fit(network, (x, y), epochs=40, optimizer=pb.optim.Adam(0.02), seed=0, progress=False)
    assert (network.predict(x) == y).mean() > 0.99


def test_a_step_of_training_has_one_loop_each_way() -> None:
    network = pb.nn.Sequential(pb.nn.LSTM(3, 4), pb.nn.Last(), pb.nn.Linear(4, 1)).initialise()
    recipe = Recipe(network, pb.losses.mse, pb.optim.SGD(0.1))
    batch = Batch.of(np.zeros((2, 5, 3), "float32"), np.zeros((2, 1), "float32"), weights=None)
    program = plan(recipe.training_step(batch))
    loops = [i.op for i in program.instructions if isinstance(i.op, Scan)]
    assert [op.reverse for op in loops] == [False, True]
    assert len(loops[0].body.operations()) <= 16
    assert "c0' = " in str(program)
