"""Damages one file of a run again and again and loads it; runs in a process of its own.

Usage: store_corruptor.py RUN FILE COUNT SEED. Prints how often the damage was refused and how often
the load was right, as JSON. Anything else ends the process with a traceback.
"""

from __future__ import annotations

import contextlib
import json
import random
import resource
import shutil
import sys
from pathlib import Path

import numpy as np

from pullback.errors import PullbackError
from pullback.runs.index import list_runs
from pullback.runs.store import RunStore

TENSORS = {
    "w": np.arange(600, dtype=np.float32).reshape(20, 30),
    "mask": np.arange(40) % 3 == 0,
    "count": np.array(7, np.int64),
    "none": np.zeros((0, 4)),
}
STATE = {"epoch": 3, "text": "größe", "numbers": [1.5, -2, None]}
RECORD = {"task": "regression", "target": "y", "configuration": {"layers": [8, 8], "rate": 1e-3}}
STEPS = 3000


def make_run(root: Path, *, live: bool) -> RunStore:
    """A run with every kind of file; with `live`, its telemetry is still in the log."""
    store = RunStore.create(
        root, "pristine", record=RECORD, tensors=TENSORS, state=STATE, encoder=STATE, arrays=TENSORS
    )
    store.telemetry.extend_steps((s, s // 10, 1 / (s + 1), 1e-3, s / 7) for s in range(STEPS))
    for epoch in range(50):
        store.telemetry.append_epoch(epoch, epoch * 10, "validation", {"loss": epoch / 3, "r2": 1})
    store.telemetry.append_event(0, "started", "text of an event")
    store.save_best(5, TENSORS, STATE)
    store.save_checkpoint(10, TENSORS, STATE)
    store.save_model(TENSORS, STATE)
    store.finish("finished", "all epochs done", {"metric": "r2", "best": 0.5})
    if not live:
        store.close()
    return store


def damage(content: bytes, draw: random.Random) -> bytes:
    """Flipped bits, a truncation, an insertion, a zeroed, random or moved block."""
    changed = bytearray(content)
    # Half of the damage is near the start, where headers are.
    place = draw.randrange(min(len(changed), 200) if draw.random() < 0.5 else len(changed))
    length = draw.choice([1, 8, 64, 512, 4096])
    block = changed[place : place + length]
    kind = draw.randrange(7)
    if kind <= 1:
        for _ in range(draw.choice([1, 1, 2, 8])):
            at = min(place + draw.randrange(length), len(changed) - 1)
            changed[at] ^= 1 << draw.randrange(8)
    elif kind == 2:
        del changed[place:]
    elif kind == 3:
        changed[place:place] = draw.randbytes(length)
    elif kind == 4:
        changed[place : place + length] = bytes(len(block))
    elif kind == 5:
        changed[place : place + length] = draw.randbytes(len(block))
    else:
        other = draw.randrange(len(changed))
        changed[other : other + len(block)] = block
    return bytes(changed)


def check_tensors(found: dict[str, np.ndarray]) -> None:
    assert list(found) == list(TENSORS)
    for name, array in TENSORS.items():
        np.testing.assert_array_equal(found[name], array, strict=True)


def check_telemetry(store: RunStore) -> None:
    """Rows may be lost with the end of a damaged log; none may be wrong."""
    history = store.telemetry.history()
    step = history["step"]
    assert ((step >= 0) & (step < STEPS)).all()
    np.testing.assert_array_equal(history["epoch"], step // 10)
    np.testing.assert_array_equal(history["loss"], 1 / (step + 1))
    np.testing.assert_array_equal(history["time"], step / 7)
    metrics = store.telemetry.metrics()
    if "validation.loss" in metrics:
        np.testing.assert_array_equal(metrics["validation.loss"], metrics["epoch"] / 3)
    assert all(event.text == "text of an event" for event in store.telemetry.events())
    assert set(store.telemetry.checkpoints()) <= {0, 10}


def load(path: Path, file: str) -> None:
    """Load what `file` holds; it must be right or refused."""
    with RunStore.open(path) as store:
        if file == "run.json":
            assert {**store.record, "created": ""} == {**RECORD, "created": ""}
        elif file.startswith("checkpoints"):
            assert store.load_checkpoint(fallback=True).state == STATE
            checkpoint = store.load_checkpoint()
            check_tensors(checkpoint.tensors)
            assert checkpoint.state == STATE
        elif file.startswith("best"):
            best = store.load_best()
            assert best is None or best.state == STATE
        elif file == "model.safetensors":
            check_tensors(store.load_model().tensors)
        elif file == "data.safetensors":
            check_tensors(store.load_data() or {})
        elif file == "encoder.json":
            assert store.load_encoder() == STATE
        elif file == "status.json":
            assert store.status.state in ("finished", "interrupted")
        else:
            check_telemetry(store)


def refused(path: Path, file: str) -> bool:
    """Whether the damage was refused, with an error that says all that it should."""
    try:
        load(path, file)
    except PullbackError as error:
        if isinstance(error.__cause__, MemoryError) or not (error.received and error.do):
            raise
        return True
    return False


def go_on(path: Path, file: str) -> None:
    """Training goes on whatever was damaged, except the record."""
    with contextlib.nullcontext() if file != "run.json" else contextlib.suppress(PullbackError):
        with RunStore.open(path, write=True) as store:
            store.rewind(store.load_checkpoint(fallback=True))
            store.telemetry.append_step(STEPS, 0, 1.0, 1.0, 1.0)
            store.save_checkpoint(STEPS, TENSORS, STATE)
            assert store.telemetry.history()["step"][-1] == STEPS
        with RunStore.open(path) as store:
            assert store.load_checkpoint().step == STEPS
            assert "telemetry" not in " ".join(store.problems())


def main(path: Path, file: str, count: int, seed: int) -> None:
    draw = random.Random(seed)
    work = path.parent.parent / "work" / path.name
    counts = {"refused": 0, "right": 0}
    whole = (path / file).read_bytes()
    for number in range(count):
        shutil.rmtree(work.parent, ignore_errors=True)
        shutil.copytree(path, work)
        (work / file).write_bytes(damage(whole, draw))
        counts["refused" if refused(work, file) else "right"] += 1
        assert len(list_runs(work.parent)) == 1
        if number % 4 == 0:
            go_on(work, file)
    print(json.dumps(counts))


if __name__ == "__main__":
    run, name, times, start = sys.argv[1:]
    np.testing.assert_array_equal(1, 1)  # imports all that it needs before memory is measured
    main(Path(run), name, 1, 0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    main(Path(run), name, int(times), int(start))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after - before < 200 * 1024, f"{after - before} KiB more"
