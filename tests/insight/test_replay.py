"""Steps of a run again: to the bit what they were."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback import errors, nn
from pullback.execute import native
from tests.train.natives import NETWORKS

ROWS, BATCH = 90, 20


class Seeing(pb.Callback):
    """Keeps the parameters as they are before each step."""

    def __init__(self) -> None:
        self.before: dict[int, dict[str, np.ndarray]] = {}

    def on_start(self, session: Any) -> None:
        self._keep(session)

    def on_step(self, session: Any) -> None:
        self._keep(session)

    def _keep(self, session: Any) -> None:
        values = session.network.parameters().items()
        self.before[session.step + 1] = {path: p.numpy() for path, p in values}


def trained(name: str, root: Path, seeing: Any, **settings: Any) -> pb.Run:
    make, draw = NETWORKS[name]
    x = draw(ROWS)
    y = np.random.default_rng(1).integers(0, 5, ROWS)
    return pb.fit(
        make(), (x, y), validation=0.2, batch_size=BATCH, loss="cross_entropy", seed=3, save=root,
        progress="none", callbacks=seeing, **{"epochs": 4, **settings},
    )  # fmt: skip


RUNS: dict[str, tuple[str, dict[str, Any]]] = {
    "dropout": ("dense with dropout", {}),
    "convolution": ("convolution", {"checkpoint_steps": 5}),
    "lstm": ("lstm", {"optimizer": pb.optim.SGD(0.1, momentum=0.9)}),
    "transformer": ("transformer", {"clip_norm": 1.0}),
    "batch norm": ("batch norm", {"patience": 2}),
    "a schedule": (
        "dense with dropout",
        {"optimizer": pb.optim.AdamW(1e-2, schedule=pb.optim.WarmUp(0.2, then="cosine"))},
    ),
    "penalties": ("batch norm", {"l2": 1e-3}),
}


@pytest.mark.parametrize("name", RUNS)
def test_a_step_is_what_it_was(name: str, tmp_path: Path) -> None:
    network, settings = RUNS[name]
    seeing = Seeing()
    run = trained(network, tmp_path, seeing, **settings)
    for step in np.random.default_rng(0).choice(run.step, 5, replace=False) + 1:
        found = pb.replay(run, int(step))
        assert found.is_exact, found
        for path, value in seeing.before[int(step)].items():
            np.testing.assert_array_equal(found[path].value, value)
        assert set(found.gradients) == set(run.network.parameters())


MORE: dict[str, tuple[str, dict[str, Any]]] = {
    **RUNS,
    "not shuffled": ("dense with dropout", {"shuffle": False, "ema": 0.9}),
    "sharpness aware": ("batch norm", {"optimizer": pb.optim.SAM(0.05)}),
    "gelu and histograms": ("transformer", {"clip_value": 0.1}),
}


@pytest.fixture
def _threads() -> Iterator[None]:
    """The number of threads is put back."""
    yield
    if native.module() is not None:
        native.module().set_threads(0)


def replayed(name: str, root: Path, count: int) -> None:
    """Random steps of a run with probes and of one without, both resumed, on other threads."""
    network, settings = MORE[name]
    random = np.random.default_rng(len(name))
    for probes in (False, pb.Probes(every=1, histograms=True)):
        seeing, folder = Seeing(), root / ("seen" if probes else "unseen")
        started = trained(network, folder, seeing, **{**settings, "epochs": 2, "probes": probes})
        run = pb.resume(started.path, epochs=4, callbacks=seeing, progress="none")
        for step in random.choice(run.step, count, replace=False) + 1:
            if native.module() is not None:
                native.module().set_threads(int(random.choice([1, 2, 3, 8])))
            found = pb.replay(run, int(step))
            assert found.is_exact, found
            for path, value in seeing.before[int(step)].items():
                np.testing.assert_array_equal(found[path].value, value)
            if probes and name != "sharpness aware":  # whose steps take a gradient elsewhere
                seen = {p: run.probe(f"{p}.gradient") for p in found.gradients}
                for path, reading in seen.items():
                    norm = reading.norm[reading.step == step]
                    wanted = np.linalg.norm(found[path].gradient.astype(np.float64))
                    np.testing.assert_allclose(norm, wanted, 1e-4, 1e-9)


@pytest.mark.usefixtures("_threads")
def test_with_probes_and_without(tmp_path: Path) -> None:
    replayed("dropout", tmp_path, 3)


@pytest.mark.long
@pytest.mark.usefixtures("_threads")
@pytest.mark.parametrize("name", MORE)
def test_a_hundred_steps_of_each(name: str, tmp_path: Path) -> None:
    replayed(name, tmp_path, 12)


def test_gradients_are_those_of_the_update(tmp_path: Path) -> None:
    """Plain gradient descent: what the next step starts from is this one less rate * gradient."""
    seeing = Seeing()
    rate = 0.125  # a power of two, so that the product is exact
    trained("dense with dropout", tmp_path, seeing, optimizer=pb.optim.SGD(rate))
    run = next(tmp_path.iterdir())
    for step in (1, 5, 6):
        found = pb.replay(run, step)
        for path, bar in found.gradients.items():
            after = seeing.before[step][path] - np.float32(rate) * bar
            np.testing.assert_allclose(after, seeing.before[step + 1][path], rtol=2e-7, atol=1e-9)


def test_a_resumed_run(tmp_path: Path) -> None:
    seeing = Seeing()
    run = trained("dense with dropout", tmp_path, seeing, epochs=2)
    again = pb.resume(run.path, epochs=4, callbacks=seeing, progress="none")
    for step in (2, run.step + 1, again.step):
        found = pb.replay(again, step)
        assert found.is_exact
        np.testing.assert_array_equal(found["0.weight"].value, seeing.before[step]["0.weight"])


def test_a_resume_that_stretched_the_schedule(tmp_path: Path) -> None:
    """The learning rates behind the resume are those of the new length."""
    rule = pb.optim.Adam(1e-2, schedule=pb.optim.WarmUp(0.2, then="cosine"))
    run = trained("dense with dropout", tmp_path, (), epochs=2, optimizer=rule)
    again = pb.resume(run.path, epochs=5, progress="none")
    for step in (2, run.step, run.step + 1, run.step + 2, again.step):
        assert pb.replay(again, step).is_exact


def test_the_run_is_only_read(tmp_path: Path) -> None:
    run = trained("dense with dropout", tmp_path, ())
    assert run.path is not None
    before = {p: p.read_bytes() for p in run.path.rglob("*") if p.is_file()}
    weights = {path: p.numpy() for path, p in run.network.parameters().items()}
    found = pb.replay(run, 3)
    assert {p: p.read_bytes() for p in run.path.rglob("*") if p.is_file()} == before
    for path, value in weights.items():
        np.testing.assert_array_equal(run.network.parameters()[path].numpy(), value)
    assert "step 3, to the bit" in str(found)
    derived = found.explain("0.weight[1,2]")
    assert derived.gradient == found["0.weight"].gradient[1, 2]
    assert derived.adds_up


@pytest.mark.parametrize("step", [0, -1, 10**6, 1.5, True, "3"])
def test_steps_that_never_were(step: Any, tmp_path: Path) -> None:
    run = trained("dense with dropout", tmp_path, (), epochs=1)
    with pytest.raises(errors.ConfigError, match="steps 1 to"):
        pb.replay(run, step)


def test_runs_that_cannot_be_replayed(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(40, 3))
    made = nn.dense(3, [4], 1)
    run = pb.fit(made, (x, x[:, :1]), loss="mse", epochs=1, progress="none")
    with pytest.raises(errors.ConfigError, match="saved"):
        pb.replay(run, 1)
    run = pb.fit(
        nn.dense(3, [4], 1), (x, x[:, :1]), loss="mse", epochs=1, progress="none", save=tmp_path,
        accumulate=2,
    )  # fmt: skip
    with pytest.raises(errors.ConfigError, match="micro-batches"):
        pb.replay(run, 1)
    with pytest.raises(errors.FileFormatError):
        pb.replay(tmp_path / "nothing", 1)
