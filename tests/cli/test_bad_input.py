"""What bad input gets, on the command line and from the library: one row a case.

On the command line: exit status 2, no traceback, a message with what must hold, what was received
and what to do, and nothing written or lost. From the library: the error with the same three parts.
"""

from __future__ import annotations

import contextlib
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.document import read_document, write_document
from pullback.errors import (
    ConfigError,
    DataError,
    FileFormatError,
    LabelError,
    PullbackError,
    ShapeError,
    StorageError,
    UnknownNameError,
)
from tests.cli.helpers import everything, plain, pullback

HEADER = "height,colour,score,label\n"
COLOURS = ("red", "green", "blue")
GOOD = HEADER + "".join(
    f"{1.5 + (i * 7 % 11) / 7:.3f},{COLOURS[i % 3]},{(i * 13) % 17},{'yes' if i % 2 else 'no'}\n"
    for i in range(40)
)
X = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
Y = np.arange(40) % 2


@dataclass(frozen=True)
class Case:
    """A bad input.

    Attributes:
        name: What is wrong.
        error: The library's error.
        said: Words of the message: of what must hold, was received, and is to be done.
        command: The words of the command line, if the case exists there.
        library: The call, if the case exists there.
        text: The contents of `table.csv`.
        prepare: What is done to the folder before.
    """

    name: str
    error: type[PullbackError]
    said: tuple[str, ...]
    command: str | list[str] = ""
    library: Callable[[], Any] | None = None
    text: str | bytes = GOOD
    prepare: Callable[[Path], None] = lambda folder: None


def prepared(**options: Any) -> Callable[[], Any]:
    """`pb.data.prepare` on the table."""
    return lambda: pb.data.prepare("table.csv", options.pop("target", "label"), **options)


def fitted(x: Any = X, y: Any = Y, **options: Any) -> Callable[[], Any]:
    """`pb.fit` of a small network on arrays."""
    return lambda: pb.fit(pb.nn.dense(3, [4], 2), (x, y), save="runs", **{"epochs": 1} | options)


def with_cell(line: int, column: int, cell: str, text: str = GOOD) -> str:
    """The table with another cell."""
    lines = [row.split(",") for row in text.splitlines()]
    lines[line][column] = cell
    return "\n".join(map(",".join, lines)) + "\n"


def column_of(value: str) -> str:
    """The table with the same label in every row."""
    rows = GOOD.splitlines()[1:]
    return HEADER + "".join(f"{row.rpartition(',')[0]},{value}\n" for row in rows)


TRAIN = "train table.csv --target label --epochs 1"

