"""Starting the processes of the candidates, and asking them."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "PULLBACK_THREADS",
    "NPROC",  # JAX takes the number of its threads from here
)


class CandidateError(Exception):
    """A candidate could not do what it was asked for."""


def inherited() -> dict[str, str]:
    """The variables of this process, but for what forbids to keep bytecode.

    What is installed has its bytecode; a library that runs from its sources would be compiled anew
    at each start.
    """
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def environment(threads: int, scratch: Path) -> dict[str, str]:
    """The same conditions for all: so many threads, no accelerator, caches that are thrown away."""
    return {
        **inherited(),
        **dict.fromkeys(THREADS, str(threads)),
        "JAX_PLATFORMS": "cpu",
        "CUDA_VISIBLE_DEVICES": "",
        "TORCHINDUCTOR_CACHE_DIR": str(scratch / "inductor"),
        "TORCHINDUCTOR_COMPILE_THREADS": "1",
    }


class Process:
    """The process of one candidate; a context manager, which ends it.

    Args:
        python: The interpreter that has the candidate's library.
        threads: How many threads it may use.
        scratch: A folder for what it leaves behind.
        patience: How many seconds one answer may take.
    """

    def __init__(self, python: str, threads: int, scratch: Path, patience: float) -> None:
        self._patience = patience
        self._said = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115  # closed by `close`
        self._process = subprocess.Popen(
            [python, "-m", "benchmarks.worker"],
            cwd=ROOT,
            env=environment(threads, scratch),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            start_new_session=True,  # so that its compilers end with it
        )

    def ask(self, do: str, **request: Any) -> dict[str, Any]:
        """Ask for one thing, and wait for the answer.

        Raises:
            CandidateError: It failed, ended, or took too long; the message says which.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **request}).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise CandidateError(self._last_words()) from None
        # Between two questions nothing is buffered: one line follows one line.
        ready, _, _ = select.select([self._process.stdout], [], [], self._patience)
        if not ready:
            self._kill()
            raise CandidateError(f"ended: no answer to '{do}' within {self._patience:g} s")
        line = self._process.stdout.readline()
        if not line:
            raise CandidateError(self._last_words())
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise CandidateError(answer["error"])
        return answer

    def _last_words(self) -> str:
        self._process.wait()
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").strip().splitlines()
        return f"ended ({self._process.returncode}): {lines[-1] if lines else 'no message'}"

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):  # it ended by itself
            os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """End the process."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # it ended before it read all
                    pipe.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._kill()
            self._process.wait()
        self._said.close()

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
