"""Every error of the library: what must hold, what was received, what to do.

All errors derive from `PullbackError` and from the built-in exception that a Python
programmer would expect (`ValueError`, `TypeError`, ...), so both ways of catching work.
The command line prints the message without a traceback and exits with status 2.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any

LONGEST = 2000
"""The most characters of each part of a message."""


class PullbackError(Exception):
    """The base of every error that the library raises on purpose.

    Args:
        must: What must hold, as a sentence without its full stop.
        received: What was received instead, with its shape, place or line.
        do: What to do about it, as an imperative sentence.

    Example:
        >>> print(PullbackError("a rate must be positive", "-1.0", "Use 1e-3 or so."))
        a rate must be positive
          received: -1.0
          to do: Use 1e-3 or so.
    """

    def __init__(self, must: str, received: str = "", do: str = "") -> None:
        self.must = _shortened(must)
        self.received = _shortened(received)
        self.do = _shortened(do)
        super().__init__(self.must, self.received, self.do)

    def found_at(self, place: str) -> None:
        """Add to what was received where that was: a layer, a line."""
        self.received = _shortened(f"{self.received} ({place})")
        self.args = (self.must, self.received, self.do)

    def __str__(self) -> str:
        lines = [self.must]
        if self.received:
            lines.append(f"  received: {self.received}")
        if self.do:
            lines.append(f"  to do: {self.do}")
        return "\n".join(lines)


class NumpyOnlyWarning(UserWarning):
    """There is no native module, so everything runs on NumPy: rightly, but slower."""


def _shortened(text: str) -> str:
    """The text without its middle where it is very long: a cell may hold a whole book."""
    text = str(text)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 200]} ... {text[-195:]}"


class ConfigError(PullbackError, ValueError):
    """A setting (a rate, a size, a flag, a line of a TOML file) that cannot be used."""


class DataError(PullbackError, ValueError):
    """Data that cannot be read, checked, encoded or split."""


class ShapeError(PullbackError, ValueError):
    """Shapes that do not fit together."""


class OutOfMemoryError(ShapeError, MemoryError):
    """The values of a program do not fit into this machine's memory together."""


class DtypeError(PullbackError, TypeError):
    """A dtype that an operation does not take."""


class LabelError(PullbackError, IndexError):
    """A class index outside the range of classes."""


class UnknownNameError(PullbackError, LookupError):
    """A name that is not in its table; the nearest one is suggested."""


class TraceError(PullbackError, RuntimeError):
    """A value was asked for while it is not yet known (a traced placeholder)."""


class DifferentiationError(PullbackError, ValueError):
    """A derivative was asked for where none exists."""


class NonFiniteError(PullbackError, ArithmeticError):
    """NaN or inf arose; the message names the operation, the layer and the reason.

    Attributes:
        origin: The same as a record, a `pullback.execute.NonFiniteOrigin`; None if it is unknown.
    """

    origin: Any = None


class FileFormatError(PullbackError, OSError):
    """A file of ours (network, checkpoint, run) that is missing, damaged or too new."""


class StorageError(PullbackError, OSError):
    """A file could not be written (a full disk, no permission)."""


def nearest(name: str, choices: Iterable[str]) -> str | None:
    """The choice nearest to `name` in spelling, if any is near.

    Example:
        >>> nearest("rleu", ["relu", "tanh"])
        'relu'
    """
    table = {choice.casefold(): choice for choice in choices}
    found = difflib.get_close_matches(name.casefold(), table, n=1, cutoff=0.62)
    return table[found[0]] if found else None


def unknown(kind: str, name: object, choices: Iterable[str]) -> UnknownNameError:
    """The error for a `name` that is not among the `choices` of its `kind`.

    Example:
        >>> print(unknown("activation", "rleu", ["relu", "tanh"]))
        unknown activation 'rleu'
          received: 'rleu', where the activations are relu, tanh
          to do: Did you mean 'relu'?
    """
    listed = list(choices)
    shown = ", ".join(listed[:30]) + (", ..." if len(listed) > 30 else "")
    guess = nearest(str(name), listed)
    noun = re.split(" of | in ", kind, maxsplit=1)[0]
    rest = kind[len(noun) :]
    ies = noun.endswith("y") and noun[-2:-1] not in "aeiou"
    plural = noun[:-1] + "ies" if ies else noun + ("es" if noun[-1:] == "s" else "s")
    plural += rest
    return UnknownNameError(
        f"unknown {kind} {name!r}",
        f"{name!r}, where the {plural} are {shown}",
        f"Did you mean {guess!r}?" if guess else "Choose one of those listed.",
    )
