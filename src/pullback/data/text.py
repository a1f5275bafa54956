"""A text as data: windows of tokens, and for each token the one that follows it."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pullback.data.fields import Fields, damaged
from pullback.data.file_bytes import plain_bytes
from pullback.data.vocabulary import Vocabulary
from pullback.errors import DataError

IGNORED = -1
ENDINGS = (".txt", ".text", ".md", ".gz")
MOST_LENGTH = 100_000


@dataclasses.dataclass(frozen=True)
class Corpus:
    """A text that was read.

    Args:
        text: All of it.
        source: Where it came from, for messages.
        hash: SHA-256 of the file's bytes, or of the text.
    """

    text: str
    source: str
    hash: str

    @property
    def rows(self) -> int:
        """The number of characters."""
        return len(self.text)


def read_corpus(source: Any, encoding: str = "utf-8") -> Corpus:
    """A text from a file (`.txt`, which may be gzipped), or the text itself.

    Line ends become those of Unix, and a mark of the byte order is left out.

    Raises:
        DataError: The file is missing or cannot be decoded, or there is no text.

    Example:
        >>> read_corpus("In the beginning").rows
        16
    """
    if isinstance(source, Corpus):
        return source
    if isinstance(source, os.PathLike) or (isinstance(source, str) and _names_a_file(source)):
        path = Path(source)
        data = plain_bytes(path)
        name, digest = path.name, hashlib.sha256(data).hexdigest()
        text = _decoded(data, name, encoding)
    elif isinstance(source, str):
        text, name = source, "a text"
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    else:
        raise DataError(
            "a text must be a str, or the path of a file",
            type(source).__name__,
            "Join the parts: ''.join(parts).",
        )
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if not text:
        raise DataError(f"{name} must hold text", "nothing", "Check the file.")
    return Corpus(text, name, digest)


def _names_a_file(text: str) -> bool:
    """Whether a text is the name of a file: it is there, or ends as the names of texts do."""
    short = len(text) < 1000 and "\n" not in text
    return short and (os.path.isfile(text) or (" " not in text and text.endswith(ENDINGS)))


def _decoded(data: bytes, name: str, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except (UnicodeDecodeError, LookupError) as error:
        raise DataError(
            f"{name} must be text in the encoding {encoding}",
            str(error)[:200],
            "Name its encoding, such as encoding='latin-1', or --encoding latin-1.",
        ) from None


@dataclasses.dataclass(frozen=True, eq=False)
class TextInputs:
    """Windows of tokens, side by side; the last one is filled up.

    Args:
        vocabulary: The tokens and their numbers.
        length: Tokens in a window.
    """

    vocabulary: Vocabulary
    length: int

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one row: (length,)."""
        return (self.length,)

    @property
    def feature_names(self) -> list[str]:
        """`token 1` and so on."""
        return [f"token {i + 1}" for i in range(self.length)]

    @property
    def feature_columns(self) -> list[str]:
        """Every feature comes from the text."""
        return ["text"] * self.length

    def encode(self, source: Corpus) -> NDArray[np.int32]:
        """The tokens of a text.

        Shape:
            Returns: (windows, length)
        """
        return self._windows(self.vocabulary.encode(source.text), 0)

    def examples(self, source: Corpus) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Windows of tokens, and the token that follows each; places without one hold -1.

        Shape:
            x, y: (windows, length)

        Raises:
            DataError: The text has fewer than two tokens.
        """
        tokens = self.vocabulary.encode(source.text)
        if len(tokens) < 2:
            raise DataError(
                f"{source.source} must have two tokens or more", str(len(tokens)), "Use more text."
            )
        return self._windows(tokens[:-1], 0), self._windows(tokens[1:], IGNORED)

    def _windows(self, tokens: NDArray[np.int32], fill: int) -> NDArray[np.int32]:
        rows = -(-len(tokens) // self.length)
        filled = np.full(rows * self.length, fill, np.int32)
        filled[: len(tokens)] = tokens
        return filled.reshape(rows, self.length)

    def count(self, source: Corpus) -> tuple[dict[str, int], dict[str, int]]:
        """How many tokens training did not know."""
        strange = self.vocabulary.count_unknown(source.text)
        return ({"text": strange} if strange else {}), {}

    def content(self) -> dict[str, Any]:
        """Plain data from which `read` makes the inputs again."""
        return {"kind": "text", "length": self.length, "vocabulary": self.vocabulary.content()}

    @classmethod
    def read(cls, fields: Fields) -> TextInputs:
        """The inputs stored as `fields`."""
        length = fields.get("length")
        whole = isinstance(length, int) and not isinstance(length, bool)
        if not whole or not 1 <= length <= MOST_LENGTH:
            raise damaged("a stored window must have a length", length)
        stored = Fields(fields.get("vocabulary"), "a stored vocabulary")
        return cls(Vocabulary.read(stored), length)
