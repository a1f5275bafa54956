"""What went on inside: what probes saw of each layer, step by step."""

from __future__ import annotations

from pullback.errors import PullbackError
from pullback.insight.figures.probes import UPDATE_RATIO, readings_figure
from pullback.insight.markup import Html, section
from pullback.insight.report.picture import picture
from pullback.insight.report.subject import Told

SHOWN = (
    ("*.gradient", "norm", "The norm of each gradient. Where it shrinks or grows from layer to "
     "layer by orders of magnitude, gradients vanish or explode."),
    ("*", UPDATE_RATIO, "How large the updates of each parameter are beside it: mostly about "
     "0.001. Much larger ones are rash, much smaller ones change nothing."),
    ("*.output", "deviation", "How far the outputs of each layer spread."),
    ("*.output", "zeros", "Which part of each layer's outputs is 0: units that are always 0 learn "
     "nothing."),
    ("*.output", "saturated", "Which part of the outputs of activations with bounds lies at these: "
     "there derivatives are near 0."),
)  # fmt: skip


def inside(told: Told) -> Html | None:
    """The section; None where nothing was looked at."""
    if not told.readings:
        return None
    parts = []
    for number, (pattern, quantity, caption) in enumerate(SHOWN):
        try:
            drawn = readings_figure(told.readings, quantity, pattern)
        except PullbackError:  # the run was not asked to look at this
            continue
        parts.append(picture(drawn, f"inside-{number}", caption))
    return section("What went on inside", *parts) if parts else None
