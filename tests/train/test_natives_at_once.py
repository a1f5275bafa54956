"""Native trainings beside each other: in two threads, and in the child of a fork."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from tests.native.helpers import module
from tests.train.natives import NETWORKS, bits, fitted

pytestmark = pytest.mark.native

CHILD = """
import os, sys
sys.path.insert(0, os.getcwd())
from pullback.execute import native
from tests.train.natives import bits, fitted
native.module().set_threads(3)
before = bits(fitted("convolution"))
child = os.fork()
if not child:
    os._exit(0 if bits(fitted("convolution")) == before else 1)
status = os.waitpid(child, 0)[1]
sys.exit(0 if status == 0 and bits(fitted("convolution")) == before else 1)
"""


def test_two_threads_train_at_once() -> None:
    """Each has the bits that it has alone."""
    module()
    alone = {name: bits(fitted(name)) for name in NETWORKS}
    found: dict[str, list[dict[str, bytes]]] = {"there": [], "back": []}

    def train(where: str, names: list[str]) -> None:
        found[where] += [bits(fitted(name)) for name in names]

    order = {"there": list(NETWORKS), "back": [*reversed(NETWORKS)]}
    threads = [threading.Thread(target=train, args=one) for one in order.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for where, names in order.items():
        assert found[where] == [alone[name] for name in names]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_the_child_of_a_fork_trains_and_so_does_its_parent() -> None:
    module()
    command = [sys.executable, "-W", "ignore", "-c", CHILD]
    assert subprocess.run(command, timeout=100, check=False).returncode == 0
