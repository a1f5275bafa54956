"""What was trained: the data, the network, and every setting beside its default."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pullback import losses, optim
from pullback.errors import PullbackError
from pullback.insight.markup import DASH, Html, element, folded, joined, section, table
from pullback.insight.report.subject import Told
from pullback.nn.summary import rows, summary
from pullback.train.settings import Settings
from pullback.writing import counted

ALWAYS = ("batch_size", "epochs", "steps", "patience", "monitor", "shuffle", "seed", "executor")
MOST_CLASSES, MOST_COLUMNS, MOST_LAYERS = 12, 30, 60
PART_WORDS = {"train": "training", "validation": "validation", "test": "test"}


def trained(told: Told) -> Html:
    """The section."""
    return section(
        "What was trained",
        element("h3", "Data"),
        *_data(told),
        element("h3", "Network"),
        *_network(told),
        element("h3", "Loss, optimizer and settings"),
        *_settings(told),
    )


def _data(told: Told) -> Iterator[Html]:
    data = told.data
    facts = [
        ("read from", told.record.get("file") or data.get("source") or data.get("kind")),
        ("rows", f"{data['rows']:,}" if isinstance(data.get("rows"), int) else None),
        ("parts", _parts(data)),
        ("predicts", ", ".join(map(str, data.get("target", ()))) or told.record.get("target")),
        ("task", _task(told)),
        ("features of a row", data.get("features")),
        ("SHA-256", element("code", data["hash"]) if data.get("hash") else None),
    ]
    if not _parts(data):
        for name, said in told.arrays().items():
            part, _, label = name.partition(".")
            facts.append((f"{PART_WORDS.get(part, part)} {label}", said))
    yield table(["", ""], [(name, value) for name, value in facts if value not in (None, "")])
    classes = data.get("classes")
    if isinstance(classes, Mapping) and classes:
        ordered = sorted(classes.items(), key=lambda item: -item[1])
        shown: list[Any] = [(name, f"{count:,}") for name, count in ordered[:MOST_CLASSES]]
        if len(ordered) > MOST_CLASSES:
            shown.append([f"{len(ordered) - MOST_CLASSES:,} more classes"])
        yield table(["class", "training rows"], shown, right=[1])
    roles = [role for role in data.get("roles", ()) if isinstance(role, Mapping)]
    if roles:
        cells = [
            (
                role.get("name", ""),
                role.get("role", ""),
                "; ".join(str(t) for t in (role.get("reason"), role.get("detail")) if t),
            )
            for role in roles
        ]
        made = table(["column", "role", "because"], cells)
        title = f"The {counted(len(roles), 'column')}, and how each was read"
        yield made if len(roles) <= MOST_COLUMNS else folded(title, made)
    for warning in data.get("warnings", ()):
        yield element("p", f"Note: {warning}", cls="soft")


def _parts(data: Mapping[str, Any]) -> str:
    parts = data.get("parts")
    if not isinstance(parts, Mapping):
        return ""
    said = ", ".join(f"{n:,} {PART_WORDS.get(name, name)}" for name, n in parts.items() if n)
    return f"{said} ({data['split']})" if data.get("split") else said


def _task(told: Told) -> str:
    task, why = told.record.get("task", ""), told.data.get("task_reason")
    return f"{task}: {why}" if why and task else str(task or "")


def _network(told: Told) -> Iterator[Html]:
    if told.network is None:
        yield element("p", "The network cannot be shown.", cls="soft")
        return
    layers = rows(told.network, told.input_shape)
    cells: list[Any] = [
        (
            row.path or DASH,
            element("code", row.layer),
            " and ".join(_shape(shape) for shape in row.outputs) if row.outputs else DASH,
            DASH if row.parameters is None else f"{row.parameters:,}",
            f"{row.trainable:,}",
        )
        for row in layers
    ]
    headers = ["path", "layer", "output", "parameters", "trained"]
    if len(cells) > MOST_LAYERS:
        half = MOST_LAYERS // 2
        whole = table(headers, cells, right=[3, 4])
        cells = [*cells[:half], [f"{len(cells) - 2 * half:,} more"], *cells[-half:]]
        yield table(headers, cells, right=[3, 4])
        yield folded("All layers", whole)
    else:
        yield table(headers, cells, right=[3, 4])
    yield element("p", _total(told), cls="soft")


def _total(told: Told) -> str:
    """How many parameters, and how much memory they take."""
    assert told.network is not None
    return summary(told.network, told.input_shape).splitlines()[-1].partition(";")[0]


def _shape(shape: tuple[int, ...]) -> str:
    return f"({', '.join(['batch', *map(str, shape)])})"


def _settings(told: Told) -> Iterator[Html]:
    training = told.training
    loss, rule = training.get("loss"), training.get("optimizer")
    if isinstance(loss, Mapping) and "outputs" in loss:
        for name, one in loss["outputs"].items():
            yield _named("loss", f"Loss of {name}", one)
    else:
        yield _named("loss", "Loss", loss)
    yield _named("optimizer", "Optimizer", rule)
    usual, meanings = Settings().to_config(), _meanings()
    cells: list[tuple[str, ...]] = []
    changed, short = [], []
    for name, value in told.settings.items():
        is_changed = name in usual and value != usual[name]
        if is_changed:
            changed.append(len(cells))
        if is_changed or name in ALWAYS:
            short.append(len(cells))
        default = _plain(usual[name]) if name in usual else DASH
        cells.append((name.replace("_", " "), _plain(value), default, meanings.get(name, "")))
    headers = ["setting", "value", "default", "what it is"]
    marks = [short.index(i) for i in changed]
    words = "Settings that are not the default, which stand out, and the most important others"
    yield table(headers, [cells[i] for i in short], marked=marks, caption=words)
    whole = table(headers, cells, marked=changed)
    yield folded(f"All {len(cells)} settings, with their defaults", whole)


def _named(kind: str, title: str, config: Any) -> Html:
    """A loss or an optimizer with all its settings."""
    if not isinstance(config, Mapping):
        return element("p", f"{title}: {config or 'not recorded'}")
    name = str(config.get("name", ""))
    usual: Mapping[str, Any] = {}
    try:
        made: Any = (losses if kind == "loss" else optim).get(dict(config))
        usual = type(made)().to_config()
        said = (inspect.getdoc(type(made)) or "").split("\n")[0]
    except (PullbackError, TypeError, ValueError):  # of the user's own, not known here
        said = ""
    cells: list[tuple[str, ...]] = []
    changed = []
    for key, value in config.items():
        if key in ("name", "kind"):
            continue
        if key in usual and value != usual[key]:
            changed.append(len(cells))
        default = _plain(usual[key]) if key in usual else DASH
        cells.append((key.replace("_", " "), _plain(value), default))
    words = re.sub(r"\s*:?\s*\$.*", "", said).rstrip(".")  # formulas are for other pages
    caption = f"{title}: {name}" + (f" ({words[:1].lower()}{words[1:]})" if words else "")
    if not cells:
        return element("p", caption)
    return joined([table(["setting", "value", "default"], cells, marked=changed, caption=caption)])


def _plain(value: Any) -> str:
    """A setting as text: of what is chosen by name, its name and what was set."""
    if value is None or value == "":
        return DASH
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        name = [str(value["name"])] if "name" in value else []
        rest = [
            f"{str(k).replace('_', ' ')} {_plain(v)}"
            for k, v in value.items()
            if k not in ("name", "kind") and v is not None
        ]
        return ", ".join([*name, *rest]) or DASH
    if isinstance(value, (list, tuple)):
        return ", ".join(_plain(item) for item in value) or DASH
    return str(value)


def _meanings() -> dict[str, str]:
    """What each setting is, from where they are documented."""
    text = (inspect.getdoc(Settings) or "").partition("Attributes:")[2]
    found = re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", text, re.MULTILINE)
    return {name: " ".join(said.split()).replace("`", "") for name, said in found}
