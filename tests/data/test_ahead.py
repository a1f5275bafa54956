"""What is loaded ahead: how much, in which thread, what goes wrong there, and how it ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

import pullback as pb
from pullback.data.ahead import THREAD, loaded_ahead
from pullback.errors import ConfigError

PATIENCE = 10.0


def soon(holds: Callable[[], bool]) -> bool:
    """Whether something holds within some seconds."""
    end = time.monotonic() + PATIENCE
    while not holds() and time.monotonic() < end:
        time.sleep(0.001)
    return holds()


def threads() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name.startswith(THREAD)]


class Noted:
    """Makes numbers, and keeps which it made and where."""

    def __init__(self, count: int, wrong: int | None = None) -> None:
        self.count, self.wrong = count, wrong
        self.made: list[int] = []
        self.where: set[threading.Thread] = set()

    def __iter__(self) -> Iterator[int]:
        for n in range(self.count):
            self.where.add(threading.current_thread())
            if n == self.wrong:
                raise OSError(f"chunk {n} is gone")
            self.made.append(n)
            yield n


@pytest.mark.parametrize("count", [1, 2, 5])
def test_so_many_are_made_ahead_and_no_more(count: int) -> None:
    noted = Noted(8)
    items = loaded_ahead(noted, count)
    for n in range(8):
        assert next(items) == n
        assert soon(lambda n=n: len(noted.made) == min(8, n + 1 + count))
        time.sleep(0.005)
        assert len(noted.made) == min(8, n + 1 + count)
    assert list(items) == []
    assert threading.current_thread() not in noted.where
    assert len(noted.where) == 1


def test_none_ahead_makes_each_when_it_is_asked_for() -> None:
    noted = Noted(3)
    items = loaded_ahead(noted, 0)
    assert (next(items), noted.made) == (0, [0])
    assert noted.where == {threading.current_thread()}


def test_what_goes_wrong_is_raised_in_its_place() -> None:
    items = loaded_ahead(Noted(5, wrong=2), 2)
    assert [next(items), next(items)] == [0, 1]
    with pytest.raises(OSError, match="chunk 2 is gone"):
        next(items)
    assert soon(lambda: not threads())


@pytest.mark.parametrize("taken", [1, 5])
def test_the_thread_ends_with_the_iterator(taken: int) -> None:
    noted = Noted(5)
    items = loaded_ahead(noted, 1)
    for _ in range(taken):
        next(items)
    items.close()
    assert soon(lambda: not threads())
    assert len(noted.made) <= taken + 1


def test_an_iterator_is_not_loaded_ahead() -> None:
    noted = Noted(3)
    stream = pb.data.Stream(iter(noted), prefetch=2)
    passed = stream.passed()
    assert next(passed) == (0, 0)
    assert noted.made == [0]


@pytest.mark.parametrize("prefetch", [-1, True, 1.5, "one"])
def test_bad_numbers(prefetch: object) -> None:
    with pytest.raises(ConfigError, match="loads a number of chunks ahead"):
        pb.data.Stream([], prefetch=prefetch)  # type: ignore[arg-type]
