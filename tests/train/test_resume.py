"""A run that is stopped, anywhere and in any way, and resumed ends in the same bits."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import pullback as pb
from pullback.document import read_document, write_document
from pullback.errors import (
    ConfigError,
    DataError,
    FileFormatError,
    PullbackError,
    UnknownNameError,
)
from pullback.runs import store as store_module
from pullback.runs.store import RunStore
from tests.train.trainings import (
    SETTINGS,
    Kill,
    Killed,
    Left,
    Stop,
    UsedTwice,
    data,
    go_on,
    left,
    network,
    start,
)

# How safe the disk is, is not the matter here: the system outlives every process of these tests.
pytestmark = pytest.mark.usefixtures("quick_disk")
TRAINER = Path(__file__).with_name("trainings.py")


@pytest.fixture(scope="module")
def quick_disk() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda number: None)
        yield


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory):
    """What the uninterrupted training of a name leaves behind."""

    @cache
    def find(name: str) -> Left:
        return left(start(name, tmp_path_factory.mktemp("whole")).path)

    return find


def last_step(found: Left) -> int:
    return int(found.steps["step"][-1])


@pytest.mark.parametrize("name", SETTINGS)
def test_the_trainings_are_worth_interrupting(name: str, wanted) -> None:
    found = wanted(name)
    assert last_step(found) >= 6, "at least two epochs of three batches"
    assert found.steps["step"] == list(range(1, last_step(found) + 1))
    assert len(set(found.steps["loss"])) == last_step(found)
    if name == "until":
        assert "reached the target" in found.reason
        assert last_step(found) < 18


def test_one_training_puts_back_an_earlier_best_epoch(tmp_path: Path) -> None:
    runs = [start(name, tmp_path) for name in ("weights and best", "own network")]
    assert any(run.best_step is not None and run.best_step < run.step for run in runs)


@pytest.mark.parametrize("name", SETTINGS)
def test_interrupted_after_every_step(name: str, wanted, tmp_path: Path) -> None:
    whole = wanted(name)
    for step in range(1, last_step(whole) + 1):
        run = start(name, tmp_path, callbacks=[Stop(step)])
        assert (run.ending, run.step) == ("interrupted", step)
        assert run.network.predict(data(name)[0]).shape[0] == 45
        again = go_on(run.path)
        assert again.step == last_step(whole)
        assert left(run.path) == whole, f"stopped after step {step}"


@pytest.mark.parametrize("name", SETTINGS)
def test_killed_after_every_step_and_epoch(name: str, wanted, tmp_path: Path) -> None:
    whole = wanted(name)
    epochs = len(whole.epochs["epoch"])
    kills = [Kill(step=step) for step in range(1, last_step(whole) + 1)]
    kills += [Kill(epoch=epoch) for epoch in range(1, epochs + 1)]
    for number, kill in enumerate(kills, start=1):
        with pytest.raises(Killed):
            start(name, tmp_path, callbacks=[kill])
        path = tmp_path / f"run-{number}"
        go_on(path)
        assert left(path) == whole, f"killed at step {kill.at_step}, epoch {kill.at_epoch}"


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("name", ["weights and best", "own network"])
def test_from_every_checkpoint(name: str, every: int, wanted, tmp_path: Path) -> None:
    """Also from one that was written on the last step of an epoch, before it was measured."""
    run = start(name, tmp_path, checkpoint_steps=every)
    with RunStore.open(run.path) as store:
        steps = store.checkpoints()
    assert steps[0] == 0
    for step in steps[:-1]:
        copy = tmp_path / f"copy-{step}"
        shutil.copytree(run.path, copy)
        go_on(copy, step=step)
        assert left(copy) == wanted(name), f"from step {step}"


@pytest.mark.parametrize("name", ["plain", "weights and best", "until"])
@pytest.mark.parametrize("moment", ["save_model", "finish"])
def test_killed_at_the_very_end(
    name: str, moment: str, wanted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the last step nothing is left to do but the end itself, and that is done."""

    def die(*args: object, **named: object) -> None:
        raise Killed

    monkeypatch.setattr(store_module.RunStore, moment, die)
    with pytest.raises(Killed):
        start(name, tmp_path)
    monkeypatch.undo()
    go_on(tmp_path / "run-1")
    assert left(tmp_path / "run-1") == wanted(name)


