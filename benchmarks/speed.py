"""Time of a training step: all candidates on the same workload, taking turns.

Each candidate is a process of its own. Once all are ready and warm, they are asked one after the
other for a round of training; who begins moves on by one with every turn, so that a machine that
slows down for a while slows down everybody. Between two rounds there is a short pause, in which
the threads of the one before go to sleep.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contenders import OURS, Contender
from benchmarks.inputs import Inputs
from benchmarks.machine import busy_seconds
from benchmarks.processes import CandidateError, Process
from benchmarks.records import record_of
from benchmarks.rows import STEPS, Entry, Row, reason_void
from benchmarks.workloads import Workload

PAUSE = 0.05  # seconds
INPUTS = "inputs.npz"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Terms:
    """How all are measured.

    Attributes:
        rounds: How many rounds each candidate has.
        seconds: How long a round lasts at least.
        threads: How many threads each may use.
        patience: How many seconds a candidate may take to answer; compilers of peers take minutes.
    """

    rounds: int = 7
    seconds: float = 0.3
    threads: int = 2
    patience: float = 300.0


class Field:
    """The candidates of one workload: a context manager that makes them ready, and ends them.

    Args:
        workload: What they train.
        contenders: Who takes part, as far as the workload suits them.
        pythons: The interpreter for each library that is installed.
        terms: How they are measured.
        say: Told of what happens.
    """

    def __init__(
        self,
        workload: Workload,
        contenders: Sequence[Contender],
        pythons: Mapping[str, str],
        terms: Terms,
        say: Say,
    ) -> None:
        self.workload, self.terms, self.say = workload, terms, say
        self.pythons = pythons
        self.taking = [c for c in contenders if c.library in pythons and c.takes(workload)]
        self.entries: list[Entry] = []
        self._ready: list[tuple[Entry, Process]] = []
        self._stack = ExitStack()

    def __enter__(self) -> Field:
        with ExitStack() as stack:
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            Inputs.draw(self.workload).save(scratch / INPUTS)
            for contender in self.taking:
                self.say(f"preparing {contender.label}")
                python = self.pythons[contender.library]
                process = Process(python, self.terms.threads, scratch, self.terms.patience)
                stack.enter_context(process)
                self._prepare(contender, process, scratch)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *raised: object) -> None:
        self._stack.close()

    def _prepare(self, contender: Contender, process: Process, scratch: Path) -> None:
        """Let a candidate make its network, and warm up."""
        entry: Entry = {
            "label": contender.label,
            "library": contender.library,
            "whole": contender.whole,
            "losses": [],
            "us": [],
            "error": "",
        }
        self.entries.append(entry)
        try:
            entry["losses"] = process.ask(
                "prepare",
                workload=record_of(self.workload),
                inputs=str(scratch / INPUTS),
                module=contender.module,
                settings=dict(contender.settings),
                steps=STEPS + 1,
            )["losses"]
            process.ask("round", seconds=self.terms.seconds)
        except CandidateError as error:
            entry["error"] = str(error)
            process.close()
        else:
            self._ready.append((entry, process))

    def measure(self) -> Row:
        """All rounds."""
        count = len(self._ready)
        took = others = 0.0
        for number in range(self.terms.rounds):
            self.say(f"round {number + 1} of {self.terms.rounds}")
            for turn in range(count):
                entry, process = self._ready[(number + turn) % count]
                if entry["error"]:
                    continue
                time.sleep(PAUSE)
                busy = busy_seconds()
                try:
                    found = process.ask("round", seconds=self.terms.seconds)
                except CandidateError as error:
                    entry["error"], entry["us"] = str(error), []
                    continue
                others += busy_seconds() - busy - found["cpu"]
                took += found["seconds"]
                entry["us"].append(1e6 * found["seconds"] / found["steps"])
        row: Row = {
            "number": self.workload.number,
            "title": self.workload.title,
            "asked": dict(self.workload.asked),
            "others": max(0.0, others / took) if took else 0.0,
            "contenders": self.entries,
        }
        return {**row, "void": reason_void(row)}

    def memory(self) -> dict[str, dict[str, float | None]]:
        """MiB before a candidate made anything, and at most while it trains, by label."""
        found: dict[str, dict[str, float | None]] = {}
        for entry, process in self._ready:
            try:
                found[entry["label"]] = process.ask("memory", seconds=self.terms.seconds)
            except CandidateError as error:
                entry["error"] = str(error)
        return found


def measure(
    workloads: Sequence[Workload],
    contenders: Sequence[Contender],
    pythons: Mapping[str, str],
    terms: Terms,
    say: Say,
    done: Callable[[Row], None] = lambda row: None,
) -> list[Row]:
    """A row for each workload; `done` is told of each as soon as it is there."""
    rows = []
    for workload in workloads:
        label = f"workload {workload.number}" if workload.number else workload.title

        def told(what: str, label: str = label) -> None:
            say(f"{label}: {what}")

        with Field(workload, contenders, pythons, terms, told) as field:
            rows.append(field.measure())
        done(rows[-1])
    return rows


def only_ours(pythons: Mapping[str, str]) -> dict[str, str]:
    """The interpreters without the peers'."""
    return {OURS: pythons[OURS]}
