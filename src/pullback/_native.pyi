"""What native/bindings.cpp exports."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

_Place: TypeAlias = tuple[int, int, int, Sequence[int], Sequence[int], Sequence[int]]
"""Block (0: the arena, 1: the state), offset in bytes, dtype, shape, strides, moves in loops."""
_Registers: TypeAlias = Sequence[tuple[int, _Place]]
"""Registers with what they are loaded from, or stored to."""
_Steps: TypeAlias = Sequence[tuple[str, int, int, int, Sequence[int], Sequence[float]]]
"""Operations: name, input dtype, output dtype, output register, input registers, attributes."""
# Register, another that is taken off it or -1, the probe, and the number of its first element.
_Taps: TypeAlias = Sequence[tuple[int, int, int, int]]
_Chain: TypeAlias = tuple[str, Sequence[int], _Registers, _Steps, _Registers, _Taps]
"""A chain: the instruction set, its shape, what it loads, its steps, what it stores."""

def version() -> str:
    """The version that this module was built from."""

def cpu_features() -> dict[str, bool]:
    """Vector extensions by name, and whether they are usable."""

def opcodes() -> dict[str, tuple[int, str, int]]:
    """Operation name to (opcode, family, arity)."""

def build() -> dict[str, str | int | bool]:
    """How this module was compiled."""

def instruction_sets() -> list[str]:
    """The instruction sets that kernels can be chosen from here, best first."""

def elementwise(isa: str) -> list[tuple[str, int, int, int]]:
    """Elementwise operations: name, input dtype, output dtype, arity."""

def compositions(isa: str) -> list[tuple[str, str]]:
    """The forms of elementwise operations taken together, with their dtypes."""

def kernels(isa: str) -> list[str]:
    """The names of the kernels."""

def finishing(isa: str) -> list[str]:
    """The names of the kernels that may be followed by a chain."""

def call_kernel(
    isa: str,
    name: str,
    inputs: Sequence[Any],
    outputs: Sequence[Any],
    integers: Sequence[int] = ...,
    reals: Sequence[float] = ...,
    threads: int = ...,
) -> tuple[int, int, int]:
    """Run one kernel on arrays; returns (place, value, limit) of a fault, place -1 if none."""

def threads() -> int:
    """The number of threads of programs built from now on."""

def set_threads(threads: int) -> None:
    """Choose that number; 0: one for each core that this process may use."""

def workers() -> int:
    """How many worker threads this process has started."""

def count_pieces(pieces: int, threads: int, nested: int = ..., failing: int = ...) -> list[int]:
    """Share out pieces and return how often each was run; each runs `nested` more."""

def call_elementwise(
    isa: str, name: str, inputs: Sequence[Any], output: Any, attributes: Sequence[float] = ...
) -> None:
    """Run one elementwise operation on whole arrays of a multiple of 16 elements."""

class Program:
    """Tasks in order over an arena and a state."""

    def __init__(self, isa: str, arena: Any, state: Any) -> None: ...
    def call(
        self,
        kernel: str,
        inputs: Sequence[_Place],
        outputs: Sequence[_Place],
        integers: Sequence[int],
        reals: Sequence[float],
        epilogue: _Chain | None = ...,
    ) -> None:
        """Add a kernel's call; the epilogue is a chain that runs on parts of its output."""

    def chain(
        self,
        isa: str,
        shape: Sequence[int],
        loads: _Registers,
        steps: _Steps,
        stores: _Registers,
        taps: _Taps,
        /,
    ) -> None:
        """Add a chain of elementwise operations."""

    def update(
        self,
        isa: str,
        shape: Sequence[int],
        loads: _Registers,
        steps: _Steps,
        stores: _Registers,
        checked: bool,
        taps: _Taps,
        /,
    ) -> None:
        """Add a chain that writes slots in place, at the end."""

    def host(self, f: Callable[[], None], /) -> None:
        """Add a Python function."""

    def probe(self, low: float, high: float, histogram: bool, /) -> None:
        """A probe, for the chains that are added from here on."""

    def take_seen(self, seen: Any, bins: Any, /) -> None:
        """What the probes saw in the last run looked at."""

    def begin_loop(self, length: int, /) -> None:
        """What is added from here on is run many times."""

    def end_loop(self) -> None:
        """The end of the last loop that has begun."""

    def begin_strand(self) -> None:
        """What is added from here on is one of several strands."""

    def end_strands(self) -> None:
        """The end of the last strand, and of them all."""

    def watch(self, places: Sequence[_Place], /) -> None:
        """What must be finite for the slots to be written."""

    def guard(self, place: _Place, /) -> None:
        """The boolean without which the slots are not written."""

    def write(self, source: _Place, target: _Place, /) -> None:
        """Write a slot at the end of each run."""

    def run_steps(
        self,
        feeds: Sequence[tuple[_Place, Any]],
        indices: Any,
        outputs: Sequence[_Place],
        log: Any,
        seconds: float,
        looks: Any,
        seen: Any,
        bins: Any,
        /,
    ) -> tuple[int, int]:
        """Steps on rows gathered by index; returns how many wrote, and a faulty task."""

    def forget(self) -> None:
        """Others may have written to the state since the last run."""

    def profile(self) -> list[float]:
        """Run all; returns the seconds that each task took, then looking and writing."""

    def run(self, look: bool = ...) -> tuple[bool, int]:
        """Run all; returns whether slots were written, and a faulty task."""
