"""Pullback against what PyTorch, JAX and Optax gave, which need not be installed."""

from __future__ import annotations

import pytest

from tests.peers import fixtures
from tests.peers.case import deviation
from tests.peers.tables import CASES, TABLES, case_of, tolerance


@pytest.mark.parametrize(("table", "case"), CASES)
def test_values_and_gradients(table: str, case: str) -> None:
    inputs, wanted = fixtures.read(table)[case]
    found = case_of(table, case).ours(inputs)
    assert set(found) == set(wanted)
    apart = {part: deviation(found[part], wanted[part]) for part in wanted}
    assert {p: d for p, d in apart.items() if not d <= tolerance(table)} == {}


@pytest.mark.parametrize("table", TABLES)
def test_every_comparison_is_frozen_and_nothing_else(table: str) -> None:
    """Where this fails, `make freeze`."""
    known = fixtures.cases_by_id(TABLES[table])
    assert set(fixtures.read(table)) == set(known)
    for case in known:
        stored, drawn = fixtures.read(table)[case][0], case_of(table, case).inputs
        assert {k: x.shape for k, x in stored.items()} == {k: x.shape for k, x in drawn.items()}
