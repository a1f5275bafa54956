"""Calling the command line in this process, and reading what it says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from pullback.cli.program import program


def pullback(*words: object) -> Result:
    """Run the command line with these words; whatever it raised, no traceback was shown."""
    result = CliRunner().invoke(program, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    assert "Traceback" not in result.output
    return result


def plain(*words: object) -> Any:
    """What a command prints with `--json`, which is one object and nothing else."""
    result = pullback(*words, "--json")

    def refuse(token: str) -> None:
        raise AssertionError(f"{token} is no JSON")

    return json.loads(result.stdout, parse_constant=refuse)


def everything(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its bytes."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in _files(folder)}


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())