def test_stopped_again_and_again(wanted, tmp_path: Path) -> None:
    name = "weights and best"
    run = start(name, tmp_path, callbacks=[Stop(1)])
    for step in range(2, last_step(wanted(name)) + 1):
        run = go_on(run.path, callbacks=[Stop(step)])
    go_on(run.path)
    assert left(run.path) == wanted(name)


def test_a_run_that_is_finished_is_not_resumed(tmp_path: Path) -> None:
    for name in ("plain", "until", "own network"):
        run = start(name, tmp_path)
        with pytest.raises(ConfigError, match="something left to do"):
            go_on(run.path)
        assert left(run.path)


def test_more_epochs_are_remembered(tmp_path: Path) -> None:
    longer = start("plain", tmp_path, epochs=5)
    run = start("plain", tmp_path)
    again = go_on(run.path, epochs=5, callbacks=[Stop(11)])
    assert again.ending == "interrupted"
    again = go_on(run.path)  # without saying it again
    assert again.epochs[-1].epoch == 5
    assert left(run.path) == left(longer.path)


def test_a_schedule_spans_the_epochs_of_a_longer_resume(tmp_path: Path) -> None:
    cosine = {"optimizer": pb.optim.SGD(0.1, schedule="cosine")}
    run = start("plain", tmp_path, **cosine)
    again = go_on(run.path, epochs=6, callbacks=[Stop(12)])
    assert again.steps[0].learning_rate == pytest.approx(0.05)
    assert any("spans 18 steps, at first 9" in note for note in again.notes)
    again = go_on(run.path)  # the new length is remembered
    longer = start("plain", tmp_path, epochs=6, **cosine)
    assert [s.learning_rate for s in again.steps] == [s.learning_rate for s in longer.steps][12:]


def test_a_run_that_lost_patience_goes_on_with_more(tmp_path: Path) -> None:
    more = {"optimizer": pb.optim.Adam(0.5), "epochs": 60, "patience": 1, "validation": 0.3}
    run = start("plain", tmp_path, **more)
    assert "no better" in run.reason
    with pytest.raises(ConfigError, match=r"to do: Give it more to do: patience=\.\.\., or"):
        go_on(run.path, epochs=80)
    again = go_on(run.path, patience=3)
    assert left(again.path) == left(start("plain", tmp_path, **more | {"patience": 3}).path)
    run = start("plain", tmp_path, epochs=None, steps=4)
    assert go_on(run.path, steps=7).step == 7


def test_another_level_between_two_measurements(tmp_path: Path) -> None:
    """Its values may never be measured: the run ends all the same."""
    more = {"epochs": None, "steps": 5, "validation": 0.2, "patience": 9}
    run = start("plain", tmp_path, callbacks=[Stop(4)], **more)
    again = go_on(run.path, until="log_loss <= 0.0001")
    assert (again.ending, again.step) == ("finished", 5)
    assert (run.path / "model.safetensors").exists()


def test_a_network_of_a_deleted_end_is_deleted_too(tmp_path: Path) -> None:
    run = start("plain", tmp_path)
    with pytest.raises(Killed):
        go_on(run.path, step=2, callbacks=[Kill(step=3)])
    with pytest.raises(FileFormatError, match="Finish the run first"):
        pb.load(run.path)


class Half(pb.optim.Schedule):
    name = "half"

    def factor(self, step: pb.Tensor, total: pb.Tensor | None) -> pb.Tensor:
        return 0.5 * pb.ones((), "float64")


def test_a_schedule_of_ones_own_inside_an_optimizer(tmp_path: Path) -> None:
    run = start("plain", tmp_path, optimizer=pb.optim.SGD(0.1, schedule=Half()))
    again = pb.resume(run.path, epochs=4, custom=[Half])
    assert again.steps[0].learning_rate == pytest.approx(0.05)


def test_another_level(tmp_path: Path) -> None:
    run = start("plain", tmp_path, callbacks=[Stop(4)])
    again = go_on(run.path, until="train.f1 > 0.01")
    assert "reached the target train.f1 > 0.01" in again.reason or again.epochs[-1].epoch == 3


