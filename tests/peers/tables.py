"""All tables of comparisons, and how near each of them is held."""

from __future__ import annotations

from tests.peers.case import Case, Table
from tests.peers.cases_activations import ACTIVATIONS
from tests.peers.cases_elementwise import ELEMENTWISE
from tests.peers.cases_forms import FORMS
from tests.peers.cases_initialisers import INITIALISERS
from tests.peers.cases_layers import LAYERS
from tests.peers.cases_losses import LOSSES
from tests.peers.cases_operations import OPERATIONS
from tests.peers.cases_optimizers import OPTIMIZERS
from tests.peers.cases_reductions import REDUCTIONS
from tests.peers.cases_schedules import SCHEDULES
from tests.peers.cases_second import SECOND
from tests.peers.cases_sequences import SEQUENCE_LAYERS
from tests.peers.cases_windows import WINDOW_LAYERS, WINDOW_OPERATIONS
from tests.peers.fixtures import cases_by_id


def merged(*tables: Table) -> Table:
    """Several tables in one; what two of them compare is compared in both ways."""
    found: Table = {}
    for table in tables:
        for name, cases in table.items():
            found[name] = [*found.get(name, ()), *cases]
    return found


TABLES: dict[str, Table] = {
    "activations": ACTIVATIONS,
    "initialisers": INITIALISERS,
    "layers": merged(LAYERS, SEQUENCE_LAYERS, WINDOW_LAYERS),
    "losses": merged(LOSSES, REDUCTIONS),
    "operations": merged(ELEMENTWISE, OPERATIONS, WINDOW_OPERATIONS, FORMS, SECOND),
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
