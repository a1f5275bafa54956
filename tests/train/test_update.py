"""What fit does beside the optimizer: clipping, constraints, averages, gradients from uphill."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.errors import ConfigError, UnknownNameError

RANDOM = np.random.default_rng(1)
X, Y = RANDOM.normal(size=(24, 3)), RANDOM.normal(size=(24, 2))
Weights = dict[str, np.ndarray]


def fresh(**more: Any) -> pb.nn.Module:
    return pb.nn.dense(3, [4], 2, activation="tanh", **more).astype("float64")


def values(network: pb.nn.Module) -> Weights:
    return {path: p.numpy() for path, p in network.parameters().items()}


class Path(pb.Callback):
    """Keeps the weights after every step."""

    def __init__(self) -> None:
        self.steps: list[Weights] = []

    def on_step(self, session: Any) -> None:
        self.steps.append({p: session.state[p].copy() for p in session.network.parameters()})


def fitted(network: pb.nn.Module | None = None, **settings: Any) -> tuple[pb.Run, Path]:
    path = Path()
    usual = {"epochs": 3, "batch_size": 8, "progress": "none", "loss": "mse", "optimizer": "adam"}
    run = pb.fit(network or fresh(), (X, Y), callbacks=[path], **(usual | settings))
    return run, path


def gradients(weights: Mapping[str, np.ndarray]) -> Weights:
    """Of the mean squared error of all rows, by hand."""
    a = X @ weights["0.weight"] + weights["0.bias"]
    h = np.tanh(a)
    y = h @ weights["2.weight"] + weights["2.bias"]
    y_bar = 2 * (y - Y) / Y.size
    a_bar = (y_bar @ weights["2.weight"].T) * (1 - h * h)
    return {
        "0.weight": X.T @ a_bar,
        "0.bias": a_bar.sum(0),
        "2.weight": h.T @ y_bar,
        "2.bias": y_bar.sum(0),
    }


def norm(arrays: Mapping[str, np.ndarray]) -> float:
    return float(np.sqrt(sum((a * a).sum() for a in arrays.values())))


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.99])
def test_the_average_is_that_of_all_steps(kept: float) -> None:
    run, path = fitted(ema=kept, optimizer=pb.optim.Adam(0.05))
    count = len(path.steps)
    shares = np.array([kept ** (count - 1 - i) for i in range(count)])
    shares /= shares.sum()
    for name, got in values(run.network).items():
        want = sum(share * step[name] for share, step in zip(shares, path.steps, strict=True))
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-14)
    plain, _ = fitted(optimizer=pb.optim.Adam(0.05))
    same = np.array_equal(values(plain.network)["0.weight"], path.steps[-1]["0.weight"])
    assert same, "averaging must not change the training"


@pytest.mark.parametrize(
    "settings",
    [{"ema": 0.9}, {"optimizer": "schedule_free_adamw"}, {"optimizer": "schedule_free_sgd"}],
    ids=str,
)
def test_what_is_evaluated_is_what_is_kept(settings: dict[str, Any]) -> None:
    seen: list[Weights] = []

    class Epoch(pb.Callback):
        def on_epoch(self, session: Any) -> None:
            label = session.recipe.update.evaluated
            seen.append({p: session.state[label(p)].copy() for p in session.network.parameters()})

    run, path = fitted(validation=(X, Y), **settings)
    pb_run = pb.fit(
        fresh(), (X, Y), validation=(X, Y), epochs=3, batch_size=8, progress="none", loss="mse",
        callbacks=[Epoch()], **({"optimizer": "adam"} | settings),
    )  # fmt: skip
    for name, got in values(run.network).items():
        np.testing.assert_array_equal(got, values(pb_run.network)[name])
        np.testing.assert_array_equal(got, seen[-1][name])
        assert not np.array_equal(got, path.steps[-1][name])
    mean = np.mean((run.network.predict(X) - Y) ** 2)
    assert run.scores["validation.loss"] == pytest.approx(mean, rel=1e-12)
    assert run.history("validation.loss")[-1] == pytest.approx(mean, rel=1e-12)


@pytest.mark.parametrize("settings", [{"ema": 0.5}, {"optimizer": "schedule_free_sgd"}], ids=str)
def test_the_best_average_is_put_back(settings: dict[str, Any]) -> None:
    far = (X, -Y)  # training makes these worse, so the first epoch stays the best
    run = pb.fit(fresh(), (X, Y), validation=far, patience=2, epochs=9, batch_size=8, loss="mse",
                 progress="none", **({"optimizer": pb.optim.SGD(0.5)} | settings))  # fmt: skip
    assert run.best_step is not None
    assert run.best_step < run.step
    best = run.history("validation.loss").min()
    assert run.scores["validation.loss"] == pytest.approx(best, rel=1e-12)
    assert np.mean((run.network.predict(X) + Y) ** 2) == pytest.approx(best, rel=1e-12)


def test_gradients_are_clipped_in_each_of_the_three_ways() -> None:
    first = values(fresh().initialise(0))
    bars = gradients(first)
    whole = norm(bars)
    wanted = {
        "clip_value": {p: np.clip(g, -0.05, 0.05) for p, g in bars.items()},
        "clip_each_norm": {p: g * min(1, 0.05 / np.linalg.norm(g)) for p, g in bars.items()},
        "clip_norm": {p: g * min(1, 0.05 / whole) for p, g in bars.items()},
    }
    for name, clipped in wanted.items():
        settings = {name: 0.05, "batch_size": 24, "epochs": None, "steps": 1}
        run, _ = fitted(optimizer=pb.optim.SGD(1.0), **settings)
        for path, got in values(run.network).items():
            np.testing.assert_allclose(got, first[path] - clipped[path], rtol=1e-12, err_msg=name)


def test_constraints_hold_after_every_step() -> None:
    rules = {"0.weight": pb.optim.MaxNorm(0.3), "2.*": "non_negative", "2.bias": "unit_norm"}
    run, path = fitted(constraints=rules, optimizer=pb.optim.Adam(0.1))
    for step in path.steps:
        assert np.linalg.norm(step["0.weight"], axis=0).max() <= 0.3 * (1 + 1e-12)
        assert step["2.weight"].min() >= 0
        assert np.linalg.norm(step["2.bias"]) == pytest.approx(1.0)
    assert any((step["2.weight"] == 0).any() for step in path.steps)
    assert "constraints" in str(pb.train.settings.Settings(constraints=rules).to_config())
    assert run.ending == "finished"


@pytest.mark.parametrize("adaptive", [False, True])
def test_a_step_with_the_gradient_from_uphill(adaptive: bool) -> None:
    first = values(fresh().initialise(0))
    bars = gradients(first)
    if adaptive:
        far = 0.5 / norm({p: np.abs(w) * bars[p] for p, w in first.items()})
        above = {p: w + far * w * w * bars[p] for p, w in first.items()}
    else:
        above = {p: w + 0.5 * bars[p] / norm(bars) for p, w in first.items()}
    rule = pb.optim.SAM(0.1, rho=0.5, adaptive=adaptive, base="sgd")
    run, _ = fitted(optimizer=rule, batch_size=24, epochs=None, steps=1)
    for path, got in values(run.network).items():
        want = first[path] - 0.1 * gradients(above)[path]
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)


def test_both_gradients_see_the_same_dropout() -> None:
    """With a tiny way uphill the step is that of the base."""
    settings = {"epochs": 2, "seed": 3}
    plain, _ = fitted(fresh(dropout=0.5), optimizer=pb.optim.SGD(0.1), **settings)
    near, _ = fitted(fresh(dropout=0.5), optimizer=pb.optim.SAM(0.1, rho=1e-9), **settings)
    for path, got in values(near.network).items():
        np.testing.assert_allclose(got, values(plain.network)[path], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"ema": 1.0}, "below 1"),
        ({"ema": -0.1}, "ema"),
        ({"clip_value": 0}, "clip_value"),
        ({"clip_each_norm": float("nan")}, "clip_each_norm"),
        ({"constraints": "max_norm"}, "must map patterns"),
        ({"constraints": {3: "max_norm"}}, "must map patterns"),
        ({"constraints": {"0.weight": {"name": "max_norm", "limit": 0}}}, "limit"),
        ({"ema": 0.9, "optimizer": "schedule_free"}, "ema does not go with schedule_free"),
        ({"accumulate": 2, "optimizer": "sam"}, "accumulate does not go with sam"),
    ],
)
def test_settings_that_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        fitted(**settings)


def test_a_constraint_must_match_a_parameter() -> None:
    with pytest.raises(UnknownNameError, match=r"'9\.weight'"):
        fitted(constraints={"9.weight": "non_negative"})
    with pytest.raises(UnknownNameError, match="Did you mean 'max_norm'"):
        fitted(constraints={"0.weight": "maxnorm"})
