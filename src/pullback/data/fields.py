"""Members of a JSON object read with their types checked: anyone may have written the file."""

from __future__ import annotations

import json
import math
from typing import Any

from pullback.errors import FileFormatError

MOST = 1_000_000
"""The longest list that a stored encoder may hold."""


class Fields:
    """A JSON object whose members are asked for by name and type.

    Args:
        content: The parsed object.
        where: What the object is, for messages.

    Example:
        >>> Fields({"fill": 2}, "a column").number("fill")
        2.0
    """

    def __init__(self, content: object, where: str) -> None:
        self.where = where
        if not isinstance(content, dict):
            raise damaged(f"{where} must be an object", content)
        self.content: dict[str, Any] = content

    def get(self, name: str) -> Any:
        """A member of any type."""
        if name not in self.content:
            raise damaged(f"{self.where} must have the member {name!r}", list(self.content))
        return self.content[name]

    def number(self, name: str) -> float:
        """A finite number."""
        return self._finite(self.get(name), name)

    def positive(self, name: str) -> float:
        """A finite number above zero."""
        value = self.number(name)
        if value <= 0:
            raise damaged(f"{name!r} of {self.where} must be positive", value)
        return value

    def numbers(self, name: str) -> tuple[float, ...]:
        """A list of finite numbers."""
        return tuple(self._finite(value, name) for value in self.list(name))

    def text(self, name: str, choices: tuple[str, ...] = ()) -> str:
        """A text, perhaps one of a few."""
        value = self.get(name)
        if not isinstance(value, str) or (choices and value not in choices):
            wanted = f"one of {', '.join(choices)}" if choices else "text"
            raise damaged(f"{name!r} of {self.where} must be {wanted}", value)
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts."""
        values = self.list(name)
        if not all(isinstance(value, str) for value in values):
            raise damaged(f"{name!r} of {self.where} must be a list of texts", values)
        return tuple(values)

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self.get(name)
        if not isinstance(value, bool):
            raise damaged(f"{name!r} of {self.where} must be true or false", value)
        return value

    def list(self, name: str) -> list[Any]:
        """A list of anything, of bounded length."""
        value = self.get(name)
        if not isinstance(value, list) or len(value) > MOST:
            raise damaged(f"{name!r} of {self.where} must be a list", value)
        return value

    def _finite(self, value: object, name: str) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise damaged(f"{name!r} of {self.where} must be a number", value)
        if abs(value) > 1.7e308 or not math.isfinite(value):
            raise damaged(f"{name!r} of {self.where} must be finite", value)
        return float(value)


def parse(text: str | bytes, what: str) -> Any:
    """Parse JSON; every failure is a `FileFormatError`.

    Example:
        >>> parse("[1, 2]", "a list")
        [1, 2]
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError, TypeError) as error:
        raise damaged(f"{what} must be valid JSON", str(error)) from None


def damaged(must: str, received: object) -> FileFormatError:
    """The error for stored content that cannot be used."""
    shown = received if isinstance(received, str) else repr(received)
    return FileFormatError(must, shown[:200], "Restore the file, or train again.")
