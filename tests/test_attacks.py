"""What was tried to break the library: each row once failed with a traceback, a hang or worse."""

from __future__ import annotations

import contextlib
import copy
import gzip
import io
import os
import shlex
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback import errors, memory
from pullback.cli import config, predictions
from pullback.cli.program import program
from pullback.data import prepare, read_table
from pullback.files import atomic_write_text

HEAD = b"a,y\n"
ROWS = b"".join(b"%d,%s\n" % (i * i % 17, b"xy"[i % 2 :][:1]) for i in range(40))
X = np.random.default_rng(0).normal(size=(40, 3))
Y = np.arange(40) % 2


def fitted(**settings: Any) -> pb.Run:
    data = settings.pop("data", (X, Y))
    network = settings.pop("network", None) or pb.nn.dense(3, [4], 2)
    return pb.fit(network, data, **{"epochs": 2, "progress": False, **settings})


def npz_claiming(shape: tuple[int, ...]) -> bytes:
    """An archive whose array claims to be larger than it is."""
    header = io.BytesIO()
    content = {"descr": "<f8", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, content)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as members:
        members.writestr("x.npy", header.getvalue() + bytes(80))
    return archive.getvalue()


def npy() -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    return file.getvalue()


# name of the file, its bytes, settings of `read_table`, words of the message
FILES: dict[str, tuple[str, bytes, dict[str, str], str]] = {
    "JSON": ("t.csv", b'[{"a":1,"y":2},{"a":2,"y":3}]', {}, "rows below"),
    "an encoding that is none of text": ("t.csv", HEAD + ROWS, {"encoding": "hex"}, "an encoding"),
    "an encoding with a null byte": ("t.csv", HEAD + ROWS, {"encoding": "\0"}, "an encoding"),
    "a single array": ("t.npz", npy(), {}, "a whole .npz"),
    "an array of 20 TB": ("t.npz", npz_claiming((10**12, 3)), {}, "a whole .npz"),
    "an array of negative size": ("t.npz", npz_claiming((-5, 3)), {}, "a whole .npz"),
    "bytes after gzip": ("t.csv", gzip.compress(HEAD + ROWS) + b"junk", {}, "a gzip file"),
}


@pytest.mark.parametrize("case", FILES)
def test_files_are_refused_in_words(case: str, tmp_path: Path) -> None:
    name, content, settings, said = FILES[case]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(errors.DataError, match=said):
        read_table(tmp_path / name, **settings)


def test_a_quote_only_at_the_end_of_a_cell_is_text(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b'{"a":1,"y":2}\n{"a":3,"y":4}\n')
    assert read_table(tmp_path / "t.csv").names == ['{"a":1', "y:2}"]


