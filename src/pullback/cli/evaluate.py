"""`pullback evaluate`: how good a trained network is on rows whose answers are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pullback.cli import output
from pullback.cli.options import Command, as_json, option, words
from pullback.errors import DataError
from pullback.writing import counted, score


@click.command("evaluate", cls=Command)
@click.argument("model", metavar="RUN|MODEL")
@click.argument("file", metavar="FILE")
@option("--metrics", multiple=True, metavar="NAMES", help="Such as accuracy,f1,log_loss.")
@option("--separator", metavar="CHARACTER", help="Between fields of FILE, or 'tab'.  [found]")
@option("--encoding", metavar="NAME", help="Of FILE.  [utf-8]")
@as_json
def command(
    model: str,
    file: str,
    metrics: tuple[str, ...],
    separator: str | None,
    encoding: str | None,
    as_json: bool,
) -> None:
    """Measure the network of a run (or of a model file) on the rows of FILE.

    FILE holds the columns that the network was trained on, and the target.
    """
    from pullback.cli import closing, places
    from pullback.metrics import as_metrics, defaults, evaluate, report
    from pullback.nn.head import Head
    from pullback.train.auto import TEXT_METRICS
    from pullback.train.evaluation import MOST_REPORTED

    loaded = places.load(model)
    wanted = words(metrics)
    if wanted and isinstance(loaded.head, Head):
        as_metrics(wanted, loaded.head.task)  # a wrong name is told of before anything is read
    source = places.read(loaded, file, separator, encoding)
    if loaded.encoder is None and getattr(source, "y", None) is None:
        raise DataError(
            "the file must hold the features and the targets, as x and y", file, "Use an .npz file."
        )
    (known,) = loaded.known(places.plain_arrays(loaded, source)).values()
    head, said, answers = known.head, known.scores, known.targets
    warnings = [*loaded.warnings, *_trained_on(model, source)]
    usual = (
        TEXT_METRICS if closing.writes_text(loaded) else defaults(head.task, said.shape[1]).shown
    )
    names: Any = wanted or usual
    scores = evaluate(as_metrics(names, head.task), said, answers)
    classed = head.task == "classification" and said.shape[1] <= MOST_REPORTED
    classes = report(said, answers, names=head.classes) if classed else None
    if as_json:
        found = {
            "model": model,
            "file": file,
            "rows": len(said),
            "task": head.task,
            "scores": scores,
            "classes": None if classes is None else classes.as_dict(),
            "warnings": warnings,
        }
        output.emit("evaluate", found)
        return
    rows = [(name.replace("_", " "), score(value)) for name, value in scores.items()]
    blocks: list[Any] = [
        output.heading(f"{model} on {file}: {counted(len(said), 'row')}"),
        output.table(["", ""], rows, right=[1]),
    ]
    if classes is not None:
        blocks += ["", *closing.class_tables(classes, "these rows")]
    blocks += [""] if warnings else []
    output.show(*blocks, *(f"warning: {text}" for text in warnings))


def _trained_on(model: str, source: Any) -> list[str]:
    """A warning where the rows are those of the training."""
    from pullback.document import read_document
    from pullback.runs.store import RUN

    record = Path(model) / RUN
    if not record.is_file():
        return []
    digest = read_document(record, kind="run").get("data", {}).get("hash")
    if digest is None or digest != getattr(source, "hash", None):
        return []
    return [
        "the network was trained on most of these rows; its scores on the test rows, which it "
        f"never saw, are in: pullback show {model}"
    ]
