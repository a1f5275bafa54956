"""From a text to encoded parts: what a network that says the next token is trained on."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pullback.data.encoder import Encoder
from pullback.data.prepared import Part, Prepared
from pullback.data.roles import ColumnRole
from pullback.data.splits import check_shares
from pullback.data.targets import Target
from pullback.data.text import MOST_LENGTH, Corpus, TextInputs, read_corpus
from pullback.data.vocabulary import UNKNOWN, Unit, Vocabulary
from pullback.errors import ConfigError, unknown

CHARACTERS, WORDS = 128, 32
MOST_WORDS = 10_000
SPLITS = ("spread", "end")
MOST_STRETCHES, LEAST_WINDOWS = 100, 20


def prepare_text(
    source: Any,
    *,
    length: int | None = None,
    unit: Unit = "character",
    size: int | None = None,
    split: str = "spread",
    validation: float = 0.1,
    test: float = 0.1,
    encoding: str = "utf-8",
) -> Prepared:
    """Read a text and cut it into windows, each token's target being the token after it.

    No window goes beyond its part, and no statistic looks beyond the training part: the
    vocabulary is that of the training part, and other tokens become `<unknown>`.

    Args:
        source: A file (`.txt`, which may be gzipped), or the text itself.
        length: Tokens in a window; 128 characters or 32 words when None.
        unit: "character" or "word".
        size: How many tokens the vocabulary has at most; 10,000 for words when None.
        split: "spread" cuts the text into stretches of equal length and takes every so-manieth of
            them for validation and test, so that each part has all of the text's kinds; "end"
            takes the end of the text. A text too short to be spread is split as "end".
        validation: The share of the text for validation; 0 for none.
        test: The share of the text for the test; 0 for none.
        encoding: How the bytes of the file stand for characters.

    Shape:
        x, y of each part: (windows, length); targets without a token hold -1, which is ignored

    Raises:
        DataError: The text cannot be read, or is too short for its parts.
        ConfigError: A setting out of range.

    Example:
        >>> prepared = prepare_text("to be or not to be. " * 30, length=8)
        >>> prepared.train.x.shape, len(prepared.encoder.target.classes)
        ((60, 8), 9)
    """
    corpus = read_corpus(source, encoding)
    usual = CHARACTERS if unit == "character" else WORDS
    steps = usual if length is None else length
    if not isinstance(steps, int) or not 1 <= steps <= MOST_LENGTH:
        raise ConfigError(
            f"the length of a window is from 1 to {MOST_LENGTH:,}", repr(length), "Use 128."
        )
    check_shares(validation, test)
    if split not in SPLITS:
        raise unknown("split of a text", split, SPLITS)
    count = _stretches(len(corpus.text), steps, validation, test) if split == "spread" else 0
    parts = (
        _spread(corpus.text, count, validation, test)
        if count
        else _cut(corpus.text, validation, test)
    )
    most = size if size is not None or unit == "character" else MOST_WORDS
    vocabulary = Vocabulary.fit(parts[0], unit, size=most, unknown=True)
    inputs = TextInputs(vocabulary, steps)
    train, held_out, last = _encoded(inputs, corpus, parts, (True, validation > 0, test > 0))
    target = Target((f"next {unit}",), "classification", "text", vocabulary.tokens)
    detail = f"{len(vocabulary):,} {unit}s, windows of {steps}"
    roles = (ColumnRole("text", "text", f"{corpus.rows:,} characters", detail),)
    strange = sum(vocabulary.count_unknown(piece) for part in parts[1:] for piece in part)
    some = (
        f"1 {unit} of validation and test is"
        if strange == 1
        else (f"{strange:,} {unit}s of validation and test are")
    )
    warnings = (f"{some} {UNKNOWN}",) if strange else ()
    return Prepared(
        encoder=Encoder(inputs, target, roles),
        train=train,
        validation=held_out,
        test=last,
        split=f"{count} stretches of the text" if count else "one after the other in the text",
        source=corpus.source,
        hash=corpus.hash,
        rows=len(train) + len(held_out) + len(last),
        warnings=warnings,
    )


def _stretches(length: int, steps: int, validation: float, test: float) -> int:
    """Into how many stretches a text is cut; 0 where each part would not get one."""
    count = min(MOST_STRETCHES, length // (LEAST_WINDOWS * steps))
    least = min([share for share in (validation, test) if share] or [1.0])
    return count if count * least >= 1 else 0


def _spread(text: str, count: int, validation: float, test: float) -> list[list[str]]:
    """The pieces of each part: stretches, of which neighbours are joined."""
    borders = [round(len(text) * i / count) for i in range(count + 1)]
    parts: list[list[str]] = [[], [], []]
    last = -1
    for i in range(count):
        part = _part_of(i, validation, test)
        stretch = text[borders[i] : borders[i + 1]]
        if part == last:
            parts[part][-1] += stretch
        else:
            parts[part].append(stretch)
        last = part
    return parts


def _part_of(stretch: int, validation: float, test: float) -> int:
    """0, 1 or 2 for training, validation and test: their shares, at equal distances."""
    for part, share, shift in ((2, test, 0.0), (1, validation, 0.5)):
        # 1e-9 so that ten times a tenth is 1
        before, now = (math.floor(n * share + shift + 1e-9) for n in (stretch, stretch + 1))
        if now > before:
            return part
    return 0


def _cut(text: str, validation: float, test: float) -> list[list[str]]:
    """The pieces of each part: the beginning, what follows, and the end."""
    first = round(len(text) * (1 - validation - test))
    second = round(len(text) * (1 - test))
    return [[text[:first]], [text[first:second]], [text[second:]]]


def _encoded(
    inputs: TextInputs, corpus: Corpus, parts: list[list[str]], wanted: tuple[bool, ...]
) -> list[Part]:
    """Each part's windows; none for a part that nobody wants."""
    found: list[Part] = []
    for name, pieces, want in zip(("training", "validation", "test"), parts, wanted, strict=True):
        nothing = np.zeros((0, inputs.length), np.int32)
        pairs = [(nothing, nothing)]
        if want:
            source = f"the {name} part of {corpus.source}"
            pairs = [inputs.examples(Corpus(piece, source, "")) for piece in pieces]
        x, y = (np.concatenate(arrays) for arrays in zip(*pairs, strict=True))
        found.append(Part(x, y, None, sum(map(len, found)) + np.arange(len(x))))
    return found
