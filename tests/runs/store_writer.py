"""A process that trains nothing but saves like one; tests kill it. Usage: store_writer.py ROOT."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from pullback.runs.store import RunStore


def tensors(step: int) -> dict[str, np.ndarray]:
    """What the checkpoint of `step` must hold."""
    return {"w": np.full((50, 50), step, np.float32), "count": np.array(step)}


def loss(step: int) -> float:
    return 1.0 / (step + 1)


def main(root: Path) -> None:
    runs = [path for path in root.glob("[!.]*") if path.is_dir()]
    if runs:
        store = RunStore.open(runs[0], write=True)
        checkpoint = store.load_checkpoint()
        store.rewind(checkpoint)
        step = checkpoint.step
    else:
        store = RunStore.create(
            root, "writer", record={}, tensors=tensors(0), state={"step": 0}, encoder={"a": 1}
        )
        step = 0
    while True:
        step += 1
        store.telemetry.append_step(step, step // 10, loss(step), 0.1, float(step))
        if step % 5 == 0:
            store.save_best(step, tensors(step), {})
        if step % 10 == 0:
            store.telemetry.append_epoch(step // 10, step, "validation", {"loss": loss(step)})
        if step % 3 == 0:
            store.save_checkpoint(step, tensors(step), {"step": step}, {"best": loss(step)})
        if step % 20 == 0:
            store.save_model(tensors(step), {"step": step})


if __name__ == "__main__":
    print("ready", flush=True)
    main(Path(sys.argv[1]))
