"""Pullback against what PyTorch, JAX and Optax gave, which need not be installed."""

from __future__ import annotations

import tomllib
from pathlib import Path

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


@pytest.mark.parametrize("case", fixtures.cases_by_id(TABLES["optimizers"]))
def test_a_rounding_at_the_start_does_not_grow(case: str) -> None:
    """Else another processor's roundings would decide: a path that swings about its end, where
    gradients change their sign from step to step, compares nothing. Take a smaller rate."""
    inputs, frozen = fixtures.read("optimizers")[case]
    nudged = {**inputs, "start": inputs["start"] * (1 + 4e-16)}
    moved = case_of("optimizers", case).ours(nudged)["path"]
    assert deviation(moved, frozen["path"]) <= tolerance("optimizers") / 50


@pytest.mark.parametrize("table", TABLES)
def test_what_is_frozen_comes_from_the_version_that_is_asked_for(table: str) -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
    (torch,) = (p for p in project["project"]["optional-dependencies"]["peers"] if "torch" in p)
    assert fixtures.versions(table)["torch"].partition("+")[0] == torch.partition("==")[2]


@pytest.mark.parametrize("table", TABLES)
def test_every_comparison_is_frozen_and_nothing_else(table: str) -> None:
    """Where this fails, `make freeze`."""
    known = fixtures.cases_by_id(TABLES[table])
    assert set(fixtures.read(table)) == set(known)
    for case in known:
        stored, drawn = fixtures.read(table)[case][0], case_of(table, case).inputs
        assert {k: x.shape for k, x in stored.items()} == {k: x.shape for k, x in drawn.items()}
