"""Data: read, check, give each column a role, split, encode.

`prepare` does it all in one call for tables and images, `prepare_series` for a table in the order
of time, `prepare_text` for a text; `Encoder` does it again for new rows.
"""

from pullback.data.arrays import Arrays
from pullback.data.encoder import Encoder, Report
from pullback.data.folders import read_folder
from pullback.data.prepare import prepare
from pullback.data.prepare_series import prepare_series
from pullback.data.prepare_text import prepare_text
from pullback.data.prepared import Part, Prepared
from pullback.data.reading import read_table
from pullback.data.roles import ColumnRole, find_roles
from pullback.data.sequences import pad, windows
from pullback.data.splits import Split, split
from pullback.data.stream import Stream
from pullback.data.table import Column, Table
from pullback.data.targets import Target, find_target
from pullback.data.vocabulary import Vocabulary

__all__ = [
    "Arrays",
    "Column",
    "ColumnRole",
    "Encoder",
    "Part",
    "Prepared",
    "Report",
    "Split",
    "Stream",
    "Table",
    "Target",
    "Vocabulary",
    "find_roles",
    "find_target",
    "pad",
    "prepare",
    "prepare_series",
    "prepare_text",
    "read_folder",
    "read_table",
    "split",
    "windows",
]
