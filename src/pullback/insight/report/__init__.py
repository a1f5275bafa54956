"""`pb.report`: one page about a run, to be kept, sent and printed."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pullback.errors import ConfigError
from pullback.files import atomic_write_text
from pullback.insight.figures.style import require
from pullback.insight.markup import DASH, Html, element, escaped
from pullback.insight.page import page
from pullback.insight.report.again import again
from pullback.insight.report.around import around, rows_of
from pullback.insight.report.inside import inside
from pullback.insight.report.subject import Told, told
from pullback.insight.report.trained import trained
from pullback.insight.report.went import failure, seconds, went
from pullback.runs.store import RunStore
from pullback.train.progress import Show
from pullback.train.resume import as_fit_wrote_it
from pullback.train.run import Run, headline
from pullback.writing import counted, score

__all__ = ["Written", "report", "written"]


@dataclass(frozen=True)
class Written:
    """A report that was written.

    Attributes:
        path: The file.
        size: How many bytes it has.
        figures: How many figures it shows.
        problems: What of the run is lost, a sentence each.
    """

    path: Path
    size: int
    figures: int
    problems: tuple[str, ...]


def report(
    run: Run | str | os.PathLike[str],
    path: str | os.PathLike[str] | None = None,
    *,
    landscape: bool = False,
    custom: Iterable[Any] = (),
    progress: Show | bool = "auto",
) -> Path:
    """Write one HTML page about a run: what was trained, how it went, how to reproduce it.

    The page holds its figures and styles, and no scripts; it loads nothing from anywhere, is light
    or dark as the reader likes, and can be printed. The run is only read.

    Args:
        run: A run that was saved, or its folder; it need not be finished.
        path: The file to write, which is replaced if it exists; None takes the run's name.
        landscape: Whether what lies around the final weights is computed: curvature, a landscape,
            and the line to the initial weights.
        custom: Layer and loss classes of one's own that the run was made with.
        progress: How it is shown how far a landscape is, if it takes over a second.

    Returns:
        Where the page is.

    Raises:
        ConfigError: matplotlib is not installed (`pip install 'pullback[plot]'`), the run was not
            saved, or a landscape is asked for and the run has no network or no data.
        FileFormatError: There is no run, or its record is damaged.
        StorageError: The file cannot be written; what stood there is left as it was.

    Example:
        >>> import numpy as np, pullback as pb
        >>> x = np.linspace(-1, 1, 20)[:, None]
        >>> run = pb.fit(pb.nn.dense(1, [4], 1), (x, x), epochs=3, loss="mse", save="runs")
        >>> pb.report(run, "report.html").name
        'report.html'
    """
    return written(run, path, landscape=landscape, custom=custom, progress=progress).path


def written(
    run: Run | str | os.PathLike[str],
    path: str | os.PathLike[str] | None = None,
    *,
    landscape: bool = False,
    custom: Iterable[Any] = (),
    progress: Show | bool = "auto",
) -> Written:
    """`report`, and what is to be said of the file."""
    require()
    custom = tuple(custom)
    folder = run.path if isinstance(run, Run) else run
    if folder is None:
        raise ConfigError(
            "a run that is reported on must have been saved",
            "a run without a folder",
            'Train with pb.fit(..., save="runs").',
        )
    with RunStore.open(folder) as store, as_fit_wrote_it(store.path):
        known = told(store, custom)
        rows = rows_of(known) if landscape else None
        parts = [_head(known), *_lost(known), *failure(known), trained(known), went(known)]
        seen = inside(known)
        parts += [seen] if seen is not None else []
        if rows is not None:
            parts.append(around(known, rows, custom, progress))
        parts.append(again(known))
        name = store.name
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M")
    text = page(f"{name}: a report", parts, now)
    target = Path(f"{name}.html" if path is None else path)
    atomic_write_text(target, text)
    return Written(target, len(text.encode()), text.count("<figure>"), tuple(known.problems))


def _head(known: Told) -> Html:
    """The run's name, how it ended, and the numbers that matter most."""
    status = known.status
    state = element("span", status.state, cls=f"state {status.state}")
    created = str(known.record.get("created", ""))[:16].replace("T", " ")
    tiles = "".join(
        f"<div>{element('dt', what)}{element('dd', value)}</div>" for what, value in _tiles(known)
    )
    return Html(
        f"<header>\n{element('h1', known.store.name, state)}\n"
        f"{element('p', f'Begun on {created} UTC', cls='soft')}\n"
        f'<dl class="tiles">{escaped(Html(tiles))}</dl>\n</header>'
    )


def _tiles(known: Told) -> Iterator[tuple[str, str]]:
    scores = {k: float("nan") if v is None else v for k, v in known.scores.items()}
    name, value = headline(scores)
    if name and value is not None:
        yield name.replace(".", " ").replace("_", " "), score(value, DASH)
    tested = name.replace("validation.", "test.")
    if tested != name and tested in scores:
        yield tested.replace(".", " ").replace("_", " "), score(scores[tested], DASH)
    epochs = known.history.epochs["epoch"]
    yield "epochs", f"{int(epochs.max(initial=0)):,}"
    yield "steps", f"{known.status.step:,}"
    taken = seconds(known)
    if taken is not None:
        yield "training took", _duration(taken)
    if known.network is not None and known.network.is_built:
        parameters = sum(p.size for p in known.network.parameters().values())
        yield "parameters", f"{parameters:,}"


def _duration(taken: float) -> str:
    """A span of time.

    Example:
        >>> _duration(0.314), _duration(75), _duration(7300)
        ('0.31 s', '1 min 15 s', '2 h 1 min')
    """
    if taken < 60:
        return f"{taken:.2g} s" if taken < 10 else f"{taken:.0f} s"
    minutes, rest = divmod(round(taken), 60)
    hours, left = divmod(minutes, 60)
    return f"{hours} h {left} min" if hours else f"{minutes} min {rest} s"


def _lost(known: Told) -> Iterator[Html]:
    """What of the run is lost."""
    if known.problems:
        items = "".join(element("p", problem) for problem in known.problems)
        title = element("b", f"{counted(len(known.problems), 'part')} of this run cannot be read.")
        yield Html(f'<div class="callout">{title}{items}</div>')
