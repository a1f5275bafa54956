"""Landscapes: what the loss is at each place, by other roads; the network is left as it was."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pullback as pb
from pullback import errors, nn
from pullback.insight.directions import filter_scale
from pullback.train import progress
from tests.insight.test_fidelity import NETWORKS, built


def line(slope: float = 2.0) -> nn.Module:
    network = nn.Linear(1, 1, bias=False)
    network.weight.assign([[slope]])
    return network


def values(network: nn.Module) -> dict[str, bytes]:
    return {path: v.numpy().tobytes() for path, v in network.state().items()}


@pytest.mark.parametrize("executor", ["native", "numpy", "reference"])
@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_the_centre_is_the_loss_and_nothing_changes(name: str, executor: str) -> None:
    network, data = built(name, "float32")
    before = values(network)
    seen = pb.landscape(network, data, loss="cross_entropy", steps=3, extent=0.5, executor=executor)
    assert values(network) == before
    loss = pb.trace_step(network, data, loss="cross_entropy", executor=executor).loss
    assert seen.centre == loss
    assert seen.losses[1, 1] == loss
    assert seen.losses.shape == (3, 3)


@pytest.mark.parametrize("along", ["gradient", "eigenvector"])
def test_a_quadratic_loss_is_a_parabola(along: str) -> None:
    """Of a linear model under squared error: L(w + t d) = L + t g.d + t^2 d.H.d / 2, exactly so."""
    random = np.random.default_rng(0)
    x, w, y = random.normal(size=(30, 4)), random.normal(size=(4, 1)), random.normal(size=(30, 1))
    network = nn.Linear(4, 1, bias=False).astype("float64")
    network.weight.assign(w)
    seen = pb.landscape(network, (x, y), loss="mse", along=along, extent=3, steps=9)
    t = seen.axes[0]
    assert seen.lengths[0] == pytest.approx(1)
    rest, hessian = x @ w - y, 2 * x.T @ x / 30
    gradient = (2 * x.T @ rest / 30)[:, 0]
    if along == "gradient":
        d = gradient / np.linalg.norm(gradient)
    else:
        found = pb.curvature(network, (x, y), loss="mse", count=1)
        d = found.eigenvectors[0]["weight"][:, 0]
    expected = np.square(rest).mean() + t * (gradient @ d) + t**2 / 2 * (d @ hessian @ d)
    np.testing.assert_allclose(seen.losses, expected, rtol=1e-12)


def test_around_the_minimum_both_sides_are_equal() -> None:
    network = nn.Linear(2, 1, bias=False).astype("float64")
    network.weight.assign([[1.0], [-2.0]])
    x = np.random.default_rng(0).normal(size=(20, 2))
    data = x, x @ np.array([[1.0], [-2.0]])
    seen = pb.landscape(network, data, loss="mse", steps=7)
    assert seen.centre == 0
    np.testing.assert_allclose(seen.losses, seen.losses[::-1, ::-1], rtol=1e-12)
    assert seen.lowest == (0.0, (0.0, 0.0))
    for axis in seen.axes:
        np.testing.assert_array_equal(axis, -axis[::-1])


@given(st.lists(st.integers(1, 4), min_size=2, max_size=4), st.booleans(), st.integers(0, 100))
def test_a_random_direction_is_as_long_as_each_filter(
    shape: list[int], rows: bool, seed: int
) -> None:
    random = np.random.default_rng(seed)
    value, drawn = random.normal(size=shape), random.normal(size=shape)
    value[..., 0] = 0 if not rows else value[..., 0]
    made = drawn * filter_scale(drawn, value, rows=rows)
    axis = 0 if rows else -1
    for i in range(shape[axis]):
        mine, theirs = (np.linalg.norm(a.take(i, axis)) for a in (made, value))
        assert mine == pytest.approx(theirs)


def test_biases_and_normalisation_do_not_move() -> None:
    network = nn.Sequential(
        nn.Embedding(9, 4), nn.LayerNorm(4), nn.Linear(4, 3), nn.BatchNorm(3)
    ).initialise(seed=0)
    for value in network.state().values():
        value.assign(np.random.default_rng(0).uniform(0.5, 1.5, value.shape))
    data = np.arange(9), np.arange(9) % 3
    seen = pb.landscape(network, data, loss="cross_entropy", along="random", steps=2)
    weights = [network["0.weight"].numpy(), network["2.weight"].numpy()]
    assert seen.lengths[0] == pytest.approx(np.sqrt(sum(np.square(w).sum() for w in weights)))


@pytest.mark.parametrize("name", ["dense", "normalised", "lstm"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_ends_of_a_line_are_both_networks(name: str, dtype: str) -> None:
    (network, data), (other, _) = built(name, dtype), built(name, dtype)
    other.initialise(seed=5, overwrite=True)
    before = values(network), values(other)
    seen = pb.landscape(
        network, data, loss="cross_entropy", along=other, extent=(-0.5, 1.5), steps=21
    )
    losses = [pb.trace_step(n, data, loss="cross_entropy").loss for n in (network, other)]
    assert losses[0] != losses[1]
    places = seen.axes[0].tolist()
    assert [seen.losses[places.index(t)] for t in (0.0, 1.0)] == losses
    assert (values(network), values(other)) == before
    middle = seen.losses[places.index(0.5)]
    for path, value in network.state().items():
        value.assign((value.numpy().astype("float64") + other.state()[path].numpy()) / 2)
    assert pb.trace_step(network, data, loss="cross_entropy").loss == pytest.approx(middle)


def test_buffers_go_along_a_line() -> None:
    network, other = (
        nn.Sequential(nn.Linear(3, 4), nn.BatchNorm(4), nn.Linear(4, 2)).initialise(seed=s)
        for s in (0, 1)
    )
    other["1"].running_mean.assign([1.0, 2.0, 3.0, 4.0])
    x = np.random.default_rng(0).normal(size=(8, 3))
    data = x, np.arange(8) % 2
    seen = pb.landscape(network, data, loss="cross_entropy", along=other, steps=2)
    assert seen.losses[1] == pb.trace_step(other, data, loss="cross_entropy").loss


def test_a_plane_through_three_networks() -> None:
    network, data = built("dense", "float32")
    corners = [built("dense", "float32")[0].initialise(seed=s, overwrite=True) for s in (5, 6)]
    seen = pb.landscape(network, data, loss="cross_entropy", along=corners, steps=2)
    losses = [pb.trace_step(n, data, loss="cross_entropy").loss for n in (network, *corners)]
    assert [seen.losses[0, 0], seen.losses[1, 0], seen.losses[0, 1]] == losses


def test_a_line_from_the_first_checkpoint(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(40, 3)).astype("float32")
    data = x, (x.sum(1) > 0).astype(int)
    run = pb.fit(
        nn.dense(3, [4], 2), data, validation=None, loss="cross_entropy", epochs=5, save=tmp_path,
        progress="none", seed=4,
    )  # fmt: skip
    assert run.path is not None
    for which in (run, run.path, str(run.path)):
        seen = pb.landscape(
            run.network, data, loss="cross_entropy", along=pb.weights_at(which, 0), steps=5
        )
        first = nn.dense(3, [4], 2).initialise(seed=4)
        assert seen.losses[-1] == pb.trace_step(first, data, loss="cross_entropy").loss
        assert seen.losses[0] < seen.losses[-1]
    with pytest.raises(errors.FileFormatError, match="checkpoint of step 1234"):
        pb.weights_at(run, 1234)
    run.path = None
    with pytest.raises(errors.ConfigError, match="must have been saved"):
        pb.weights_at(run, 0)


def test_as_in_training() -> None:
    network = nn.Sequential(
        nn.Linear(6, 8), nn.BatchNorm(8), "tanh", nn.Dropout(0.5), nn.Linear(8, 3)
    ).initialise(seed=0)
    x = np.random.default_rng(0).normal(size=(9, 6)).astype("float32")
    data, before = (x, np.arange(9) % 3), values(network)
    seen = pb.landscape(network, data, loss="cross_entropy", steps=3, training=True, seed=4)
    step = pb.trace_step(network, data, loss="cross_entropy", training=True, seed=4)
    assert seen.centre == seen.losses[1, 1] == step.loss
    assert seen.centre != pb.trace_step(network, data, loss="cross_entropy").loss
    assert values(network) == before


def test_frozen_parameters_stay() -> None:
    network, data = built("dense", "float64")
    free = pb.landscape(network, data, loss="cross_entropy", along="random", steps=2)
    network["0"].freeze()
    less = pb.landscape(network, data, loss="cross_entropy", along="random", steps=2)
    assert less.lengths[0] < free.lengths[0]


def test_frozen_parameters_go_along_a_line() -> None:
    (network, data), (other, _) = built("dense", "float32"), built("dense", "float32")
    other.initialise(seed=5, overwrite=True)
    network.freeze()
    seen = pb.landscape(network, data, loss="cross_entropy", along=other, steps=2)
    assert seen.losses[1] == pb.trace_step(other, data, loss="cross_entropy").loss


def test_the_cosine_is_that_of_all_parameters() -> None:
    network, data = built("dense", "float64")
    other = built("dense", "float64")[0].initialise(seed=5, overwrite=True)
    seen = pb.landscape(network, data, loss="cross_entropy", along=(other, "gradient"), steps=2)
    far = [other.state()[p].numpy() - v.numpy() for p, v in network.state().items()]
    slopes = pb.trace_step(network, data, loss="cross_entropy").gradients
    change, slope = (
        np.concatenate([np.ravel(a) for a in parts])
        for parts in (far, [slopes[p] for p in network.state()])
    )
    assert seen.lengths == pytest.approx((np.linalg.norm(change), 1))
    assert seen.cosine == pytest.approx(
        change @ slope / np.linalg.norm(change) / np.linalg.norm(slope)
    )


def test_eigenvectors_come_one_after_the_other() -> None:
    network, data = built("dense", "float64")
    seen = pb.landscape(
        network, data, loss="cross_entropy", along=["eigenvector", "eigenvector"], steps=3,
        extent=1e-3,
    )  # fmt: skip
    found = pb.curvature(network, data, loss="cross_entropy", count=2)
    curved = (seen.losses[[0, 1], [1, 0]] + seen.losses[[2, 1], [1, 2]] - 2 * seen.centre) / 1e-6
    np.testing.assert_allclose(curved, found.eigenvalues, rtol=1e-3)
    assert seen.cosine == pytest.approx(0, abs=1e-6)


def test_what_is_not_finite_is_shown_as_such() -> None:
    network, data = built("dense", "float32")
    seen = pb.landscape(network, data, loss="cross_entropy", extent=1e38, steps=4)
    assert not np.isfinite(seen.losses).any()
    assert "!" in str(seen)
    plain = json.loads(json.dumps(seen.to_json(), allow_nan=False))
    assert plain["losses"] == [[None] * 4] * 4
    assert plain["lowest"] == {"loss": None, "at": [None, None]}
    one = pb.landscape(network, data, loss="cross_entropy", along="random", extent=1e20, steps=3)
    assert [x is None for x in one.to_json()["losses"]] == [True, False, True]


@pytest.mark.parametrize("steps", [2, 5, 21, 60])
@pytest.mark.parametrize("along", ["random", "gradient", ("random", "gradient")])
@pytest.mark.parametrize("extent", [0.3, 1e9])
def test_the_text_fits(along: Any, steps: int, extent: float) -> None:
    if steps == 60 and not isinstance(along, str):
        steps = 45
    network, data = built("dense", "float32")
    seen = pb.landscape(
        network, data, loss="cross_entropy", along=along, steps=steps, extent=extent
    )
    lines = str(seen).splitlines()
    assert max(map(len, lines)) <= 100
    if steps % 2:
        assert ("<- the network" if isinstance(along, str) else " @ ") in str(seen)


def test_the_same_seed_gives_the_same_numbers() -> None:
    network, data = built("dense", "float32")
    seen = [
        pb.landscape(network, data, loss="cross_entropy", steps=3, seed=s).losses for s in (1, 1, 2)
    ]
    np.testing.assert_array_equal(seen[0], seen[1])
    assert (seen[0] != seen[2]).any()


def test_bad_settings_are_refused() -> None:
    network, data = built("dense", "float32")

    def look(**settings: Any) -> pb.Landscape:
        return pb.landscape(network, data, **{"loss": "cross_entropy", **settings})

    for steps in (1, 0, True, 2.5):
        with pytest.raises(errors.ConfigError, match="at least 2"):
            look(steps=steps)
    for extent in (0, -1.0, (1, 1), (2, 1), float("nan"), float("inf"), "far"):
        with pytest.raises(errors.ConfigError, match="positive"):
            look(extent=extent)
    with pytest.raises(errors.UnknownNameError, match="Did you mean 'gradient'"):
        look(along=("random", "gradent"))
    for many in ([], ["random"] * 3):
        with pytest.raises(errors.ConfigError, match="one direction or two"):
            look(along=many)
    with pytest.raises(errors.ConfigError, match="a network, or values"):
        look(along=3)
    with pytest.raises(errors.ConfigError, match="never initialised"):
        look(along=nn.dense(6, [8, 7], 3))
    with pytest.raises(errors.ShapeError, match=r"0\.weight has shape"):
        look(along=nn.dense(6, [9, 7], 3).initialise())
    with pytest.raises(errors.ConfigError, match=r"no 0\.weight"):
        look(along={})
    with pytest.raises(errors.ConfigError, match="must differ"):
        look(along=network)


def test_a_network_without_anything_to_move_is_refused() -> None:
    data = np.ones((2, 3)), np.zeros((2, 3))
    with pytest.raises(errors.ConfigError, match="trainable"):
        pb.landscape(nn.Sequential("relu"), data, loss="mse")
    network, more = built("dense", "float32")
    network.freeze()
    with pytest.raises(errors.ConfigError, match="unfreeze"):
        pb.landscape(network, more, loss="cross_entropy")
    with pytest.raises(errors.ConfigError, match="only vectors"):
        pb.landscape(nn.LayerNorm(3).initialise(), data, loss="mse")
    still = line(0.0)
    with pytest.raises(errors.ConfigError, match="must not be 0"):
        pb.landscape(still, ([[1.0]], [[0.0]]), loss="mse", along="gradient")
    with pytest.raises(errors.ConfigError, match="as many eigenvectors"):
        pb.landscape(line(), ([[1.0]], [[0.0]]), loss="mse", along=["eigenvector", "eigenvector"])
    with pytest.raises(errors.NonFiniteError, match="finite"):
        pb.landscape(line(1e30), ([[1e20]], [[0.0]]), loss="mse", along="gradient")


@pytest.mark.parametrize("kind", ["plain", "none"])
def test_progress_is_shown_of_what_takes_long(
    kind: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.0)
    monkeypatch.setattr(progress, "SCORING_SECONDS", 0.0)
    pb.landscape(line(), ([[1.0]], [[0.0]]), loss="mse", along="gradient", steps=4, progress=kind)
    said = capsys.readouterr().err
    assert ("the loss at 4 places" in said) == (kind != "none")
    assert ("100%" in said) == (kind != "none")


def test_a_terminal_shows_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.0)
    out = Terminal()
    with progress.progress("auto", out).counting("work", 2) as tell:
        tell(1)
    assert "work" in out.getvalue()
    assert "50%" in out.getvalue()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_nothing_is_said_of_what_takes_no_second() -> None:
    out = io.StringIO()
    with progress.progress("plain", out).counting("work", 3) as tell:
        tell(1)
    assert out.getvalue() == ""
    with progress.progress("plain", out).counting("work", 3) as tell:
        time.sleep(1.05)
        tell(2)
        tell(3)
    assert out.getvalue() == "work: 67%\n"
