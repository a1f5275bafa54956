"""Further figures: import, installed size, planning, memory, growth (`--further`)."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import growth, imports
from benchmarks.contenders import OURS, PEERS, ours
from benchmarks.processes import ROOT, environment
from benchmarks.speed import Field, Say, Terms
from benchmarks.workloads import WORKLOADS, Workload

SIZED = (OURS, "numpy", "torch", "jax", "jaxlib", "scikit-learn")
MIB = 2**20


def own_process(python: str, terms: Terms, *arguments: str) -> Any:
    """What a module of this package prints as JSON, run by itself."""
    with tempfile.TemporaryDirectory() as scratch:
        done = subprocess.run(
            [python, "-m", *arguments],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
            env=environment(terms.threads, Path(scratch)),
        )
    return json.loads(done.stdout)


def sizes(terms: Terms, pythons: Mapping[str, str]) -> dict[str, int]:
    """The bytes of each library that is installed."""
    found = {}
    for name in SIZED:
        python = pythons.get("jax" if name == "jaxlib" else name, sys.executable)
        size = own_process(python, terms, "benchmarks.sizes", name)[name]
        if size is not None:
            found[name] = size
    return found


def allowed(workload: Workload) -> float:
    """The MiB of weights, gradients, two moments, and activations with their cotangents."""
    activations = sum(math.prod(shape) for shape in workload.shapes) * workload.batch
    return 4 * (4 * workload.weights + 2 * activations) / MIB


def memory(
    workload: Workload, terms: Terms, pythons: Mapping[str, str], say: Say
) -> dict[str, Any]:
    """What training a workload takes, by candidate."""
    with Field(workload, (*ours(), *PEERS), pythons, terms, say) as field:
        return {"title": workload.title, "sum": allowed(workload), "found": field.memory()}


def run(terms: Terms, pythons: Mapping[str, str], say: Any) -> dict[str, Any]:
    """Measure all of them."""
    found: dict[str, Any] = {}
    say("import")
    rounds = min(imports.ROUNDS, terms.rounds)
    found["imports"] = imports.measured(pythons, rounds)
    say("installed size")
    found["sizes"] = sizes(terms, pythons)
    say("planning")
    found["planning"] = own_process(pythons[OURS], terms, "benchmarks.planning")
    found["memory"] = memory(WORKLOADS[3], terms, pythons, say)
    found["growth"] = growth.measured(terms, pythons, say)
    say.clear()
    return found


def lines(found: dict[str, Any]) -> list[str]:
    """All of them as text."""
    shown = ["import in a fresh process, median (spread), and the process's memory"]
    shown += imports.lines(found["imports"])
    shown += ["", "own files as installed, without dependencies"]
    shown += [f"  {name:<28} {size / 1e6:8.1f} MB" for name, size in found["sizes"].items()]
    shown += [
        "",
        "milliseconds: tracing a step, its plan, making an executor (which plans it too)",
    ]
    for one in found["planning"]:
        parts = " ".join(f"{1e3 * one[part]:9.1f}" for part in ("trace", "plan", "build"))
        shown.append(f"  {one['title']:<38} {one['executor']:<8} {parts}")
    memory = found["memory"]
    shown += ["", f"memory of training {memory['title']}, MiB: before, at most, and the difference"]
    shown.append(f"  {'parameters, moments, activations':<38} {'':>17} {memory['sum']:8.0f}")
    for label, one in memory["found"].items():
        if one["before"] is None or one["peak"] is None:
            continue
        difference = one["peak"] - one["before"]
        shown.append(f"  {label:<38} {one['before']:8.0f} {one['peak']:8.0f} {difference:8.0f}")
    shown += ["", "time of a step over max(flops / peak, bytes / bandwidth), as one size grows"]
    return [*shown, *growth.lines(found["growth"])]
