"""Every example runs, quickly and without a warning, and says what it promises."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))

# What the last lines must say; an example without an entry fails.
SAYS = {
    "gan": ("step 1500: discriminator", "points in each quarter of the ring"),
    "gradients": ("derivative of order 1: right", "derivative of order 2: right"),
    "own_parts": ("epoch   5", "95 % of the rows are within a tenth"),
    "physics_informed": ("step 3000: equation", "largest error against cos(2 t): 0.0"),
    "print_program": ("backward:", "assign 0.weight", "Without any rewrite"),
    "resume": ("interrupted: something came up, after step 137", "the same bits: True"),
    "table": ("classification: 206 rows", "test", "Gentoo"),
    "two_spirals": ("reached the target accuracy >= 0.99", "#"),
    "xor": ("step 500", "1 xor 1: 0.0"),
}


def test_every_example_is_here() -> None:
    assert {path.stem for path in EXAMPLES} == set(SAYS)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_it_runs(path: Path, tmp_path: Path) -> None:
    began = time.perf_counter()
    environment = {**os.environ, "PYTHONWARNINGS": "error"}
    ran = subprocess.run(
        [sys.executable, str(path)], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    # On a busy machine a training of over a second says how far it is.
    assert not [line for line in ran.stderr.splitlines() if not line.startswith("epoch ")]
    for words in SAYS[path.stem]:
        assert words in ran.stdout
    assert time.perf_counter() - began < 30  # 5 s on an idle machine


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_it_says_what_it_is_for(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.startswith('"""')
    assert len(text.split('"""')[1].splitlines()) >= 3
    assert len(text.splitlines()) <= 100
