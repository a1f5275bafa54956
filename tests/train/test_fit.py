"""`fit` as a user meets it: when it stops, what it gives back, what it takes and refuses."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.errors import (
    ConfigError,
    DataError,
    LabelError,
    PullbackError,
    ShapeError,
    UnknownNameError,
)
from pullback.train.progress import progress
from pullback.train.sources import source_of
from tests.train.trainings import Stop, table

X, Y = table(60)
Z = (X[:, :1] * 2 + X[:, 1:2]).astype(np.float32)


def classifier() -> pb.nn.Module:
    return pb.nn.dense(4, [8], 3, activation="tanh")


def line() -> pb.nn.Module:
    return pb.nn.dense(4, [], 1)


# ------------------------------------------------------------------ when it stops


def test_after_so_many_epochs_steps_or_seconds() -> None:
    run = pb.fit(classifier(), (X, Y), epochs=3, batch_size=16)
    assert (run.epochs[-1].epoch, run.step) == (3, 12)
    assert run.reason == "the budget of 3 epochs is used up"
    run = pb.fit(classifier(), (X, Y), steps=5, batch_size=16)
    assert (run.step, len(run.epochs), run.reason) == (5, 1, "the budget of 5 steps is used up")
    began = time.monotonic()
    run = pb.fit(classifier(), (X, Y), time=0.3, batch_size=16)
    assert 0.3 <= run.elapsed < 0.4 + 0.3
    assert time.monotonic() - began < 2
    assert run.reason.startswith("the budget of 0.3 s is used up, at epoch ")
    run = pb.fit(classifier(), (X, Y), epochs=50, steps=7, time="10min", batch_size=16)
    assert (run.step, run.ending) == (7, "finished")
    run = pb.fit(classifier(), (X, Y), batch_size=60)
    assert run.epochs[-1].epoch == 100, "without a word"


def test_the_last_epoch_is_measured_also_where_steps_end_with_it() -> None:
    run = pb.fit(classifier(), (X, Y), steps=8, batch_size=16, validation=0.2)
    assert [e.step for e in run.epochs] == [3, 6]
    run = pb.fit(classifier(), (X, Y), steps=6, batch_size=16, validation=0.2)
    assert [e.step for e in run.epochs] == [3, 6]


def test_when_a_level_is_reached() -> None:
    fast = pb.optim.Adam(0.05)
    run = pb.fit(line(), (X, Z), loss="mse", until="loss < 0.01", validation=0.2, optimizer=fast)
    assert run.history("validation.loss")[-1] < 0.01
    assert (run.history("validation.loss")[:-1] >= 0.01).all()
    assert "reached the target loss < 0.01" in run.reason
    run = pb.fit(line(), (X, Z), until="r2 > 0.9 and epoch >= 30", optimizer=fast, validation=0.2)
    assert run.epochs[-1].epoch >= 30
    run = pb.fit(line(), (X, Z), until="r2 >= 0.9", optimizer=fast)
    assert run.notes, "without validation rows, the training rows are meant, and a note says so"
    run = pb.fit(line(), (X, Z), until="rmse < 1e-30", epochs=2)
    assert run.reason == "the budget of 2 epochs is used up"
    run = pb.fit(classifier(), (X, Y), until="f1 > 0.01 or epoch >= 2", metrics=[], validation=0.2)
    assert "validation.f1" in run.scores, "what is asked for is measured"


def test_when_nothing_improves() -> None:
    run = pb.fit(
        classifier(), (X, Y), patience=3, validation=0.3, optimizer=pb.optim.Adam(0.1), epochs=200
    )
    losses = run.history("validation.loss")
    best = int(np.argmin(losses))
    assert len(losses) == best + 1 + 3
    assert (
        f"no better validation loss for 3 epochs (best {losses[best]:.4g} at epoch {best + 1})"
        == run.reason
    )
    assert run.best_step == run.epochs[best].step
    assert run.scores["validation.loss"] == pytest.approx(losses[best], rel=1e-6)
    assert "put back" in str(run)
    kept = pb.fit(
        classifier(),
        (X, Y),
        patience=3,
        validation=0.3,
        optimizer=pb.optim.Adam(0.1),
        epochs=200,
        restore_best=False,
    )
    assert kept.best_step is None
    assert kept.scores["validation.loss"] == pytest.approx(losses[-1], rel=1e-6)


@pytest.mark.parametrize(
    "monitor", ["loss", "accuracy", "validation.f1", "train.loss", "train.accuracy", "log_loss"]
)
def test_what_is_watched(monitor: str) -> None:
    run = pb.fit(
        classifier(),
        (X, Y),
        patience=2,
        validation=0.3,
        monitor=monitor,
        epochs=40,
        metrics=["accuracy"],
    )
    part, _, name = monitor.rpartition(".")
    values = run.history(f"{part or 'validation'}.{name}")
    lower = name in ("loss", "log_loss")
    best = int(np.argmin(values) if lower else np.argmax(values))
    assert len(values) in (best + 1 + 2, 40)


def test_a_least_improvement() -> None:
    run = pb.fit(line(), (X, Z), patience=2, min_delta=1e9, validation=0.2)
    assert run.epochs[-1].epoch == 3


def test_a_level_that_is_reached_keeps_the_weights_that_reached_it() -> None:
    run = pb.fit(
        classifier(),
        (X, Y),
        validation=0.3,
        patience=1000,
        monitor="train.loss",
        until="epoch >= 7 and accuracy >= 0",
        optimizer=pb.optim.Adam(0.3),
    )
    assert run.best_step is None
    assert "put back" not in str(run)
    assert run.epochs[-1].epoch == 7


def test_a_counter_in_until_lets_the_best_weights_be_put_back() -> None:
    for until in ("epoch >= 7", "accuracy >= 1 or epoch >= 7"):
        run = pb.fit(
            classifier(),
            (X, Y),
            validation=0.3,
            patience=1000,
            until=until,
            optimizer=pb.optim.Adam(0.3),
        )
        losses = run.history("validation.loss")
        assert (len(losses), int(np.argmin(losses)) < 6) == (7, True)
        assert run.scores["validation.loss"] == pytest.approx(losses.min(), rel=1e-6)


def test_a_fit_that_is_refused_leaves_the_labels_of_the_network() -> None:
    network = classifier()
    names = np.array(["a", "b", "c"])
    pb.fit(network, (X, names[Y]), epochs=1)
    before = network.predict(X)
    for wrong in ({"until": "acuracy >= 0.9"}, {"metrics": [lambda p, t: p]}):
        with pytest.raises(PullbackError):
            pb.fit(network, (X, np.array(["x", "y", "z"])[Y]), epochs=1, **wrong)
        assert (network.predict(X) == before).all()


def test_a_metric_that_cannot_work_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    def each_row(predictions: np.ndarray, targets: np.ndarray) -> np.ndarray:
        return predictions[:, 0]

    def plain(predictions: np.ndarray, targets: np.ndarray) -> float:
        return 0.5

    weights = np.linspace(0.1, 1, 60)
    for data, metrics in (((X, Y), [each_row]), ((X, Y), ["top_5"]), ((X, Y, weights), [plain])):
        with pytest.raises(PullbackError):
            pb.fit(classifier(), data, metrics=metrics, epochs=1, save=tmp_path / "runs")
        assert not (tmp_path / "runs").exists()


def test_validation_that_would_be_passed_over_is_refused() -> None:
    prepared = pb.data.prepare((X, Y))
    with pytest.raises(ConfigError, match="bring their own validation"):
        pb.fit(classifier(), prepared, validation=0.5)
    assert "validation.loss" not in pb.fit(classifier(), (X, Y), validation=0, epochs=1).scores
    run = pb.fit(classifier(), (X, Y), epochs=1, monitor="accuracy")
    assert any("without patience" in note for note in run.notes)


# ------------------------------------------------------------------ what it gives back


def test_the_run() -> None:
    run = pb.fit(classifier(), (X, Y), epochs=4, validation=(X[:20], Y[:20]), seed=2)
    assert run.history("train.loss").shape == run.history("validation.accuracy").shape == (4,)
    with pytest.raises(UnknownNameError, match=r"validation\.accuracy"):
        run.history("validation.acuracy")
    assert run.losses.shape == (8,)
    assert [s.epoch for s in run.steps] == [1, 1, 2, 2, 3, 3, 4, 4]
    assert all(a.time <= b.time for a, b in zip(run.steps, run.steps[1:], strict=False))
    assert run.network.predict(X).shape == (60,)
    assert run.predict(X, probabilities=True).shape == (60, 3)
    np.testing.assert_allclose(run.predict(X, probabilities=True).sum(axis=1), 1, rtol=1e-6)
    accuracy = (run.predict(X[:20]) == Y[:20]).mean()
    assert run.scores["validation.accuracy"] == pytest.approx(accuracy)
    text = str(run)
    for words in ("finished: the budget", "4 epochs, 8 steps", "train", "validation", "accuracy"):
        assert words in text
    assert run.to_json()["scores"]["validation.accuracy"] == run.scores["validation.accuracy"]


def test_a_second_fit_goes_on_and_says_so() -> None:
    network = classifier()
    first = pb.fit(network, (X, Y), epochs=20, optimizer=pb.optim.Adam(0.01))
    assert first.notes == []
    second = pb.fit(network, (X, Y), epochs=1, optimizer=pb.optim.Adam(0.01))
    assert any("went on" in note and "moments" in note for note in second.notes)
    assert "went on" in str(second)
    assert second.losses[0] < first.losses[0]
    assert first.network is second.network


def test_the_network_of_an_old_run_is_not_disturbed_by_a_new_one() -> None:
    """Each training has a state of its own, though the network is one."""
    network = classifier()
    pb.fit(network, (X, Y), epochs=1)
    before = network["0.weight"].numpy()
    copy = pb.nn.description.rebuild(pb.nn.description.describe(network)).initialise()
    for path, parameter in copy.parameters().items():
        parameter.assign(network[path].numpy())
    pb.fit(copy, (X, Y), epochs=2)
    np.testing.assert_array_equal(network["0.weight"].numpy(), before)


def test_what_fit_is_given_is_left_as_it_was() -> None:
    x, y, w = X.copy(), Y.copy(), np.ones(60, np.float32)
    before = [a.tobytes() for a in (x, y, w)]
    pb.fit(classifier(), (x, y, w), epochs=2, validation=(x, y, w))
    assert [a.tobytes() for a in (x, y, w)] == before


def test_the_order_of_callbacks() -> None:
    said: list[str] = []

    class Say(pb.Callback):
        def __init__(self, name: str) -> None:
            self.name = name

        def on_start(self, session: Any) -> None:
            said.append(f"{self.name} start {session.step}")

        def on_step(self, session: Any) -> None:
            assert np.isfinite(session.last_loss)
            said.append(f"{self.name} step {session.step}")

        def on_epoch(self, session: Any) -> None:
            assert "train.loss" in session.values
            said.append(f"{self.name} epoch {session.epoch}")

        def on_stop(self, session: Any) -> None:
            assert session.reason
            said.append(f"{self.name} stop {session.step}")

    pb.fit(classifier(), (X, Y), epochs=2, batch_size=30, callbacks=[Say("a"), Say("b")])
    moments = ["start 0", "step 1", "step 2", "epoch 1", "step 3", "step 4", "epoch 2", "stop 4"]
    assert said == [f"{name} {moment}" for moment in moments for name in "ab"]


def test_a_callback_stops_training() -> None:
    class Enough(pb.Callback):
        def __init__(self, moment: str) -> None:
            setattr(self, moment, lambda session: session.stop("enough"))

    for moment, steps in (("on_start", 0), ("on_step", 1), ("on_epoch", 2)):
        run = pb.fit(classifier(), (X, Y), batch_size=30, callbacks=[Enough(moment)])
        assert (run.step, run.reason, run.ending) == (steps, "enough", "finished")


def test_one_callback_and_one_of_any_class() -> None:
    class Plain:
        seen = 0

        def on_epoch(self, session: Any) -> None:
            self.seen += 1

    for wrapped in (lambda c: c, lambda c: [c], lambda c: (c,)):
        plain = Plain()
        pb.fit(classifier(), (X, Y), epochs=2, callbacks=wrapped(plain))
        assert plain.seen == 2
    for wrong in ([print], [Plain], "no", 3):
        with pytest.raises(ConfigError, match="at least one of the methods"):
            pb.fit(classifier(), (X, Y), epochs=1, callbacks=wrong)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_the_loss_of_an_epoch_weights_batches_as_the_loss_weights_rows(accumulate: int) -> None:
    still = pb.optim.SGD(1e-12)
    labels = np.where(np.arange(60) < 25, -1, Y)
    run = pb.fit(
        classifier(),
        (X, labels),
        epochs=1,
        batch_size=16,
        accumulate=accumulate,
        optimizer=still,
        class_weight=[1.0, 5.0, 0.5],
    )
    assert run.epochs[0].values["train.loss"] == pytest.approx(run.scores["train.loss"], rel=1e-5)


def test_metrics_of_ones_own() -> None:
    def share_of_first(probabilities: np.ndarray, labels: np.ndarray) -> float:
        assert probabilities.shape == (len(labels), 3)
        return float((probabilities.argmax(axis=1) == 0).mean())

    own = [share_of_first, "accuracy"]
    run = pb.fit(classifier(), (X, Y), epochs=2, validation=0.2, metrics=own)
    assert set(run.scores) == {
        f"{part}.{name}"
        for part in ("train", "validation")
        for name in ("loss", "share_of_first", "accuracy")
    }


# ------------------------------------------------------------------ what it takes


def test_labels_of_every_kind() -> None:
    words = np.array(["low", "mid", "high"])[Y]
    for labels in (
        words,
        words.astype(object),
        Y.astype(np.int32),
        Y.astype(np.uint8),
        list(Y),
        Y - 5,
    ):
        run = pb.fit(classifier(), (X, labels), epochs=3, seed=1, validation=0.2)
        predicted = run.network.predict(X)
        assert set(predicted.tolist()) <= set(np.asarray(labels).tolist())
        assert run.scores["validation.accuracy"] >= 0
    run = pb.fit(pb.nn.dense(4, [3], 2), (X, Y > 0), epochs=3)
    assert run.network.predict(X).dtype == bool
    held = pb.fit(classifier(), (X, words), epochs=1, validation=(X[:9], words[:9].tolist()))
    assert "validation.accuracy" in held.scores


def test_two_classes_with_one_output() -> None:
    for labels in (
        (Y > 0).astype(int),
        Y > 0,
        np.where(Y > 0, "yes", "no"),
        (Y > 0)[:, None].astype(int),
    ):
        run = pb.fit(pb.nn.dense(4, [8], 1), (X, labels), loss="bce", epochs=30, validation=0.2)
        predicted = run.network.predict(X)
        assert predicted.shape == (60,)
        assert set(predicted.tolist()) <= set(np.ravel(labels).tolist())
        assert run.predict(X, probabilities=True).shape == (60, 2)
        again = pb.fit(pb.nn.dense(4, [8], 1), (X, (Y > 0).astype(float)), loss="bce", epochs=30)
        assert "train.accuracy" in again.scores
    assert run.scores["train.accuracy"] >= 0.5


def test_soft_labels() -> None:
    soft = np.full((60, 3), 0.1)
    soft[np.arange(60), Y] = 0.8
    run = pb.fit(classifier(), (X, soft), loss="cross_entropy", epochs=5, validation=0.2)
    assert run.network.predict(X).shape == (60,)


def test_labels_that_are_ignored() -> None:
    some = np.where(np.arange(60) % 3 == 0, -1, Y)
    run = pb.fit(classifier(), (X, some), epochs=5, validation=(X[:30], some[:30]), seed=3)
    known = some[:30] != -1
    wanted = (run.network.predict(X[:30])[known] == some[:30][known]).mean()
    assert run.scores["validation.accuracy"] == pytest.approx(wanted)
    only = pb.fit(classifier(), (X[some != -1], Y[some != -1]), steps=1, batch_size=40, seed=3)
    all_rows = pb.fit(classifier(), (X, some), steps=1, batch_size=60, seed=3)
    assert only.losses[0] == pytest.approx(all_rows.losses[0], rel=1e-6)


def test_regression_with_several_outputs() -> None:
    targets = np.concatenate([Z, -Z, X[:, 2:3] ** 2], axis=1)
    run = pb.fit(
        pb.nn.dense(4, [16], 3),
        (X, targets),
        epochs=150,
        optimizer=pb.optim.Adam(0.02),
        validation=0.2,
    )
    assert run.network.predict(X).shape == (60, 3)
    assert run.scores["train.r2"] > 0.9


@pytest.mark.parametrize(
    "validation",
    [0.25, np.float32(0.25), (X[:15], Y[:15]), [X[:15], Y[:15]], (X[:15], Y[:15], np.ones(15))],
)
def test_forms_of_validation(validation: Any) -> None:
    run = pb.fit(classifier(), (X, Y), epochs=1, validation=validation, batch_size=5)
    assert "validation.accuracy" in run.scores
    assert run.step == (10 if not isinstance(validation, tuple | list) else 12)


def test_the_held_out_rows_keep_the_shares_of_the_classes() -> None:
    x = np.arange(300, dtype=np.float32)[:, None]
    y = np.repeat([0, 1, 2], [200, 80, 20])
    seen: dict[str, Any] = {}

    class Look(pb.Callback):
        def on_start(self, session: Any) -> None:
            seen["parts"] = session.parts

    pb.fit(pb.nn.dense(1, [], 3), (x / 300, y), steps=1, validation=0.25, callbacks=[Look()])
    parts = seen["parts"]
    assert np.bincount(parts.validation.arrays["y"]).tolist() == [50, 20, 5]
    rows = np.concatenate([parts.train.arrays["x"], parts.validation.arrays["x"]]).ravel()
    np.testing.assert_allclose(np.sort(rows), x.ravel() / 300, rtol=1e-6)


def test_a_batch_of_one_row_and_of_all() -> None:
    assert pb.fit(classifier(), (X, Y), batch_size=1, epochs=1).step == 60
    assert pb.fit(classifier(), (X, Y), batch_size=60, epochs=2).step == 2
    small = pb.fit(classifier(), (X[:6], Y[:6]), epochs=1)
    assert small.step == 1, "the default batch is no larger than the data"


def test_settings_of_numpy_are_settings(tmp_path: Path) -> None:
    run = pb.fit(
        classifier(),
        (X, Y),
        batch_size=np.int64(16),
        epochs=np.int32(3),
        seed=np.int64(3),
        l2=np.float32(0.1),
        clip_norm=np.float64(1),
        patience=np.int8(2),
        validation=0.2,
        save=tmp_path,
        shuffle=np.bool_(True),
        callbacks=[Stop(2)],
    )
    assert pb.resume(run.path).ending == "finished"


def test_ways_of_showing_progress(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for show in ("none", "auto", False, True):
        pb.fit(classifier(), (X, Y), epochs=1, progress=show)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("pullback.train.progress.LINE_SECONDS", 0.0)
    pb.fit(classifier(), (X, Y), epochs=2, progress="plain", validation=0.2)
    said = capsys.readouterr().err
    assert said.startswith("epoch 1  loss ")
    assert "validation accuracy" in said
    pb.fit(classifier(), (X, Y), epochs=2, progress="bar")
    assert capsys.readouterr().err is not None
    stream = io.StringIO()
    shown = progress("bar", stream)

    class Fail(pb.Callback):
        def on_step(self, session: Any) -> None:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        pb.fit(classifier(), (X, Y), epochs=2, callbacks=[shown, Fail()])
    shown.on_stop(None)  # type: ignore[arg-type]


# ------------------------------------------------------------------ what it refuses

ONE = np.zeros(60, int)
NAN = X.copy()
NAN[13, 2] = np.nan
REFUSED: dict[str, tuple[dict[str, Any], type[Exception], tuple[str, ...]]] = {
    "(n,) against (n, 1)": (
        {"network": line(), "data": (X, Z[:, 0])},
        ShapeError,
        ("one shape", "(32, 1)", "(32,)"),
    ),
    "(n, 1) labels": ({"data": (X, Y[:, None])}, ShapeError, ("cross_entropy", "(32, 1)")),
    "labels out of range": ({"data": (X, Y + 1)}, LabelError, ("from 0 to 2", "1 to 3")),
    "a validation label out of range": (
        {"validation": (X[:9], np.arange(9))},
        LabelError,
        ("from 0 to 2", "validation rows"),
    ),
    "a validation label that is new": (
        {"data": (X, np.array(list("abc"))[Y]), "validation": (X[:2], ["a", "d"])},
        LabelError,
        ("'d'", "'a', 'b', 'c'"),
    ),
    "one class": ({"data": (X, ONE)}, DataError, ("two classes", "only 0")),
    "every label ignored": ({"data": (X, ONE - 1)}, DataError, ("two classes", "-1")),
    "plus and minus one": (
        {"data": (X, np.where(Y > 0, 1, -1))},
        DataError,
        ("only 1", "-1, which marks rows to ignore"),
    ),
    "every validation label ignored": ({"validation": (X, ONE - 1)}, DataError, ("ignored",)),
    "NaN": ({"data": (NAN, Y)}, DataError, ("row 13, column 2", "nan")),
    "masked features": ({"data": (np.ma.masked_less(X, 0), Y)}, DataError, ("masked",)),
    "text": ({"data": (X.astype(str), Y)}, DataError, ("features must be numbers",)),
    "features in one column": ({"data": (X[:, 0], Y)}, DataError, ("(60,)", "X[:, None]")),
    "no rows": ({"data": (X[:0], Y[:0])}, DataError, ("rows",)),
    "no columns": ({"data": (X[:, :0], Y)}, DataError, ("columns",)),
    "unequal rows": ({"data": (X, Y[:50])}, DataError, ("(60, 4)", "(50,)")),
    "ragged rows": ({"data": ([[1, 2], [3]], [0, 1])}, DataError, ("features must be one array",)),
    "only features": ({"data": X}, DataError, ("(X, y)",)),
    "a file's name": ({"data": "table.csv"}, DataError, ("pb.data.prepare", "table.csv")),
    "labels of two kinds": (
        {"data": (X, np.array(["a", None, 1] * 20, dtype=object))},
        DataError,
        ("all of one kind", "NoneType"),
    ),
    "dates for labels": (
        {"data": (X, np.zeros(60, "datetime64[s]")), "loss": "cross_entropy"},
        DataError,
        ("labels",),
    ),
    "numbers for labels": (
        {"data": (X, Z[:, 0]), "loss": "cross_entropy"},
        DataError,
        ("whole numbers", "float32"),
    ),
    "targets beyond probability": (
        {"network": line(), "data": (X, Z), "loss": "bce"},
        LabelError,
        ("from 0 to 1",),
    ),
    "three classes for one output": (
        {"network": line(), "data": (X, Y), "loss": "bce"},
        DataError,
        ("two classes", "0, 1, 2"),
    ),
    "labels 1 and 2 for one output": (
        {"network": line(), "data": (X, (Y > 0) + 1), "loss": "bce"},
        DataError,
        ("0 and 1", "1, 2"),
    ),
    "text for a regression": (
        {"network": line(), "data": (X, np.array(["a"] * 60)), "loss": "mse"},
        DataError,
        ("must be numbers",),
    ),
    "one output for three classes": (
        {"network": line(), "data": (X, Y)},
        ShapeError,
        ("two classes",),
    ),
    "other columns for validation": ({"validation": (X[:, :3], Y)}, DataError, ("(4,)", "(3,)")),
    "a validation fraction of 1": ({"validation": 1.0}, ConfigError, ("between 0 and 1",)),
    "a negative fraction": ({"validation": -0.1}, ConfigError, ("between 0 and 1",)),
    "a fraction of nothing": ({"validation": 1e-6}, ConfigError, ("need rows",)),
    "validation that is true": ({"validation": True}, DataError, ("validation", "True")),
    "validation that is text": ({"validation": "0.1"}, DataError, ("validation", "'0.1'")),
    "a batch larger than the data": ({"batch_size": 61}, ConfigError, ("61", "60 training rows")),
    "a batch larger than what is left": (
        {"batch_size": 55, "validation": 0.2},
        ConfigError,
        ("55", "48 training rows"),
    ),
    "a negative rate": (
        {"optimizer": {"name": "sgd", "learning_rate": -1}},
        ConfigError,
        ("learning_rate",),
    ),
    "a rate of zero": (
        {"optimizer": {"name": "adam", "learning_rate": 0}},
        ConfigError,
        ("learning_rate",),
    ),
    "an unknown loss": ({"loss": "cross_entrpy"}, UnknownNameError, ("'cross_entropy'",)),
    "an unknown optimizer": ({"optimizer": "adm"}, UnknownNameError, ("'adam'",)),
    "an unknown metric": ({"metrics": ["acuracy"]}, UnknownNameError, ("'accuracy'",)),
    "an unknown metric in until": ({"until": "acuracy > 0.9"}, UnknownNameError, ("accuracy",)),
    "an unknown monitor": ({"patience": 2, "monitor": "lss"}, UnknownNameError, ("lss",)),
    "a monitor that is no text": ({"patience": 2, "monitor": None}, ConfigError, ("monitor",)),
    "an unknown part": (
        {"patience": 2, "monitor": "test.loss", "validation": 0.2},
        UnknownNameError,
        ("train",),
    ),
    "an unknown executor": ({"executor": "numpi"}, UnknownNameError, ("'numpy'",)),
    "an unknown display": ({"progress": "bars"}, UnknownNameError, ("'bar'",)),
    "a metric of the other task": ({"metrics": ["rmse"]}, ConfigError, ("rmse",)),
    "a monitor of the other task": ({"patience": 1, "monitor": "r2"}, ConfigError, ("r2",)),
    "until without validation": ({"until": "validation.loss < 1"}, ConfigError, ("validation",)),
    "a monitor without validation": (
        {"patience": 1, "monitor": "validation.loss"},
        ConfigError,
        ("needs a validation part",),
    ),
    "no epochs": ({"epochs": 0}, ConfigError, ("epochs",)),
    "half an epoch": ({"epochs": 0.5}, ConfigError, ("epochs", "0.5")),
    "negative steps": ({"steps": -3}, ConfigError, ("steps",)),
    "a time of zero": ({"time": 0}, ConfigError, ("time",)),
    "a time in parsecs": ({"time": "3 parsecs"}, ConfigError, ("parsecs",)),
    "true epochs": ({"epochs": True}, ConfigError, ("epochs",)),
    "a negative seed": ({"seed": -1}, ConfigError, ("seed",)),
    "a seed too large": ({"seed": 2**63}, ConfigError, ("seed",)),
    "a fractional seed": ({"seed": 1.5}, ConfigError, ("seed",)),
    "a negative penalty": ({"l2": -0.1}, ConfigError, ("l2",)),
    "a penalty that is not finite": ({"l1": float("nan")}, ConfigError, ("l1",)),
    "a norm of zero": ({"clip_norm": 0}, ConfigError, ("clip_norm",)),
    "more parts than rows": ({"accumulate": 33}, ConfigError, ("accumulate=33",)),
    "a flag that is text": ({"shuffle": "no"}, ConfigError, ("shuffle",)),
    "class weights of the wrong class": ({"class_weight": {7: 2.0}}, ConfigError, ("7",)),
    "class weights of the wrong number": ({"class_weight": [1, 2]}, ConfigError, ("3 classes",)),
    "class weights by an odd name": ({"class_weight": "equal"}, ConfigError, ("balanced",)),
    "class weights that are a number": ({"class_weight": 2}, ConfigError, ("balanced",)),
    "class weights for numbers": (
        {"network": line(), "data": (X, Z), "class_weight": "balanced"},
        ConfigError,
        ("cross_entropy",),
    ),
    "negative weights": ({"data": (X, Y, -np.ones(60))}, DataError, ("0 or more", "row 0")),
    "weights of nothing": ({"data": (X, Y, np.zeros(60))}, DataError, ("not all 0",)),
    "weights of a few": ({"data": (X, Y, np.ones(50))}, DataError, ("(50,)",)),
    "weights in a column": ({"data": (X, Y, np.ones((60, 1)))}, DataError, ("(60, 1)",)),
    "weights that are text": ({"data": (X, Y, ["1"] * 60)}, DataError, ("weight",)),
    "NaN in weights": (
        {"data": (X, Y, np.where(np.arange(60) == 7, np.nan, 1))},
        DataError,
        ("weight", "row 7"),
    ),
    "no network": ({"network": "dense"}, ConfigError, ("network",)),
    "a network without weights": (
        {"network": pb.nn.Sequential("relu")},
        ConfigError,
        ("no parameters",),
    ),
    "a schedule without an end": (
        {"optimizer": pb.optim.SGD(schedule="cosine"), "time": 1},
        ConfigError,
        ("cosine",),
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_refuses(name: str, tmp_path: Path) -> None:
    settings, kind, words = REFUSED[name]
    settings = {"network": classifier(), "data": (X, Y), "save": tmp_path, **settings}
    network, data = settings.pop("network"), settings.pop("data")
    with pytest.raises(PullbackError) as caught:
        pb.fit(network, data, **settings)
    assert isinstance(caught.value, kind), repr(caught.value)
    text = str(caught.value)
    assert all(word in text for word in words), text
    assert caught.value.do, "what to do"
    assert not list(tmp_path.iterdir()), "nothing is written"


def test_a_class_without_training_rows_counts_as_it_is_when_others_are_balanced() -> None:
    x, y = table(45)
    y = np.where(y == 1, 0, y)  # of three classes the middle one is absent
    weights = source_of(
        (x, y), pb.nn.dense(4, [], 3), validation=None, loss=None, class_weight="balanced", seed=0
    ).objective.only.class_weights
    counts = np.bincount(y)
    assert weights == pytest.approx((45 / (2 * counts[0]), 1, 45 / (2 * counts[2])))
