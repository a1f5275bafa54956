"""How much memory this process holds (Linux)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

STATUS = Path("/proc/self/status")


def _line(name: str) -> float | None:
    try:
        lines = STATUS.read_text("ascii").splitlines()
    except OSError:
        return None
    found = [int(line.split()[1]) / 1024 for line in lines if line.startswith(name)]
    return found[0] if found else None


def resident() -> float | None:
    """The MiB that are held now; None where the system does not say."""
    return _line("VmRSS")


def peak_from_now() -> Callable[[], float | None]:
    """Begins to watch; returns what tells the most MiB that were held since.

    Where the kernel does not let the mark be reset, it is the most since the process began.
    """
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", "ascii")
    return lambda: _line("VmHWM")
