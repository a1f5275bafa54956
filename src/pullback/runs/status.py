"""How a run stands: what its status file says, corrected by who holds its lock."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pullback.document import read_document, write_document
from pullback.errors import FileFormatError
from pullback.runs.checkpoint import CheckpointFolder
from pullback.runs.lock import is_locked

State = Literal["running", "finished", "interrupted", "failed"]
STATES: tuple[State, ...] = ("running", "finished", "interrupted", "failed")
STATUS = "status.json"


@dataclass(frozen=True)
class Status:
    """How a run stands.

    Attributes:
        state: "running", "finished", "interrupted" (also: killed) or "failed".
        reason: Why it stopped, as a sentence.
        step: The last step that is known.
        summary: What the trainer says of it, such as {"metric": "accuracy", "best": 0.98}.
    """

    state: State
    reason: str = ""
    step: int = 0
    summary: dict[str, Any] = field(default_factory=dict)


def read_status(folder: Path) -> Status:
    """How the run in `folder` stands, from its status file and its lock."""
    last = max(CheckpointFolder(folder / "checkpoints").steps(), default=0)
    try:
        content = read_document(folder / STATUS, kind="status")
        state, reason, summary = content["state"], content["reason"], content["summary"]
        step = max(content["step"], last)
        if state not in STATES or not isinstance(summary, dict):
            raise KeyError("state")
    except (FileFormatError, KeyError, TypeError):
        state, reason, summary, step = "running", f"{STATUS} is missing or damaged", {}, last
    if state == "running" and not is_locked(folder):
        reason = reason or "its process ended without saying why: killed, or the power failed"
        state = "interrupted"
    return Status(state, str(reason), step, summary)


def write_status(folder: Path, status: Status, *, sync: bool = True) -> None:
    """Write how the run in `folder` stands."""
    content = {
        "state": status.state,
        "reason": status.reason,
        "step": status.step,
        "summary": status.summary,
    }
    write_document(folder / STATUS, content, kind="status", sync=sync)