DATA = [
    Case("missing file", DataError, ("tabel.csv", "no such file", "Did you mean 'table.csv'"),
         "train tabel.csv --target label", lambda: pb.data.prepare("tabel.csv", "label")),
    Case("a folder", DataError, ("must be a file", "a folder", "Name"),
         "train folder.csv --target label", lambda: pb.data.prepare("folder.csv", "label"),
         prepare=lambda here: (here / "folder.csv").mkdir()),
    Case("no table but noise", DataError, ("must be", "zero byte", "Parquet"),
         TRAIN, prepared(), text=b"\x00\x01\x02" * 50),
    Case("a cut gzip file", DataError, ("must be a gzip file", "ended", "again"),
         "train table.csv.gz -t label", lambda: pb.data.prepare("table.csv.gz", "label"),
         prepare=lambda here: (here / "table.csv.gz").write_bytes(b"\x1f\x8b\x08\x00" + b"0" * 9)),
    Case("no Parquet", DataError, ("must be a Parquet file", "first bytes", "again"),
         "train table.parquet -t label", lambda: pb.data.prepare("table.parquet", "label"),
         prepare=lambda here: (here / "table.parquet").write_text(GOOD)),
    Case("wrong encoding", DataError, ("must be text in utf-8", "0xe9 on line 2", "cp1252"),
         TRAIN, prepared(), text=with_cell(1, 1, "café").encode("latin-1")),
    Case("unknown encoding", DataError, ("one that Python knows", "utf-9", "utf-8"),
         f"{TRAIN} --encoding utf-9", prepared(encoding="utf-9")),
    Case("ragged rows", DataError, ("as many fields", "line 3 with 3 fields", "separator"),
         TRAIN, prepared(), text=with_cell(2, 1, "").replace(",,", ",", 1)),
    Case("an open quote", DataError, ("every quote", "line 5", "Close"),
         TRAIN, prepared(), text=with_cell(4, 1, '"red')),
    Case("two columns of one name", DataError, ("a name of its own", "'score'", "Rename"),
         TRAIN, prepared(), text=GOOD.replace("height", "score", 1)),
    Case("no such column", DataError, ("the target must be a column", "height, colour", "'label'"),
         "train table.csv --target lable", lambda: pb.data.prepare("table.csv", "lable")),
    Case("no column named", DataError, ("must be named", "height, colour, score, label", "ame"),
         "train table.csv", lambda: pb.data.prepare("table.csv")),
    Case("no such column for a role", DataError, ("roles must name columns", "height", "'height'"),
         f"{TRAIN} --role heigth=drop", prepared(roles={"heigth": "drop"})),
    Case("no such role", UnknownNameError, ("unknown role", "categoric", "'categorical'"),
         f"{TRAIN} --role score=categoric", prepared(roles={"score": "categoric"})),
    Case("no such task", ConfigError, ("task must be", "clustering", "Leave it out"),
         f"{TRAIN} --task clustering", prepared(task="clustering")),
    Case("empty file", DataError, ("must hold", "empty file", "Check"), TRAIN, prepared(), text=""),
    Case("names only", DataError, ("rows below", "only the names", "Check"),
         TRAIN, prepared(), text=HEADER),
    Case("one class", DataError, ("two classes or more", "only 'yes'", "another target"),
         TRAIN, prepared(), text=column_of("yes")),
    Case("a constant quantity", DataError, ("must vary", "2.5 in every row", "another target"),
         TRAIN, prepared(), text=column_of("2.5")),
    Case("a target with gaps", DataError,
         ("a value in the target 'label'", "1 of 40 without one: line 3", "missing"),
         TRAIN, prepared(), text=with_cell(2, 3, "")),
    Case("text among numbers", DataError, ("must hold numbers", "'tall' on line 4", "Mend"),
         TRAIN, prepared(), text=with_cell(3, 0, "tall")),
    Case("an infinite feature", DataError, ("must be finite", "inf on line 6", "Mend"),
         TRAIN, prepared(), text=with_cell(5, 0, "inf")),
    Case("an infinite target", DataError, ("must be finite", "inf on line 6", "Mend"),
         "train table.csv -t height", prepared(target="height"), text=with_cell(5, 0, "inf")),
    Case("no feature left", DataError, ("serve as a feature", "dropped", "role"),
         f"{TRAIN} --drop height --drop colour --drop score",
         prepared(roles=dict.fromkeys(("height", "colour", "score"), "drop"))),
    Case("shares above 1", ConfigError, ("rows for training", "0.6", "less than 1"),
         f"{TRAIN} --validation 0.6 --test 0.6", prepared(validation=0.6, test=0.6)),
    Case("a negative share", ConfigError, ("between 0 and 1", "-0.1", "0.2"),
         f"{TRAIN} --test -0.1", prepared(test=-0.1)),
    Case("no such split", UnknownNameError, ("unknown split", "grup", "'group'"),
         f"{TRAIN} --split grup", prepared(split="grup")),
]  # fmt: skip