def test_text_with_the_mark_of_utf_32_is_read(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes((HEAD + ROWS).decode().encode("utf-32"))
    assert read_table(tmp_path / "t.csv").rows == 40


def test_a_pipe_is_refused_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    for path in (tmp_path / "pipe.csv", Path("/dev/zero")):
        with pytest.raises(errors.DataError, match="must be a file"):
            read_table(path)


PACKED: dict[str, Callable[[Path], None]] = {
    "t.csv.gz": lambda path: path.write_bytes(gzip.compress(HEAD + bytes(2_000_000))) and None,
    "t.npz": lambda path: np.savez_compressed(path, x=np.zeros((1000, 300)), y=np.zeros(1000)),
    "t.csv": lambda path: path.write_bytes(HEAD + b" " * 2_000_000) and None,
}


@pytest.mark.parametrize("name", PACKED)
def test_what_cannot_fit_into_memory_is_refused_beforehand(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    PACKED[name](tmp_path / name)
    monkeypatch.setattr(memory, "largest", lambda: 1_000_000)
    with pytest.raises(errors.DataError, match="must fit into a quarter"):
        read_table(tmp_path / name)


def test_a_network_that_cannot_fit_into_memory_is_refused_beforehand() -> None:
    with pytest.raises(errors.DataError, match="the network must fit"):
        fitted(network=pb.nn.dense(3, [10**13], 2))


def test_a_long_cell_makes_no_long_message() -> None:
    table = {"a": ["1", "2"] * 30 + ["x" * 10**6], "y": [0, 1] * 30 + [1]}
    with pytest.raises(errors.DataError) as caught:
        prepare(table, "y")
    assert len(str(caught.value)) < 5000
    assert "on row 60" in str(caught.value)


OPTIONS: dict[str, dict[str, Any]] = {
    "roles as a list": {"roles": [("a", "drop")]},
    "roles as text": {"roles": "a"},
    "one word for missing": {"missing": "NA"},  # not the letters N and A
    "a number for missing": {"missing": [1]},
    "a number as separator": {"separator": 3},
    "a number as encoding": {"encoding": 3},
    "a number as target": {"target": 3},
}


@pytest.mark.parametrize("case", OPTIONS)
def test_options_of_prepare_are_refused_in_words(case: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(HEAD + ROWS)
    with pytest.raises(errors.ConfigError):
        prepare(tmp_path / "t.csv", **{"target": "y", **OPTIONS[case]})


def test_masked_values_are_missing_not_data() -> None:
    masked = np.ma.array(X, mask=X > 1.5)
    prepared = prepare((masked, Y))
    assert any("missing" in name for name in prepared.encoder.feature_names)
    with pytest.raises(errors.DataError, match="masked array that lacks"):
        fitted(data=(masked, Y))
    with pytest.raises(errors.DataError, match="masked array that lacks 1"):
        fitted(data=(X, np.ma.array(Y, mask=np.arange(40) == 3)))


def test_dates_in_arrays_are_dates() -> None:
    days = np.arange(80).astype("datetime64[D]").reshape(40, 2)
    assert [role.role for role in prepare((days, Y)).roles][:1] == ["date"]


def test_durations_of_a_frame_are_numbers_of_seconds() -> None:
    import polars

    frame = polars.DataFrame({"d": polars.Series([1, 2], dtype=polars.Duration("ms"))})
    assert read_table(frame)["d"].values.tolist() == [0.001, 0.002]


def test_labels_beyond_int64_are_not_ignored() -> None:
    labels = np.where(Y > 0, np.uint64(2**64 - 1), np.uint64(1))
    assert fitted(data=(X, labels)).model.network.predict(X[:1])[0] in (1, 2**64 - 1)


SETTINGS: dict[str, dict[str, Any]] = {
    "callbacks is None": {"callbacks": None},
    "a callback that is a class": {"callbacks": [pb.Callback]},
    "a callback that is a function": {"callbacks": [print]},
    "save is a number": {"save": 3},
    "save is empty": {"save": ""},
    "save holds a null byte": {"save": "a\0b"},
    "name is None": {"name": None},
    "record is a number": {"record": 3},
    "l1 beyond float32": {"l1": 1e308},
    "clip_norm beyond float32": {"clip_norm": 1e308},
}


@pytest.mark.parametrize("case", SETTINGS)
def test_settings_are_refused_in_words(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(errors.PullbackError):
        fitted(**{"save": tmp_path, **SETTINGS[case]})


@pytest.mark.parametrize("reason", ["", None])
def test_a_callback_must_say_why_it_stops(reason: Any) -> None:
    class Stop(pb.Callback):
        def on_step(self, session: Any) -> None:
            session.stop(reason)

    with pytest.raises(errors.ConfigError, match="for a reason"):
        fitted(callbacks=[Stop()])


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError])
def test_whatever_stops_a_training_is_in_its_status(
    error: type[BaseException], tmp_path: Path
) -> None:
    class Stop(pb.Callback):
        def on_epoch(self, session: Any) -> None:
            raise error

    with pytest.raises(error):
        fitted(callbacks=[Stop()], save=tmp_path)
    assert error.__name__ in (tmp_path / "run-1" / "status.json").read_text()
    assert pb.resume(tmp_path / "run-1", progress=False).step == 4


@pytest.mark.parametrize("trained", [False, True])
def test_a_copied_network_is_trained_by_itself(trained: bool) -> None:
    network = pb.nn.dense(3, [4], 2).initialise(0)
    if trained:
        fitted(network=network)
    before = {path: p.numpy() for path, p in network.parameters().items()}
    other = copy.deepcopy(network)
    np.testing.assert_array_equal(other.predict(X), network.predict(X))
    fitted(network=other)
    for path, parameter in network.parameters().items():
        np.testing.assert_array_equal(parameter.numpy(), before[path])
        assert (other[path].numpy() != before[path]).any()


def test_a_shallow_copy_has_tables_of_its_own() -> None:
    network = pb.nn.dense(3, [4], 2)
    other = copy.copy(network)
    other.extra = pb.nn.Linear(2, 2)
    assert "extra.weight" not in network.parameters()


def test_nothing_is_put_in_the_place_of_a_device(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    for name in ("pipe", "link"):
        with pytest.raises(errors.StorageError, match="must be a file"):
            atomic_write_text(tmp_path / name, "text")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link", "pipe"]


def test_settings_are_not_written_over_data(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_bytes(HEAD + ROWS)
    with pytest.raises(errors.ConfigError, match="did not write"):
        config.write(str(tmp_path / "table.csv"), {"data": {"file": "table.csv"}})
    assert (tmp_path / "table.csv").read_bytes() == HEAD + ROWS
    for epochs in (1, 2):  # its own file it replaces
        config.write(str(tmp_path / "c.toml"), {"training": {"epochs": epochs}})
    assert "epochs = 2" in (tmp_path / "c.toml").read_text()


TOML = {
    "nested without end": "[network]\nhidden = " + "[" * 5000 + "]" * 5000,
    "a number without end": "[training]\nepochs = " + "9" * 5000,
}


@pytest.mark.parametrize("case", TOML)
def test_settings_that_cannot_be_parsed_are_refused(case: str, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(TOML[case])
    with pytest.raises(errors.FileFormatError, match="must be a TOML file"):
        config.read(str(tmp_path / "c.toml"))


# arguments of the command line, words on standard error
COMMANDS: dict[str, tuple[list[str], str]] = {
    "no loss": (["--loss", ""], "unknown loss"),
    "no optimizer": (["--optimizer", ""], "unknown optimizer"),
    "a condition in a dry run": (["--until", "speed >= 3"], "unknown metric"),
    "a config over the data": (["--write-config", "t.csv"], "did not write"),
    "the longest name": (["x" * 5000], "x"),
}


@pytest.mark.parametrize("case", COMMANDS)
def test_commands_end_with_2(
    case: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_bytes(HEAD + ROWS)
    arguments, said = COMMANDS[case]
    file = [] if case == "the longest name" else ["t.csv"]
    with pytest.raises(SystemExit) as ended:
        program.main(["train", *file, "--target", "y", "--dry-run", "--quiet", *arguments])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("redirected", [">&-", "2>&-", "> /dev/full", "--json > /dev/full"])
def test_closed_and_full_streams_bring_no_traceback(redirected: str, tmp_path: Path) -> None:
    command = f"{shlex.quote(sys.executable)} -m pullback runs {redirected}"
    ended = subprocess.run(
        ["/bin/sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode == (2 if "full" in redirected else 0)
    assert "Traceback" not in ended.stderr


def test_a_full_disk_is_told_of_for_parquet_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import polars

    @contextlib.contextmanager
    def full(path: str) -> Iterator[Any]:
        with open("/dev/full", "wb", buffering=0) as file:
            yield file

    monkeypatch.setattr(predictions, "atomic_write", full)
    with pytest.raises(OSError, match="No space left"):
        predictions.write(polars.DataFrame({"a": [1]}), str(tmp_path / "t.parquet"))


class Circle(pb.nn.Module):
    """A layer that calls itself."""

    def __init__(self) -> None:
        super().__init__()
        self.first = pb.nn.Linear(3, 3)
        self.again = self

    def forward(self, x: Any) -> Any:
        return self.again(self.first(x))


def tokens(most: int, least: int = 0) -> pb.Run:
    """A fit of an embedding of five tokens on numbers from `least` to below `most`."""
    made = [pb.nn.Embedding(5, 3), pb.nn.Flatten(), pb.nn.Linear(12, 2)]
    numbers = np.random.default_rng(0).integers(least, most, (40, 4))
    return fitted(network=pb.nn.Sequential(*made), data=(numbers, Y))


def unending() -> Iterator[Any]:
    """One chunk of rows, then one with other columns."""
    yield X[:8], Y[:8]
    yield X[:8, :2], Y[:8]


SMALL = pb.nn.Sequential(pb.nn.Conv2d(1, 2, 3), pb.nn.Flatten(), pb.nn.Linear(2))
# what is done, words of the message
CALLS: dict[str, tuple[Callable[[], Any], str]] = {
    "a layer that calls itself": (lambda: fitted(network=Circle()), "must come to an end"),
    "a kernel beyond all memory": (
        lambda: pb.nn.Conv2d(1, 1, 10**9).initialise(), "weight of shape .* must fit",
    ),
    "an embedding beyond all memory": (
        lambda: pb.nn.Embedding(10**12, 10).initialise(), "weight of shape .* must fit",
    ),
    "a token beyond the embedding": (lambda: tokens(9), r"layer '0', test_attacks\.py:"),
    "a token below 0": (lambda: tokens(4, -3), r"layer '0', test_attacks\.py:"),
    "a token beyond it in the oracle": (
        lambda: pb.fit(
            pb.nn.Sequential(pb.nn.Embedding(5, 2), pb.nn.Flatten(), pb.nn.Linear(2)),
            (np.full((40, 4), 7), Y), epochs=1, executor="reference", progress=False,
        ), r"layer '0', test_attacks\.py:",
    ),
    "a token beyond it in use": (
        lambda: pb.nn.Sequential(pb.nn.Embedding(5, 2)).initialise().predict([[9]]), "layer '0'",
    ),
    "a loop without a body": (lambda: pb.scan(3, 0.0, X), "needs a body"),
    "a loop of half a step": (lambda: pb.scan(lambda c, x: (c, x), 0.0, None, length=0.5), "steps"),
    "a carry that grows": (
        lambda: pb.scan(lambda c, x: (pb.stack([c, c]), x), 0.0, X), "keeps its shapes",
    ),
    "an axis that no argument has": (lambda: pb.vmap(pb.sin, in_axes=2)(X), "the axis 2"),
    "fewer than no classes": (lambda: pb.one_hot([0], -1), "number of classes"),
    "chunks of other columns": (lambda: fitted(data=unending(), epochs=1), "rows of one shape"),
    "an iterator that is spent": (lambda: fitted(data=iter([]), epochs=1), "chunks of rows"),
    "a kernel larger than the picture": (
        lambda: SMALL.build((2, 2, 1)), "must fit into its padded input",
    ),
    "pictures without channels": (
        lambda: fitted(network=SMALL, data=(np.zeros((40, 8, 8)), Y)), "channel axis",
    ),
    "a window of padding only": (
        lambda: pb.nn.MaxPool2d(2, padding=2)(pb.zeros((1, 5, 5, 1))), "cover some of the input",
    ),
    "more places than positions": (
        lambda: pb.nn.LearnedPositions(4, 8)(pb.zeros((2, 5, 8))), "knows 4 places",
    ),
    "a mask of another length": (
        lambda: pb.nn.LSTM(3, 4)(pb.zeros((2, 5, 3)), mask=np.ones((2, 4), bool)), "a mask",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CALLS)
def test_calls_are_refused_in_words(case: str) -> None:
    call, said = CALLS[case]
    with pytest.raises(errors.PullbackError, match=said) as caught:
        call()
    assert caught.value.must
    assert caught.value.received
    assert caught.value.do


def test_nothing_is_the_result_of_nothing() -> None:
    assert pb.vmap(lambda x: None)(X) is None
    assert pb.vmap(lambda x: (2 * x, None))(X)[1] is None


def test_trainings_side_by_side_do_not_touch_each_other() -> None:
    """Threads, and a training within a callback of another, end as trainings by themselves."""
    import threading

    alone = [fitted(seed=seed).model.network["0.weight"].numpy() for seed in (0, 1)]
    found: dict[int, np.ndarray] = {}

    class Another(pb.Callback):
        def on_epoch(self, session: Any) -> None:
            fitted(seed=7)

    def train(number: int) -> None:
        run = fitted(seed=number % 2, callbacks=[Another()])
        found[number] = run.model.network["0.weight"].numpy()

    threads = [threading.Thread(target=train, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(4):
        np.testing.assert_array_equal(found[number], alone[number % 2])


def test_a_table_of_confusions_is_not_kept_of_very_many_classes() -> None:
    random = np.random.default_rng(0)
    for classes, kept in ((200, True), (201, False)):
        y = np.concatenate([np.arange(classes), random.integers(0, classes, 100)])
        run = fitted(
            network=pb.nn.dense(3, [4], classes), validation=0.5, epochs=1,
            data=(random.normal(size=(len(y), 3)), y), loss="cross_entropy",
        )  # fmt: skip
        assert ("validation" in run.classes) is kept
