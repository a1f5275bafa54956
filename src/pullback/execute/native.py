"""The bridge to the native module, which an installation may lack.

`pullback._native` is compiled from native/ when the package is installed. Where no C++ compiler
was found, everything runs on NumPy, and `notice` says so once.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
from pathlib import Path
from types import ModuleType

from pullback._version import __version__
from pullback.errors import FileFormatError

_REBUILD = "pip install --force-reinstall --no-deps --no-cache-dir pullback"
_CHECKOUT = Path(__file__).resolve().parents[3]
_SOURCES = (".cpp", ".hpp", ".def")


def available() -> bool:
    """Whether the native module is installed, loads, and belongs to this version.

    Raises:
        FileFormatError: The module was built from another version of the sources.

    Example:
        >>> isinstance(available(), bool)
        True
    """
    return module() is not None


def module() -> ModuleType | None:
    """The native module, or None where there is none that loads.

    Raises:
        FileFormatError: The module was built from another version of the sources.
    """
    loaded, _ = _load()
    if loaded is not None:
        _check(loaded)
    return loaded


def build_info() -> dict[str, object]:
    """What a run records about the executor: build, instruction sets, versions.

    Returns:
        `native` (bool) and `version`; with the native module also its compiler, its C++
        standard and the processor's `features`; without it the `reason`.

    Example:
        >>> build_info()["version"] == __version__
        True
    """
    loaded = module()
    if loaded is None:
        return {"native": False, "version": __version__, "reason": _load()[1]}
    features = sorted(name for name, present in loaded.cpu_features().items() if present)
    return {
        "native": True,
        "version": loaded.version(),
        **loaded.build(),
        "features": features,
        "operations": len(loaded.opcodes()),
    }


def notice() -> str | None:
    """What to tell a user whose installation has no native module, once a process.

    Returns:
        The text on the first call; None on every later one, and where the module is there.
    """
    if available():
        return None
    return _first_notice()


@functools.cache
def _load() -> tuple[ModuleType | None, str]:
    """The module as it stands in the installation, else the reason why there is none."""
    try:
        return importlib.import_module("pullback._native"), ""
    except ModuleNotFoundError:
        return None, "it was not built: no C++ compiler was found, or the build failed"
    except ImportError as error:  # for another Python, or a library that it needs is missing
        return None, f"it does not load: {error}"


def sources_hash() -> str | None:
    """The hash of the C++ sources of this checkout; None for an installed package.

    CMakeLists.txt computes the same one of what it builds.
    """
    if not (_CHECKOUT / "native" / "bindings.cpp").is_file():
        return None
    total = hashlib.sha256()
    paths = (_CHECKOUT / "native").rglob("*")
    for name in sorted(p.relative_to(_CHECKOUT).as_posix() for p in paths if p.suffix in _SOURCES):
        each = hashlib.sha256((_CHECKOUT / name).read_bytes()).hexdigest()
        total.update(f"{name} {each}\n".encode())
    return total.hexdigest()


@functools.cache
def _check(loaded: ModuleType) -> None:
    """Refuse a module of another version, and in a checkout one of other sources."""
    name = getattr(loaded, "__file__", None) or "pullback._native"
    built = str(loaded.version())
    if built != __version__:
        raise FileFormatError(
            "the native module must be built from the same version as the Python code",
            f"{name} of version {built}, where pullback is {__version__}",
            f"Install again: {_REBUILD} (in a checkout: make venv).",
        )
    if sources_hash() not in (None, loaded.build()["sources"]):
        raise FileFormatError(
            "the native module must be built from the C++ sources of this checkout",
            f"{name}, built from others",
            "Build it again: make --always-make venv.",
        )


_said = False


def _first_notice() -> str | None:
    global _said
    if _said:
        return None
    _said = True
    return (
        f"Pullback runs on NumPy alone: the native module is missing ({_load()[1]}). "
        f"Results are right all the same. To build it, install a C++20 compiler, then: {_REBUILD}"
    )
