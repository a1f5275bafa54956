"""One network is trained by one call at a time: two would write over each other's weights."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from pullback.errors import ConfigError
from pullback.nn.module import Module
from pullback.nn.parameter import Value

_LOCK = threading.Lock()
_TRAINED: dict[int, tuple[Module | Value, threading.Thread]] = {}


@contextlib.contextmanager
def alone(network: Module) -> Iterator[None]:
    """Inside the block no other training may begin of this network, or of a part that it changes.

    Networks that share nothing are trained at once, and so are those that share frozen parts.

    Raises:
        ConfigError: It, or a part of it, is being trained.

    Example:
        >>> import pullback as pb
        >>> network = pb.nn.Linear(1, 1)
        >>> with alone(network):
        ...     pb.fit(network, ([[1.0]], [2.0]))
        Traceback (most recent call last):
            ...
        pullback.errors.ConfigError: a network is trained by one fit at a time
          received: a Linear of 2 parameters, which this thread is training already
          to do: Call fit again when the first has returned (not in a callback), or fit a copy of \
the network: copy.deepcopy(network).
    """
    changed = {id(part): (path, part) for path, part in _changed(network)}
    here = threading.current_thread()
    with _LOCK:
        busy = next((key for key in changed if key in _TRAINED), None)
        if busy is not None:
            raise _refused(network, changed[busy][0], _TRAINED[busy][1])
        _TRAINED.update({key: (part, here) for key, (_, part) in changed.items()})
    try:
        yield
    finally:
        with _LOCK:
            for key in changed:
                del _TRAINED[key]


def _changed(network: Module) -> Iterator[tuple[str, Module | Value]]:
    """What a training of a network changes, by path: itself, values, and the layers of values."""
    yield "", network
    for path, module in network.modules():
        free = {name: value for name, value in module._values().items() if not value.frozen}
        if path and (free or module._open):
            yield path, module
        yield from ((f"{path}.{name}" if path else name, value) for name, value in free.items())


def _refused(network: Module, path: str, by: threading.Thread) -> ConfigError:
    count = sum(p.size for p in network.parameters().values())
    which = f"{path!r} of which" if path else "which"
    mine = by is threading.current_thread()
    who = "this thread is training already" if mine else f"thread {by.name!r} is training"
    return ConfigError(
        "a network is trained by one fit at a time",
        f"a {type(network).__name__} of {count:,} parameters, {which} {who}",
        "Call fit again when the first has returned (not in a callback), or fit a copy of the "
        "network: copy.deepcopy(network).",
    )
