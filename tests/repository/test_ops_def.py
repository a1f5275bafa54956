"""native/ops.def, the compiled table and the Python registry list the same operations."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pullback import ops
from pullback.execute import native

ROW = re.compile(r"PULLBACK_OP\((\w+), ([A-Z_]+), (-1|\d+)\)")


def rows(repository: Path) -> list[tuple[str, str, int]]:
    """Name, family and arity of each row, in the file's order."""
    listed = []
    for line in (repository / "native" / "ops.def").read_text("utf-8").splitlines():
        if line and not line.startswith("//"):
            match = ROW.fullmatch(line)
            assert match, f"not a row of ops.def: {line}"
            listed.append((match[1], match[2], int(match[3])))
    return listed


def registered() -> dict[str, tuple[str, int]]:
    return {name: (op.family, op.arity) for name, op in ops.registry().items()}


def test_every_registered_operation_has_its_row(repository: Path) -> None:
    listed = rows(repository)
    table = {name: (family, arity) for name, family, arity in listed}
    assert len(table) == len(listed), "a name is listed twice"
    expected = registered()
    assert len(expected) > 10
    missing = [
        f"PULLBACK_OP({name}, {family}, {arity})"
        for name, (family, arity) in expected.items()
        if table.get(name) != (family, arity)
    ]
    assert not missing, "add to native/ops.def:\n" + "\n".join(missing)
    assert set(table) == set(expected), "ops.def names operations that are not registered"


@pytest.mark.native
def test_the_compiled_table_is_the_file(repository: Path) -> None:
    module = native.module()
    if module is None:  # test_native.py tells this apart from a broken build
        return
    compiled = [(name, family, arity) for name, (_, family, arity) in module.opcodes().items()]
    assert compiled == rows(repository), "the module is older than ops.def: make venv"
    assert [code for code, _, _ in module.opcodes().values()] == list(range(len(compiled)))
