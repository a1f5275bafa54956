"""The command line: `pullback train`, `predict`, `evaluate`, `resume`, `runs`, `show`, `export`.

Nothing is imported before it is needed: `pullback --help` loads no command, and a command loads
the engine only once its arguments have been understood.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(args: Sequence[str] | None = None) -> None:
    """Run the program with `args` (those of the process when None), and exit with its status."""
    from pullback.cli.program import program

    program.main(args)
