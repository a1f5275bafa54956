"""Computes by PyTorch, JAX and Optax what the tests hold Pullback against: `make freeze`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import version

from tests.peers import fixtures
from tests.peers.case import deviation
from tests.peers.tables import TABLES, case_of


def freeze(table: str) -> str:
    """Write the file of a table; a line about it."""
    records, largest = {}, (0.0, "")
    for case in fixtures.cases_by_id(TABLES[table]):
        comparison = case_of(table, case)
        try:
            wanted = comparison.theirs(comparison.inputs)
            found = comparison.ours(comparison.inputs)
        except Exception as error:
            error.add_note(f"in the comparison {case} of {table}")
            raise
        records[case] = comparison.inputs, wanted
        for part in wanted:
            apart = deviation(found[part], wanted[part])
            largest = max(largest, (apart, f"{case} {part}"))
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "jax", "optax"))
    path = fixtures.write(table, records, versions)
    return (
        f"{table}: {len(records)} comparisons in {path.stat().st_size / 1e3:.0f} kB, "
        f"largest deviation {largest[0]:.1e} ({largest[1]})"
    )


def main(tables: Sequence[str]) -> None:
    for table in tables or TABLES:
        print(freeze(table))


if __name__ == "__main__":
    main(sys.argv[1:])
