"""Imports point one way, and importing the package brings in nothing heavy."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# Rooms of src/pullback, the lowest first: a room imports from rows above its own only.
LAYERS = (
    ("errors", "_version", "_native"),
    ("files", "large", "memory", "datasets", "named", "writing"),
    ("document",),
    ("container",),
    ("graph",),
    ("ops",),
    ("autodiff",),
    ("plan",),
    ("execute",),
    ("tensors",),
    ("nn", "losses", "metrics", "optim"),
    ("data", "runs"),
    ("train",),
    ("catalogue",),
    ("insight",),
    ("compare",),
    ("interop", "lab"),
    ("cli",),
    ("__main__",),
)

# (importing module, imported module): why this one import goes sideways or up.
AGREED: dict[tuple[str, str], str] = {}

# What `import pullback` must leave for later: data frames, terminals, servers, databases.
HEAVY = {
    "PIL", "asyncio", "click", "http.server", "jax", "matplotlib", "multiprocessing", "narwhals",
    "pandas", "polars", "pyarrow", "rich", "safetensors", "scipy", "sklearn", "socketserver",
    "sqlite3", "tomli_w", "torch",
}  # fmt: skip

SOURCES = Path(__file__).parents[2] / "src" / "pullback"
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}


def module_name(path: Path) -> str:
    parts = ("pullback", *path.relative_to(SOURCES).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def imported(tree: ast.Module, module: str, is_package: bool) -> Iterator[tuple[str, int]]:
    """Every module of ours that a source imports, inside functions too, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.split(".")
                parts = parts[: len(parts) - node.level + is_package]
                base = ".".join([*parts, base] if base else parts)
            names = [base]
            if base == "pullback":  # `from pullback import graph` imports a room
                names = [f"pullback.{alias.name}" for alias in node.names]
        else:
            continue
        yield from ((n, node.lineno) for n in names if n.split(".")[0] == "pullback")


def fault(module: str, target: str) -> str:
    """What is wrong with `module` importing `target`, or nothing."""
    if room(module) == room(target) or (module, target) in AGREED:
        return ""
    if room(target) == "__version__":
        return f"imports {target}, where pullback._version has it"
    if not room(target):
        return "imports the package's front door, which imports every room"
    if not {room(module), room(target)} <= set(LEVEL):
        return f"imports {target}, and one of the two has no row in LAYERS"
    if LEVEL[room(target)] >= LEVEL[room(module)]:
        return f"imports {target}, which is not below it"
    return ""


def faults_of(source: str, module: str, is_package: bool = False) -> list[str]:
    found = imported(ast.parse(source), module, is_package)
    said = ((line, fault(module, target)) for target, line in found)
    return [f"{module}:{line} {what}" for line, what in said if what]


def test_every_room_has_a_row() -> None:
    rooms = {room(module_name(path)) for path in SOURCES.rglob("*.py")} - {""}
    assert rooms <= set(LEVEL), "give the new room a row in LAYERS"


def test_imports_point_one_way() -> None:
    faults = []
    for path in sorted(SOURCES.rglob("*.py")):
        if path != SOURCES / "__init__.py":  # the front door names every room
            is_package = path.name == "__init__.py"
            faults += faults_of(path.read_text("utf-8"), module_name(path), is_package)
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("module", "source", "expected"),
    [
        ("pullback.graph.node", "from pullback.ops import registry", 1),
        ("pullback.graph.node", "def f():\n    import pullback.train.fit", 1),
        ("pullback.graph.node", "from ..ops import registry", 1),
        ("pullback.nn.linear", "from pullback.optim.adam import Adam", 1),
        ("pullback.nn.linear", "import pullback as pb", 1),
        ("pullback.nn.linear", "from pullback import train", 1),
        ("pullback.nn.linear", "import pullback.mystery", 1),
        ("pullback.nn.linear", "from .module import Module\nimport numpy", 0),
        ("pullback.nn.linear", "from pullback.ops import registry", 0),
        ("pullback.ops", "from pullback.ops.matmul import Matmul", 0),
    ],
)
def test_a_wrong_import_is_seen(module: str, source: str, expected: int) -> None:
    assert len(faults_of(source, module)) == expected


def test_relative_imports_are_resolved_from_packages() -> None:
    assert faults_of("from .node import Node", "pullback.graph", is_package=True) == []
    assert len(faults_of("from ..ops import tanh", "pullback.graph", is_package=True)) == 1


def test_every_agreed_exception_is_used() -> None:
    for module, target in AGREED:
        stem = SOURCES.joinpath(*module.split(".")[1:])
        path = stem / "__init__.py" if stem.is_dir() else stem.with_suffix(".py")
        tree = ast.parse(path.read_text("utf-8"))
        assert target in {name for name, _ in imported(tree, module, stem.is_dir())}


def test_importing_the_package_brings_in_nothing_heavy() -> None:
    program = "import json, sys, pullback; print(json.dumps(sorted(sys.modules)))"
    command = [sys.executable, "-c", program]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = set(json.loads(ran.stdout))
    assert "pullback" in loaded
    assert not HEAVY & loaded


def test_the_errors_are_there_before_anything_else_is_loaded() -> None:
    program = "import pullback as pb; print(pb.errors.__name__); assert 'errors' in dir(pb)"
    command = [sys.executable, "-c", program]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stdout == "pullback.errors\n"
