"""From a text to encoded parts: what a network that says the next token is trained on."""

from __future__ import annotations

from typing import Any

import numpy as np

from pullback.data.encoder import Encoder
from pullback.data.prepared import Part, Prepared
from pullback.data.roles import ColumnRole
from pullback.data.splits import check_shares
from pullback.data.targets import Target
from pullback.data.text import MOST_LENGTH, Corpus, TextInputs, read_corpus
from pullback.data.vocabulary import UNKNOWN, Unit, Vocabulary
from pullback.errors import ConfigError

CHARACTERS, WORDS = 128, 32
MOST_WORDS = 10_000


def prepare_text(
    source: Any,
    *,
    length: int | None = None,
    unit: Unit = "character",
    size: int | None = None,
    validation: float = 0.1,
    test: float = 0.1,
    encoding: str = "utf-8",
) -> Prepared:
    """Read a text and cut it into windows, each token's target being the token after it.

    The parts lie one after the other in the text: training, validation, test. The vocabulary is
    that of the training part; other tokens become `<unknown>`.

    Args:
        source: A file (`.txt`, which may be gzipped), or the text itself.
        length: Tokens in a window; 128 characters or 32 words when None.
        unit: "character" or "word".
        size: How many tokens the vocabulary has at most; 10,000 for words when None.
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
    pieces = _pieces(corpus, validation, test)
    most = size if size is not None or unit == "character" else MOST_WORDS
    vocabulary = Vocabulary.fit(pieces[0].text, unit, size=most, unknown=True)
    inputs = TextInputs(vocabulary, steps)
    train, held_out, last = _parts(inputs, pieces, (True, validation > 0, test > 0))
    target = Target((f"next {unit}",), "classification", "text", vocabulary.tokens)
    detail = f"{len(vocabulary):,} {unit}s, windows of {steps}"
    roles = (ColumnRole("text", "text", f"{corpus.rows:,} characters", detail),)
    strange = sum(vocabulary.count_unknown(piece.text) for piece in pieces[1:])
    warnings = (f"{strange} {unit}s of validation and test are {UNKNOWN}",) if strange else ()
    return Prepared(
        encoder=Encoder(inputs, target, roles),
        train=train,
        validation=held_out,
        test=last,
        split="one after the other in the text",
        source=corpus.source,
        hash=corpus.hash,
        rows=len(train) + len(held_out) + len(last),
        warnings=warnings,
    )


def _pieces(corpus: Corpus, validation: float, test: float) -> list[Corpus]:
    """The texts of the three parts."""
    count = len(corpus.text)
    first, second = round(count * (1 - validation - test)), round(count * (1 - test))
    texts = (corpus.text[:first], corpus.text[first:second], corpus.text[second:])
    names = (f"the {part} part of {corpus.source}" for part in ("training", "validation", "test"))
    return [Corpus(text, name, "") for text, name in zip(texts, names, strict=True)]


def _parts(inputs: TextInputs, pieces: list[Corpus], wanted: tuple[bool, ...]) -> list[Part]:
    """Each part's windows; none for a part that nobody wants."""
    parts: list[Part] = []
    for piece, want in zip(pieces, wanted, strict=True):
        nothing = np.zeros((0, inputs.length), np.int32)
        x, y = inputs.examples(piece) if want else (nothing, nothing)
        parts.append(Part(x, y, None, sum(map(len, parts)) + np.arange(len(x))))
    return parts
