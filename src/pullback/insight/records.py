"""What one run of a step hands out, in memory that is used again once nobody holds the record.

Fresh memory is dear: the system clears each page when it is first written to, which takes longer
than to write it. A record of a step is as large as its network, and is needed again and again.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pullback.graph.dtypes import Array
from pullback.graph.node import Node

SPARE = 2  # one record is made while the one before is still looked at
_ALIGNMENT = 64


@dataclass(frozen=True, eq=False)
class Record:
    """The values of nodes, as views of one block of memory.

    Whoever hands one out hands out a copy: the memory is used again when the record is gone.
    """

    values: Mapping[Node, Array]


class Records:
    """Makes records of the same nodes.

    Args:
        nodes: Whose values a record holds.
    """

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._nodes = nodes
        self._offsets, self.nbytes = [], 0
        for node in nodes:
            self._offsets.append(self.nbytes)
            size = node.size * node.dtype.itemsize
            self.nbytes += -(-size // _ALIGNMENT) * _ALIGNMENT
        self._spare: list[dict[Node, Array]] = []

    def take(self) -> Record:
        """A record to be written to."""
        values = self._spare.pop() if self._spare else self._new()
        record = Record(values)
        weakref.finalize(record, _give_back, self._spare, values).atexit = False
        return record

    def _new(self) -> dict[Node, Array]:
        block = np.empty(self.nbytes, np.uint8)
        places = zip(self._nodes, self._offsets, strict=True)
        return {n: np.ndarray(n.shape, n.dtype, block.data, offset) for n, offset in places}


def _give_back(spare: list[dict[Node, Array]], values: dict[Node, Array]) -> None:
    if len(spare) < SPARE:
        spare.append(values)
