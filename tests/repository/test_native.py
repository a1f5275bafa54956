"""The bridge to the native module: with it, without it, and with one of another version."""

from __future__ import annotations

import os
import shutil
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import pullback
from pullback import errors
from pullback.execute import EXECUTORS, default_executor, native


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(native, "_said", False)
    native._load.cache_clear()
    yield
    native._load.cache_clear()


def pretend(monkeypatch: pytest.MonkeyPatch, found: ModuleType | ImportError) -> None:
    def import_module(name: str) -> ModuleType:
        assert name == "pullback._native"
        if isinstance(found, ImportError):
            raise found
        return found

    monkeypatch.setattr(native.importlib, "import_module", import_module)
    warnings.simplefilter("error")


def module_of_version(version: str, sources: str | None = None) -> ModuleType:
    made = ModuleType("pullback._native")
    made.__dict__["version"] = lambda: version
    made.__dict__["build"] = lambda: {"sources": sources or native.sources_hash()}
    return made


def test_the_module_is_there_wherever_it_could_be_built() -> None:
    """A checkout whose native part does not compile must not pass as one without a compiler."""
    headers = Path(sysconfig.get_path("include")) / "Python.h"
    compiler = shutil.which(os.environ.get("CXX", "c++"))
    assert native.available() or not (compiler and headers.exists()), (
        "to see the compiler's message: PULLBACK_REQUIRE_NATIVE=1 .venv/bin/pip install -e ."
    )


def test_a_missing_module_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, ModuleNotFoundError("No module named 'pullback._native'"))
    assert not native.available()
    assert "compiler" in str(native.notice())
    assert native.notice() is None
    info = native.build_info()
    assert info["native"] is False
    assert "not built" in str(info["reason"])


def test_a_module_that_does_not_load_is_said_with_its_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pretend(monkeypatch, ImportError("undefined symbol: philox"))
    assert not native.available()
    assert "undefined symbol: philox" in str(native.notice())


def test_a_module_of_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, module_of_version("0.0.1"))
    for call in (native.available, native.module, native.build_info, native.notice):
        with pytest.raises(errors.FileFormatError, match=r"of version 0\.0\.1") as caught:
            call()
        assert "make venv" in caught.value.do


def test_a_module_of_other_sources_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, module_of_version(pullback.__version__, "0" * 64))
    with pytest.raises(errors.FileFormatError, match="C\\+\\+ sources") as caught:
        native.available()
    assert "make --always-make venv" in caught.value.do


def test_an_installed_package_has_no_sources_to_compare(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "CMakeLists.txt").touch()  # that of somebody else's project
    monkeypatch.setattr(native, "_CHECKOUT", tmp_path)
    assert native.sources_hash() is None
    pretend(monkeypatch, module_of_version(pullback.__version__, "0" * 64))
    assert native.available()


def test_the_native_executor_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PULLBACK_EXECUTOR", raising=False)
    pretend(monkeypatch, module_of_version(pullback.__version__))
    assert default_executor() == EXECUTORS[0] == "native"


@pytest.mark.parametrize(
    "missing", [ModuleNotFoundError("No module named 'pullback._native'"), ImportError("philox")]
)
def test_without_the_module_numpy_is_the_default_and_one_warning_says_so(
    monkeypatch: pytest.MonkeyPatch, missing: ImportError
) -> None:
    monkeypatch.delenv("PULLBACK_EXECUTOR", raising=False)
    pretend(monkeypatch, missing)
    with pytest.warns(errors.NumpyOnlyWarning, match="on NumPy alone") as caught:
        assert [default_executor() for _ in range(3)] == ["numpy"] * 3
    assert len(caught) == 1


def test_the_warning_can_be_silenced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PULLBACK_EXECUTOR", raising=False)
    pretend(monkeypatch, ModuleNotFoundError())
    warnings.filterwarnings("ignore", category=pullback.errors.NumpyOnlyWarning)
    assert default_executor() == "numpy"


def test_whoever_asks_for_numpy_is_not_warned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULLBACK_EXECUTOR", "numpy")
    pretend(monkeypatch, ModuleNotFoundError())
    assert default_executor() == "numpy"


def test_a_module_of_this_version_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, module_of_version(pullback.__version__))
    assert native.available()
    assert native.notice() is None


@pytest.mark.native
def test_what_the_module_says_of_itself() -> None:
    module = native.module()
    if module is None:  # told apart from a broken build by the first test
        return
    assert module.version() == pullback.__version__
    assert module.build()["cxx_standard"] >= 202002
    info = native.build_info()
    assert info["native"] is True
    assert info["operations"] == len(module.opcodes())


@pytest.mark.native
def test_cpu_features_agree_with_the_operating_system() -> None:
    module = native.module()
    if module is None:
        return
    features = module.cpu_features()
    assert all(isinstance(present, bool) for present in features.values())
    listed = Path("/proc/cpuinfo")
    if os.uname().machine == "x86_64" and listed.exists():
        flags = set(listed.read_text().split("flags", 1)[1].split("\n", 1)[0].split())
        known = {name.replace(".", "_"): present for name, present in features.items()}
        known["avx512_vnni"] = known.pop("avx512vnni")
        assert known == {name: name in flags for name in known}