def test_frozen_weights_stay_frozen(tmp_path: Path) -> None:
    run = start("own network", tmp_path, callbacks=[Stop(4)])
    again = go_on(run.path)
    gain = again.network.parameters()["gain"]
    assert not gain.trainable
    np.testing.assert_array_equal(gain.numpy(), np.ones(4))

    def with_frozen_layer() -> pb.nn.Module:
        made = network("plain")
        made[0].freeze()
        return made

    x, y = data("plain")
    settings = {"batch_size": 16, "epochs": 2, "seed": 1}
    whole = pb.fit(with_frozen_layer(), (x, y), **settings)
    first = pb.fit(with_frozen_layer(), (x, y), save=tmp_path, callbacks=[Stop(2)], **settings)
    again = pb.resume(first.path)
    assert [p.trainable for p in again.network.parameters().values()] == [False, False, True, True]
    for path, parameter in whole.network.parameters().items():
        assert parameter.numpy().tobytes() == again.network.parameters()[path].numpy().tobytes()
    loaded = pb.load(first.path).network
    assert [p.trainable for p in loaded.parameters().values()] == [False, False, True, True]


def test_data_too_large_to_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "weights and best"
    whole = left(start(name, tmp_path).path)
    monkeypatch.setattr(store_module, "COPY_LIMIT", 10)
    run = start(name, tmp_path, callbacks=[Stop(5)])
    assert not (run.path / "data.safetensors").exists()
    with pytest.raises(ConfigError, match="too large to be kept"):
        go_on(run.path)
    x, y, weights = data(name)
    with pytest.raises(DataError, match="the data that it was started with"):
        go_on(run.path, data=(x, y))
    with pytest.raises(DataError, match="the data that it was started with"):
        go_on(run.path, data=(x + 1e-6, y, weights))
    go_on(run.path, data=(x, y, weights))
    assert left(run.path) == whole


def test_large_data_with_validation_rows_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = data("plain")
    more = {"validation": (x[:9], y[:9]), "patience": 2}
    whole = left(start("plain", tmp_path, **more).path)
    monkeypatch.setattr(store_module, "COPY_LIMIT", 10)
    run = start("plain", tmp_path, callbacks=[Stop(5)], **more)
    with pytest.raises((DataError, ConfigError)):
        go_on(run.path, data=(x, y))
    go_on(run.path, data=(x, y), validation=(x[:9], y[:9]))
    assert left(run.path) == whole


