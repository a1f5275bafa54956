"""Write the reference: a page a table, from the tables and docstrings, with pictures.

Run as `python -m docs.reference`; tests/docs/test_reference.py compares. What is said of an entry
is its docstring; the derivative of an operation is printed from its rule; the curves are computed
by the library.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from docs.curves import activation_picture, schedule_picture
from docs.derivatives import printed, signature

from pullback.catalogue import TABLES, Entry, entries

HERE = Path(__file__).resolve().parent / "reference"

INTRODUCTIONS = {
    "layers": "`pb.nn`: the parts of networks, by the names of their classes. Activations have "
    "[a page of their own](activations.md), and so have [whole networks](networks.md); "
    "[a layer of your own](../own-layer.md) is a small class.",
    "activations": '`pb.nn`: as a layer, `pb.nn.GELU()`, or by name, `activation="gelu"`. Each '
    "picture shows the function and its derivative, both computed by the library.",
    "networks": "`pullback train --network NAME`, or in Python `pb.nn.architectures.get(NAME)`: "
    "whole networks, built for the form of the data.",
    "initialisers": '`pb.nn.initialisers`: first values of weights, as `weight_init="he_normal"` '
    "of a layer, or with settings, `weight_init=pb.nn.initialisers.Normal(0.02)`.",
    "losses": '`pb.losses`: by name, `loss="huber"`, with settings, `loss=pb.losses.Huber(2.0)`, '
    'or on the command line, `--loss "huber, delta=2"`.',
    "optimizers": '`pb.optim`: by name, `optimizer="adamw"`, with settings, '
    '`optimizer=pb.optim.AdamW(1e-3)`, or on the command line, `--optimizer "sgd, momentum=0.9"`.',
    "schedules": '`pb.optim`: factors of the learning rate, as `schedule="cosine"` of an optimizer '
    "or `--schedule` on the command line. Each picture shows a run of 100 steps, with the "
    "settings that the schedule has by itself.",
    "metrics": '`pb.metrics`: by name, `metrics=["accuracy", "f1"]`, with settings, '
    '`pb.metrics.TopK(3)`; a level to reach is `until="f1 >= 0.9"`.',
    "operations": "`pb`: what every graph is made of. Below each stands its derivative as the "
    "library runs it, printed from the rule: `y_bar` is the cotangent of the output y, `x_bar` "
    "that of the input x, `@` the matrix product and `^T` the transpose; `where(c, a, b)` is a "
    "where c holds, and b elsewhere. A product with a cotangent is safe: 0 where the "
    "cotangent is 0. What is repeated in a formula stands above it, as t1, t2, ...",
}


def pages() -> dict[str, str]:
    """Every file of the reference by its name in docs/reference, as it should be."""
    files = {"index.md": index()} | {f"{table}.md": page(table) for table in TABLES}
    for table, draw in PICTURES.items():
        files |= {_picture(table, e): draw(e.name, e.cls) for e in entries(table)}
    return files


def index() -> str:
    """The page that names the others."""
    lines = [
        "# Reference",
        "",
        "What can be chosen by name, table by table. These pages are written from the classes "
        "themselves, by `python -m docs.reference`; `pullback list TABLE NAME` and `help` say the "
        "same, with errors and an example.",
        "",
        "| table | entries |",
        "|---|---|",
        *(f"| [{table}]({table}.md) | {len(entries(table))} |" for table in TABLES),
    ]
    return "\n".join(lines) + "\n"


def page(table: str) -> str:
    """The page of a table: an index, then its entries."""
    found = entries(table)
    lines = [f"# {table.capitalize()}", "", INTRODUCTIONS[table], ""]
    lines += ["| name | what it is | reference |", "|---|---|---|"]
    for entry in found:
        said = [_cell(entry.summary), _cell(_short(entry.reference))]
        lines.append(f"| [{entry.name}](#{entry.name.lower()}) | {' | '.join(said)} |")
    for entry in found:
        lines += ["", *_entry(table, entry)]
    return "\n".join(lines) + "\n"


def _entry(table: str, entry: Entry) -> list[str]:
    """All that a page says of an entry."""
    lines = [f"## {entry.name}", "", f"`{_call(table, entry)}`{_beside(entry)}", ""]
    lines += [_mathematics(entry.text), ""]
    if table in PICTURES:
        lines += [f"![{entry.name}]({_picture(table, entry)})", ""]
    if table == "operations":
        lines += _derivative(entry)
    if arguments := _arguments(entry.section("Args")):
        lines += [*arguments, ""]
    if shape := entry.section("Shape"):
        lines += ["Shape:", "", *(f"- {_mathematics(line)}" for line in _items(shape)), ""]
    if entry.reference:
        lines += [f"From: {_mathematics(entry.reference)}", ""]
    return lines[:-1]


def _call(table: str, entry: Entry) -> str:
    """How it is made, with its settings."""
    call = signature(entry.cls) if table == "operations" else None
    return call or f"{entry.cls.__name__}({entry.settings})"


def _beside(entry: Entry) -> str:
    """What stands beside the call: other names, an operation's family."""
    said = []
    if family := getattr(entry.cls, "family", ""):
        said.append(f"family {family.lower()}")
    if aliases := getattr(entry.cls, "aliases", ()):
        said.append("also called " + ", ".join(f"`{alias}`" for alias in aliases))
    return f" ({'; '.join(said)})" if said else ""


def _derivative(entry: Entry) -> list[str]:
    """What it computes and its pullback, as printed by the library."""
    found = printed(entry.cls)
    return ["```text", found.value, *found.pullbacks, "```", ""] if found else []


def _items(section: str) -> list[str]:
    """The items of a section, each on one line."""
    return re.sub(r"\n\s+", " ", section).splitlines()


def _arguments(section: str) -> list[str]:
    """The arguments as a list."""
    pairs = (item.partition(": ") for item in _items(section))
    return [f"- `{name}`: {_mathematics(said)}" for name, _, said in pairs]


def _mathematics(text: str) -> str:
    """Formulas in the form that Markdown leaves alone."""
    return re.sub(r"\$([^$`]+)\$", r"$`\1`$", text)


def _cell(text: str) -> str:
    """A text in a table, where a stroke would end the cell."""
    inside = re.sub(r"\$([^$]+)\$", lambda m: m[0].replace("|", r"\vert{}"), text)
    return _mathematics(inside.replace("|", r"\|"))


def _short(reference: str) -> str:
    """The authors and the year of a reference."""
    found = re.match(r".*?\d{4}\)?", reference)
    return found[0] if found else reference


def _picture(table: str, entry: Entry) -> str:
    return f"{table.removesuffix('s')}-{entry.name}.svg"


PICTURES: dict[str, Callable[[str, type], str]] = {
    "activations": activation_picture,
    "schedules": schedule_picture,
}


def main() -> None:
    """Write what has changed, and delete what belongs to nothing."""
    files = pages()
    HERE.mkdir(exist_ok=True)
    for path in HERE.iterdir():
        if path.name not in files:
            path.unlink()
    for name, text in files.items():
        path = HERE / name
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
            print(f"{name}: written")


if __name__ == "__main__":
    main()
