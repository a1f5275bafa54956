"""Chunks of rows: counted once, shuffled within a window, resumed to the same bits."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.errors import ConfigError, DataError, PullbackError
from tests.train.trainings import Kill, Killed, Stop, left, table

X, Y = table(45)
CUTS = [0, 7, 20, 21, 33, 45]
SETTINGS: dict[str, Any] = {
    "batch_size": 16,
    "epochs": 3,
    "optimizer": pb.optim.Adam(0.05),
    "progress": "none",
    "seed": 5,
}


def network() -> pb.nn.Module:
    return pb.nn.dense(4, [6], 3, dropout=0.2)


def pieces(*arrays: np.ndarray) -> list[tuple[np.ndarray, ...]]:
    return [tuple(a[i:j] for a in arrays) for i, j in itertools.pairwise(CUTS)]


def loaders(window: int = 10) -> pb.data.Stream:
    return pb.data.Stream([lambda part=part: part for part in pieces(X, Y)], window=window)


def made(window: int = 10) -> pb.data.Stream:
    def make() -> Iterator[Any]:
        yield from pieces(X, Y)

    return pb.data.Stream(make, window=window)


class Look(pb.Callback):
    """Keeps the rows of every batch."""

    def __init__(self) -> None:
        self.seen: list[np.ndarray] = []

    def on_step(self, session: Any) -> None:
        self.seen.append(session.plan.feeds(session.step - 1)["x"][:, 0])


@pytest.mark.parametrize("prefetch", [0, 1, 4])
def test_what_is_loaded_ahead_changes_nothing(prefetch: int) -> None:
    parts = [lambda part=part: part for part in pieces(X, Y)]
    ahead = pb.data.Stream(parts, window=10, prefetch=prefetch)
    found, wanted = (pb.fit(network(), data, **SETTINGS) for data in (ahead, loaders()))
    for path, value in wanted.network.state().items():
        assert value.numpy().tobytes() == found.network.state()[path].numpy().tobytes(), path


def test_without_shuffling_a_stream_is_the_array() -> None:
    whole = pb.fit(network(), (X, Y), shuffle=False, **SETTINGS)
    for stream in (loaders(), made()):
        run = pb.fit(network(), stream, shuffle=False, **SETTINGS)
        assert run.losses.tolist() == whole.losses.tolist()
        assert run.scores == pytest.approx(whole.scores, rel=1e-6)


@pytest.mark.parametrize("stream", [loaders, made])
@pytest.mark.parametrize("window", [1, 10, 1000])
def test_every_row_is_seen_once_an_epoch(
    stream: Callable[..., pb.data.Stream], window: int
) -> None:
    look = Look()
    pb.fit(network(), stream(window), callbacks=[look], **SETTINGS)
    assert [len(batch) for batch in look.seen] == [16, 16, 13] * 3
    epochs = [np.concatenate(look.seen[i : i + 3]) for i in (0, 3, 6)]
    for epoch in epochs:
        assert sorted(epoch) == sorted(X[:, 0])
    same = len({epoch.tobytes() for epoch in epochs}) == 1
    assert same == (stream is made and window == 1)


def test_rows_move_within_the_window_only() -> None:
    look = Look()
    pb.fit(network(), made(10), callbacks=[look], **{**SETTINGS, "epochs": 1})
    seen = np.concatenate(look.seen)
    for start in range(0, 45, 10):
        assert sorted(seen[start : start + 10]) == sorted(X[start : start + 10, 0])
    assert seen.tolist() != X[:, 0].tolist()


@pytest.mark.parametrize("step", [1, 3, 5, 8])
def test_resumed_to_the_same_bits(tmp_path: Path, step: int) -> None:
    settings = {**SETTINGS, "save": tmp_path, "checkpoint_steps": 1, "validation": (X[:9], Y[:9])}
    whole = pb.fit(network(), loaders(), **settings)
    path = pb.fit(network(), loaders(), callbacks=[Stop(step)], **settings).path
    again = {"validation": (X[:9], Y[:9]), "progress": "none"}
    pb.resume(path, data=loaders(), **again)
    assert left(path) == left(whole.path)
    with pytest.raises(Killed):
        pb.fit(network(), loaders(), callbacks=[Kill(step=step)], **settings)
    pb.resume(tmp_path / "run-3", data=loaders(), **again)
    assert left(tmp_path / "run-3") == left(whole.path)
    with pytest.raises(PullbackError, match="started with"):
        pb.resume(path, data=pb.data.Stream(pieces(X + 1, Y)), epochs=4, **again)


def test_what_a_stream_may_hold() -> None:
    """Labels of text that no chunk has all of, weights, several inputs, any iterable."""
    names = np.array(["red", "green", "blue"])[Y]
    weights = np.linspace(0.5, 2, 45)
    run = pb.fit(network(), pb.data.Stream(pieces(X, names, weights)), **SETTINGS)
    assert set(run.predict(X)) <= {"red", "green", "blue"}
    whole = pb.fit(network(), (X, names, weights), shuffle=False, **SETTINGS)
    once = pb.fit(network(), pb.data.Stream(pieces(X, names, weights)), shuffle=False, **SETTINGS)
    assert once.losses.tolist() == whole.losses.tolist()

    class Anew:
        def __iter__(self) -> Iterator[Any]:
            return iter(pieces(X, Y))

    assert pb.fit(network(), Anew(), shuffle=False, **SETTINGS).step == 9

    class Pair(pb.nn.Module):
        def __init__(self) -> None:
            self.inner = pb.nn.Linear(4, 3)

        def forward(self, a: pb.Tensor, b: pb.Tensor) -> dict[str, pb.Tensor]:
            h = self.inner(a + b)
            return {"class": h, "sum": h.sum(axis=1, keepdims=True)}

    sums = X.sum(axis=1, keepdims=True)
    chunks = [({"a": a, "b": b}, {"class": y, "sum": z}) for a, b, y, z in pieces(X, X, Y, sums)]
    run = pb.fit(Pair(), pb.data.Stream(chunks), **SETTINGS)
    assert "train.class.accuracy" in run.scores


def broken(number: int, *chunk: Any) -> pb.data.Stream:
    chunks: list[Any] = pieces(X, Y)
    chunks[number] = chunk
    return pb.data.Stream(chunks)


NAN = np.where(np.arange(48).reshape(12, 4) == 30, np.nan, 1)


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (broken(2, X[20:21, :3], Y[20:21]), r"one shape and kind[\s\S]*in chunk 2"),
        (broken(3, X[:12], Y[:11]), r"same number of rows[\s\S]*in chunk 3"),
        (broken(3, X[:12], Y[:12] / 2), r"one shape and kind[\s\S]*in chunk 3"),
        (broken(3, NAN, Y[:12]), r"nan in row 7, column 2, in chunk 3"),
        (broken(1, X[:12]), r"chunk 1 must be \(X, y\)"),
        (broken(1, X[:13], Y[:13], np.ones(13)), "either all chunks have weights"),
        (pb.data.Stream([]), "must hold chunks"),
        (pb.data.Stream(lambda: None), "must return an iterable"),
    ],
)
def test_a_bad_chunk_is_named(data: Any, match: str) -> None:
    with pytest.raises(DataError, match=match):
        pb.fit(network(), data, **SETTINGS)


def test_an_iterable_that_ends_early() -> None:
    passes = iter(range(100))

    def make() -> Iterator[Any]:
        yield from pieces(X, Y)[: 5 if next(passes) < 2 else 3]

    with pytest.raises(DataError, match=r"same rows in every pass[\s\S]*21 rows, at first 45"):
        pb.fit(network(), pb.data.Stream(make, window=4), **SETTINGS)


def test_what_cannot_be_streamed() -> None:
    with pytest.raises(ConfigError, match="brought along"):
        pb.fit(network(), loaders(), validation=0.2, **SETTINGS)
    with pytest.raises(ConfigError, match="are numbers"):
        pb.fit(network(), loaders(), class_weight="balanced", **SETTINGS)
    with pytest.raises(ConfigError, match="positive number of rows"):
        loaders(0)


@pytest.mark.parametrize("size", [16, 11])
def test_an_iterator_is_one_epoch_in_order(tmp_path: Path, size: int) -> None:
    settings = {**SETTINGS, "epochs": 1, "batch_size": size, "validation": (X[:9], Y[:9])}
    whole = pb.fit(network(), (X, Y), shuffle=False, **settings)
    run = pb.fit(network(), iter(pieces(X, Y)), save=tmp_path, **settings)
    assert run.losses.tolist() == whole.losses.tolist()
    assert run.scores["validation.loss"] == whole.scores["validation.loss"]
    assert run.notes == ["the data come once: one epoch, in their order, and no resume"]
    assert run.ending == "finished"
    assert run.epochs[-1].epoch == 1
    with pytest.raises(ConfigError, match="its rows are gone"):
        pb.resume(run.path, progress="none")


def test_an_iterator_ends_a_training_without_a_budget() -> None:
    run = pb.fit(network(), iter(pieces(X, Y)), batch_size=16, progress="none")
    assert run.step == 3
    assert list(run.scores) == ["train.loss"]


@pytest.mark.parametrize(
    ("data", "settings", "error", "match"),
    [
        (iter([]), {}, DataError, "must give chunks of rows"),
        (iter(pieces(X, Y.astype(str))), {}, DataError, "are numbers from 0"),
        (iter(pieces(X, Y)), {"epochs": 2}, ConfigError, "make one epoch"),
        (iter(pieces(X, Y)), {"until": "train.accuracy > 0.9"}, ConfigError, "looked at again"),
        (iter([*pieces(X, Y)[:3], (X[:5, :2], Y[:5])]), {}, DataError, "in chunk 3"),
    ],
)
def test_what_an_iterator_cannot_do(
    data: Any, settings: dict[str, Any], error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        pb.fit(network(), data, progress="none", **settings)
