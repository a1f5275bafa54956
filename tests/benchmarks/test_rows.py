"""Medians, ratios, agreement, and how they are shown."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from benchmarks import page, report
from benchmarks.contenders import OURS
from benchmarks.rows import STEPS, quartiles, ratios, reason_void, verdicts


def entry(label: str, library: str, us: list[float], whole: bool = True, loss: float = 0.5) -> Any:
    losses = [loss] * (STEPS + 1)
    return {
        "label": label, "library": library, "whole": whole, "losses": losses, "us": us, "error": ""
    }  # fmt: skip


def row(*entries: Any, others: float = 0.0) -> dict[str, Any]:
    found = {"number": 1, "title": "a small one", "others": others, "contenders": list(entries)}
    found["asked"] = {"torch": 50, "jax": 3.5}
    return {**found, "void": reason_void(found)}


def example(**changes: Any) -> dict[str, Any]:
    return row(
        entry("Pullback numpy, fit", OURS, [30.0, 32.0, 31.0]),
        entry("Pullback native, fit", OURS, [3.0, 4.0, 5.0]),
        entry("Pullback native, step", OURS, [9.0, 9.0, 9.0], whole=False),
        entry("PyTorch eager", "torch", [300.0, 500.0, 400.0], whole=False),
        entry("PyTorch compiled", "torch", [210.0, 240.0, 250.0], whole=False),
        entry("JAX step", "jax", [90.0, 95.0, 100.0], whole=False),
        entry("JAX scan", "jax", [12.0, 12.0, 12.0]),
        **changes,
    )


def test_quartiles() -> None:
    assert quartiles([5.0, 1.0, 2.0, 4.0, 3.0]) == (2.0, 3.0, 4.0)
    assert quartiles([1.0, 2.0]) == (1.25, 1.5, 1.75)
    assert quartiles([7.0]) == (7.0, 7.0, 7.0)


def test_ratios_are_of_the_same_round() -> None:
    """A minute in which everything is slow changes both times and no ratio."""
    peer, ours = entry("a", "torch", [10.0, 100.0]), entry("b", OURS, [1.0, 10.0])
    assert ratios(peer, ours) == [10.0, 10.0]


@pytest.mark.parametrize(
    ("losses", "void"),
    [
        ((0.5, 0.50009), False),
        ((0.5, 0.5002), True),
        ((500.0, 500.02), False),  # relative to the loss where that is above 1
        ((500.0, 500.2), True),
        ((0.5, 0.5, math.nan), True),
        ((math.nan, math.nan), True),
        ((), True),
    ],
)
def test_losses_must_agree(losses: tuple[float, ...], void: bool) -> None:
    made = row(*(entry(f"c{i}", "torch", [1.0], loss=x) for i, x in enumerate(losses)))
    assert bool(made["void"]) is void


def test_one_that_was_not_measured_makes_nothing_void() -> None:
    assert not row(entry("a", OURS, [1.0]), entry("b", "torch", [], loss=9.0))["void"]


def test_the_summary_compares_with_the_fastest_loop() -> None:
    assert report.cells(example()) == [
        *("400", "240", "95.0", "12.0", "-"),  # PyTorch, JAX, scikit-learn
        *("4.00", "9.00"),  # Pullback
        *("60.0x", "3.00x"),  # medians of 70, 60, 50 and of 4, 3, 2.4
    ]
    assert report.spread(example()) == "25%"


def test_what_is_asked_holds_or_is_missed() -> None:
    assert [(v.library, v.found, v.holds) for v in verdicts(example())] == [
        ("torch", 60.0, True),
        ("jax", 3.0, False),
    ]
    assert report.asked([example()])[2:] == [
        "1   PyTorch 60.0x of 50x: holds       JAX 3.00x of 3.5x: MISSED"
    ]
    assert not verdicts(row(entry("a", OURS, [1.0])))
    assert not verdicts(row(entry("a", OURS, [1.0]), entry("b", "torch", [9.0], loss=7.0)))
    assert not report.asked([row(entry("a", OURS, [1.0]))])


@pytest.mark.parametrize(
    ("value", "text"),
    [(3.214, "3.21"), (11.8, "11.8"), (62244.1, "62,200"), (0.05, "0.0500"), (999.6, "1,000")],
)
def test_three_digits(value: float, text: str) -> None:
    assert report.number(value) == text


def test_lines_fit_100_columns() -> None:
    long = entry("PyTorch channels-last, compiled", "torch", [1234567.0] * 3, loss=9.0)
    failed = {**entry("JAX step", "jax", []), "error": "x" * 300}
    machine = {
        "cpu": "CPU", "cores": 2, "isa": "AVX2", "os": "Linux",
        "versions": {f"library-{i}": "1.2.3" for i in range(20)},
    }  # fmt: skip
    rows = [example(), row(*example()["contenders"], long, failed)]
    lines = [line for one in rows for line in report.lines_of(one)]
    lines += [*report.summary(rows), *report.about(machine)]
    assert max(map(len, lines)) <= 100
    assert any("VOID" in line for line in lines)


def figures(**terms: Any) -> dict[str, Any]:
    return {
        "when": "2026-01-01",
        "machine": {"cpu": "A CPU", "cores": 2, "isa": "AVX2", "os": "Linux", "versions": {}},
        "terms": {"rounds": 7, "seconds": 0.3, "threads": 2, "quick": False, **terms},
        "speed": [example()],
    }


def written(tmp_path: Path, found: dict[str, Any]) -> str:
    source, target = tmp_path / "figures.json", tmp_path / "page.md"
    source.write_text(json.dumps(found), "utf-8")
    target.write_text(f"# Title\n\n{page.BEGIN}\nformer figures\n{page.END}\n\nafter\n", "utf-8")
    page.write(target, source)
    return target.read_text("utf-8")


def test_the_page_holds_machine_and_table(tmp_path: Path) -> None:
    text = written(tmp_path, figures())
    assert text.startswith(f"# Title\n\n{page.BEGIN}\nMeasured on 2026-01-01.")
    assert text.endswith(f"{page.END}\n\nafter\n")
    assert "A CPU, 2 cores, AVX2" in text
    assert "| 1 | a small one | 400 | 240 | 95.0 | 12.0 | - | 4.00 | 9.00 | 60.0x | 3.00x |" in text
    assert "PyTorch 60.0x of 50x: holds" in text
    assert "former" not in text


def test_the_page_holds_what_was_measured_by_name(tmp_path: Path) -> None:
    pair = [entry("Pullback native, fit, float32", OURS, [4.0] * 3)]
    pair += [entry("Pullback native, fit, float64", OURS, [8.0] * 3)]
    text = written(tmp_path, {**figures(), "sequences": [example()], "doubles": row(*pair)})
    assert "float64 has 0.500x the speed of float32, 0.4x asked: holds" in text
    assert text.count("PyTorch 60.0x of 50x: holds") == 2


@pytest.mark.parametrize("terms", [{"quick": True}, {"rounds": 3}, {"seconds": 0.1}])
def test_hasty_figures_are_not_published(tmp_path: Path, terms: dict[str, Any]) -> None:
    with pytest.raises(SystemExit, match="not fit"):
        written(tmp_path, figures(**terms))


def test_figures_of_a_busy_machine_are_not_published(tmp_path: Path) -> None:
    busy = example(others=1.0)
    for changed in ({"speed": [busy]}, {"sequences": [busy]}, {"doubles": busy}):
        with pytest.raises(SystemExit, match="other processes"):
            written(tmp_path, {**figures(), **changed})


def test_without_figures_there_is_no_page(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="first"):
        page.write(tmp_path / "page.md", tmp_path / "none.json")
