"""The pause of the collector: it nests, overlaps, and leaves what it found."""

from __future__ import annotations

import gc
import threading

import pytest

from pullback.graph.collecting import collector_paused


@pytest.fixture(autouse=True)
def _as_before():
    on = gc.isenabled()
    yield
    gc.enable() if on else gc.disable()


@pytest.mark.parametrize("on", [True, False])
def test_what_was_is_restored(on: bool) -> None:
    gc.enable() if on else gc.disable()
    with collector_paused():
        with collector_paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled() is on


def test_an_error_inside_restores_too() -> None:
    gc.enable()
    with pytest.raises(ValueError, match="inside"), collector_paused():
        raise ValueError("inside")
    assert gc.isenabled()


def test_the_last_of_overlapping_threads_restores() -> None:
    gc.enable()
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with collector_paused():
            inside.set()
            leave.wait()

    thread = threading.Thread(target=other)
    with collector_paused():
        thread.start()
        inside.wait()
    assert not gc.isenabled()  # the other thread still makes a graph
    leave.set()
    thread.join()
    assert gc.isenabled()
