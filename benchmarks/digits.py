"""MNIST-10k with nothing chosen: `pullback train mnist-10k.npz`.

Run as `python -m benchmarks digits`; the arrays are looked for as `benchmarks/places.py` says.
"""

from __future__ import annotations

import time
from typing import Any

from benchmarks.places import data_file


def run() -> dict[str, Any]:
    """Train once with the defaults, and print the test accuracy."""
    import pullback as pb

    path = data_file("mnist-10k.npz")
    if path is None:
        print("digits: mnist-10k.npz is not at hand (set PULLBACK_DATA to its folder)")
        return {}
    began = time.perf_counter()
    trained = pb.fit_table(path, progress="none")
    seconds = time.perf_counter() - began
    accuracy = trained.scores["test.accuracy"]
    print(f"digits: test accuracy {accuracy:.4f} on 2,000 images, {seconds:.0f} s in all")
    return {"accuracy": accuracy, "seconds": seconds}
