"""Where there is no native module, the command line trains on NumPy and says so once."""

from __future__ import annotations

import json
import os
import subprocess
import sys

PROGRAM = """
import sys
sys.modules["pullback._native"] = None  # as if it had not been built
from pullback.cli import main
main(sys.argv[1:])
"""
TRAIN = ["train", "penguins", "--epochs", "1", "--hidden", "4"]


def numpy_only(*words: str) -> tuple[str, str]:
    """What the command line prints: standard output, standard error."""
    environment = {k: v for k, v in os.environ.items() if k != "PULLBACK_EXECUTOR"}
    command = [sys.executable, "-c", PROGRAM, *words]
    ran = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout, ran.stderr


def check_note(err: str) -> None:
    """One note in words, without the place in the code that a warning has in Python."""
    assert err.count("note: Pullback runs on NumPy alone") == 1
    assert not [word for word in ("Traceback", "Warning", ".py") if word in err]


def test_it_says_so_once() -> None:
    out, err = numpy_only(*TRAIN)
    check_note(err)
    assert "note:" not in out


def test_json_is_one_object_all_the_same() -> None:
    out, err = numpy_only(*TRAIN, "--json")
    assert json.loads(out)["outcome"]["ending"] == "finished"
    check_note(err)


def test_whoever_asks_for_numpy_reads_no_note() -> None:
    _, err = numpy_only(*TRAIN, "--executor", "numpy")
    assert "note:" not in err
