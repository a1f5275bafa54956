"""All tables of the metrics' definitions and samples, as the tests take them."""

from __future__ import annotations

from tests.metrics import definitions, definitions_labels

DEFINITIONS = definitions.DEFINITIONS | definitions_labels.DEFINITIONS
EXPECTED = definitions.EXPECTED | definitions_labels.EXPECTED