def test_saving_takes_a_small_part_of_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a checkpoint takes long, there are fewer."""
    saved: list[int] = []
    save = RunStore.save_checkpoint

    def slow(self: RunStore, step: int, *rest: object, **more: object) -> None:
        time.sleep(0.02)
        saved.append(step)
        save(self, step, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(RunStore, "save_checkpoint", slow)
    monkeypatch.setattr("pullback.train.recorder.SAVE_SECONDS", 0.001)
    run = start("plain", tmp_path, checkpoint_steps=None, epochs=None, time=1.0)
    assert run.step > 100
    assert 1 <= len(saved) <= 4
    saved.clear()
    monkeypatch.setattr("pullback.train.recorder.SAVE_SHARE", 0)
    start("plain", tmp_path, checkpoint_steps=None, epochs=None, time=0.3)
    assert len(saved) > 4


class Cubic(pb.losses.Loss):
    name, task = "cubic", "regression"

    def per_row(self, outputs: pb.Tensor, targets: pb.Tensor) -> pb.Tensor:
        return (pb.abs(outputs - targets) ** 3).mean(axis=1)


class Halving(pb.optim.Optimizer):
    name = "halving"

    def direction(self, gradient: pb.Tensor, slots, step: pb.Tensor):  # type: ignore[no-untyped-def]
        return gradient / step, {}


def test_losses_optimizers_and_metrics_of_ones_own(tmp_path: Path) -> None:
    def closeness(predictions: np.ndarray, targets: np.ndarray) -> float:
        return float(np.exp(-np.abs(predictions - targets)).mean())

    settings = {
        "loss": Cubic(),
        "optimizer": Halving(0.1),
        "metrics": [closeness, "rmse"],
        "patience": 2,
        "monitor": "closeness",
    }
    whole = start("regression", tmp_path, **settings)
    run = start("regression", tmp_path, callbacks=[Stop(4)], **settings)
    with pytest.raises(UnknownNameError, match="cubic"):
        go_on(run.path, metrics=[closeness])
    own = [UsedTwice, Cubic, Halving]
    with pytest.raises(UnknownNameError, match=r"metrics=\["):
        pb.resume(run.path, custom=own)
    pb.resume(run.path, custom=own, metrics=[closeness])
    assert left(run.path) == left(whole.path)


def test_a_custom_network_must_be_passed(tmp_path: Path) -> None:
    run = start("own network", tmp_path, callbacks=[Stop(4)])
    with pytest.raises(UnknownNameError, match="UsedTwice"):
        pb.resume(run.path)


def test_best_weights_that_are_lost_are_missed(tmp_path: Path) -> None:
    name = "weights and best"
    run = start(name, tmp_path, callbacks=[Stop(8)])
    (file,) = (run.path / "best").glob("*.safetensors")
    older = file.with_name("000000001.safetensors")
    with RunStore.open(run.path, write=True) as store:
        store.save_best(1, store.load_best().tensors, {})
    file.write_bytes(b"rubbish")
    with pytest.raises(FileFormatError, match=r"those of step 3, .*\n.*those of step 1"):
        go_on(run.path)
    older.unlink()
    with pytest.raises(FileFormatError, match="best weights"):
        go_on(run.path)


def test_an_error_in_a_callback_leaves_a_run_that_goes_on(wanted, tmp_path: Path) -> None:
    class Faulty(pb.Callback):
        def on_step(self, session: pb.train.loop.Session) -> None:
            if session.step == 5:
                raise RuntimeError("the user's own mistake")

    with pytest.raises(RuntimeError, match="own mistake"):
        start("plain", tmp_path, callbacks=[Faulty()])
    with RunStore.open(tmp_path / "run-1") as store:
        assert store.status.state == "interrupted"
        assert "RuntimeError: the user's own mistake" in store.status.reason
    go_on(tmp_path / "run-1")
    assert left(tmp_path / "run-1") == wanted("plain")


CHANGES = {
    "no record of a training": lambda c, r: r.pop("training"),
    "a number for one": lambda c, r: r.update(training=3),
    "no network": lambda c, r: c.pop("network"),
    "no settings": lambda c, r: c.update(settings=None),
    "a setting that is none": lambda c, r: c["settings"].update(depth=3),
    "a batch of text": lambda c, r: c["settings"].update(batch_size="x"),
    "metrics that are a number": lambda c, r: c["settings"].update(metrics=3),
    "no loss": lambda c, r: c.pop("loss"),
    "another optimizer": lambda c, r: c.update(optimizer={"name": "adam"}),
    "an optimizer that is a list": lambda c, r: c.update(optimizer=[]),
    "no head": lambda c, r: c.pop("head"),
    "frozen weights that are a number": lambda c, r: c.update(frozen=3),
    "another width": lambda c, r: c["network"]["arguments"]["layers"][0]["arguments"].update(
        out_features=7
    ),
    "another depth": lambda c, r: c["network"]["arguments"]["layers"].pop(),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_record_that_was_changed_by_hand(name: str, tmp_path: Path) -> None:
    run = start("plain", tmp_path, callbacks=[Stop(4)])
    record = read_document(run.path / "run.json", kind="run")
    CHANGES[name](record["training"], record)
    write_document(run.path / "run.json", record, kind="run")
    before = sorted(path.name for path in (run.path / "checkpoints").iterdir())
    with pytest.raises(PullbackError):
        go_on(run.path)
    assert sorted(path.name for path in (run.path / "checkpoints").iterdir()) == before


def train_in_a_process(name: str, root: Path, slow: float) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, str(TRAINER), name, str(root), str(slow)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def kill_until_it_is_done(name: str, root: Path, seed: int) -> None:
    """Kill the training at random moments, up to three times, then let it end."""
    draw = random.Random(seed)
    for _ in range(draw.randint(1, 3)):
        process = train_in_a_process(name, root, slow=0.01)
        time.sleep(draw.random() * 0.5)
        process.kill()
        process.wait()
        process.stdout.close()  # type: ignore[union-attr]
        for path in root.glob("[!.]*"):
            with RunStore.open(path) as store:  # always loadable
                assert store.problems() == []
                store.load_checkpoint()
                ended = store.status.state == "finished"
            if ended:
                return
    process = train_in_a_process(name, root, slow=0.0)
    assert process.wait() == 0
    process.stdout.close()  # type: ignore[union-attr]


def kill_and_compare(number: int, wanted, root: Path) -> None:
    name = list(SETTINGS)[number % len(SETTINGS)]
    kill_until_it_is_done(name, root, number)
    (path,) = root.glob("[!.]*")
    assert left(path) == wanted(name)


@pytest.mark.parametrize("number", range(5))
def test_killed_at_a_random_moment(number: int, wanted, tmp_path: Path) -> None:
    kill_and_compare(number, wanted, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("number", range(5, 55))
def test_killed_at_many_random_moments(number: int, wanted, tmp_path: Path) -> None:
    kill_and_compare(number, wanted, tmp_path)
