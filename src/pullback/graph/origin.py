"""Who made a node: the module's path, the user's source line, the cotangent it serves."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pullback.graph.node import Node

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_COMMAND_LINE = os.path.join(_PACKAGE, "cli") + os.sep
# NumPy's own functions ask a tensor for its value: np.linalg.norm(tensor).
_NUMPY = os.path.dirname(os.path.abspath(np.__file__)) + os.sep
# What stands between a function and its decorator.
_DECORATING = (contextlib.__file__, functools.__file__)
_OF_A_RECORD = ("<string>", "__init__")  # what a data class makes for itself
_NOT_THE_USER = (_PACKAGE, _NUMPY, "<frozen", *_DECORATING)


@dataclass(frozen=True, slots=True)
class Source:
    """A line of the user's code."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{os.path.basename(self.file)}:{self.line}"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a node comes from.

    Attributes:
        path: The module's path (`0`, `2.attention`); empty outside any module.
        source: The user's line: where the layer was made, or where the operation was written.
        role: `forward`, `backward` or `update`.
        pullback_of: For a backward node, the forward node whose pullback it belongs to.
        cotangent_of: For a backward node that sums contributions, the node whose cotangent it is.
    """

    path: str = ""
    source: Source | None = None
    role: str = "forward"
    pullback_of: Node | None = None
    cotangent_of: Node | None = None

    def __str__(self) -> str:
        place = f"layer {self.path!r}" if self.path else "no layer"
        return f"{place}, {self.source}" if self.source else place


_SCOPE: ContextVar[Origin | None] = ContextVar("pullback_scope", default=None)


@contextlib.contextmanager
def scope(
    *,
    path: str | None = None,
    source: Source | None = None,
    role: str | None = None,
) -> Iterator[Origin]:
    """Nodes made inside the block carry this origin; what is None is taken from outside."""
    outer = _SCOPE.get() or Origin()
    inner = replace(
        outer,
        path=outer.path if path is None else path,
        source=source or outer.source,
        role=role or outer.role,
    )
    with entered(inner):
        yield inner


@contextlib.contextmanager
def entered(origin: Origin) -> Iterator[None]:
    """Nodes made inside the block carry `origin`."""
    token = _SCOPE.set(origin)
    try:
        yield
    finally:
        _SCOPE.reset(token)


def current_scope() -> Origin:
    """The origin that a node made now would carry."""
    return _SCOPE.get() or Origin()


def here() -> Origin:
    """The origin of a node made now: the scope's, else the nearest line outside the package."""
    known = _SCOPE.get()
    if known is None:
        return Origin(source=user_line())
    if known.source is None:
        return Origin(known.path, user_line(), known.role, known.pullback_of, known.cotangent_of)
    return known


def user_line() -> Source | None:
    """The innermost line on the stack of neither library nor NumPy; None on the command line."""
    frame = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        whose = _OWNERS.get(file) or _OWNERS.setdefault(file, _owner(file))
        if whose == "command line":
            return None
        if whose == "user" and (file, frame.f_code.co_name) != _OF_A_RECORD:
            return _source(file, frame.f_lineno, frame.f_code.co_name)
        frame = frame.f_back  # type: ignore[assignment]  # the loop ends on None
    return None


_OWNERS: dict[str, str] = {}  # by file: every node that is made asks for several


def _owner(file: str) -> str:
    """Who wrote a file: the user, a library, or the command line."""
    if file.startswith(_COMMAND_LINE):
        return "command line"
    return "library" if file.startswith(_NOT_THE_USER) else "user"


@functools.lru_cache(maxsize=1024)
def _source(file: str, line: int, function: str) -> Source:
    """One record for all nodes of a line."""
    return Source(file, line, function)
