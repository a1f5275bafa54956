"""What is said where a step was held back, since a number in it was NaN or infinite."""

from __future__ import annotations

from pullback.errors import NonFiniteError
from pullback.execute import NonFiniteOrigin

UNKNOWN = "a sum over the batch, or a new value of a parameter"
TO_DO = "Lower the learning rate, clip the gradient (clip_norm=1), or check the data there."


def said(origin: NonFiniteOrigin | None) -> str:
    """Where it arose, and why."""
    return UNKNOWN if origin is None else str(origin)


def error(origin: NonFiniteOrigin | None, step: str) -> NonFiniteError:
    """The error for the step of that number or name."""
    made = NonFiniteError(
        "the loss, every gradient and every new value must be finite",
        f"{said(origin)}; in step {step}",
        TO_DO if origin is None or not origin.advice else origin.advice,
    )
    made.origin = origin
    return made
