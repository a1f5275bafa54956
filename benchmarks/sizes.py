"""How many bytes a library's own files take as installed, without what it depends on.

Run by any interpreter as a script of its own: `python -m benchmarks.sizes NAME ...`.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import sys
from pathlib import Path


def listed(name: str) -> int | None:
    """The bytes of the files that a distribution says it installed; None where there is none."""
    try:
        files = importlib.metadata.files(name)
    except importlib.metadata.PackageNotFoundError:
        return None
    paths = [Path(str(one.locate())) for one in files or []]
    return sum(p.stat().st_size for p in paths if p.is_file() and p.suffix != ".pyc")


def of_package(name: str) -> int | None:
    """The bytes of a package's folder, and of its native module where that lies elsewhere.

    An editable installation lists none of these files.
    """
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return None
    found = set()
    for folder in map(Path, spec.submodule_search_locations):
        found |= {p for p in folder.rglob("*") if p.is_file() and p.suffix != ".pyc"}
    native = importlib.util.find_spec(f"{name}._native")
    if native is not None and native.origin:
        found.add(Path(native.origin))
    return sum(p.stat().st_size for p in found)


def main(names: list[str]) -> None:
    """Print the bytes of each, as JSON."""
    found = {name: of_package(name) if name == "pullback" else listed(name) for name in names}
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
