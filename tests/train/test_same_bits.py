"""Whole trainings natively: the same bits on any number of threads, again, and by strides."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.native.helpers import module
from tests.train.natives import NETWORKS, EveryStep, bits, fitted

pytestmark = pytest.mark.native


@pytest.fixture
def _threads() -> Iterator[None]:
    """The number of threads is put back."""
    module()
    yield
    module().set_threads(0)


@pytest.mark.usefixtures("_threads")
@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_bits_on_any_number_of_threads(name: str) -> None:
    found = []
    for threads in (1, 2, 3, 8, 16, 16):
        module().set_threads(threads)
        found.append(bits(fitted(name)))
    assert module().workers() >= 15, "no work was shared"
    assert all(one == found[0] for one in found)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_bits_step_by_step(name: str) -> None:
    module()
    assert bits(fitted(name, callbacks=[EveryStep()])) == bits(fitted(name))