SETTINGS = [
    Case("unknown activation", UnknownNameError, ("unknown activation", "rleu", "'relu'"),
         f"{TRAIN} --activation rleu", lambda: pb.nn.dense(3, [4], 2, activation="rleu")),
    Case("unknown optimizer", UnknownNameError, ("unknown optimizer", "adan", "'adam'"),
         f"{TRAIN} --optimizer adan", fitted(optimizer="adan")),
    Case("unknown loss", UnknownNameError, ("unknown loss", "cross_entrpy", "'cross_entropy'"),
         f"{TRAIN} --loss cross_entrpy", fitted(loss="cross_entrpy")),
    Case("unknown metric", UnknownNameError, ("unknown metric", "acuracy", "'accuracy'"),
         f"{TRAIN} --metrics acuracy", fitted(metrics=["acuracy"])),
    Case("unknown schedule", UnknownNameError, ("unknown schedule", "cosin", "'cosine'"),
         f"{TRAIN} --schedule cosin", lambda: pb.optim.Adam(schedule="cosin")),
    Case("unknown setting", UnknownNameError, ("momentun", "settings", "'momentum'"),
         [*TRAIN.split(), "--optimizer", "sgd, momentun=0.9"],
         lambda: pb.optim.get({"name": "sgd", "momentun": 0.9})),
    Case("a loss for numbers", ConfigError, ("one for classification", "mse", "cross_entropy"),
         f"{TRAIN} --loss mse",
         lambda: pb.fit(pb.nn.dense(6, [4], 2), prepared()(), loss="mse", save="runs")),
    Case("a metric for numbers", ConfigError, ("one for classification", "rmse", "accuracy"),
         f"{TRAIN} --metrics rmse", fitted(metrics=["rmse"])),
    Case("a batch too large", ConfigError, ("larger than the training data", "1000", "batch"),
         f"{TRAIN} --batch-size 1000", fitted(batch_size=1000)),
    Case("no rows a batch", ConfigError, ("batch_size", "0", "1 or more"),
         f"{TRAIN} --batch-size 0", fitted(batch_size=0)),
    Case("a rate of 0", ConfigError, ("learning_rate", "above 0", "0.0"),
         f"{TRAIN} --learning-rate 0", lambda: pb.optim.Adam(0.0)),
    Case("a negative rate", ConfigError, ("learning_rate", "above 0", "-1.0"),
         f"{TRAIN} --learning-rate -1", lambda: pb.optim.Adam(-1.0)),
    Case("a rate that is no number", ConfigError, ("learning_rate", "nan", "default"),
         f"{TRAIN} --learning-rate nan", lambda: pb.optim.Adam(float("nan"))),
    Case("a negative decay", ConfigError, ("weight_decay", "at least 0", "-0.1"),
         f"{TRAIN} --weight-decay -0.1", lambda: pb.optim.Adam(weight_decay=-0.1)),
    Case("no epochs", ConfigError, ("epochs", "at least 1", "1 or more"),
         "train table.csv -t label --epochs 0", fitted(epochs=0)),
    Case("no patience", ConfigError, ("patience", "at least 1", "1 or more"),
         f"{TRAIN} --patience 0", fitted(patience=0)),
    Case("no time", ConfigError, ("time must be positive", "soon", "5min"),
         f"{TRAIN} --time soon", fitted(time="soon")),
    Case("dropout of 2", ConfigError, ("2.0", "0", "1"),
         f"{TRAIN} --dropout 2", lambda: pb.nn.Dropout(2.0)),
    Case("no neurons", ConfigError, ("out_features|hidden", "positive|1 or more", "0"),
         f"{TRAIN} --hidden 0", lambda: pb.nn.Linear(3, 0)),
    Case("a level never reached", ConfigError, ("never", "accuracy >= 2", "2%"),
         [*TRAIN.split(), "--until", "accuracy >= 2"],
         fitted(until="accuracy >= 2", validation=0.2)),
    Case("a level of nothing", UnknownNameError, ("acuracy", "accuracy", "'accuracy'"),
         [*TRAIN.split(), "--until", "acuracy >= 0.9"],
         fitted(until="acuracy >= 0.9", validation=0.2)),
    Case("unknown class to weigh", PullbackError, ("class", "maybe", "yes"),
         f"{TRAIN} --class-weight maybe=2",
         lambda: pb.fit(pb.nn.dense(6, [4], 2), prepared()(), class_weight={"maybe": 2})),
    Case("unknown executor", UnknownNameError, ("unknown executor", "nunpy", "'numpy'"),
         f"{TRAIN} --executor nunpy", fitted(executor="nunpy")),
    Case("a negative seed", ConfigError, ("seed", "-1", "0"),
         f"{TRAIN} --seed -1", fitted(seed=-1)),
    Case("a horizon without a window", ConfigError, ("a series", "horizon=3", "--window"),
         f"{TRAIN} --horizon 3", lambda: pb.fit_table("table.csv", "label", horizon=3)),
    Case("text for a number", PullbackError, ("Invalid value", "ten", "help"),
         "train table.csv -t label --epochs ten"),
    Case("no such option", PullbackError, ("No such option", "--epochs", "help"),
         "train table.csv -t label --epoch 3"),
    Case("no such command", UnknownNameError, ("unknown command", "trian", "'train'"), "trian x"),
]  # fmt: skip

