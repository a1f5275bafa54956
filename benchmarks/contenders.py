"""Who takes part: each way of training, with the library that it needs and where its runner is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.layers import LSTM
from benchmarks.workloads import Workload

OURS = "pullback"
ORACLE = "reference"  # an executor to compare with, not to train with
SLOW_IMAGES = 1e9  # arithmetic operations a step


@dataclass(frozen=True)
class Contender:
    """One way of training.

    Attributes:
        label: What it is called in tables.
        library: The distribution that it needs.
        module: Where its `runner` is.
        settings: What `runner` is given beside workload and inputs.
        takes: Which workloads it can train.
        whole: Whether the library itself goes through the epochs.
    """

    label: str
    library: str
    module: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    takes: Callable[[Workload], bool] = lambda workload: True
    whole: bool = False


def _images(workload: Workload) -> bool:
    return workload.has_images


def _not_slow_images(workload: Workload) -> bool:
    """Convolutions of which a step takes JAX and NumPy seconds, and seven rounds half an hour."""
    return not (workload.has_images and workload.flops > SLOW_IMAGES)


def _not_recurrent(workload: Workload) -> bool:
    return not any(isinstance(layer, LSTM) for layer in workload.layers)


def _for_jax(workload: Workload) -> bool:
    return not workload.tokens and _not_slow_images(workload)


def _numbers(workload: Workload) -> bool:
    return not workload.has_images and not workload.tokens


def _for_sklearn(workload: Workload) -> bool:
    """Classes, more than two (of two it makes one output), and an activation that it has."""
    known = len(workload.activations) == 1 and workload.activations <= {"relu", "tanh"}
    return _numbers(workload) and workload.loss != "mse" and workload.outputs > 2 and known


def _torch(label: str, takes: Callable[[Workload], bool] | None = None, **on: bool) -> Contender:
    module = "benchmarks.peers.torch_peer"
    return Contender(f"PyTorch {label}", "torch", module, on, takes or (lambda _: True))


_JAX = "benchmarks.peers.jax_peer"

PEERS = (
    _torch("eager"),
    _torch("fused optimizer", fused=True),
    # Compiling an LSTM takes a minute, and what is compiled is no faster.
    _torch("compiled", _not_recurrent, fused=True, compiled=True),
    _torch("channels-last", _images, fused=True, channels_last=True),
    _torch("channels-last, compiled", _images, fused=True, compiled=True, channels_last=True),
    Contender("JAX step", "jax", _JAX, {}, _for_jax),
    # A convolution inside a scan runs on XLA's slow path: minutes for an epoch of workload 8.
    Contender("JAX scan", "jax", _JAX, {"scan": True}, _numbers, whole=True),
    Contender("scikit-learn", "scikit-learn", "benchmarks.peers.sklearn_peer", {}, _for_sklearn),
)


def ours(executors: Sequence[str] | None = None) -> tuple[Contender, ...]:
    """Pullback by every executor that trains, as the library lists them."""
    if executors is None:
        from pullback.execute import EXECUTORS

        executors = EXECUTORS
    return tuple(
        Contender(
            f"Pullback {executor}, {kind}",
            OURS,
            "benchmarks.ours",
            {"kind": kind, "executor": executor},
            _not_slow_images if executor == "numpy" else lambda workload: True,
            whole=kind == "fit",
        )
        for executor in executors
        if executor != ORACLE
        for kind in ("fit", "step")
    )
