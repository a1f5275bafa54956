"""`pullback train` on pictures, texts and series, with networks by name; `pullback list`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pullback as pb
from pullback.catalogue import TABLES
from tests.cli.helpers import plain, pullback

TEXT = "the quick brown fox jumps over the lazy dog. " * 60


@pytest.fixture
def photos(here: Path) -> Path:
    """Stripes that lie and stripes that stand."""
    random = np.random.default_rng(0)
    for label in ("lying", "standing"):
        (here / "photos" / label).mkdir(parents=True)
        for i in range(30):
            stripes = np.where(np.arange(12) % 4 < 2, 200, 40)[:, None] + random.integers(0, 30, 12)
            picture = stripes if label == "lying" else stripes.T
            Image.fromarray(picture.astype(np.uint8)).save(here / "photos" / label / f"{i}.png")
    return here / "photos"


def test_a_folder_of_pictures(photos: Path) -> None:
    made = plain("train", "photos", "--epochs", 6)
    assert made["network"]["name"] == "convnet"
    assert made["outcome"]["scores"]["test.accuracy"] > 0.9
    run = made["outcome"]["path"]
    said = plain("predict", run, "photos/lying/3.png")
    assert said["columns"]["prediction"] == ["lying"]
    assert plain("evaluate", run, "photos")["scores"]["accuracy"] > 0.9
    shown = pullback("predict", run, "photos").stdout.splitlines()
    assert shown[0].startswith("row,file,prediction")
    assert shown[1].startswith("1,lying/0.png,")


def test_pictures_of_several_sizes(photos: Path) -> None:
    Image.new("L", (20, 12)).save(photos / "lying" / "wide.png")
    (photos / "lying" / "bad.png").write_bytes(b"no picture")
    result = pullback("train", "photos")
    assert result.exit_code == 2
    assert "bad.png" in result.stderr
    assert "--skip-unreadable" in result.stderr
    result = pullback("train", "photos", "--skip-unreadable")
    assert "--image-size" in result.stderr
    made = plain("train", "photos", "--skip-unreadable", "--image-size", "8", "--epochs", 1)
    assert made["network"]["inputs"] == [8, 8, 1]
    assert "left out: 1 picture that could not be read" in made["data"]["warnings"]


@pytest.mark.parametrize("network", ["lenet", "convnet, channels=[4,8], shift=0", "dense", "16,8"])
def test_networks_for_arrays_of_pictures(here: Path, network: str) -> None:
    random = np.random.default_rng(0)
    np.savez("digits.npz", x=random.integers(0, 256, (60, 14, 14), np.uint8), y=np.arange(60) % 3)
    made = plain("train", "digits.npz", "--network", network, "--epochs", 1)
    assert made["network"]["name"] == network.split(",")[0].replace("16", "dense")
    assert made["outcome"]["ending"] == "finished"


@pytest.mark.parametrize("network", ["lstm, hidden=16", "gru", "rnn", "transformer, blocks=1"])
def test_a_text(here: Path, network: str) -> None:
    Path("fox.txt").write_text(TEXT)
    words = ["--network", network, "--length", 16, "--epochs", 2, "--checkpoint-steps", 3]
    made = plain("train", "fox.txt", *words)
    assert made["data"]["target"] == ["next character"]
    assert made["network"]["outputs"] == len(set(TEXT)) + 1
    scores = made["outcome"]["scores"]
    assert scores["test.bits"] < 5
    run = made["outcome"]["path"]
    assert plain("evaluate", run, "fox.txt")["scores"]["accuracy"] > 0.05
    again = plain("resume", run, "--epochs", 3)
    assert again["outcome"]["epochs"] == 3


def test_a_text_of_words_that_goes_on(here: Path) -> None:
    Path("fox.txt").write_text(TEXT)
    words = ["--unit", "word", "--length", 8, "--vocabulary", 6, "--epochs", 30, "--hidden", 32]
    made = plain("train", "fox.txt", *words)
    assert made["network"]["outputs"] == 7
    run = made["outcome"]["path"]
    result = pullback("generate", run, "--prompt", "the", "--length", 5, "--temperature", 0)
    assert result.exit_code == 0
    assert len(result.stdout.split()) == 6
    same = [plain("generate", run, "--prompt", "the", "--seed", 3)["text"] for _ in range(2)]
    assert same[0] == same[1]


def test_the_closing_words_of_a_text(here: Path) -> None:
    """Readable with any number of tokens, blanks among them; it shows a text, and how to go on."""
    book = "".join(chr(0x21 + i % 80) + " \n"[i % 2] for i in range(4000))
    Path("book.txt").write_text(book)
    words = ["--network", "rnn, hidden=8", "--epochs", 1]
    result = pullback("train", "book.txt", *words)
    assert result.exit_code == 0
    run = pb.load("runs/book-1")
    shown = pullback("show", "runs/book-1").stdout
    measured = pullback("evaluate", "runs/book-1", "book.txt").stdout
    for text in (result.stdout, shown, measured):
        assert max(map(len, text.splitlines())) <= 100
        assert "the 12 most frequent of 83" in text
        assert "' '" in text
        assert r"'\n'" in text
        assert len(text.splitlines()) < 80
        assert "bits" in text
    assert repr(run.generate("", 80)) in result.stdout.replace("\n", "")
    assert "pullback generate runs/book-1 --prompt TEXT" in result.stdout
    assert "pullback predict" not in result.stdout
    assert set(plain("evaluate", "runs/book-1", "book.txt")["scores"]) == {"bits", "accuracy"}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("temperature", ["0", "1e-320", "1e308"])
def test_a_text_at_any_temperature(here: Path, temperature: str) -> None:
    Path("fox.txt").write_text(TEXT)
    words = ["--network", "rnn, hidden=8", "--epochs", 1, "--quiet"]
    run = pullback("train", "fox.txt", *words).stdout.strip()
    assert len(plain("generate", run, "--temperature", temperature, "--length", 9)["text"]) == 9


def test_a_series(here: Path) -> None:
    t = np.arange(400)
    rows = "\n".join(f"{v:.6f},{v * v:.6f}" for v in np.sin(t / 9))
    Path("wave.csv").write_text(f"value,square\n{rows}\n")
    words = ["--target", "value", "--window", 16, "--horizon", 2, "--epochs", 25]
    made = plain("train", "wave.csv", *words)
    assert made["network"]["name"] == "lstm"
    assert made["outcome"]["scores"]["test.r2"] > 0.95
    run = made["outcome"]["path"]
    said = plain("predict", run, "wave.csv")
    assert list(said["columns"]) == ["prediction_value+1", "prediction_value+2"]
    assert len(said["columns"]["prediction_value+1"]) == 400 - 16 + 1
    assert plain("evaluate", run, "wave.csv")["scores"]["r2"] > 0.95


def test_a_network_is_described_by_what_it_uses(here: Path) -> None:
    (here / "text.txt").write_text(TEXT)
    (here / "waves.csv").write_text("value\n" + "\n".join(str(i % 7) for i in range(300)))
    series = pullback("train", "waves.csv", "--target", "value", "--window", 16, "--dry-run").stdout
    assert "lstm, hidden" in series
    assert "embedding" not in series
    assert "embedding 64" in pullback("train", "text.txt", "--dry-run").stdout


def test_several_labels(here: Path) -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(300, 3))
    rows = "\n".join(f"{a:.4f},{b:.4f},{c:.4f},{a > 0},{b + c > 0}" for a, b, c in x)
    Path("labels.csv").write_text(f"a,b,c,first,second\n{rows}\n")
    made = plain("train", "labels.csv", "--target", "first", "--target", "second", "--epochs", 30)
    assert made["data"]["task"] == "multilabel"
    assert made["outcome"]["scores"]["test.subset_accuracy"] > 0.85


def test_the_same_seed_gives_the_same_network(here: Path) -> None:
    Path("fox.txt").write_text(TEXT)
    words = ["train", "fox.txt", "--length", 16, "--epochs", 1, "--hidden", 8, "--quiet"]
    runs = [pullback(*words).stdout.strip() for _ in range(2)]
    a, b = (pb.load(run).network.parameters() for run in runs)
    assert all(np.array_equal(a[path].numpy(), b[path].numpy()) for path in a)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["fox.txt", "--target", "fox"], "must hold rows"),
        (["fox.txt", "--role", "a=text"], "option of a text 'roles'"),
        (["fox.txt", "--network", "dense"], "takes numbers, not tokens"),
        (["fox.txt", "--network", "lstmm"], "Did you mean 'lstm'"),
        (["fox.txt", "--network", "lstm, hiden=4"], "hidden"),
        (["fox.txt", "--activation", "relu"], "activation"),
        (["fox.txt", "--length", "0"], "length of a window"),
        (["fox.txt", "--unit", "letter"], "letter"),
        (["penguins", "--network", "lenet"], "takes pictures"),
        (["penguins", "--network", "lstm"], "takes series and texts"),
        (["penguins", "--image-size", "4x"], "32x32"),
        (["auto-mpg", "--window", "1000"], "long enough"),
        (["auto-mpg", "--window", "10", "--split", "random"], "option of a series 'split'"),
    ],
)
def test_what_does_not_fit_the_data(here: Path, words: list[str], said: str) -> None:
    Path("fox.txt").write_text(TEXT)
    result = pullback("train", *words)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())


@pytest.mark.parametrize("table", TABLES)
def test_every_table_is_listed(table: str, monkeypatch: Any) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    result = pullback("list", table)
    assert result.exit_code == 0
    assert max(map(len, result.output.splitlines())) <= 100
    for name in TABLES[table]():
        assert name in result.output
    assert {e["name"] for e in plain("list", table)["entries"]} == set(TABLES[table]())


def test_one_entry_is_described() -> None:
    result = pullback("list", "losses", "huber")
    assert "Huber(delta=1.0)" in result.output
    assert "References" in result.output
    assert plain("list")["tables"]["losses"] == len(TABLES["losses"]())
    assert "Did you mean 'huber'" in pullback("list", "losses", "hubber").stderr
    assert "Did you mean 'losses'" in pullback("list", "loses").stderr
