"""NaN and inf: training stops in that very step, says where it came from, and keeps the rest."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.errors import DataError, NonFiniteError
from pullback.runs.store import RunStore
from tests.train.trainings import Stop, table

ROWS = table(40)
ACCUMULATE = pytest.mark.parametrize("accumulate", [1, 3])


def line_of(made: Callable[..., Any], text: str) -> str:
    """`file:line` of the line in a class or function of this file that contains the text."""
    lines, first = inspect.getsourcelines(made)
    (place,) = [i for i, line in enumerate(lines) if text in line]
    return f"{Path(__file__).name}:{first + place}"


def failing(network: pb.nn.Module, data: Any = ROWS, **settings: Any) -> NonFiniteError:
    """The error of a training that must fail; its run is checked."""
    settings = {"batch_size": 8, "epochs": 5, "seed": 2, **settings}
    with pytest.raises(NonFiniteError) as caught:
        pb.fit(network, data, **settings)
    error = caught.value
    run = error.run
    assert run.ending == "failed"
    assert run.reason.startswith(f"stopped in step {run.step + 1}: ")
    assert f"in step {run.step + 1}" in error.received
    assert "the weights before it are kept" in run.reason
    return error


def check_kept(error: NonFiniteError, make: Callable[[], pb.nn.Module], **settings: Any) -> None:
    """The weights are finite, and those of a training that was stopped before that step."""
    run = error.run
    settings = {"batch_size": 8, "seed": 2, **settings}
    kept = {k: p.numpy() for k, p in run.network.parameters().items()}
    assert all(np.isfinite(array).all() for array in kept.values())
    if run.step:
        same = pb.fit(make(), ROWS, callbacks=[Stop(run.step)], epochs=5, **settings)
        before = {k: p.numpy() for k, p in same.network.parameters().items()}
    else:
        before = {k: p.numpy() for k, p in make().initialise(2).parameters().items()}
    assert {k: v.tobytes() for k, v in kept.items()} == {k: v.tobytes() for k, v in before.items()}


@ACCUMULATE
def test_a_rate_that_overflows(accumulate: int) -> None:
    """Weights are 1e30 after the first step, so that the next product is infinite."""

    def make() -> pb.nn.Module:
        return pb.nn.dense(4, [8], 3)

    settings = {"optimizer": pb.optim.SGD(1e25), "accumulate": accumulate}
    error = failing(make(), **settings)
    assert error.run.step >= 1
    assert "clip" in error.do
    check_kept(error, make, **settings)


@ACCUMULATE
def test_a_step_that_would_make_weights_infinite_is_not_taken(accumulate: int) -> None:
    """Loss and gradients are finite; it is the update that overflows."""

    def make() -> pb.nn.Module:
        return pb.nn.dense(4, [], 3)

    x, y = ROWS
    settings = {"optimizer": pb.optim.SGD(3e38), "accumulate": accumulate, "l2": 1.0}
    error = failing(make(), (x * 1e3, y), **settings)
    assert error.run.step == 0
    assert "update pass" in error.received
    assert "layer '0'" in error.received
    assert all(np.isfinite(p.numpy()).all() for p in error.run.network.parameters().values())


class Magnitudes(pb.losses.Loss):
    """The sum of the outputs' sizes: a derivative of 1 for each."""

    name, task = "magnitudes", "regression"

    def per_row(self, outputs: pb.Tensor, targets: pb.Tensor) -> pb.Tensor:
        return pb.abs(outputs).sum(axis=1)


def test_a_norm_that_overflows_does_not_pass_for_a_step() -> None:
    """Each gradient is finite; cut by a norm of infinity, all of them would be 0."""
    small = pb.nn.initialisers.Constant(0.01)
    network = pb.nn.Sequential(pb.nn.Linear(1, 4, weight_init=small, bias=False))
    x = np.full((4, 1), 2e38, np.float32)
    settings = {"loss": Magnitudes(), "optimizer": "sgd", "batch_size": 1, "clip_norm": 1.0}
    error = failing(network, (x, np.zeros((4, 4))), **settings)
    assert error.run.step == 0
    assert "inf in the update pass" in error.received


@ACCUMULATE
def test_moments_that_would_become_infinite_are_not_kept(accumulate: int) -> None:
    """Adam's mean of squares overflows long before the gradient does."""
    network = pb.nn.dense(4, [], 2)
    x, _ = ROWS
    error = failing(
        network, (x, x[:, :2] * 1e22), loss="mse", optimizer="adam", accumulate=accumulate
    )
    assert error.run.step == 0
    assert "inf in the" in error.received


