"""What native/bindings.cpp exports."""

from collections.abc import Callable
from typing import Any

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

def kernels(isa: str) -> list[str]:
    """The names of the kernels."""

def call_kernel(
    isa: str,
    name: str,
    inputs: list[Any],
    outputs: list[Any],
    integers: list[int] = ...,
    reals: list[float] = ...,
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
    isa: str, name: str, inputs: list[Any], output: Any, attributes: list[float] = ...
) -> None:
    """Run one elementwise operation on whole arrays of a multiple of 16 elements."""

class Program:
    """Tasks in order over an arena and a state."""

    def __init__(self, isa: str, arena: Any, state: Any) -> None: ...
    def call(
        self,
        kernel: str,
        inputs: list[Any],
        outputs: list[Any],
        integers: list[int],
        reals: list[float],
    ) -> None:
        """Add a kernel's call."""

    def chain(
        self, isa: str, shape: list[int], loads: list[Any], steps: list[Any], stores: list[Any]
    ) -> None:
        """Add a chain of elementwise operations."""

    def host(self, f: Callable[[], None]) -> None:
        """Add a Python function."""

    def watch(self, places: list[Any]) -> None:
        """What must be finite for the slots to be written."""

    def guard(self, place: Any) -> None:
        """The boolean without which the slots are not written."""

    def write(self, source: Any, target: Any) -> None:
        """Write a slot at the end of each run."""

    def run_steps(
        self, feeds: list[Any], indices: Any, outputs: list[Any], log: Any, seconds: float
    ) -> tuple[int, int]:
        """Steps on rows gathered by index; returns how many wrote, and a faulty task."""

    def run(self) -> tuple[bool, int]:
        """Run all; returns whether slots were written, and a faulty task."""

    def profile(self, runs: int) -> list[float]:
        """Seconds that each task took in that many runs, then looking and writing."""
