"""What is shown when a training has ended: why it stopped, how good it is, what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pullback.cli import output
from pullback.writing import counted, score

if TYPE_CHECKING:
    from rich.console import RenderableType

    from pullback.metrics import ClassReport
    from pullback.train import Model, Run

PARTS = {"train": "training", "validation": "validation", "test": "test"}
MOST_CLASSES = 12
"""With more classes than this, the confusions are listed instead of drawn as a matrix."""
MOST_LISTED = 30
"""With more classes than this, only the most frequent ones are shown."""
SAMPLE = 80
STATUS = {"finished": 0, "interrupted": 130, "failed": 2}


def exit_status(run: Run) -> int:
    """0 when the training ended by its own rules, 128 + the signal's number otherwise."""
    return 143 if run.reason.endswith("SIGTERM") else STATUS[run.ending]


def outcome(run: Run) -> dict[str, Any]:
    """The outcome of a training as plain data."""
    return {**run.to_json(), "classes": {name: r.as_dict() for name, r in run.classes.items()}}


def show(run: Run) -> None:
    """Print the closing tables."""
    blocks: list[RenderableType] = ["", output.heading(_ending(run)), _effort(run), ""]
    blocks.append(scores_table(run.scores))
    for part in ("test", "validation", "train"):
        if part in run.classes:
            blocks += ["", *class_tables(run.classes[part], f"the {PARTS[part]} rows")]
            break
    if run.ending == "finished" and writes_text(run.model):
        sample = repr(run.model.generate("", SAMPLE))
        blocks += ["", output.heading("A text that it writes by itself"), sample]
    if run.notes:
        blocks += ["", *(f"note: {note}" for note in run.notes)]
    output.show(*blocks, "", *_next(run))


def scores_table(scores: dict[str, float]) -> RenderableType:
    """One row a metric, one column a part."""
    parts = [part for part in PARTS if any(key.startswith(f"{part}.") for key in scores)]
    names = list(dict.fromkeys(key.partition(".")[2] for key in scores))
    rows = [
        [name.replace("_", " "), *(score(scores.get(f"{part}.{name}")) for part in parts)]
        for name in names
    ]
    headers = ["", *(PARTS[part] for part in parts)]
    return output.table(headers, rows, right=range(1, len(headers)))


def class_tables(report: ClassReport, what: str) -> list[RenderableType]:
    """The confusion matrix with precision and recall beside it."""
    names = [visible(row.name) for row in report.rows]
    rows: list[list[str]] = []
    scores = [
        [score(value) for value in (row.precision, row.recall, row.f1)] + [_count(row.support)]
        for row in report.rows
    ]
    headers = ["class", "precision", "recall", "F1", "rows"]
    shorter = [name if len(name) <= 12 else name[:11] + "…" for name in names]
    room = output.width() - 34 - max(map(len, names)) - sum(len(name) + 2 for name in shorter)
    if len(names) > MOST_CLASSES or room < 0:
        listed = list(range(len(names)))
        which = f"Classes of {what}"
        if len(names) > MOST_LISTED:  # those that matter most, not the first in the alphabet
            listed = sorted(listed, key=lambda i: -report.rows[i].support)[:MOST_CLASSES]
            which += f": the {MOST_CLASSES} most frequent of {len(names)} (--json has them all)"
        rows = [[names[i], *scores[i]] for i in listed]
        return [
            output.heading(which),
            output.table(headers, rows, right=range(1, 5)),
            *_confusions(report),
        ]
    for name, counts, parts in zip(names, report.matrix, scores, strict=True):
        rows.append([name, *map(_count, counts), *parts])
    headers = ["actual", *shorter, *headers[1:]]
    return [
        output.heading(
            f"Classes of {what}: how many of each (rows) were taken for which (columns)"
        ),
        output.table(headers, rows, right=range(1, len(headers))),
    ]


def visible(name: str) -> str:
    r"""The name of a class on one line, also where it is a blank or the end of a line.

    Example:
        >>> print(visible("red"), visible(" "), visible(chr(10)))
        red ' ' '\n'
    """
    return name if name.strip() and name.isprintable() else repr(name)


def _confusions(report: ClassReport) -> list[RenderableType]:
    """The most frequent mistakes, where a matrix would be too wide."""
    names = [visible(row.name) for row in report.rows]
    pairs = [
        (count, names[i], names[j])
        for i, counts in enumerate(report.matrix)
        for j, count in enumerate(counts)
        if i != j and count
    ]
    if not pairs:
        return []
    pairs.sort(key=lambda pair: -pair[0])
    rows = [[_count(count), f"{actual} taken for {said}"] for count, actual, said in pairs[:8]]
    return [
        "",
        output.heading("Most frequent mistakes"),
        output.table(["rows", ""], rows, right=[0], keep=[]),
    ]


def _count(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def _ending(run: Run) -> str:
    verb = {"finished": "Finished", "interrupted": "Interrupted", "failed": "Failed"}[run.ending]
    reason = run.reason.removeprefix("interrupted ")
    return f"{verb} {reason}" if run.ending == "interrupted" else f"{verb}: {reason}"


def _effort(run: Run) -> str:
    epochs = run.epochs[-1].epoch if run.epochs else 0
    text = f"{counted(epochs, 'epoch')}, {counted(run.step, 'step')}, "
    text += duration(run.elapsed)
    if run.best_step is not None and run.best_step != run.step and run.ending != "interrupted":
        text += f"; the weights of the best epoch (step {run.best_step:,}) were put back"
    return text


def _next(run: Run) -> list[RenderableType]:
    if run.path is None:
        return ["Nothing was saved."]
    if run.ending == "interrupted":
        return [f"Saved in {run.path}. Go on with:", "", f"  pullback resume {run.path}"]
    first = (f"  pullback predict {run.path} FILE", "predictions for new rows")
    if writes_text(run.model):
        first = (f"  pullback generate {run.path} --prompt TEXT", "how a text goes on")
    rows = [
        first,
        (f"  pullback evaluate {run.path} FILE", "scores on rows whose answers are known"),
        (f"  pullback explain {run.path} FILE {_weight(run)}", "one gradient by the chain rule"),
        (f"  pullback show {run.path} --history", "the network, its settings, how it learned"),
    ]
    return [f"Saved in {run.path}. Next:", "", output.table(["", ""], rows, dim=[1])]


def _weight(run: Run) -> str:
    """The first element of the first weight, as a shell takes it."""
    known = run.network.parameters().items()
    path, shape = next(((p, v.shape) for p, v in known if v.ndim > 1), ("0.weight", (0, 0)))
    return f"'{path}[{','.join('0' * len(shape))}]'"


def writes_text(model: Model) -> bool:
    """Whether a model was trained on a text, and can go on with one."""
    from pullback.data.text import TextInputs

    return model.encoder is not None and isinstance(model.encoder.inputs, TextInputs)


def duration(seconds: float) -> str:
    """A span of time in words.

    Example:
        >>> duration(0.314), duration(75), duration(7300)
        ('0.31 s', '1 min 15 s', '2 h 1 min')
    """
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, left = divmod(minutes, 60)
    return f"{hours} h {left} min" if hours else f"{minutes} min {rest} s"