ARRAYS = [
    Case("NaN among features", DataError, ("must be finite", "nan in row 3", "Impute"),
         library=fitted(np.where(np.arange(40)[:, None] == 3, np.nan, X))),
    Case("an infinite feature", DataError, ("must be finite", "inf in row 0", "Impute"),
         library=fitted(np.where(np.arange(40)[:, None] == 0, np.inf, X))),
    Case("text as features", DataError, ("must be numbers", "dtype", "Encode"),
         library=fitted(X.astype(str))),
    Case("another number of rows", DataError, ("same number of rows", "(40, 3), y (39,)", "cut"),
         library=fitted(X, Y[:-1])),
    Case("no rows", DataError, ("rows", "shape (0, 3)", "rows"), library=fitted(X[:0], Y[:0])),
    Case("one class", DataError, ("two classes", "only", "Check"), library=fitted(X, Y * 0)),
    Case("labels out of range", LabelError, ("from 0 to 1", "to 5", "one output a class"),
         library=fitted(X, np.arange(40) % 6)),
    Case("a target with NaN", DataError, ("target must be finite", "nan in row 0", "leave out"),
         library=fitted(X, np.where(np.arange(40) == 0, np.nan, 1.5), loss="mse")),
    Case("layers that do not fit", ShapeError,
         ("Linear(5, 2), made in test_bad_input.py:", "from layer '0', test_bad_input.py:",
          "Make it Linear(4, 2)"),
         library=lambda: pb.fit(
             pb.nn.Sequential(pb.nn.Linear(3, 4), pb.nn.Linear(5, 2)), (X, Y), save="runs")),
    Case("mse of (n,) against (n, 1)", ShapeError,
         ("one shape", "(40, 1)", "reshape"),
         library=lambda: pb.losses.mse(pb.tensor(X[:, :1]), pb.tensor(X[:, 0]))),
    Case("no network", ConfigError, ("a network", "list", "Module"),
         library=lambda: pb.fit([1, 2], (X, Y))),
]  # fmt: skip


def ids(cases: list[Case]) -> list[str]:
    return [case.name.replace(" ", "_") for case in cases]


@pytest.fixture
def table(here: Path, request: pytest.FixtureRequest) -> Path:
    """The folder with the table of the case."""
    case = request.getfixturevalue("case")
    content = case.text if isinstance(case.text, bytes) else case.text.encode()
    (here / "table.csv").write_bytes(content)
    case.prepare(here)
    return here


ON_LINE = [case for case in DATA + SETTINGS if case.command]
IN_LIBRARY = [case for case in DATA + SETTINGS + ARRAYS if case.library]


@pytest.mark.parametrize("case", ON_LINE, ids=ids(ON_LINE))
def test_on_the_command_line(case: Case, table: Path) -> None:
    before = everything(table)
    words = case.command.split() if isinstance(case.command, str) else case.command
    refused(words, case.said)
    assert everything(table) == before


@pytest.mark.parametrize("case", IN_LIBRARY, ids=ids(IN_LIBRARY))
def test_in_the_library(case: Case, table: Path) -> None:
    before = everything(table)
    assert case.library is not None
    with pytest.raises(case.error) as caught:
        case.library()
    assert_said(str(caught.value), case.said)
    assert caught.value.must
    assert caught.value.do
    assert everything(table) == before


def refused(words: list[Any], said: tuple[str, ...]) -> None:
    """The command says these words, on standard error alone, and ends with 2."""
    result = pullback(*words)
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith("error: ")
    assert "  to do: " in result.stderr
    assert_said(result.stderr, said)
    assert max(map(len, result.stderr.splitlines())) <= 100
    as_json = plain(*words)["error"]
    assert as_json["must"]
    assert as_json["do"]


def assert_said(message: str, said: tuple[str, ...]) -> None:
    flat = " ".join(message.split())
    for words in said:
        assert any(word in flat for word in words.split("|")), f"{words!r} is not in:\n{message}"


def test_a_byte_order_mark_is_no_part_of_the_first_name(here: Path) -> None:
    (here / "table.csv").write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    (here / "wide.csv").write_bytes(GOOD.encode("utf-16"))
    for file in ("table.csv", "wide.csv"):
        found = plain("train", file, "--target", "label", "--dry-run")
        assert [role["name"] for role in found["data"]["roles"]] == HEADER.strip().split(",")
        assert pb.data.prepare(file, "label").roles[0].name == "height"


