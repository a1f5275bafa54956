"""All tables of the metrics' definitions and samples, as the tests take them."""

from __future__ import annotations

from tests.metrics import definitions, definitions_labels, definitions_more

ALL = (definitions, definitions_labels, definitions_more)
DEFINITIONS = {name: value for table in ALL for name, value in table.DEFINITIONS.items()}
EXPECTED = {name: value for table in ALL for name, value in table.EXPECTED.items()}
