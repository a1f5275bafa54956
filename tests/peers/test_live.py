"""What is frozen is what the installed PyTorch, JAX and Optax give."""

from __future__ import annotations

import pytest

from tests.peers import fixtures
from tests.peers.case import deviation
from tests.peers.tables import CASES, case_of

pytestmark = pytest.mark.peers
NEAR = {"optimizers": 1e-9}
"""Where it is not 1e-12: of a hundred steps, each may be rounded in another way elsewhere."""


@pytest.mark.parametrize(("table", "case"), CASES)
def test_the_peer_still_gives_it(table: str, case: str) -> None:
    inputs, frozen = fixtures.read(table)[case]
    found = case_of(table, case).theirs(inputs)
    assert set(found) == set(frozen)
    apart = {part: deviation(found[part], frozen[part]) for part in frozen}
    assert {p: d for p, d in apart.items() if not d <= NEAR.get(table, 1e-12)} == {}
