"""Measurements beside other libraries: `python -m benchmarks [NAME ...]`.

Without a name, `speed`: the time of a training step on eight workloads, beside every peer that is
installed. docs/benchmarks.md says how it is measured.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import digits, further, imports, machine, page, report, steps, tables
from benchmarks.contenders import OURS, PEERS, ours
from benchmarks.named import NAMED
from benchmarks.processes import ROOT
from benchmarks.speed import Terms
from benchmarks.workloads import WORKLOADS, Workload

# Those that need no terms and no peers' interpreter; `named.py` has those that do.
OTHERS = {"imports": imports.run, "digits": digits.run, "tables": tables.run}
QUICK = Terms(rounds=3, seconds=0.05)


def numbers(text: str) -> list[Workload]:
    """The workloads named in text such as `1,3`.

    Raises:
        argparse.ArgumentTypeError: It names another.
    """
    known = {str(w.number): w for w in WORKLOADS}
    wanted = [part.strip() for part in text.split(",")]
    if not set(wanted) <= set(known):
        raise argparse.ArgumentTypeError(f"workloads are numbered {', '.join(known)}")
    return [known[part] for part in wanted]


def options() -> argparse.ArgumentParser:
    """What can be said on the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add("names", nargs="*", choices=["speed", *NAMED, *OTHERS, []], help="what (default: speed)")
    add("--only", type=numbers, default=WORKLOADS, help="workloads, such as 1,3")
    add("--rounds", type=int, help="rounds a candidate (default: 7)")
    add("--seconds", type=float, help="how long a round lasts at least (default: 0.3)")
    add("--threads", type=int, default=Terms.threads, help="threads a candidate (default: 2)")
    add("--quick", action="store_true", help="3 short rounds: to see that all works")
    add("--further", action="store_true", help="memory, sizes, planning and growth, after the rest")
    add("--peers-python", default=sys.executable, help="the interpreter that has the peers")
    add("--json", type=Path, default=ROOT / "build" / "benchmarks.json", help="where figures go")
    add("--add", action="store_true", help="add to the figures in the JSON file, measured alike")
    add("--write-docs", action="store_true", help="write docs/benchmarks.md from the JSON file")
    return parser


def terms_of(chosen: argparse.Namespace) -> Terms:
    """How to measure."""
    base = QUICK if chosen.quick else Terms()
    return Terms(chosen.rounds or base.rounds, chosen.seconds or base.seconds, chosen.threads)


def interpreters(peers: str) -> tuple[dict[str, str], dict[str, str]]:
    """The interpreter for each library that is installed, and the versions of all."""
    here, there = machine.versions(sys.executable), machine.versions(peers)
    pythons = dict.fromkeys(here, sys.executable) | dict.fromkeys(there, peers)
    own = {name: here[name] for name in ("python", "numpy", OURS)}
    return {**pythons, OURS: sys.executable}, {**here, **there, **own}


def measured(name: str, chosen: argparse.Namespace, terms: Terms, pythons: dict[str, str]) -> Any:
    """What the measurement of that name found; it prints as it goes."""
    if name in OTHERS:
        return OTHERS[name]()
    if name in NAMED:
        return NAMED[name].run(terms, pythons)
    return steps.run(chosen.only, (*ours(), *PEERS), terms, pythons)


def main() -> None:
    """Run what was asked for."""
    chosen = options().parse_args()
    if chosen.write_docs:
        page.write(ROOT / "docs" / "benchmarks.md", chosen.json)
        return
    terms = terms_of(chosen)
    pythons, versions = interpreters(chosen.peers_python)
    found: dict[str, Any] = {
        "when": time.strftime("%Y-%m-%d"),
        "machine": machine.describe(versions),
        "terms": {**vars(terms), "quick": chosen.quick},
    }
    print("\n".join(report.about(found["machine"])), flush=True)
    if chosen.add:
        found = added_to(chosen.json, found)
    for name in chosen.names or ([] if chosen.add else ["speed"]):
        found[name] = measured(name, chosen, terms, pythons)
        save(chosen.json, found)
    if chosen.further:
        found["further"] = further.run(terms, pythons, report.Progress())
        print("\n".join(["", *further.lines(found["further"])]), flush=True)
        save(chosen.json, found)


def added_to(path: Path, found: dict[str, Any]) -> dict[str, Any]:
    """The figures of a file, to which others are added.

    Raises:
        SystemExit: They are from another machine, of other versions, or measured in another way.
    """
    if not path.exists():
        raise SystemExit(f"there is no {path}: measure without --add first")
    before: dict[str, Any] = json.loads(path.read_text("utf-8"))
    for what in ("machine", "terms"):
        if before[what] != json.loads(json.dumps(found[what])):
            raise SystemExit(f"{path} has figures of another {what}: measure without --add")
    return {**before, "when": found["when"]}


def save(path: Path, found: dict[str, Any]) -> None:
    """Write what was found so far."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