class LogOfDistance(pb.nn.Module):
    """A layer with a mistake: the logarithm of something that can be 0."""

    def __init__(self, features: int) -> None:
        self.gain = pb.nn.Parameter(features, pb.nn.initialisers.Ones())

    def forward(self, x: pb.Tensor) -> pb.Tensor:
        distance = pb.relu(x * self.gain)
        return pb.log(distance)


class Outer(pb.nn.Module):
    """The layer inside two others."""

    def __init__(self) -> None:
        self.body = pb.nn.Sequential(pb.nn.Linear(4, 6), LogOfDistance(6))
        self.last = pb.nn.Linear(6, 3)

    def forward(self, x: pb.Tensor) -> pb.Tensor:
        return self.last(self.body(x))


@ACCUMULATE
def test_the_logarithm_of_zero_in_a_layer_of_ones_own(accumulate: int) -> None:
    error = failing(Outer(), accumulate=accumulate)
    assert error.run.step == 0
    for said in ("inf in the forward pass", "log", "layer 'body.1'", "log of 0"):
        assert said in error.received, error.received
    assert line_of(LogOfDistance, "pb.log(distance)") in error.received
    check_kept(error, Outer, accumulate=accumulate)


class RootOfZero(pb.nn.Module):
    """Finite forward, infinite backward: the derivative of the root at 0."""

    def __init__(self, features: int) -> None:
        self.gain = pb.nn.Parameter(features, pb.nn.initialisers.Zeros())

    def forward(self, x: pb.Tensor) -> pb.Tensor:
        length = pb.sqrt(pb.square(x) * self.gain)
        return x + length


@ACCUMULATE
def test_an_infinity_of_the_backward_pass(accumulate: int) -> None:
    def make() -> pb.nn.Module:
        return pb.nn.Sequential(pb.nn.Linear(4, 6), RootOfZero(6), pb.nn.Linear(6, 3))

    error = failing(make(), accumulate=accumulate)
    assert error.run.step == 0
    for said in ("in the backward pass", "layer '1'"):
        assert said in error.received, error.received
    assert line_of(RootOfZero, "pb.sqrt(") in error.received
    check_kept(error, make, accumulate=accumulate)


@ACCUMULATE
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_a_weight_that_is_not_finite(number: float, accumulate: int) -> None:
    network = pb.nn.dense(4, [8], 3).initialise(0)
    weight = network["2.weight"].numpy()
    weight[3, 1] = number
    network["2.weight"].assign(weight)
    error = failing(network, accumulate=accumulate)
    assert error.run.step == 0
    kind = "NaN" if np.isnan(number) else "inf"
    said = f"{kind} in the forward pass: state '2.weight' held it before the step (layer '2')"
    assert said in error.received
    assert "element [3, 1]" in error.received
    np.testing.assert_array_equal(network["2.weight"].numpy(), weight)


class Exploding(pb.losses.Loss):
    """A loss with an exponential that overflows in the last rows only."""

    name, task = "exploding", "regression"

    def per_row(self, outputs: pb.Tensor, targets: pb.Tensor) -> pb.Tensor:
        return pb.exp(targets[:, 0]) + pb.square(outputs[:, 0])


@ACCUMULATE
def test_an_infinite_loss(accumulate: int) -> None:
    x, _ = ROWS
    y = np.zeros((40, 1))
    y[27] = 100.0

    def make() -> pb.nn.Module:
        return pb.nn.dense(4, [5], 1)

    settings = {"loss": Exploding(), "shuffle": False, "accumulate": accumulate}
    error = failing(make(), (x, y), **settings)
    assert error.run.step == 3, "row 27 is in the fourth batch of 8"
    assert "inf in the forward pass: exp" in error.received
    assert "exp of 100, which overflows float32 above 88.7" in error.received
    assert line_of(Exploding, "pb.exp(") in error.received


def test_what_a_choice_leaves_out_is_not_blamed() -> None:
    """The masked logarithm is infinite as well, and comes first; the root is the culprit."""

    class Masked(pb.nn.Module):
        def forward(self, x: pb.Tensor) -> pb.Tensor:
            safe = pb.where(x > 0, pb.log(pb.maximum(x, 0.0)), 0.0)
            return safe + pb.sqrt(x - 1e6)

    error = failing(pb.nn.Sequential(pb.nn.Linear(4, 3), Masked()))
    assert "NaN in the forward pass: sqrt" in error.received


