"""What the options about probes mean together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pullback.cli.options import OFF
from pullback.errors import ConfigError

OPTIONS = frozenset({"probes", "probe_every", "histograms", "sample_norms"})
ALL = "all"


def asked_for(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What is looked at, as plain data: places that are named are looked at in every step.

    `all` is every place; `none` none of them, so that `--sample-norms` alone may be beside it.

    Raises:
        ConfigError: `none` beside places, or beside how often and how closely to look at nothing.
    """
    from pullback.train.probes import Probes

    named = [str(pattern) for pattern in asked.get("probes", ())]
    off = [pattern for pattern in named if pattern.casefold() in OFF]
    samples = bool(asked.get("sample_norms", False))
    if off:
        _check_alone(off[0], named, asked, samples)
    patterns = tuple("*" if pattern.casefold() == ALL else pattern for pattern in named)
    return Probes(
        () if off else patterns or ("*",),
        asked.get("probe_every", 1 if named else None),
        bool(asked.get("histograms", False)),
        samples,
    ).to_config()


def _check_alone(off: str, named: list[str], asked: Mapping[str, Any], samples: bool) -> None:
    others = [f"--probe {pattern}" for pattern in named if pattern != off]
    if not samples:
        every = asked.get("probe_every")
        others += [] if every is None else [f"--probe-every {every}"]
        others += ["--histograms"] if asked.get("histograms") else []
    if others:
        raise ConfigError(
            f"--probe {off} looks at nothing, so nothing else can be said of probes",
            f"--probe {off} with {' and '.join(others)}",
            f"Leave out --probe {off} to look, or {' and '.join(others)} not to.",
        )
