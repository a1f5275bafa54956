"""Wheels: with a compiler, and without one, where the Python part alone comes out."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

import pullback

BUILD = """
import sys, scikit_build_core.build
scikit_build_core.build.build_wheel(sys.argv[1], {"build-dir": sys.argv[2]})
"""

# What a wheel says of itself, asked by a fresh interpreter from outside the checkout.
ASK = """
import json, pullback
from pullback import datasets
from pullback.execute import native
print(json.dumps({
    "file": pullback.__file__, "version": pullback.__version__, "native": native.available(),
    "notice": native.notice(), "again": native.notice(),
    "penguins": datasets.path("penguins").read_text().count("\\n"),
}))
"""


def build_wheel(repository: Path, folder: Path, **changes: str) -> Path:
    """A wheel of the checkout, built without pip and in a build folder of its own."""
    environment = {k: v for k, v in os.environ.items() if k != "PULLBACK_REQUIRE_NATIVE"}
    command = [sys.executable, "-c", BUILD, str(folder), str(folder / "build")]
    ran = subprocess.run(
        command, cwd=repository, env=environment | changes, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (wheel,) = folder.glob("*.whl")
    return wheel


def ask(wheel: Path, folder: Path) -> dict[str, object]:
    """Unpack `wheel` into `folder` and import it there, the editable copy out of sight."""
    zipfile.ZipFile(wheel).extractall(folder)
    packages = Path(pytest.__file__).parents[1]
    # -I -S keeps the editable install's finder out; NumPy is then found by its path.
    program = f"import sys; sys.path[:0] = [{str(folder)!r}, {str(packages)!r}]\n{ASK}"
    command = [sys.executable, "-I", "-S", "-c", program]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    answer: dict[str, object] = json.loads(ran.stdout)
    assert str(answer["file"]).startswith(str(folder))
    return answer


def test_without_a_compiler_the_python_part_installs_and_says_so(
    repository: Path, tmp_path: Path
) -> None:
    wheel = build_wheel(repository, tmp_path, CC="/nonexistent", CXX="/nonexistent")
    assert wheel.name == f"pullback-{pullback.__version__}-py3-none-any.whl"
    answer = ask(wheel, tmp_path / "site")
    assert answer["version"] == pullback.__version__
    assert answer["native"] is False
    assert "C++" in str(answer["notice"])
    assert answer["again"] is None
    assert answer["penguins"] == 345


def test_without_a_compiler_a_required_native_module_is_an_error(
    repository: Path, tmp_path: Path
) -> None:
    with pytest.raises(AssertionError, match="CMake"):
        build_wheel(
            repository,
            tmp_path,
            CC="/nonexistent",
            CXX="/nonexistent",
            PULLBACK_REQUIRE_NATIVE="1",
        )


@pytest.mark.long
def test_a_wheel_with_the_native_module(repository: Path, tmp_path: Path) -> None:
    if not shutil.which(os.environ.get("CXX", "c++")):
        return
    wheel = build_wheel(repository, tmp_path)
    assert "none-any" not in wheel.name
    answer = ask(wheel, tmp_path / "site")
    assert answer["native"] is True
    assert answer["notice"] is None
    assert wheel.stat().st_size < 5_000_000


@pytest.mark.long
def test_pip_installs_without_a_compiler(repository: Path, tmp_path: Path) -> None:
    """As a user would, isolation and dependencies included (needs a package index)."""
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    copy = tmp_path / "copy"
    made = shutil.ignore_patterns(".*", "build", "runs", "__pycache__")
    shutil.copytree(repository, copy, ignore=made)
    changed = {"CC": "/nonexistent", "CXX": "/nonexistent"}
    environment = {k: v for k, v in os.environ.items() if k != "PULLBACK_REQUIRE_NATIVE"}
    command = [str(python), "-m", "pip", "install", "--quiet", str(copy)]
    subprocess.run(command, check=True, env=environment | changed, cwd=tmp_path)
    ran = subprocess.run([str(python), "-c", ASK], capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout)["native"] is False