def test_constant_and_duplicate_columns_are_left_out_and_shown(here: Path) -> None:
    lines = GOOD.splitlines()
    rows = [f"{row},7,{row.split(',')[0]}" for row in lines[1:]]
    (here / "table.csv").write_text("\n".join([lines[0] + ",seven,size", *rows]) + "\n")
    result = pullback("train", "table.csv", "--target", "label", "--dry-run")
    assert result.exit_code == 0
    assert "only '7'" in result.output
    assert "the same values as 'height'" in result.output
    roles = {role.name: role.role for role in pb.data.prepare("table.csv", "label").roles}
    assert (roles["seven"], roles["size"]) == ("constant", "duplicate")


def test_a_leaked_target_is_warned_of(here: Path) -> None:
    lines = GOOD.splitlines()
    rows = [f"{row},{'1.5' if row.endswith('yes') else '0.5'}" for row in lines[1:]]
    (here / "table.csv").write_text("\n".join([lines[0] + ",result", *rows]) + "\n")
    result = pullback("train", "table.csv", "--target", "label", "--dry-run")
    flat = " ".join(result.output.split())
    assert "warning: 'result' tells the target 'label' almost without error" in flat
    assert any("'result'" in text for text in pb.data.prepare("table.csv", "label").warnings)


# --- what was written before and is damaged now


def cut(file: str) -> Callable[[Path], None]:
    """Leave only the first half of a file of the run."""

    def damage(run: Path) -> None:
        found = sorted(run.glob(file))[-1]
        found.write_bytes(found.read_bytes()[: found.stat().st_size // 2])

    return damage


def changed(file: str) -> Callable[[Path], None]:
    """Change one byte in the middle of a file of the run."""

    def damage(run: Path) -> None:
        found = sorted(run.glob(file))[-1]
        content = bytearray(found.read_bytes())
        content[len(content) // 2] ^= 0x55
        found.write_bytes(bytes(content))

    return damage


def newer(run: Path) -> None:
    """Make the run one of a newer version."""
    record = read_document(run / "run.json", kind="run")
    write_document(run / "run.json", record, kind="run", version=99)


def _remove(file: str) -> Callable[[Path], None]:
    return lambda run: (run / file).unlink()


DAMAGED = [
    ("cut model", cut("model.safetensors"), "predict RUN new.csv",
     ("intact", "model.safetensors", "copy")),
    ("changed model", changed("model.safetensors"), "evaluate RUN penguins",
     ("must be", "model.safetensors", "copy|again")),
    ("cut record", cut("run.json"), "show RUN", ("intact", "JSON", "model.safetensors")),
    ("cut checkpoint", cut("checkpoints/*.safetensors"), "resume RUN --epochs 9",
     ("intact", "checkpoint", "--step 14")),
    ("changed checkpoint", changed("checkpoints/*.safetensors"), "resume RUN --epochs 9",
     ("intact", "", "--step 14")),
    ("newer run", newer, "resume RUN --epochs 9", ("version 1 or older", "version 99", "pgrade")),
    ("newer run, shown", newer, "show RUN", ("version 1 or older", "version 99", "pgrade")),
    ("no model", _remove("model.safetensors"), "predict RUN new.csv",
     ("must hold a trained model", "no model.safetensors", "resume")),
    ("no record", _remove("run.json"), "resume RUN", ("must be a file", "no such file", "")),
]  # fmt: skip
LOADS = [row for row in DAMAGED if row[2].startswith(("predict", "evaluate", "resume"))]


@pytest.mark.parametrize(
    ("damage", "command", "said"), [row[1:] for row in DAMAGED], ids=[row[0] for row in DAMAGED]
)
def test_damaged_runs_on_the_command_line(
    damage: Any, command: str, said: tuple[str, ...], run: Path, new_rows: Path
) -> None:
    damage(run)
    before = lasting(run)
    refused(command.replace("RUN", "runs/penguins-1").split(), said)
    assert lasting(run) == before


@pytest.mark.parametrize(
    ("damage", "command", "said"), [row[1:] for row in LOADS], ids=[row[0] for row in LOADS]
)
def test_damaged_runs_in_the_library(
    damage: Any, command: str, said: tuple[str, ...], run: Path
) -> None:
    damage(run)
    call = (lambda: pb.resume(run, epochs=9)) if "resume" in command else (lambda: pb.load(run))
    with pytest.raises(FileFormatError) as caught:
        call()
    assert_said(str(caught.value), said)


def lasting(run: Path) -> dict[str, bytes]:
    """The files of a run, but for what a database and a lock leave behind when they are opened."""
    files = everything(run)
    return {k: v for k, v in files.items() if not k.startswith(("telemetry.sqlite", "lock"))}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["show", "runs/penguin-1"], ("folder of a run", "nothing", "runs/penguins-1")),
        (["show", "runs"], ("folder of a run", "a folder of runs", "runs/penguins-1")),
        (["predict", "new.csv", "new.csv"], ("intact", "header|tensor", "")),
        (["resume", "runs/penguins-1"], ("something left to do", "3 epochs", "--epochs")),
        (["resume", "runs/penguins-1", "--step", "3"], ("step 3", "0, 7, 14, 21", "one of these")),
        (["predict", "runs/penguins-1", "new.csv", "-o", "new.csv"],
         ("must not exist yet", "new.csv", "--force")),
        (["predict", "runs/penguins-1", "new.csv", "-o", "answers.xls"],
         ("unknown format", ".xls", ".csv")),
        (["predict", "runs/penguins-1", "new.csv", "-o", "no/answers.csv"],
         ("folder of the output", "no", "Make it")),
        (["evaluate", "runs/penguins-1", "new.csv"], ("species", "the columns", "column")),
        (["export", "runs/penguins-1", "model.bin"], ("ending", "model.bin", "safetensors")),
        (["export", "runs/penguins-1"], ("file to write", "", "export --help")),
    ],
)  # fmt: skip
def test_wrong_uses_of_a_run(
    words: list[str], said: tuple[str, ...], run: Path, new_rows: Path, here: Path
) -> None:
    before = lasting(here)
    refused(words, said)
    assert lasting(here) == before


