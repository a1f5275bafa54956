"""What no file of the repository may hold."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Folders that tools make, and the hidden ones that are ours all the same.
MADE = {"build", "dist", "node_modules", "__pycache__"}
HIDDEN_OURS = {".ci", ".clang-format", ".gitignore"}
TEXT = {
    "", ".cff", ".cfg", ".cpp", ".css", ".csv", ".def", ".hpp", ".html", ".json", ".md", ".py",
    ".pyi", ".sh", ".svg", ".tape", ".toml", ".ts", ".txt", ".typed", ".yaml", ".yml",
}  # fmt: skip

# A path of one machine, which no other machine has.
MACHINE = re.compile(r"(?<![\w.~])/(?:work|root|opt|home/\w+|Users/\w+)/")
# Modules that run code found in a file.
UNSAFE_MODULES = {"cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve"}
UNSAFE_CALLS = {"eval", "exec", "__import__"}


def texts() -> Iterator[Path]:
    """Every text file of the repository, those that tools made left out."""
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        hidden = parts[0].startswith(".") and parts[0] not in HIDDEN_OURS
        hidden = hidden or parts[0] == "runs"  # what `make demo` leaves
        if path.suffix in TEXT and not hidden and not MADE & set(parts) and path.is_file():
            yield path


def faults_of_text(text: str) -> list[str]:
    faults = []
    for number, line in enumerate(text.split("\n"), 1):
        if MACHINE.search(line):
            faults.append(f"{number}: names a path of one machine")
        if line.startswith(("<<<<<<< ", ">>>>>>> ")):
            faults.append(f"{number}: has a conflict marker")
        if line.endswith("\r"):
            faults.append(f"{number}: ends as on Windows")
    if text.startswith("\ufeff"):
        faults.append("1: starts with a byte order mark")
    if text and not text.endswith("\n"):
        faults.append("the last line has no end")
    return faults


def faults_of_source(source: str) -> list[str]:
    faults = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {(node.module or "").split(".")[0]}
        else:
            names = set()
        faults += [f"{node.lineno}: imports {name}" for name in sorted(names & UNSAFE_MODULES)]
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id in UNSAFE_CALLS:
                faults.append(f"{node.lineno}: calls {node.func.id}")
            for keyword in node.keywords:
                value = getattr(keyword.value, "value", None)
                if keyword.arg == "allow_pickle" and value is not False:
                    faults.append(f"{node.lineno}: allows pickle")
    return faults


def test_no_file_holds_what_belongs_to_one_machine() -> None:
    seen = list(texts())
    assert {"pyproject.toml", "Makefile", "run"} <= {path.name for path in seen}
    faults = [
        f"{path.relative_to(ROOT)}:{fault}"
        for path in seen
        for fault in faults_of_text(path.read_bytes().decode("utf-8"))
    ]
    assert not faults, "\n".join(faults)


def test_no_source_runs_code_from_data() -> None:
    faults = [
        f"{path.relative_to(ROOT)}:{fault}"
        for path in sorted((ROOT / "src").rglob("*.py"))
        for fault in faults_of_source(path.read_text("utf-8"))
    ]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    "text",
    ["see /" + "work/x\n", "/" + "home/ann/data\n", "a\r\n", "no end", "\ufeffa\n", ">>>>>>> b\n"],
)
def test_a_fault_in_a_text_is_seen(text: str) -> None:
    assert faults_of_text(text)


@pytest.mark.parametrize("text", ["", "a\n", "network/layer/work\n", "~/opt/x\n", "https://a/b\n"])
def test_a_clean_text_passes(text: str) -> None:
    assert faults_of_text(text) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "def f():\n    from pickle import loads",
        "eval('1')",
        "exec(text)",
        "np.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=flag)",
    ],
)
def test_an_unsafe_source_is_seen(source: str) -> None:
    assert faults_of_source(source)


def test_a_safe_source_passes() -> None:
    assert faults_of_source("network.eval()\nnp.load(path, allow_pickle=False)\n") == []


def test_nothing_that_was_only_made_here_lies_at_the_top() -> None:
    """What examples and trials write is no part of the repository."""
    ours = {
        *(
            ".ci",
            ".clang-format",
            ".gitignore",
            "CHANGELOG.md",
            "CMakeLists.txt",
            "CONTRIBUTING.md",
        ),
        *("LICENSE", "Makefile", "README.md", "benchmarks", "conftest.py", "docs", "examples"),
        *("native", "pyproject.toml", "src", "tests"),
    }
    hidden = {p.name for p in ROOT.iterdir() if p.name.startswith(".")}
    found = {p.name for p in ROOT.iterdir()} - hidden - MADE - {"runs"}
    assert sorted(found - ours) == []
