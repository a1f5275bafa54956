"""Every entry of every table has a line that says what it is, and a reference."""

from __future__ import annotations

import pytest

from pullback.catalogue import TABLES, Entry, entries

ALL = [(table, entry) for table in TABLES for entry in entries(table)]


@pytest.mark.parametrize(("table", "entry"), ALL, ids=lambda v: v if isinstance(v, str) else v.name)
def test_an_entry_speaks_for_itself(table: str, entry: Entry) -> None:
    assert 3 < len(entry.summary) <= 160, entry.summary
    assert entry.summary.endswith(".")
    assert not set(entry.summary) & set("$\\"), "words first, then the formula"
    assert table == "operations" or entry.reference, f"References: in {entry.cls.__name__}"


def test_settings_are_those_of_the_constructor() -> None:
    found = {(table, entry.name): entry.settings for table, entry in ALL}
    assert found["activations", "leaky_relu"] == "slope=0.01"
    assert found["activations", "relu"] == ""
    assert found["layers", "Dropout"] == "p=0.5"
    assert not [key for key, settings in found.items() if "kwargs" in settings]
