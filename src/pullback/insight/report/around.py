"""What lies around the final weights: how sharply the loss bends, and where else it could go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from pullback.errors import ConfigError, PullbackError
from pullback.insight.curvature import curvature
from pullback.insight.figures.spectrum import curvature_figure
from pullback.insight.figures.terrain import landscape_figure
from pullback.insight.landscape import landscape
from pullback.insight.markup import Html, element, section
from pullback.insight.report.picture import picture
from pullback.insight.report.subject import Told
from pullback.insight.weights import weights_at
from pullback.nn.several import ONE, unlabelled
from pullback.train.objective import Objective
from pullback.train.parts import Parts
from pullback.train.progress import Show
from pullback.train.progress import progress as shown

MOST_ROWS = 1000
"""So many training rows speak for all of them."""


def rows_of(told: Told) -> tuple[Any, ...]:
    """Training rows of the run, evenly spread.

    Raises:
        ConfigError: The run has no network yet, or its data are not in its folder.
    """
    if told.model is None:
        raise ConfigError(
            "a landscape is that of a trained network",
            f"a run without one: {told.status.state}",
            "Finish it first (pullback resume), or leave the landscape out.",
        )
    arrays = None if "files" in told.data else told.store.load_data()
    if arrays is None:
        raise ConfigError(
            "a landscape is computed from the rows that the run keeps",
            "a run whose data are too large to be kept",
            "Leave the landscape out, or call pb.landscape with rows of your own.",
        )
    labelled = Parts.of_arrays(arrays).train.some(MOST_ROWS).arrays
    x, y = ({n: np.asarray(a) for n, a in unlabelled(k, labelled).items()} for k in ("x", "y"))
    weights = labelled.get("weights")
    given = x.get(ONE, x), y.get(ONE, y)
    return given if weights is None else (*given, np.asarray(weights))


def around(told: Told, rows: tuple[Any, ...], custom: Any, progress: Show | bool) -> Html:
    """The section.

    Args:
        told: The run.
        rows: A batch.
        custom: Loss classes of one's own.
        progress: How it is shown how far it is.
    """
    network = told.network
    assert network is not None  # rows_of has seen to it
    loss = Objective.from_config(told.training["loss"], custom)
    rule = told.training.get("optimizer", {})
    is_plain = isinstance(rule, dict) and rule.get("name") == "sgd" and not rule.get("momentum")
    rate = float(rule["learning_rate"]) if is_plain else None
    count = len(next(iter(rows[0].values())) if isinstance(rows[0], dict) else rows[0])
    words = (
        f"The loss, without penalties on weights, of {count:,} training rows, the network called "
        "as in use."
    )
    parts: list[object] = [element("p", words)]

    def bends() -> Html:
        with shown(progress).doing("looking for the largest curvature"):
            found = curvature(network, rows, loss=loss, count=5, learning_rate=rate)
        said = (
            f"The largest eigenvalues of the Hessian, and the lowest. Along the sharpest direction "
            f"plain gradient descent is stable up to a learning rate of {found.critical_rate:.4g}."
        )
        return picture(curvature_figure(found), "curvature", said)

    def around_it() -> Html:
        found = landscape(network, rows, loss=loss, progress=progress)
        said = (
            "The loss along two random directions whose filters are as long as the network's "
            "(Li et al., 2018); the star is the network."
        )
        return picture(landscape_figure(found), "landscape", said)

    def from_the_start() -> Html:
        first = weights_at(told.store.path, 0)
        found = landscape(network, rows, loss=loss, along=first, progress=progress)
        found = replace(found, directions=("the line back to the initial weights",))
        said = (
            "The loss on the straight line from the final weights (0) back to the initial ones (1) "
            "(Goodfellow et al., 2015)."
        )
        return picture(landscape_figure(found), "line", said)

    parts += [_or_why(draw) for draw in (bends, around_it, from_the_start)]
    return section("Around the final weights", *parts)


def _or_why(draw: Callable[[], Html]) -> Html:
    """A figure, or why there is none: the rest of the page does not depend on it."""
    try:
        return draw()
    except PullbackError as error:
        return element("p", f"Not drawn: {error.must} ({error.received}).", cls="soft")