def test_labels_that_the_network_does_not_know(run: Path, here: Path) -> None:
    text = pb.datasets.path("penguins").read_text().replace("Adelie", "Emperor", 1)
    (here / "others.csv").write_text(text)
    refused(["evaluate", run, "others.csv"], ("a class known", "'Emperor' on line 2", "Mend"))
    with pytest.raises(DataError):
        pb.load(run).evaluate("others.csv")


def test_a_predict_table_without_a_column(run: Path, new_rows: Path) -> None:
    lines = [line.partition(",")[2] for line in new_rows.read_text().splitlines()]
    new_rows.write_text("\n".join(lines) + "\n")
    said = ("the column 'island', as at training", "bill_length_mm", "one of those")
    refused(["predict", run, new_rows], said)
    with pytest.raises(DataError, match="island"):
        pb.load(run).predict(new_rows)


def test_a_predict_table_with_another_column_is_told_of(run: Path, new_rows: Path) -> None:
    expected = pullback("predict", run, new_rows).stdout
    lines = new_rows.read_text().splitlines()
    new_rows.write_text("\n".join(f"{i if i else 'number'},{row}" for i, row in enumerate(lines)))
    result = pullback("predict", run, new_rows)
    assert result.exit_code == 0
    assert result.stdout == expected
    assert "warning: ignored, as not known from training: 'number'" in result.stderr
    model = pb.load(run)
    model.predict(new_rows)
    assert any("'number'" in text for text in model.warnings)


# --- a disk that fills up

CAPPED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
from pullback.cli import main
main({words!r})
"""


def capped(words: list[str], limit: int) -> subprocess.CompletedProcess[str]:
    """The command in a process that may not write a file of more than `limit` bytes."""
    program = CAPPED.format(limit=limit, words=words)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)


def test_a_full_disk(here: Path, run: Path, new_rows: Path) -> None:
    before = lasting(here)
    for words in (
        ["train", "penguins", "--epochs", "1"],
        ["export", "runs/penguins-1", "alone.safetensors"],
        ["predict", "runs/penguins-1", "new.csv", "-o", "answers.csv"],
    ):
        found = capped(words, 100)
        assert found.returncode == 2, found.stderr
        assert "must be writable" in found.stderr
        assert "  to do: " in found.stderr
        assert "Traceback" not in found.stderr
        assert lasting(here) == before
    with full_disk(), pytest.raises(StorageError, match="must be writable"):
        pb.load(run).save("alone.safetensors")
    assert lasting(here) == before


@contextlib.contextmanager
def full_disk() -> Any:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_the_run_of_another_is_left_alone(run: Path, here: Path) -> None:
    """A name that is taken gets the next number; nothing is overwritten."""
    before = everything(run)
    result = pullback("train", "penguins", "--epochs", 1, "--hidden", 2, "--quiet")
    assert result.stdout.strip() == str(Path("runs") / "penguins-2")
    assert everything(run) == before
    shutil.rmtree(here / "runs" / "penguins-2")
