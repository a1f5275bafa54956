"""Write the reference pages: one for each table of names, from the classes themselves.

`python docs/reference.py` writes docs/reference/ anew; tests/docs compares. The curves of
activations and of schedules, and the derivatives of operations, are computed by the library.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import numpy as np

import pullback as pb
from pullback.autodiff import backward
from pullback.catalogue import TABLES, Entry, entries
from pullback.graph import Node, constant, placeholder
from pullback.graph.dtypes import is_float
from pullback.graph.printing import formula
from pullback.nn import activations
from pullback.optim import schedules

HERE = Path(__file__).resolve().parent / "reference"
SECTION = re.compile(r"^(Args|Attributes|Shape|Returns|Raises|Example|References):$", re.MULTILINE)
WIDTH, HEIGHT, MARGIN = 360, 200, 32
POINTS = 121
COLOURS = ("#1f6feb", "#d1495b")
STEPS = 200

Curve = tuple[str, np.ndarray, np.ndarray]


def pages() -> dict[str, str]:
    """Every file of docs/reference by its name."""
    found = {"index.md": index()}
    for table in TABLES:
        found[f"{table}.md"] = page(table)
    for name in activations.registry():
        curves = activation_curves(name)
        if curves:
            found[f"activation-{name}.svg"] = drawing(curves)
    for name in schedules.registry():
        found[f"schedule-{name}.svg"] = drawing(schedule_curves(name), low=0.0)
    return found


def index() -> str:
    """The page that names the others."""
    lines = [
        "# Reference",
        "",
        "What can be chosen by name, table by table. These pages are written from the classes "
        "themselves, by `python docs/reference.py`; `pullback list TABLE NAME` and `help` say the "
        "same.",
        "",
        "| table | entries |",
        "|---|---|",
        *(f"| [{table}]({table}.md) | {len(entries(table))} |" for table in TABLES),
    ]
    return "\n".join(lines) + "\n"


def page(table: str) -> str:
    """The page of one table: an index, then each entry."""
    found = entries(table)
    rows = [
        f"| [`{e.name}`](#{e.name.lower()}) | {cell(e.summary)} | {cell(short(e.reference))} |"
        for e in found
    ]
    head = ["name", "what it is", "reference"]
    lines = [
        f"# {table.capitalize()}",
        "",
        f"{len(found)} entries; `pullback list {table}` lists them in the terminal.",
        "",
        f"| {' | '.join(head)} |",
        "|---|---|---|",
        *rows,
    ]
    for entry in found:
        lines += ["", f"## {entry.name}", "", *described(table, entry)]
    return "\n".join(lines).rstrip() + "\n"


def cell(text: str) -> str:
    """Text in a cell of a Markdown table."""
    return text.replace("|", r"\|") or "-"


def short(reference: str) -> str:
    """The authors and the year of a reference."""
    found = re.match(r"(.*?, \d{4})", reference)
    return found[1] if found else reference


def described(table: str, entry: Entry) -> list[str]:
    """What a page says of one entry."""
    text = inspect.getdoc(entry.cls) or ""
    body = SECTION.split(text)[0].strip()
    lines = [f"`{entry.cls.__name__}({entry.settings})`", "", body]
    aliases = getattr(entry.cls, "aliases", ())
    if aliases:
        lines += ["", "Also called " + ", ".join(f"`{a}`" for a in aliases) + "."]
    if table == "operations":
        lines += derivative(entry)
    for section in ("Args", "Shape"):
        found = entry.section(section)
        if found and table != "operations":
            lines += ["", f"{section}:", "", *listed(found)]
    picture = {"activations": "activation", "schedules": "schedule"}.get(table)
    if picture and (table == "schedules" or activation_curves(entry.name)):
        what = "and its derivative" if picture == "activation" else "in the course of a run"
        lines += ["", f"![{entry.name} {what}]({picture}-{entry.name}.svg)"]
    if entry.reference:
        lines += ["", f"From: {entry.reference}"]
    return lines


def listed(section: str) -> list[str]:
    """A section of a docstring as a list: one item for each line that is not a continuation."""
    items: list[str] = []
    for line in section.splitlines():
        if line.startswith(" ") and items:
            items[-1] += f" {line.strip()}"
        elif line.strip():
            items.append(line.strip())
    return [f"- {item}" for item in items]


def derivative(entry: Entry) -> list[str]:
    """The pullback of an operation, printed from its rule."""
    if not entry.cls.differentiable:
        return ["", "It has no derivative."]
    sample = next(
        (s for s in entry.cls.samples() if all(np.prod(i.shape) > 1 for i in s.inputs)), None
    )
    if sample is None:
        return []
    random = np.random.default_rng(0)
    drawn = [constant(rule.draw(random)) for rule in sample.inputs]
    names = "xyzw" if len(drawn) > 1 else "x"
    xs = [placeholder(names[i % 4], x.shape, x.dtype) for i, x in enumerate(drawn)]
    y = sample.build(*xs)
    y_bar = placeholder("y_bar", y.shape, y.dtype)
    real = [x for x in xs if is_float(x.dtype)]
    known: dict[Node, str] = {**{x: x.op.label for x in xs}, y: "f", y_bar: "f_bar"}
    lines = ["", "```text", f"f = {formula(y, {x: x.op.label for x in xs})}"]
    for x, bar in zip(real, backward([y], [y_bar], real, within=xs), strict=True):
        if bar is not None:
            said = formula(bar, known)
            lines.append(f"{x.op.label}_bar = {said if len(said) < 400 else said[:396] + ' ...'}")
    return [*lines, "```"]


# ---------------------------------------------------------------- curves


def activation_curves(name: str) -> list[Curve]:
    """The function and its derivative; nothing for what acts on whole rows."""
    layer: Any = activations.get(name).initialise()
    x = pb.tensor(np.linspace(-4, 4, POINTS), name="x")
    if name in ("softmax", "log_softmax", "sparsemax", "glu"):
        return []
    layer = layer.astype("float64")
    column = x.reshape((POINTS, 1))
    y = layer(column)
    (slope,) = pb.gradient(y.sum(), [x])
    at = x.numpy()
    return [(name, at, y.numpy()[:, 0]), ("derivative", at, slope.numpy())]


def schedule_curves(name: str) -> list[Curve]:
    """The factor of the learning rate over a run."""
    schedule = schedules.get(name)
    at = np.arange(1, STEPS + 1)
    factors = np.array([schedule(int(step), STEPS).item() for step in at])
    return [("factor of the rate", at.astype(float), factors)]


def drawing(curves: list[Curve], low: float | None = None) -> str:
    """Curves as a small SVG picture with axes and a legend."""
    xs = np.concatenate([x for _, x, _ in curves])
    ys = np.concatenate([y for _, _, y in curves])
    left, right = float(xs.min()), float(xs.max())
    bottom = min(float(ys.min()), 0.0) if low is None else low
    top = max(float(ys.max()), 1.0)
    bottom, top = max(bottom, -4.0), min(top, 4.0)

    def place(x: float, y: float) -> str:
        across = MARGIN + (x - left) / (right - left) * (WIDTH - MARGIN - 8)
        down = HEIGHT - MARGIN - (y - bottom) / (top - bottom) * (HEIGHT - MARGIN - 28)
        return f"{across:.1f},{down:.1f}"

    def text(at: str, words: str, anchor: str = "middle", colour: str = "#57606a") -> str:
        x, y = at.split(",")
        return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{colour}">{words}</text>'

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="11">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<polyline points="{place(left, top)} {place(left, bottom)} {place(right, bottom)}" '
        'fill="none" stroke="#8c959f"/>',
    ]
    if bottom < 0 < top:
        parts.append(f'<polyline points="{place(left, 0)} {place(right, 0)}" stroke="#d0d7de"/>')
    for x in (left, (left + right) / 2, right):
        across, down = place(x, bottom).split(",")
        parts.append(text(f"{min(float(across), WIDTH - 14):.1f},{float(down) + 14:.1f}", f"{x:g}"))
    for y in (bottom, top):
        across, down = place(left, y).split(",")
        parts.append(text(f"{float(across) - 4:.1f},{float(down) + 4:.1f}", f"{y:.3g}", "end"))
    for number, (label, x, y) in enumerate(curves):
        inside = np.clip(y, bottom, top)
        points = " ".join(place(float(a), float(b)) for a, b in zip(x, inside, strict=True))
        colour = COLOURS[number]
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" '
                     'stroke-width="2"/>')  # fmt: skip
        parts.append(text(f"{MARGIN + 8 + 150 * number},16", label, "start", colour))
    return "\n".join([*parts, "</svg>"]) + "\n"


def main() -> None:
    """Write all pages, and remove those of entries that are gone."""
    HERE.mkdir(exist_ok=True)
    found = pages()
    for old in HERE.iterdir():
        if old.name not in found:
            old.unlink()
    for name, content in found.items():
        (HERE / name).write_text(content, "utf-8")
    size = sum(len(content) for content in found.values())
    print(f"docs/reference: {len(found)} files, {size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
