"""Text as numbers: which characters or words there are, and the number of each."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pullback.data.fields import Fields, damaged
from pullback.errors import ConfigError, DataError, unknown

Unit = Literal["character", "word"]
UNITS: tuple[Unit, ...] = get_args(Unit)
UNKNOWN, PADDING = "<unknown>", "<padding>"
WORD = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")
LARGEST_CODE = 0x110000


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """The tokens of a text (characters or words), each with a number.

    A text with a token that is not among them is refused, unless `<unknown>` is a token: then it
    stands for all others. Where `<padding>` is a token, its number is 0.

    Args:
        tokens: Every token; its place is its number.
        unit: "character" or "word". Words are runs of letters and digits, and each punctuation
            mark for itself; case is kept.

    Raises:
        ConfigError: No tokens, one twice, or no such unit.

    Example:
        >>> vocabulary = Vocabulary.fit("abba")
        >>> vocabulary.encode("baa").tolist(), vocabulary.decode([0, 1])
        ([1, 0, 0], 'ab')
    """

    tokens: tuple[str, ...]
    unit: Unit = "character"

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise unknown("unit of a text", self.unit, UNITS)
        if not self.tokens or len(set(self.tokens)) < len(self.tokens):
            twice = [t for t, count in Counter(self.tokens).items() if count > 1]
            raise ConfigError(
                "a vocabulary has tokens, each once",
                f"{twice[0]!r} twice" if twice else "none",
                "Build it with Vocabulary.fit(text).",
            )
        place = {token: number for number, token in enumerate(self.tokens)}
        object.__setattr__(self, "_place", place)
        if self.unit == "character":
            object.__setattr__(self, "_codes", _codes_of(self.tokens, place.get(UNKNOWN, -1)))

    def __len__(self) -> int:
        return len(self.tokens)

    @classmethod
    def fit(
        cls,
        texts: str | Iterable[str],
        unit: Unit = "character",
        *,
        size: int | None = None,
        least: int = 1,
        unknown: bool | None = None,
        padding: bool = False,
    ) -> Vocabulary:
        """The vocabulary of training texts.

        Args:
            texts: One text, or several.
            unit: "character" or "word".
            size: How many tokens are kept at most, the most frequent ones; None keeps all.
            least: How often a token must occur to be kept.
            unknown: Whether `<unknown>` stands for all other tokens; by default where some of
                the texts' own were left out.
            padding: Whether `<padding>` is a token, as number 0.

        Raises:
            ConfigError: A setting out of range.
            DataError: The texts hold no token.

        Example:
            >>> Vocabulary.fit("to be or not to be", "word", size=2, unknown=True).tokens
            ('be', 'to', '<unknown>')
        """
        for name, value in (("least", least), ("size", 1 if size is None else size)):
            if not isinstance(value, int) or value < 1:
                raise ConfigError(f"{name} must be 1 or more", repr(value), "Leave it out.")
        counts: Counter[str] = Counter()
        for text in [texts] if isinstance(texts, str) else texts:
            counts.update(_checked(text) if unit == "character" else WORD.findall(_checked(text)))
        often = [token for token, count in counts.items() if count >= least]
        kept = sorted(sorted(often), key=lambda token: -counts[token])[:size]
        if not kept:
            raise DataError(
                f"the texts must hold {unit}s", f"{len(counts)} {unit}s, none kept", "Check them."
            )
        others = len(kept) < len(counts) if unknown is None else unknown
        tokens = sorted(kept) if unit == "character" else kept
        return cls((*([PADDING] if padding else []), *tokens, *([UNKNOWN] if others else [])), unit)

    def encode(self, text: str) -> NDArray[np.int32]:
        """The numbers of a text's tokens.

        Raises:
            DataError: A token is not in the vocabulary, which has no `<unknown>`.
        """
        if self.unit == "character":
            codes: NDArray[np.int32] = self._codes  # type: ignore[attr-defined]  # __post_init__
            found = codes[np.frombuffer(_checked(text).encode("utf-32-le", "replace"), np.uint32)]
            pieces: Sequence[str] = text
        else:
            place: dict[str, int] = self._place  # type: ignore[attr-defined]  # __post_init__
            pieces = WORD.findall(_checked(text))
            other = place.get(UNKNOWN, -1)
            found = np.array([place.get(piece, other) for piece in pieces], np.int32)
        strange = np.flatnonzero(found < 0)
        if len(strange):
            at = int(strange[0])
            raise DataError(
                f"every {self.unit} of a text must be in the vocabulary of {len(self)}",
                f"{pieces[at]!r} as {self.unit} {at + 1}, and {len(strange) - 1} more",
                "Leave it out of the text, or fit the vocabulary with unknown=True.",
            )
        return found

    def decode(self, numbers: Iterable[int]) -> str:
        """The text of some numbers; padding is left out.

        Raises:
            DataError: A number is no token's.
        """
        pieces = []
        for number in np.asarray(list(numbers)).reshape(-1).tolist():
            if not isinstance(number, int) or not 0 <= number < len(self):
                raise DataError(
                    f"a token's number is from 0 to {len(self) - 1}", repr(number), "Check it."
                )
            if self.tokens[number] != PADDING:
                pieces.append(self.tokens[number])
        return ("" if self.unit == "character" else " ").join(pieces)

    def count_unknown(self, text: str) -> int:
        """How many tokens of a text are not in the vocabulary."""
        place: dict[str, int] = self._place  # type: ignore[attr-defined]  # __post_init__
        if self.unit == "character":
            return sum(n for token, n in Counter(text).items() if token not in place)
        return sum(piece not in place for piece in WORD.findall(text))

    def content(self) -> dict[str, Any]:
        """Plain data from which `read` makes the vocabulary again."""
        return {"tokens": list(self.tokens), "unit": self.unit}

    @classmethod
    def read(cls, fields: Fields) -> Vocabulary:
        """The vocabulary stored as `fields`."""
        tokens, unit = fields.texts("tokens"), fields.text("unit", UNITS)
        long = [t for t in tokens if unit == "character" and len(t) != 1]
        if not tokens or len(set(tokens)) < len(tokens) or not set(long) <= {UNKNOWN, PADDING}:
            raise damaged("a stored vocabulary must have tokens, each once", list(tokens)[:10])
        return cls(tokens, "character" if unit == "character" else "word")


def _codes_of(tokens: tuple[str, ...], other: int) -> NDArray[np.int32]:
    """The number of each code point."""
    codes = np.full(LARGEST_CODE, other, np.int32)
    for number, token in enumerate(tokens):
        if len(token) == 1:
            codes[ord(token)] = number
    return codes


def _checked(text: Any) -> str:
    if not isinstance(text, str):
        raise DataError("a text must be a str", type(text).__name__, "Decode bytes first.")
    return text
