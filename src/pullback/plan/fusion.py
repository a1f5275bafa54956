"""Which instructions run as one: elementwise operations become chains.

A chain goes once over the elements and keeps what lies between its operations in registers, so
only what others read is stored.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence

from pullback.plan.program import Instruction

# A chain's operations and what it reads must fit into the registers of the native executor.
MOST_REGISTERS = 32

Group = tuple[Instruction, ...]


def fused(
    instructions: Sequence[Instruction], fusible: Callable[[Instruction], bool]
) -> list[Group]:
    """Instructions in an order in which they can run, those of a chain together.

    The order is found from the end: an instruction can be placed when all that read its value
    are, and it joins the chain of a reader if their shapes agree. So no chain waits for itself.

    Args:
        instructions: What is to be run, in an order in which it can be.
        fusible: Whether an instruction may be part of a chain.
    """
    made_by = {i.output: n for n, i in enumerate(instructions)}
    needed = [_made(i, made_by) for i in instructions]
    readers = [0] * len(instructions)
    for found in needed:
        for n in found:
            readers[n] += 1
    ready = [-n for n, count in enumerate(readers) if not count]
    heapq.heapify(ready)
    groups: list[Group] = []
    while ready:
        chain = [-heapq.heappop(ready)]
        grows = fusible(instructions[chain[0]])
        at = 0
        while at < len(chain):
            for n in needed[chain[at]]:
                readers[n] -= 1
                if readers[n]:
                    continue
                joins = grows and _joins(n, chain, instructions, fusible)
                chain.append(n) if joins else heapq.heappush(ready, -n)
            at += 1
        groups.append(tuple(instructions[n] for n in sorted(chain)))
    return groups[::-1]


def _made(instruction: Instruction, made_by: dict[int, int]) -> list[int]:
    """The instructions whose values one reads, each once, the latest first."""
    found = {made_by[x] for x in instruction.inputs if x in made_by}
    return sorted(found, reverse=True)


def _joins(
    n: int,
    chain: Sequence[int],
    instructions: Sequence[Instruction],
    fusible: Callable[[Instruction], bool],
) -> bool:
    """Whether an instruction, all of whose readers are placed, becomes part of the chain."""
    one = instructions[n]
    if one.shape != instructions[chain[0]].shape or not fusible(one):
        return False
    members = [*(instructions[m] for m in chain), one]
    made = {m.output for m in members}
    read = {x for m in members for x in m.inputs} - made
    return len(made) + len(read) <= MOST_REGISTERS
