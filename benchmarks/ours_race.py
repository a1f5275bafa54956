"""A lap of `race.py` with Pullback: `python -m benchmarks.ours_race COURSE`, COURSE in JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np

import pullback as pb


def main(course: dict[str, Any]) -> None:
    """Train until it is good enough, and print what was reached."""
    with np.load(course["file"]) as file:
        x, x_test = (
            file[name].reshape(-1, course["sizes"][0]).astype(np.float32) / 255
            for name in ("x_train", "x_test")
        )
        y, y_test = file["y_train"], file["y_test"]
    first, *hidden, last = course["sizes"]
    run = pb.fit(
        pb.nn.dense(first, hidden, last, dropout=course["dropout"]),
        (x, y),
        validation=(x_test, y_test),
        optimizer=pb.optim.Adam(course["rate"]),
        batch_size=course["batch"],
        epochs=course["epochs"],
        until=f"accuracy >= {course['goal']}",
        metrics="accuracy",
        seed=course["seed"],
        progress="none",
    )
    found = {"epochs": len(run.epochs), "accuracy": run.scores["validation.accuracy"]}
    print(json.dumps(found))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
