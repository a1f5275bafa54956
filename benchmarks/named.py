"""Measurements with names of their own that are made on the same terms as the table of steps.

Each module has `run(terms, pythons)`, which measures and prints, and `lines`, which makes text of
what `run` gave.
"""

from __future__ import annotations

from types import ModuleType

from benchmarks import contention, doubles, probes, race, sequences

NAMED: dict[str, ModuleType] = {
    "sequences": sequences,
    "doubles": doubles,
    "contention": contention,
    "race": race,
    "probes": probes,
}
