"""All tables of comparisons, and how near each of them is held."""

from __future__ import annotations

from tests.peers.case import Case, Table
from tests.peers.cases_activations import ACTIVATIONS
from tests.peers.cases_elementwise import ELEMENTWISE
from tests.peers.cases_layers import LAYERS
from tests.peers.cases_losses import LOSSES
from tests.peers.cases_operations import OPERATIONS
from tests.peers.cases_optimizers import OPTIMIZERS
from tests.peers.cases_schedules import SCHEDULES
from tests.peers.cases_sequences import SEQUENCE_LAYERS
from tests.peers.cases_windows import WINDOW_LAYERS, WINDOW_OPERATIONS
from tests.peers.fixtures import cases_by_id

TABLES: dict[str, Table] = {
    "activations": ACTIVATIONS,
    "layers": {**LAYERS, **SEQUENCE_LAYERS, **WINDOW_LAYERS},
    "losses": LOSSES,
    "operations": {**ELEMENTWISE, **OPERATIONS, **WINDOW_OPERATIONS},
    "optimizers": OPTIMIZERS,
    "schedules": SCHEDULES,
}
TOLERANCE = {"optimizers": 1e-8}
"""Where it is not 1e-10."""

CASES: list[tuple[str, str]] = [
    (table, case) for table, cases in TABLES.items() for case in cases_by_id(cases)
]
"""Every table with each of its comparisons."""


def tolerance(table: str) -> float:
    return TOLERANCE.get(table, 1e-10)


def case_of(table: str, case: str) -> Case:
    name, number = cases_by_id(TABLES[table])[case]
    return TABLES[table][name][number]
