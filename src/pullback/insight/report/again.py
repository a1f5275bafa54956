"""How to do it again: commands, versions, seeds and hashes."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tomli_w

from pullback.errors import PullbackError
from pullback.insight.markup import Html, code, element, escaped, folded, section, table
from pullback.insight.report.subject import Told
from pullback.runs.store import MODEL


def again(told: Told) -> Html:
    """The section."""
    return section("How to reproduce it", *_commands(told), *_versions(told))


def _commands(told: Told) -> Iterator[Html]:
    path = shlex.quote(str(told.store.path))
    tables = told.record.get("command")
    if isinstance(tables, Mapping) and tables:
        text = tomli_w.dumps({k: _without_none(v) for k, v in tables.items() if v})
        yield element("p", "With these settings in a file, the same training, to the bit where ",
                      "build and processor are the same:")  # fmt: skip
        yield code("pullback train --config settings.toml")
        yield folded("settings.toml", code(text))
    else:
        yield element(
            "p", "It was started from Python. The same call with the settings above, the same rows "
            "and the same seed gives the same training, to the bit where build and processor are "
            "the same."
        )  # fmt: skip
    last = int(told.history.steps["step"].max(initial=0))
    if last:
        yield element("p", f"Any of its {last:,} steps can be computed again, with all its values:")
        yield code(f"pullback replay {path} --step {max(1, last // 2)}")
    if told.status.state == "interrupted":
        yield element("p", "It can go on where it stopped:")
        yield code(f"pullback resume {path}")


def _versions(told: Told) -> Iterator[Html]:
    build = told.record.get("build", {})
    build = build if isinstance(build, Mapping) else {}
    features = build.get("features")
    rows = [
        ("run", told.store.path),
        ("begun", f"{str(told.record.get('created', ''))[:19].replace('T', ' ')} UTC"),
        ("seed", told.settings.get("seed")),
        ("pullback", build.get("version")),
        ("native module", _native(build)),
        ("instruction sets", ", ".join(features) if isinstance(features, list) else None),
        ("SHA-256 of the C++ sources", build.get("sources")),
        ("SHA-256 of the data file", told.data.get("hash")),
        ("SHA-256 of the rows as trained on", told.training.get("rows")),
        *_files(told),
    ]
    shown = [(name, _mono(name, value)) for name, value in rows if value not in (None, "")]
    yield table(["", ""], shown)


def _mono(name: str, value: Any) -> Html:
    return element("code", value) if name.startswith("SHA") or name == "run" else escaped(value)


def _native(build: Mapping[str, Any]) -> str | None:
    if "native" not in build:
        return None
    if not build["native"]:
        return f"none ({build.get('reason', 'not built')}): it ran on NumPy"
    return f"there, built by a compiler of version {build.get('compiler', 'unknown')}"


def _files(told: Told) -> Iterator[tuple[str, str]]:
    """The hashes of what the run left behind."""
    model = told.store.path / MODEL
    if model.is_file():
        yield "SHA-256 of the network's file", _sha256(model)
    try:
        kept = told.store.telemetry.checkpoints()
    except PullbackError:
        return
    if kept:
        step = max(kept)
        yield f"SHA-256 of the checkpoint of step {step:,}", kept[step][1]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _without_none(value: Any) -> Any:
    """What TOML can say of it: it has no null."""
    if isinstance(value, Mapping):
        return {str(k): _without_none(v) for k, v in value.items() if v is not None}
    if isinstance(value, (list, tuple)):
        return [_without_none(item) for item in value if item is not None]
    return value