def test_a_number_that_the_user_wrote_is_not_the_origin() -> None:
    class Given(pb.nn.Module):
        def forward(self, x: pb.Tensor) -> pb.Tensor:
            return x * float("inf")

    error = failing(pb.nn.Sequential(pb.nn.Linear(4, 3), Given()))
    assert "mul" in error.received
    assert line_of(Given, "inf") in error.received


def test_an_overflow_of_the_sum_over_parts() -> None:
    """Every part is finite; their sum is not."""
    x = np.zeros((4, 1), np.float32)
    y = np.full((4, 1), 1.2e19, np.float32)
    error = failing(
        pb.nn.dense(1, [], 1), (x, y), loss="mse", batch_size=4, accumulate=4, optimizer="sgd"
    )
    assert error.run.step == 0
    assert "inf" in error.received


def test_the_state_is_clean_afterwards() -> None:
    """Parts of a step that failed are not left for the next training."""
    found: list[dict[str, np.ndarray]] = []

    class Look(pb.Callback):
        def on_stop(self, session: Any) -> None:
            found.append(session.state.snapshot())

    error = failing(Outer(), accumulate=3, callbacks=[Look()])
    assert error.run.step == 0
    parts = {k: v for k, v in found[0].items() if k.startswith("sum/")}
    assert len(parts) > 3
    assert not any(array.any() for array in parts.values())


def test_the_run_is_kept_as_failed(tmp_path: Path) -> None:
    settings = {"optimizer": pb.optim.SGD(1e25), "save": tmp_path, "name": "bad"}
    error = failing(pb.nn.dense(4, [8], 3), **settings)
    with RunStore.open(tmp_path / "bad-1") as store:
        assert store.status.state == "failed"
        assert store.status.reason == error.run.reason
        assert store.problems() == []
        checkpoint = store.load_checkpoint()
        assert checkpoint.step == error.run.step
        assert all(np.isfinite(v).all() for v in checkpoint.tensors.values())
        assert store.telemetry.history()["step"].tolist() == list(range(1, error.run.step + 1))
        assert [e.kind for e in store.telemetry.events()] == ["failed"]
    kept = pb.load(tmp_path / "bad-1").network.parameters()
    assert all(np.isfinite(p.numpy()).all() for p in kept.values())
    with pytest.raises(NonFiniteError):  # the same step fails again
        pb.resume(tmp_path / "bad-1")


def test_best_weights_do_not_hide_a_failure() -> None:
    """The weights before the step are kept, as the message says, not those of the best epoch."""
    x, y = ROWS

    class Poison(pb.Callback):
        def on_step(self, session: Any) -> None:
            if session.step == 13:
                session.parts.train.arrays["x"][:] = np.inf

    network = pb.nn.dense(4, [8], 3, activation="tanh")
    settings = {"validation": (x, y), "patience": 3, "callbacks": [Poison()]}
    error = failing(network, (x.copy(), y), **settings)
    assert error.run.step == 13
    assert "feed 'x'" in error.received
    assert error.run.best_step is None


@ACCUMULATE
@pytest.mark.parametrize("executor", ["numpy", "reference"])
def test_on_every_executor(executor: str, accumulate: int) -> None:
    error = failing(Outer(), executor=executor, accumulate=accumulate)
    assert error.run.step == 0
    assert "layer 'body.1'" in error.received


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_do_not_come_in(number: float) -> None:
    x, y = ROWS
    wrong = x.copy()
    wrong[17, 2] = number
    with pytest.raises(DataError, match="in row 17, column 2"):
        pb.fit(pb.nn.dense(4, [], 3), (wrong, y))
    with pytest.raises(DataError, match="in row 17, column 2"):
        pb.fit(pb.nn.dense(4, [], 3), (x, y), validation=(wrong, y))
    with pytest.raises(DataError, match="in row 3"):
        pb.fit(pb.nn.dense(4, [], 1), (x, np.where(np.arange(40) == 3, number, 1.0)[:, None]))


def test_a_number_too_large_for_the_network_does_not_come_in() -> None:
    x = np.ones((40, 4))
    x[5, 1] = 1e300
    with pytest.raises(DataError, match="finite in float32") as caught:
        pb.fit(pb.nn.dense(4, [], 1), (x, x[:, :1]))
    assert "row 5, column 1" in str(caught.value)
    with pytest.raises(DataError, match="target must be finite in float32"):
        pb.fit(pb.nn.dense(4, [], 1), (np.ones((40, 4)), x[:, 1:2]))
