"""Probes: what they see is what is there, on every executor, and seeing it changes no bit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback import nn
from pullback.errors import ConfigError, UnknownNameError
from pullback.execute.seen import exponents
from pullback.train.probes import Probes
from pullback.train.readings import COLUMNS
from tests.native.helpers import module
from tests.train.natives import NETWORKS, EveryStep, bits, fitted

Array = np.ndarray[Any, Any]
LOOKED = ("step", "count", *COLUMNS)


def rows(count: int = 96) -> tuple[Array, Array]:
    random = np.random.default_rng(0)
    x = random.normal(size=(count, 12)).astype(np.float32)
    return x, (x[:, 0] + 0.2 * random.normal(size=count) > 0).astype(np.int64)


def trained(**settings: Any) -> pb.Run:
    given: dict[str, Any] = {"batch_size": 32, "steps": 7, "seed": 3, "progress": "none"}
    network = settings.pop("network", None) or nn.dense(12, [40, 9], 2, activation="tanh")
    return pb.fit(network, rows(), **{**given, **settings})


def same(a: pb.Readings, b: pb.Readings, tolerance: float = 0.0) -> None:
    """Whether two trainings were seen alike."""
    assert list(a) == list(b)
    for place in a:
        scale = max(np.abs(a[place].low).max(), np.abs(a[place].high).max())
        if tolerance and scale < 1e-7:  # a gradient that is 0 but for rounding
            assert max(np.abs(b[place].low).max(), np.abs(b[place].high).max()) < 1e-7
            continue
        for name in LOOKED:
            size = float(np.sqrt(a[place].count.max())) * scale if name == "norm" else scale
            np.testing.assert_allclose(
                getattr(a[place], name),
                getattr(b[place], name),
                rtol=0,
                atol=tolerance * (1e-4 + size),
                err_msg=f"{place} {name}",
            )


@pytest.mark.native
@pytest.mark.parametrize("name", NETWORKS)
def test_looking_changes_no_bit(name: str) -> None:
    module()
    plain = bits(fitted(name, probes=False))
    for probes in ("*", Probes(every=2, histograms=True), Probes("*.update", every=1), None):
        assert bits(fitted(name, probes=probes)) == plain
    assert bits(fitted(name, probes="*", callbacks=[EveryStep()])) == plain


@pytest.fixture
def _threads() -> Iterator[None]:
    module()
    yield
    module().set_threads(0)


@pytest.mark.native
@pytest.mark.usefixtures("_threads")
@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_seen_is_the_same_on_any_number_of_threads(name: str) -> None:
    found = []
    for threads in (1, 2, 3, 8, 16):
        module().set_threads(threads)
        found.append(fitted(name, probes=Probes(every=1, histograms=True)).probes)
    for other in found[1:]:
        same(found[0], other)
        for place in other:
            assert np.array_equal(other[place].histogram, found[0][place].histogram)


@pytest.mark.native
@pytest.mark.parametrize("name", NETWORKS)
def test_every_executor_sees_the_same(name: str) -> None:
    """Of the first step, before rounding has grown: every place, natively and on NumPy."""
    module()
    probes = Probes(every=1, histograms=True)
    settings = {"steps": 1, "optimizer": "sgd", "probes": probes}
    native, numpy = (fitted(name, executor=kind, **settings).probes for kind in ("native", "numpy"))
    same(numpy, native, 1e-4)
    for place in numpy:
        if np.abs(numpy[place].high[0]) < 1e-7:
            continue
        moved = np.abs(numpy[place].histogram - native[place].histogram).sum()
        assert moved <= 0.02 * numpy[place].count[0] + 4, place


def test_the_oracle_sees_the_same() -> None:
    found = {k: trained(executor=k, steps=2, probes="*").probes for k in ("numpy", "reference")}
    same(found["numpy"], found["reference"], 1e-4)


@pytest.mark.parametrize("executor", [pytest.param("native", marks=pytest.mark.native), "numpy"])
def test_what_is_seen_is_what_is_there(executor: str) -> None:
    """Against a trace of the same step, which hands out all values."""
    if executor == "native":
        module()
    network = nn.dense(12, [40, 9], 2, activation="tanh").initialise(seed=5)
    before = {path: v.numpy() for path, v in network.state().items()}
    x, y = rows()
    trace = pb.trace_step(network, (x, y), loss="cross_entropy", executor=executor)
    run = pb.fit(
        network, (x, y), batch_size=96, steps=1, shuffle=False, loss="cross_entropy",
        optimizer=pb.optim.SGD(0.1), progress="none", executor=executor,
        probes=Probes(every=1, histograms=True),
    )  # fmt: skip
    values = {}
    for place in ("0.output", "1.output", "2.output", "3.output", "4.output"):
        values[place] = trace[place].value
        values[f"{place}.cotangent"] = trace[place].cotangent
    for path, old in before.items():
        values[path] = old
        values[f"{path}.gradient"] = trace[path].cotangent
        values[f"{path}.update"] = network.state()[path].numpy() - old
    assert set(run.probes) == set(values)
    for place, value in values.items():
        seen = run.probe(place)
        assert seen.step.tolist() == [1]
        assert seen.count.tolist() == [value.size]
        wide = value.astype(np.float64)
        root = np.sqrt(np.mean(wide**2))
        assert seen.mean[0] == pytest.approx(wide.mean(), abs=1e-5 * root)
        assert seen.deviation[0] == pytest.approx(wide.std(), rel=1e-4, abs=1e-6 * root)
        assert seen.norm[0] == pytest.approx(np.linalg.norm(wide), rel=1e-5)
        assert (seen.low[0], seen.high[0]) == (wide.min(), wide.max())
        assert seen.zeros[0] == np.mean(wide == 0)
        if place in ("1.output", "3.output"):  # of tanh
            assert seen.saturated[0] == np.mean(np.abs(value) >= np.float32(0.98))
        else:
            assert np.isnan(seen.saturated[0])
        assert np.array_equal(seen.histogram[0], exponents(value))
    ratio = run.probes.update_ratio("0.weight")
    norm = np.linalg.norm
    assert ratio[0] == pytest.approx(
        norm(values["0.weight.update"]) / norm(before["0.weight"]), 1e-4
    )


def test_saturation_is_seen() -> None:
    network = nn.Sequential(nn.Linear(12, 30), "sigmoid", nn.Linear(30, 2)).initialise(seed=0)
    network.state()["0.weight"].assign(100 * network.state()["0.weight"].numpy())
    run = trained(network=network, steps=1, probes="1.output")
    assert run.probe("1.output").saturated[0] > 0.9


def test_histograms_of_every_kind_of_number() -> None:
    numbers = np.array([0, -0.0, 1, -1.5, 2, 3.9, 4, 1e-40, 2.0**-126, 1e38, np.inf, -np.nan])
    for dtype in ("float32", "float64"):
        found = exponents(numbers.astype(dtype))
        expected = {0: 2 + 1, 127: 2, 128: 2, 129: 1, 1: 1, 253: 1, 255: 2}
        assert {int(n): int(found[n]) for n in np.flatnonzero(found)} == expected


def test_which_steps_are_looked_at() -> None:
    due = Probes().due(0, 20000)
    assert due[:26] == [*range(8), *range(16, 256, 16), 256, 288, 320]
    assert {8192, 16384} <= {*due}
    assert len(Probes().due(10**6, 10**6)) == pytest.approx(64, abs=16)
    assert Probes(every=5).due(3, 10) == [5, 10]
    assert not Probes(()).due(0, 100)
    for first in (0, 7, 120, 255, 1000, 16380):
        assert Probes().due(first, 50) == [s for s in due if first <= s < first + 50]


def test_every_run_is_looked_at_seldom() -> None:
    run = trained(steps=140)
    assert run.probe("0.weight.gradient").step.tolist() == [*range(1, 9), *range(17, 140, 16)]
    assert trained(probes=False).probes == {}


def test_only_what_was_asked_for_is_seen() -> None:
    assert set(trained(probes="*.gradient").probes) == {
        f"{i}.{p}.gradient" for i in (0, 2, 4) for p in ("weight", "bias")
    }
    assert list(trained(probes=["2.output", "2.weight"]).probes) == ["2.output", "2.weight"]


def test_a_batch_in_parts_is_seen_as_a_whole() -> None:
    whole, parts = (trained(accumulate=n, steps=2, probes="*").probes for n in (1, 4))
    assert set(parts) == {p for p in whole if not p.endswith("cotangent")}
    for place in parts:
        for name in ("count", "mean", "norm", "low", "high"):
            ours, theirs = getattr(parts[place], name), getattr(whole[place], name)
            np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5, err_msg=place)


def test_a_saved_run_keeps_what_was_seen(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"probes": Probes(every=2, histograms=True), "checkpoint_steps": 5}
    run = trained(save=tmp_path, steps=7, **settings)
    kept = pb.Readings.of(run.path)
    assert kept["0.output"].step.tolist() == [1, 3, 5, 7]
    more = pb.resume(run.path, steps=13, progress="none")
    assert more.probe("0.output").step.tolist() == [1, 3, 5, 7, 9, 11, 13]
    once = trained(steps=13, **settings).probes
    same(once, more.probes)
    same(once, pb.Readings.of(run.path))
    assert np.array_equal(more.probe("1.output").histogram, once["1.output"].histogram)


def test_data_frames() -> None:
    frame = trained(probes="*.output", steps=3).probes.frame("*.output")
    assert frame.columns == ["step", "place", "count", *COLUMNS]
    assert frame["step"].to_list() == [1] * 5 + [2] * 5 + [3] * 5


def test_a_layer_called_in_a_loop_is_left_out() -> None:
    class Again(nn.Module):
        def __init__(self) -> None:
            self.inner = nn.Linear(12, 12)

        def forward(self, x: Any) -> Any:
            return pb.scan(lambda h, _: (self.inner(h), ()), x, (), length=3)[0]

    run = trained(network=nn.Sequential(Again(), nn.Linear(12, 2)), steps=2, probes="*")
    assert {"0.inner.weight.gradient", "0.output"} <= set(run.probes)
    assert "0.inner.output" not in run.probes


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (3, "patterns of places"),
        ([3], "patterns of places"),
        ("", "patterns of places"),
        ({"pattern": "*"}, "unknown setting of probes 'pattern'"),
        ({"every": 0}, "every must be a whole number"),
        ({"every": True}, "every must be a whole number"),
        ({"histograms": 1}, "histograms must be true or false"),
    ],
)
def test_bad_probes(given: Any, says: str) -> None:
    with pytest.raises((ConfigError, UnknownNameError), match=says):
        trained(probes=given)


def test_a_pattern_that_matches_nothing() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown pattern of probes '\*.gradiant'"):
        trained(probes="*.gradiant")


def test_a_place_that_was_not_looked_at() -> None:
    run = trained(probes="*.output", steps=2)
    with pytest.raises(UnknownNameError, match=r"Did you mean '1.output'"):
        run.probe("1.outputs")
    with pytest.raises(UnknownNameError):
        run.probes.update_ratio("0.weight")
    with pytest.raises(UnknownNameError):
        run.probes.matching("*.gradient")


def test_what_has_an_update_ratio_is_said() -> None:
    looks = trained(probes="*").probes
    for place in ("0.weight.update", "0.wieght", "0.weight.gradient"):
        with pytest.raises(UnknownNameError, match="that of a parameter") as caught:
            looks.update_ratio(place)
        assert caught.value.do == "Did you mean '0.weight'?"
    with pytest.raises(UnknownNameError, match="that of a parameter") as caught:
        looks.update_ratio("0.output")
    assert "Did you mean '0." in caught.value.do
    with pytest.raises(UnknownNameError, match="none"):
        trained(probes="*.output").probes.update_ratio("0.weight")


def test_norms_of_samples_are_seen() -> None:
    probes = Probes(every=1, samples=True)
    make = lambda: nn.dense(12, [40, 9], 2, activation="tanh", dropout=0.2)  # noqa: E731
    run = trained(network=make(), steps=2, shuffle=False, probes=probes)
    x, y = rows()
    network = make().initialise(seed=3)
    norms = pb.per_sample_norms(network, "cross_entropy", x[:32], y[:32], training=True, seed=3)
    seen = run.probe("sample_norms")
    assert seen.count.tolist() == [32, 32]
    assert seen.mean[0] == pytest.approx(norms.mean(), rel=1e-4)
    assert (seen.low[0], seen.high[0]) == pytest.approx((norms.min(), norms.max()), rel=1e-4)
    plain = trained(network=make(), steps=2, shuffle=False, probes=False)
    assert plain.losses.tobytes() == run.losses.tobytes()
    parts = trained(network=make(), steps=2, shuffle=False, probes=probes, accumulate=4)
    assert parts.probe("sample_norms").norm == pytest.approx(seen.norm, rel=1e-3)


def test_the_noise_scale_is_that_of_the_batch() -> None:
    network = nn.dense(12, [9], 2, activation="tanh").initialise(seed=2)
    x, y = rows()
    expected = pb.noise_scale(network, (x, y), loss="cross_entropy").scale
    run = pb.fit(
        network, (x, y), batch_size=96, steps=1, loss="cross_entropy", progress="none",
        probes=Probes("*.gradient", every=1, samples=True),
    )  # fmt: skip
    assert run.probes.noise_scale()[0] == pytest.approx(expected, rel=1e-2)


def test_samples_that_depend_on_each_other_have_no_norms() -> None:
    network = nn.Sequential(nn.Linear(12, 9), nn.BatchNorm(), nn.Linear(2))
    with pytest.raises(ConfigError, match="depends on no other sample"):
        trained(network=network, probes=Probes(samples=True))


def test_layers_behind_dropout_are_seen() -> None:
    network = nn.dense(12, [9, 9], 2, activation="tanh", dropout=0.5)
    outputs = [*trained(network=network, probes="*.output").probes]
    assert outputs == [f"{i}.output" for i in range(7)]


def test_cotangents_of_micro_batches_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="unknown pattern of probes"):
        trained(accumulate=4, probes="*.cotangent")


def test_an_axis_as_long_as_the_batch_is_not_taken_for_it() -> None:
    class Placed(nn.Module):
        """Adds a product of a table of 6 places to each row of 6 places."""

        def __init__(self) -> None:
            self.table, self.p, self.q = (
                nn.Parameter((6, 5), nn.initialisers.Normal(1.0)),
                nn.Linear(5, 4),
                nn.Linear(24, 2),
            )

        def forward(self, x: Any) -> Any:
            return self.q((x + self.p(self.table)).reshape((x.shape[0], 24)))

    network = Placed().initialise(seed=0)
    random = np.random.default_rng(0)
    for rows_ in (6, 7):
        x = random.normal(size=(rows_, 6, 4)).astype(np.float32)
        y = random.integers(0, 2, rows_)
        each = pb.per_sample_gradients(network, "cross_entropy", x, y).values()
        wanted = np.sqrt(sum(np.square(g).reshape(rows_, -1).sum(axis=1) for g in each))
        found = pb.per_sample_norms(network, "cross_entropy", x, y)
        np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_saved_runs_keep_no_looks_in_memory(tmp_path: Path) -> None:
    run = trained(save=tmp_path, steps=40, probes="*")
    assert run.looks == []
    assert run.probe("0.output").step.tolist() == list(range(1, 41))


def test_what_is_told_where_nothing_was_looked_at() -> None:
    nothing = trained(probes=False).probes
    assert nothing.get("0.output") is None
    with pytest.raises(ConfigError, match="must have been looked at"):
        nothing.frame()
    with pytest.raises(ConfigError, match="samples=True"):
        trained(probes="*").probes.noise_scale()
    with pytest.raises(ConfigError, match="patterns of places"):
        Probes(None)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="named by its folder"):
        pb.Readings.of(3)  # type: ignore[arg-type]
