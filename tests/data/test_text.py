"""Texts: vocabularies, windows of tokens with the token that follows, hostile stored forms."""

from __future__ import annotations

import copy
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullback.data import Encoder, Vocabulary, prepare_text
from pullback.data.text import read_corpus
from pullback.data.vocabulary import PADDING, UNKNOWN
from pullback.errors import ConfigError, DataError, FileFormatError, UnknownNameError

TEXT = "In the beginning God created the heaven and the earth.\n" * 20


@given(st.text(min_size=1))
def test_characters_come_back(text: str) -> None:
    vocabulary = Vocabulary.fit(text)
    assert vocabulary.decode(vocabulary.encode(text)) == text
    assert len(vocabulary) == len(set(text))


def test_words_by_how_often_they_occur() -> None:
    vocabulary = Vocabulary.fit(["the cat, the dog", "don't"], "word")
    assert vocabulary.tokens == ("the", ",", "cat", "dog", "don't")
    assert vocabulary.encode("the dog, the cat").tolist() == [0, 3, 1, 0, 2]
    assert vocabulary.decode([0, 2]) == "the cat"


def test_rare_and_surplus_tokens_are_unknown() -> None:
    vocabulary = Vocabulary.fit("a a a b b c", "word", least=2, padding=True)
    assert vocabulary.tokens == (PADDING, "a", "b", UNKNOWN)
    assert vocabulary.encode("c a z").tolist() == [3, 1, 3]
    assert vocabulary.decode([0, 1, 0]) == "a"
    assert Vocabulary.fit("aab", size=1, unknown=False).tokens == ("a",)
    assert vocabulary.count_unknown("c a z") == 2


