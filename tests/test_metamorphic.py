"""What must hold between two calls, whatever the numbers: laws over whole tables, in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback import losses, nn
from pullback.graph import registry
from pullback.nn import Module
from tests.losses import cases as loss_cases
from tests.nn.cases import CASES, called, drawn

Array = np.ndarray
OPS = [name for name, op in registry().items() if op.differentiable and op.arity]
LAYERS = [name for name, cls in nn.layers().items() if not cls.batch_statistics]
PARTS = (1, 3)  # rows of the first two of three parts of unequal size
CLOSE: dict[str, Any] = {"rtol": 1e-11, "atol": 1e-12}


def scaled_close(found: Array, wanted: Array) -> None:
    """Equal to rounding, judged by the largest number of the array."""
    size = float(np.max(np.abs(wanted), initial=0.0))
    np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-12 * max(size, 1.0))


@pytest.mark.parametrize("name", OPS)
def test_a_pullback_is_linear_in_its_cotangent(name: str) -> None:
    for turn, sample in enumerate(registry()[name].samples()):
        random = np.random.default_rng(turn)
        arrays = [rule.draw(random) for rule in sample.inputs]
        real = [i for i, x in enumerate(arrays) if x.dtype.kind == "f"]

        def f(*nodes: pb.Tensor, arrays: list[Array] = arrays, sample: Any = sample) -> pb.Tensor:
            known = iter(nodes)
            given = [next(known) if x.dtype.kind == "f" else pb.tensor(x) for x in arrays]
            return sample.build(*given)

        y, pull = pb.vjp(f, *(arrays[i] for i in real))
        u, v = random.normal(size=(2, *y.shape))
        whole = pull(2.0 * u - 3.0 * v)
        for both, one, other in zip(whole, pull(u), pull(v), strict=True):
            scaled_close(both.numpy(), 2 * one.numpy() - 3 * other.numpy())
        for bar, i in zip(pull(np.zeros(y.shape)), real, strict=True):
            assert bar.shape == arrays[i].shape
            assert not bar.numpy().any(), "a zero cotangent gives zero"


@dataclass(frozen=True)
class Layer:
    """A layer with its parameters' values, and inputs whose first axis counts rows."""

    module: Module
    inputs: list[Array]
    values: list[Array]

    def run(self, rows: Any, y_bar: Array | None = None) -> tuple[Array, list[Array]]:
        """The outputs of some rows, and the gradients of the parameters under a cotangent."""
        nodes = [pb.tensor(v) for v in self.values]
        y = called(self.module, *(pb.tensor(x[rows]) for x in self.inputs), *nodes)
        if y_bar is None or not nodes or not len(y_bar):
            return y.numpy(), []
        bars = pb.gradient((y * y_bar).sum(), nodes)
        return y.numpy(), [bar.numpy() for bar in bars]


def layers_with_rows(name: str) -> Iterator[Layer]:
    """Each case with several inputs put one below the other, so that there are rows to move."""
    for case in CASES[name]:
        shape = next((s for s in case.shapes if len(s) > 1 and 0 not in s), None)
        if shape is None:
            continue
        at = case.shapes.index(shape)
        module, arrays = drawn(case, at)
        count = len(arrays) - len(module.parameters())
        more = [drawn(case, at + turn * len(case.shapes))[1][:count] for turn in (0, 1, 2)]
        joined = [np.concatenate(parts) for parts in zip(*more, strict=True)]
        if {len(x) for x in joined} == {3 * shape[0]}:
            yield Layer(module, joined, arrays[count:])


def over_rows(layer: Layer) -> bool:
    """Whether the outputs are rows for rows, and not what goes along the first axis itself."""
    axis = getattr(layer.module, "axis", -1)
    return not (isinstance(axis, int) and axis == 0)


def test_every_layer_has_rows() -> None:
    without = {name for name in LAYERS if not any(map(over_rows, layers_with_rows(name)))}
    assert without == set()


@pytest.mark.parametrize("name", LAYERS)
def test_the_order_of_rows_is_that_of_the_outputs(name: str) -> None:
    for layer in filter(over_rows, layers_with_rows(name)):
        random = np.random.default_rng(5)
        order = random.permutation(len(layer.inputs[0]))
        y_bar = random.normal(size=layer.run(slice(None))[0].shape)
        y, bars = layer.run(slice(None), y_bar)
        moved, moved_bars = layer.run(order, y_bar[order])
        scaled_close(moved, y[order])
        for bar, wanted in zip(moved_bars, bars, strict=True):
            scaled_close(bar, wanted)


@pytest.mark.parametrize("name", LAYERS)
def test_the_gradients_of_unequal_parts_add_up(name: str) -> None:
    for layer in filter(over_rows, layers_with_rows(name)):
        if not layer.values:
            continue
        count = len(layer.inputs[0])
        y_bar = np.random.default_rng(6).normal(size=layer.run(slice(None))[0].shape)
        _, whole = layer.run(slice(None), y_bar)
        cuts = np.split(np.arange(count), np.cumsum(PARTS))
        parts = [layer.run(rows, y_bar[rows])[1] for rows in cuts if len(rows)]
        for bar, pieces in zip(whole, zip(*parts, strict=True), strict=True):
            scaled_close(sum(pieces), bar)


