"""The parts of what `pullback show` prints: a run, its network, how it learned."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pullback.cli import output
from pullback.cli.choices import described, optimizer_text
from pullback.cli.closing import class_tables, scores_table, visible
from pullback.writing import counted, score

if TYPE_CHECKING:
    from pullback.metrics import ClassReport
    from pullback.plan import Program
    from pullback.runs import RunStore
    from pullback.runs.recorded import Recorded
    from pullback.train import Model

BARS, ASCII_BARS = "▁▂▃▄▅▆▇█", "_.-=+*#@"
SPARKS = 40
MOST_EPOCHS = 30
ALWAYS = ("batch_size", "epochs", "seed")
PART_WORDS = {"train": "training"}


def run(store: RunStore, seen: Recorded, model: Model | None, history: bool) -> list[Any]:
    """A whole run, of which the telemetry tells what was seen."""
    status, record = store.status, store.record
    created = str(record.get("created", ""))[:16].replace("T", " ")
    blocks: list[Any] = [
        output.heading(f"{store.name}: {status.state}"),
        *([status.reason[:1].upper() + status.reason[1:]] if status.reason else []),
        f"{counted(status.step, 'step')}; created {created} UTC"
        + (f" from {record['file']}" if record.get("file") else ""),
    ]
    scores = status.summary.get("scores", {})
    if scores:
        numbers = {k: float("nan") if v is None else v for k, v in scores.items()}
        blocks += ["", scores_table(numbers)]
    reports = status.summary.get("classes", {})
    for part in ("test", "validation", "train"):
        if part in reports:
            what = f"the {PART_WORDS.get(part, part)} rows"
            blocks += ["", *class_tables(_report(reports[part]), what)]
            break
    blocks += ["", *learning(seen, history)]
    if model is not None:
        blocks += ["", *network_tables(model)]
    blocks += ["", *settings(record.get("training", {}))]
    if model is not None:
        blocks += columns(model)
    if status.state == "interrupted":
        blocks += ["", f"Go on with: pullback resume {store.path}"]
    return blocks


def model(loaded: Model) -> list[Any]:
    """A model alone: network, what its outputs mean, the columns it takes."""
    return [*network_tables(loaded), *columns(loaded)]


def network_tables(loaded: Model) -> list[Any]:
    """The layers, and what the outputs mean."""
    shape = None if loaded.encoder is None else loaded.encoder.input_shape
    from pullback.nn.head import heads_by_output
    from pullback.nn.summary import summary

    head = loaded.head
    lines = [output.heading("Network"), *summary(loaded.network, shape).split("\n")]
    for name, each in ({} if head is None else heads_by_output(head)).items():
        answers = f"Answers for {name}" if name else "Answers"
        if each.task == "multilabel":
            names = ", ".join(map(str, each.classes or ["the labels"]))
            lines.append(f"{answers}: yes or no to each of {names}")
        elif each.classes is not None:
            some = ", ".join(visible(str(name)) for name in each.classes[:12])
            more = ", ..." if len(each.classes) > 12 else ""
            lines.append(f"{answers}: one of the classes {some}{more}")
        elif loaded.encoder is not None:
            lines.append(f"Answers: {', '.join(loaded.encoder.target.names)}, in the table's units")
    return lines


def columns(loaded: Model) -> list[Any]:
    """The columns with their roles."""
    if loaded.encoder is None or not loaded.encoder.roles:
        return []
    rows = [
        (role.name, role.role, "; ".join(t for t in (role.reason, role.detail) if t))
        for role in loaded.encoder.roles
    ]
    table = output.table(["column", "role", "because"], rows, dim=[2], keep=[0, 1])
    return ["", output.heading("Columns"), table]


def settings(config: Mapping[str, Any]) -> list[Any]:
    """How it was trained."""
    from pullback import optim
    from pullback.train.objective import Objective
    from pullback.train.settings import Settings

    chosen = dict(config.get("settings", {}))
    usual = Settings().to_config()
    rows = []
    try:
        for name, loss in Objective.from_config(config["loss"]).losses.items():
            rows.append((f"loss of {name}" if name else "loss", described(loss)))
        rows.append(("optimizer", optimizer_text(optim.get(config["optimizer"]))))
    except (KeyError, LookupError, TypeError, ValueError):  # of the user's own, not known here
        rows += [(name, str(config[name])) for name in ("loss", "optimizer") if name in config]
    for name, value in chosen.items():
        if name in ALWAYS or (value is not None and value != usual.get(name)):
            shown = ", ".join(value) if isinstance(value, list) else value
            rows.append((name.replace("_", " "), shown))
    return [output.heading("Settings"), output.table(["", ""], rows)]


def learning(seen: Recorded, whole: bool) -> list[Any]:
    """How the metrics went: a line of bars each, or a table with a row an epoch."""
    found = seen.epochs
    if seen.lost:
        return ["How it learned is lost with the telemetry."]
    names = [name for name in found if name not in ("epoch", "step")]
    if not len(found["epoch"]):
        return ["No epoch has ended yet."]
    if whole:
        return [*_epoch_table(found, names), "", *_events(seen)]
    rows = []
    for name in names:
        values = found[name][np.isfinite(found[name])]
        if len(values):
            ends = [score(float(values[0])), score(float(values[-1]))]
            rows.append((_label(name), ends[0], sparkline(values), ends[1]))
    epochs = counted(int(found["epoch"][-1]), "epoch")
    table = output.table([f"over {epochs}", "first", "", "last"], rows, right=[1, 3], keep=[0, 2])
    return [table]


def _epoch_table(found: Mapping[str, Any], names: list[str]) -> list[Any]:
    """As many metrics as fit, for all epochs or for some at equal distances."""
    room = output.width() - 16
    shown = []
    for name in sorted(names, key=lambda name: not name.endswith(".loss")):
        room -= max(len(_label(name)), 8) + 2
        if room >= 0:
            shown.append(name)
    count = len(found["epoch"])
    places = np.unique(np.linspace(0, count - 1, min(count, MOST_EPOCHS)).round().astype(int))
    rows = [
        (found["epoch"][i], found["step"][i], *(score(float(found[n][i])) for n in shown))
        for i in places
    ]
    headers = ["epoch", "step", *map(_label, shown)]
    blocks: list[Any] = [output.table(headers, rows, right=range(len(headers)))]
    if len(places) < count or len(shown) < len(names):
        blocks.append("All epochs and metrics: pullback export RUN --history FILE.csv")
    return blocks


def _events(seen: Recorded) -> Iterable[Any]:
    rows = [
        (
            datetime.datetime.fromtimestamp(event.time, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S"),
            f"{event.step:,}",
            event.kind,
            event.text,
        )
        for event in seen.events
    ]
    return [output.table(["when (UTC)", "step", "event", ""], rows, right=[1], keep=[0, 1, 2])]


def sparkline(values: Any, width: int = SPARKS) -> str:
    """Values as bars of eight heights, the highest for the largest.

    Example:
        >>> sparkline([3.0, 2.0, 1.0, 0.0]) in ("█▆▃▁", "@*-_")
        True
    """
    numbers = np.asarray(values, np.float64)
    if len(numbers) > width:
        cuts = np.array_split(numbers, width)
        numbers = np.array([cut.mean() for cut in cuts])
    low, high = numbers.min(), numbers.max()
    heights = (numbers - low) / (high - low if high > low else 1.0)
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    bars = BARS if encoding.casefold().replace("-", "").startswith("utf") else ASCII_BARS
    return "".join(bars[round(float(height) * (len(bars) - 1))] for height in heights)


def training_program(store: RunStore) -> Program:
    """The program of one step of a run's training, planned as it was then."""
    from pullback import optim
    from pullback.cli.places import load
    from pullback.errors import FileFormatError
    from pullback.plan import plan
    from pullback.train.build import recipe_of
    from pullback.train.objective import Objective
    from pullback.train.parts import Parts
    from pullback.train.settings import Settings
    from pullback.train.step import Batch

    config, arrays = store.record.get("training", {}), store.load_data()
    elsewhere = "files" in store.record.get("data", {})  # arrays that stayed on the disk
    if arrays is None or elsewhere or "settings" not in config:
        raise FileFormatError(
            "a run whose program is shown must hold its data",
            "a run whose data were too large to be kept",
            "Train on fewer rows to see the program.",
        )
    chosen = Settings.from_config(config["settings"])
    network, rule = load(str(store.path)).network, optim.get(config["optimizer"])
    objective = Objective.from_config(config["loss"])
    recipe = recipe_of(network, objective, rule, chosen, config.get("total_steps"))
    train = Parts.of_arrays(arrays).train
    few = train.some(chosen.batch_size)
    feeds = few.feeds(np.arange(len(few)))
    batch = Batch.of_feeds(feeds)
    if isinstance(rule, optim.Driver):
        return plan(recipe.gradient_step(batch))
    return plan(recipe.part_step(batch) if recipe.accumulate > 1 else recipe.training_step(batch))


def _label(name: str) -> str:
    part, _, metric = name.partition(".")
    return f"{PART_WORDS.get(part, part)} {metric.replace('_', ' ')}"


def _report(stored: Mapping[str, Any]) -> ClassReport:
    """The report of the classes, from what the run keeps of it."""
    from pullback.metrics import ClassReport, ClassRow

    def real(value: float | None) -> float:
        return float("nan") if value is None else value

    rows = tuple(
        ClassRow(row["name"], *(real(row[key]) for key in ("precision", "recall", "f1", "support")))
        for row in stored["rows"]
    )
    matrix = tuple(tuple(real(count) for count in counts) for counts in stored["matrix"])
    return ClassReport(rows, matrix, real(stored["accuracy"]))
