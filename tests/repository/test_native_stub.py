"""_native.pyi states what the native module exports: names, arguments and descriptions."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pullback.execute import native

Functions = dict[str, ast.FunctionDef]
# In a signature of nanobind's, defaults stand as \0 and \1, and arrays with what they must be.
NOT_PYTHON = re.compile(r"\\\d+|numpy\.ndarray\[[^][]*\]")


def _functions(body: list[ast.stmt], prefix: str = "") -> Functions:
    found: Functions = {}
    for statement in body:
        if isinstance(statement, ast.FunctionDef):
            found[prefix + statement.name] = statement
        elif isinstance(statement, ast.ClassDef):
            found |= _functions(statement.body, f"{statement.name}.")
    return found


def _exported(owner: Any, prefix: str = "") -> Functions:
    """The functions and methods of the module, as nanobind describes them."""
    found: Functions = {}
    for name, value in vars(owner).items():
        if isinstance(value, type):
            found |= _exported(value, f"{name}.")
        for signature, text, _ in getattr(value, "__nb_signature__", ()):
            declared = NOT_PYTHON.sub("...", signature)
            (made,) = ast.parse(f"{declared}:\n    {text!r}").body
            assert isinstance(made, ast.FunctionDef)
            found[prefix + name] = made
    return found


def _arguments(function: ast.FunctionDef) -> tuple[int, list[str], int]:
    """How many are given by place alone, the names of the others, how many have a default."""
    given = function.args
    names = [a.arg for a in given.args]
    return len(given.posonlyargs), [n for n in names if n != "self"], len(given.defaults)


@pytest.fixture
def stub(repository: Path) -> Functions:
    text = (repository / "src" / "pullback" / "_native.pyi").read_text("utf-8")
    return _functions(ast.parse(text).body)


@pytest.fixture
def module() -> ModuleType | None:
    """None where it could not be built; test_native.py tells this apart from a broken build."""
    return native.module()


@pytest.mark.native
def test_the_stub_names_what_the_module_exports(stub: Functions, module: ModuleType | None) -> None:
    if module is None:
        return
    exported = _exported(module)
    assert {"Program.run", "call_kernel"} <= set(exported)
    assert set(stub) == set(exported)


@pytest.mark.native
def test_arguments_and_descriptions_are_those_of_the_bindings(
    stub: Functions, module: ModuleType | None
) -> None:
    if module is None:
        return
    for name, bound in _exported(module).items():
        assert _arguments(stub[name]) == _arguments(bound), name
        if name != "Program.__init__":
            assert ast.get_docstring(stub[name]) == ast.get_docstring(bound), name