@pytest.mark.parametrize("name", sorted(losses.registry()))
@pytest.mark.parametrize("number", range(4))
def test_a_mean_loss_is_that_of_its_parts(name: str, number: int) -> None:
    """Sums over the parts, over the weights of all rows; and gradients row by row."""
    loss, outputs, targets, weights = loss_cases.drawn(name, number, rows=7)
    given = weights if number % 2 else np.ones(7)
    counted = loss.row_weights(pb.tensor(targets), "float64")
    total = (given if counted is None else given * counted.numpy()).sum()
    x = pb.tensor(outputs)
    whole = loss(x, targets, given)
    (bar,) = pb.gradient(whole, [x])
    value, bars = 0.0, []
    for rows in np.split(np.arange(7), np.cumsum(PARTS)):
        part = pb.tensor(outputs[rows])
        y = loss(part, targets[rows], given[rows], "sum") / total
        value += y.item()
        bars.append(pb.gradient(y, [part])[0].numpy())
    np.testing.assert_allclose(value, whole.item(), **CLOSE)
    np.testing.assert_allclose(np.concatenate(bars), bar.numpy(), **CLOSE)


def images(count: int = 2) -> Array:
    """Pictures with an empty border, so that they can be moved."""
    inner = np.random.default_rng(1).normal(size=(count, 4, 4, 2))
    return np.pad(inner, [(0, 0), (4, 4), (4, 4), (0, 0)])


def numbers(*shape: int) -> Array:
    return np.random.default_rng(2).normal(size=shape)


def layer(made: Module) -> Callable[[Any], pb.Tensor]:
    """A layer with first values in float64."""
    return made.initialise(1).astype("float64")


def moved(x: Array) -> Array:
    return np.roll(x, (1, 2), (1, 2))


def same(y: Array) -> Array:
    return y


Law = tuple[Callable[[Any], Any], Array, Callable[[Array], Array], Callable[[Array], Array]]
BACK = nn.GRU(3, 4).initialise(1).astype("float64")
# f, x, what is done to x, what that does to f(x)
LAWS: dict[str, Law] = {
    "softmax of shifted logits": (pb.softmax, numbers(3, 4), lambda x: x + 50, same),
    "sparsemax of shifted logits": (pb.sparsemax, numbers(3, 4), lambda x: x + 4, same),
    "log-softmax of shifted logits": (pb.log_softmax, numbers(3, 4), lambda x: x - 50, same),
    "logsumexp of shifted numbers": (pb.logsumexp, numbers(5), lambda x: x + 9, lambda y: y + 9),
    "relu of a multiple": (pb.relu, numbers(9), lambda x: 3 * x, lambda y: 3 * y),
    "leaky relu of a multiple": (pb.leaky_relu, numbers(9), lambda x: 3 * x, lambda y: 3 * y),
    "the norm of a multiple": (pb.norm, numbers(9), lambda x: -3 * x, lambda y: 3 * y),
    "the spread of shifted numbers": (pb.std, numbers(9), lambda x: x + 7, same),
    "the spread of a multiple": (pb.std, numbers(9), lambda x: -2 * x, lambda y: 2 * y),
    "sorting in another order": (pb.sort, numbers(9), lambda x: x[::-1], same),
    "the direction of a multiple": (
        lambda x: pb.cosine_similarity(x, numbers(3, 4)[::-1]), numbers(3, 4),
        lambda x: 7 * x, same,
    ),
    "layer normalisation of a shifted multiple": (
        layer(nn.LayerNorm(6, epsilon=1e-30)), numbers(3, 6), lambda x: 5 * x - 2, same,
    ),
    "RMS normalisation of a multiple": (
        layer(nn.RMSNorm(6, epsilon=1e-30)), numbers(3, 6), lambda x: 5 * x, same,
    ),
    "convolution of a moved picture": (
        layer(nn.Conv2d(2, 3, 3, padding="same", bias=False)), images(), moved, moved,
    ),
    "depthwise convolution of a moved picture": (
        layer(nn.DepthwiseConv2d(2, 3, padding="same", bias=False)), images(), moved, moved,
    ),
    "pooling of a moved picture": (
        layer(nn.AvgPool2d(2)), images(), lambda x: np.roll(x, (2, 2), (1, 2)),
        lambda y: np.roll(y, (1, 1), (1, 2)),
    ),
    "the largest of all pixels": (layer(nn.GlobalMaxPool()), images(), moved, same),
    "the mean of all pixels": (layer(nn.GlobalAvgPool()), images(), moved, same),
    "a dilated convolution of a multiple": (
        layer(nn.Conv2d(2, 3, 2, dilation=2, stride=2, bias=False)), images(),
        lambda x: -4 * x, lambda y: -4 * y,
    ),
    "attention to places in another order": (
        layer(nn.MultiHeadAttention(6, 2)), numbers(2, 5, 6),
        lambda x: x[:, ::-1], lambda y: y[:, ::-1],
    ),
    "causal attention does not see what comes": (
        lambda x: layer(nn.MultiHeadAttention(6, 2, causal=True))(x)[:, :3], numbers(2, 5, 6),
        lambda x: np.concatenate([x[:, :3], -9 * x[:, 3:]], 1), same,
    ),
    "a recurrent layer does not see what comes": (
        lambda x: BACK(x)[:, :3], numbers(2, 5, 3),
        lambda x: np.concatenate([x[:, :3], -9 * x[:, 3:]], 1), same,
    ),
}  # fmt: skip


@pytest.mark.parametrize("law", LAWS)
def test_laws_of_scale_shift_and_order(law: str) -> None:
    f, x, change, changed = LAWS[law]
    before, after = f(pb.tensor(x)).numpy(), f(pb.tensor(np.ascontiguousarray(change(x)))).numpy()
    np.testing.assert_allclose(after, changed(before), rtol=1e-10, atol=1e-11)
    assert before.any(), "a law of zeros would say nothing"
