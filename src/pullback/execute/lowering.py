"""How instructions become tasks of the native module.

An elementwise operation is a row of the module's own table. Any other operation that runs
natively has a rule in `kernels`. What has neither is computed by its NumPy meaning, on views of
the arena.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from pullback.errors import ConfigError
from pullback.execute import kernels
from pullback.execute.native import module
from pullback.graph.dtypes import Dtype
from pullback.plan.layout import Layout
from pullback.plan.program import Instruction

DTYPES = {np.dtype(name): n for n, name in enumerate(("float32", "float64", "int64", "bool"))}
"""The module's numbers of the dtypes."""

Row = tuple[str, int, int, list[float]]
"""An elementwise operation for the module: name, dtypes read and made, attributes."""

MOST_AXES = 12
"""How many axes an array of the module has at most."""

MOST_LOOPS = 4
"""How many loops hold each other at most."""

MOST_THREADS = 256


@functools.cache
def instruction_set() -> str:
    """The instruction set that kernels are chosen from: the best there is, or PULLBACK_ISA.

    Raises:
        ConfigError: PULLBACK_ISA names one that this processor lacks.
    """
    found: list[str] = _native().instruction_sets()
    wanted = os.environ.get("PULLBACK_ISA") or found[0]
    if wanted not in found:
        raise ConfigError(
            "PULLBACK_ISA must name an instruction set of this processor: " + ", ".join(found),
            repr(wanted),
            "Unset it to have the best one.",
        )
    return wanted


@functools.cache
def threads() -> int:
    """How many threads a program uses: PULLBACK_THREADS, else one for each core it may use.

    No number changes by it: work is cut up by shape alone.

    Raises:
        ConfigError: PULLBACK_THREADS is no whole number of at least 1.
    """
    wanted = os.environ.get("PULLBACK_THREADS")
    if wanted:
        if not (wanted.isascii() and wanted.isdigit() and 1 <= int(wanted) <= MOST_THREADS):
            raise ConfigError(
                f"PULLBACK_THREADS must be a whole number from 1 to {MOST_THREADS}",
                repr(wanted),
                "Unset it to have one thread for each core.",
            )
        _native().set_threads(int(wanted))
    return int(_native().threads())


def _native() -> Any:
    loaded = module()
    if loaded is None:
        raise ConfigError(
            "the native executor needs the native module, which is not installed",
            "executor='native'",
            "Install a C++20 compiler and pullback again, or use executor='numpy'.",
        )
    return loaded


@functools.cache
def _elementwise() -> frozenset[tuple[str, int, int]]:
    rows = _native().elementwise(instruction_set())
    return frozenset((name, given, made) for name, given, made, _ in rows)


@functools.cache
def _kernels() -> frozenset[str]:
    return frozenset(_native().kernels(instruction_set()))


@functools.cache
def _finishing() -> frozenset[str]:
    return frozenset(_native().finishing(instruction_set()))


def finishes(kernel: kernels.Kernel) -> bool:
    """Whether a chain can run on parts of what a kernel computes, as soon as they are there."""
    return kernel.name in _finishing()


def new_program(arena: Any, state: Any) -> Any:
    """An empty program of the native module over two blocks of bytes."""
    threads()  # chosen before the first program is made
    return _native().Program(instruction_set(), arena, state)


def elementwise_row(instruction: Instruction, dtypes: Sequence[Dtype]) -> Row | None:
    """Name, dtypes and attributes of an elementwise operation; None if it is none, or unknown.

    Args:
        instruction: The operation.
        dtypes: Those of its inputs.
    """
    op = instruction.op
    if op.family != "ELEMENTWISE":
        return None
    given = dtypes[1] if op.name == "where" else dtypes[0]
    if {given, instruction.dtype} - set(DTYPES) or len(instruction.shape) > MOST_AXES:
        return None
    if len({*dtypes[1:]} if op.name == "where" else {*dtypes}) > 1:
        return None
    row = op.name, DTYPES[given], DTYPES[instruction.dtype]
    if row not in _elementwise():
        return None
    numbers = [] if op.name == "cast" else [float(v) for v in op.attributes().values()]
    return *row, numbers


def holds(layout: Layout) -> bool:
    """Whether an array is one that the module can be given."""
    return layout.dtype in DTYPES and len(layout.shape) <= MOST_AXES


def kernel(
    instruction: Instruction, inputs: Sequence[Layout], output: Layout
) -> kernels.Kernel | None:
    """The kernel that computes an instruction, if there is one.

    Args:
        instruction: The operation.
        inputs: Where its inputs lie.
        output: Where its value lies.
    """
    rule = kernels.RULES.get(instruction.op.name)
    if rule is None or not all(map(holds, (*inputs, output))):
        return None
    found = rule(instruction.op, inputs, output)
    return found if found is not None and found.name in _kernels() else None