@pytest.mark.parametrize(("unit", "text"), [("character", "abx"), ("word", "a b x")])
def test_an_unknown_token_is_named(unit: Any, text: str) -> None:
    vocabulary = Vocabulary.fit("abba" if unit == "character" else "a b", unit)
    with pytest.raises(DataError, match=f"'x' as {unit} 3"):
        vocabulary.encode(text)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: Vocabulary(()), ConfigError),
        (lambda: Vocabulary(("a", "a")), ConfigError),
        (lambda: Vocabulary(("a",), "letter"), UnknownNameError),  # type: ignore[arg-type]
        (lambda: Vocabulary.fit(""), DataError),
        (lambda: Vocabulary.fit("a", least=5), DataError),
        (lambda: Vocabulary.fit("a", size=0), ConfigError),
        (lambda: Vocabulary.fit(["a", 3]), DataError),  # type: ignore[list-item]
        (lambda: Vocabulary(("a",)).decode([1]), DataError),
        (lambda: Vocabulary(("a",)).decode([0.5]), DataError),  # type: ignore[list-item]
    ],
)
def test_what_is_no_vocabulary_is_refused(make: Callable[[], Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        make()


def test_each_target_is_the_token_that_follows() -> None:
    prepared = prepare_text(TEXT, length=16)
    vocabulary = prepared.encoder.inputs.vocabulary
    read = ""
    for part in (prepared.train, prepared.validation, prepared.test):
        x, y = part.x.reshape(-1), part.y.reshape(-1)
        known = y >= 0
        assert known[:-16].all(), "only the last window is filled up"
        np.testing.assert_array_equal(x[1:][known[:-1] & known[1:]], y[:-1][known[1:]])
        read += vocabulary.decode(x[:1]) + vocabulary.decode(y[known])
    assert read == TEXT, "the parts lie one after the other and lose nothing"
    assert [len(p) for p in (prepared.train, prepared.validation, prepared.test)] == [55, 7, 7]


def test_the_vocabulary_is_that_of_the_training_part() -> None:
    prepared = prepare_text("ab" * 405 + "ac" * 45, length=10, validation=0, test=0.1)
    assert prepared.encoder.target.classes == ("a", "b", UNKNOWN)
    assert prepared.warnings == ("45 characters of validation and test are <unknown>",)
    assert len(prepared.validation) == 0


@pytest.mark.parametrize(("validation", "test"), [(0.1, 0.1), (0.2, 0.05), (0, 0.25), (0.3, 0.3)])
def test_parts_are_spread_over_the_text(validation: float, test: float) -> None:
    words = "".join(f"{i:06d}" for i in range(20_000))
    prepared = prepare_text(words, length=10, validation=validation, test=test)
    decode = prepared.encoder.inputs.vocabulary.decode
    shares, seen = [], []
    for part in (prepared.train, prepared.validation, prepared.test):
        text = decode(part.x[:, :1]) + decode(part.y[part.y >= 0])
        shares.append((part.y >= 0).sum() / len(words))
        places = part.x.shape[0] and [words.find(decode(row[:12])) for row in part.x[::50]]
        seen.append(places or [])
        assert set(text) <= set(words)
    assert shares[1:] == pytest.approx([validation, test], abs=0.011)
    assert sum(shares) == pytest.approx(1, abs=0.002)
    for places in seen:  # from the first quarter to the last
        assert not places or (min(places) < 40_000 and max(places) > 80_000)
    assert prepared.split == "100 stretches of the text"


def test_the_end_can_be_held_out() -> None:
    prepared = prepare_text(TEXT * 20, length=16, split="end")
    assert prepared.split == "one after the other in the text"
    with pytest.raises(UnknownNameError, match="ende"):
        prepare_text(TEXT, split="ende")


def test_files_zipped_or_not_and_their_encodings(tmp_path: Path) -> None:
    text = "Träume\n"
    (tmp_path / "a.txt").write_bytes("\ufeffTräume\r\n".encode())
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "c.txt").write_bytes(text.encode("latin-1"))
    assert read_corpus(tmp_path / "a.txt").text == text
    assert read_corpus(str(tmp_path / "b.txt.gz")).text == text
    assert read_corpus(tmp_path / "c.txt", "latin-1").text == text
    with pytest.raises(DataError, match=r"c\.txt must be text in the encoding utf-8"):
        read_corpus(tmp_path / "c.txt")


@pytest.mark.parametrize(
    ("source", "options", "error", "words"),
    [
        ("nowhere.txt", {}, DataError, "must exist"),
        ("", {}, DataError, "must hold text"),
        (b"bytes", {}, DataError, "must be a str"),
        (TEXT, {"length": 0}, ConfigError, "length of a window"),
        (TEXT, {"validation": 0.7, "test": 0.7}, ConfigError, "shares"),
        (TEXT, {"unit": "letter"}, UnknownNameError, "letter"),
        ("abc", {}, DataError, "two tokens"),
        (TEXT, {"encoding": "klingon"}, None, ""),
    ],
)
def test_what_is_no_text_is_refused(
    source: Any, options: dict[str, Any], error: type[Exception] | None, words: str
) -> None:
    if error is None:  # the text is there already: nothing is decoded
        prepare_text(source, **options)
        return
    with pytest.raises(error, match=words):
        prepare_text(source, **options)


STORED = json.loads(prepare_text(TEXT, length=8).encoder.to_json())


def test_an_encoder_of_text_is_the_same_after_json() -> None:
    encoder = prepare_text(TEXT, length=8).encoder
    again = Encoder.from_json(encoder.to_json())
    assert again.to_json() == encoder.to_json()
    np.testing.assert_array_equal(again.features(TEXT), encoder.features(TEXT))
    x, y = again.examples("the earth")
    assert x.shape == y.shape == (1, 8)
    assert again.report("the QQ").unseen == {"text": 2}


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("length",), 0),
        (("length",), 10**9),
        (("length",), "8"),
        (("vocabulary", "tokens"), []),
        (("vocabulary", "tokens"), ["a", "a"]),
        (("vocabulary", "tokens"), ["ab"]),
        (("vocabulary", "tokens"), [1]),
        (("vocabulary", "unit"), "letter"),
        (("vocabulary",), None),
    ],
)
def test_hostile_stored_forms_are_refused(place: tuple[str, ...], value: Any) -> None:
    content = copy.deepcopy(STORED)
    inside = content["inputs"]
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]] = value
    with pytest.raises(FileFormatError):
        Encoder.from_json(json.dumps(content))
