"""`python -m benchmarks [NAME ...] [--json FILE]`: all measurements, or those named."""

from __future__ import annotations

import argparse
import json
import platform
from pathlib import Path

from benchmarks import digits, imports, tables

ALL = {"imports": imports.run, "digits": digits.run, "tables": tables.run}


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*ALL, []], help="which (default: all)")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    chosen = parser.parse_args()
    found = {name: ALL[name]() for name in chosen.names or ALL}
    if chosen.json:
        machine = {"machine": platform.processor() or platform.machine(), "os": platform.platform()}
        chosen.json.write_text(json.dumps({**machine, **found}, indent=1))


if __name__ == "__main__":
    main()
