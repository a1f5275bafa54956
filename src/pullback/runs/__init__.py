"""Runs on the disk: folders that are whole at every moment, checkpoints, telemetry, their index."""

from pullback.runs.index import RunSummary, list_runs
from pullback.runs.store import RunStore

__all__ = ["RunStore", "RunSummary", "list_runs"]
