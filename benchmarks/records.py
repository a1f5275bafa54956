"""Workloads as plain data, and back: how they reach the processes of the candidates."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, get_args

from benchmarks.layers import Layer
from benchmarks.workloads import SGD, Adam, Workload

KINDS = {kind.__name__: kind for kind in (*get_args(Layer), SGD, Adam)}


def _named(one: Any) -> dict[str, Any]:
    return {"is": type(one).__name__, **asdict(one)}


def _made(record: dict[str, Any]) -> Any:
    return KINDS[record["is"]](**{k: v for k, v in record.items() if k != "is"})


def record_of(workload: Workload) -> dict[str, Any]:
    """A workload as plain data."""
    layers = [_named(layer) for layer in workload.layers]
    return {**asdict(workload), "layers": layers, "optimizer": _named(workload.optimizer)}


def workload_of(record: dict[str, Any]) -> Workload:
    """What `record_of` gave."""
    return Workload(
        **{
            **record,
            "input": tuple(record["input"]),
            "layers": tuple(_made(layer) for layer in record["layers"]),
            "optimizer": _made(record["optimizer"]),
        }
    )
