"""Data: read, check, give each column a role, split, encode.

`prepare` does it all in one call; `Encoder` does it again for new rows.
"""

from pullback.data.arrays import Arrays
from pullback.data.encoder import Encoder, Report
from pullback.data.prepare import prepare
from pullback.data.prepared import Part, Prepared
from pullback.data.reading import read_table
from pullback.data.roles import ColumnRole, find_roles
from pullback.data.splits import Split, split
from pullback.data.table import Column, Table
from pullback.data.targets import Target, find_target

__all__ = [
    "Arrays",
    "Column",
    "ColumnRole",
    "Encoder",
    "Part",
    "Prepared",
    "Report",
    "Split",
    "Table",
    "Target",
    "find_roles",
    "find_target",
    "prepare",
    "read_table",
    "split",
]
