"""The machine and the versions that figures belong to."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.processes import ROOT

INSTRUCTION_SETS = {"avx512f": "AVX-512", "avx2": "AVX2", "sse4_2": "SSE4.2", "asimd": "NEON"}
LIBRARIES = ("pullback", "numpy", "torch", "jax", "scikit-learn")
BUSY = 0.15  # cores that others may take while figures are measured that are to be kept

# Run by each interpreter: what it has, without importing any of it.
ASK = """
import json, platform
from importlib.metadata import PackageNotFoundError, version
found = {"python": platform.python_version()}
for name in %r:
    try:
        found[name] = version(name)
    except PackageNotFoundError:
        pass
print(json.dumps(found))
"""


def versions(python: str) -> dict[str, str]:
    """The versions of the libraries that an interpreter has."""
    asked = [python, "-c", ASK % (LIBRARIES,)]
    said = subprocess.run(asked, capture_output=True, text=True, check=True, cwd=ROOT)
    found: dict[str, str] = json.loads(said.stdout)
    return found


def processor() -> tuple[str, str]:
    """The processor's name, and its widest instruction set that matters here."""
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return platform.processor() or platform.machine(), "unknown instruction set"
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    known = {name.strip(): value.strip() for name, value in fields.items()}
    flags = (known.get("flags") or known.get("Features") or "").split()
    isa = next((name for flag, name in INSTRUCTION_SETS.items() if flag in flags), "baseline")
    return known.get("model name", platform.machine()), isa


def describe(found: Mapping[str, str]) -> dict[str, Any]:
    """The machine as plain data; `found` are the versions."""
    cpu, isa = processor()
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "isa": isa,
        "os": f"{platform.system()} {platform.release()}",
        "versions": dict(found),
    }


def busy_seconds() -> float:
    """Seconds of all cores that any process has had, or another machine took from this one.

    Zero where the system does not say.
    """
    try:
        first = Path("/proc/stat").read_text("ascii").split("\n", 1)[0]
    except OSError:
        return 0.0
    user, nice, system, _idle, _waiting, irq, soft, stolen = map(int, first.split()[1:9])
    return (user + nice + system + irq + soft + stolen) / os.sysconf("SC_CLK_TCK")
