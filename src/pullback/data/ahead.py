"""What is loaded in a thread of its own while what came before is used."""

from __future__ import annotations

import contextvars
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")
THREAD = "pullback-ahead"
_END: Any = object()


def loaded_ahead(items: Iterable[T], count: int) -> Iterator[T]:
    """`items` in their order, up to so many made before they are asked for.

    All are made in one thread, one after the other; what goes wrong there is raised here, in the
    item's place. An iterator that is closed early takes no more of them.

    Args:
        items: Made one by one, lazily: a generator.
        count: How many are made ahead; 0 makes each when it is asked for, in the caller's thread.

    Example:
        >>> list(loaded_ahead((n * n for n in range(4)), 2))
        [0, 1, 4, 9]
    """
    if not count:
        yield from items
        return
    coming, context = iter(items), contextvars.copy_context()
    thread = ThreadPoolExecutor(1, THREAD)
    waiting: deque[Future[T]] = deque()

    def make() -> T:
        return context.run(lambda: next(coming, _END))

    try:
        for _ in range(count):
            waiting.append(thread.submit(make))
        while (item := waiting.popleft().result()) is not _END:
            waiting.append(thread.submit(make))
            yield item
    finally:
        thread.shutdown(wait=False, cancel_futures=True)
