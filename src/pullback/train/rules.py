"""When training stops: a level reached, no progress any more, or a budget used up.

Each rule answers with a reason in plain language, which the closing table shows.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from pullback.errors import ConfigError, FileFormatError
from pullback.metrics import Better
from pullback.train.checks import whole
from pullback.train.conditions import UNITS, Condition
from pullback.train.until import Until
from pullback.writing import counted

__all__ = ["Budget", "Condition", "EarlyStopping", "Progress", "Until", "seconds"]

Progress: TypeAlias = Literal["improved", "waiting", "stop"]


def seconds(time: float | str) -> float:
    """A duration in seconds, from a number or from text such as "90", "60s", "5min", "1h".

    Args:
        time: Seconds, or a number with one of the units ms, s, min, h, d (or in words).

    Raises:
        ConfigError: Not a duration, or not a positive and finite one.

    Example:
        >>> seconds("1.5 h")
        5400.0
    """
    number = math.nan
    if isinstance(time, str):
        match = re.fullmatch(r"\s*([0-9.]+(?:e[+-]?\d+)?)\s*([a-z]*)\s*", time.casefold())
        unit = UNITS.get(match[2] or "s") if match else None
        if match and unit is not None and re.fullmatch(r"\d+\.?\d*|\.\d+", match[1].split("e")[0]):
            number = float(match[1]) * unit
    elif not isinstance(time, bool):
        number = float(time)
    if not 0 < number < math.inf:
        raise ConfigError(
            "a time must be positive, in seconds or with a unit",
            repr(time),
            "Write for instance 60, '60s', '5min' or '1h'.",
        )
    return number


class EarlyStopping:
    """Stop when a value has not improved for some epochs.

    A value improves when it is better than the best so far by more than `min_delta`. NaN and
    infinities never improve. Epochs count from 1; where validation is measured every few epochs
    only, `patience` still counts epochs.

    Args:
        metric: The name of what is watched, for instance "loss" or "train.accuracy"; without
            a part it means validation.
        better: Whether "higher" or "lower" is better.
        patience: How many epochs without improvement are waited for.
        min_delta: How much better than the best a value must be, in its own units.
        warm_up: The waiting starts after this many epochs; improvements count before.

    Raises:
        ConfigError: A setting out of its range.

    Example:
        >>> rule = EarlyStopping("loss", "lower", patience=2)
        >>> [rule.update(epoch, v) for epoch, v in enumerate([0.3, 0.2, 0.4, 0.2], start=1)]
        ['improved', 'improved', 'waiting', 'stop']
        >>> rule.reason()
        'no better validation loss for 2 epochs (best 0.2 at epoch 2)'

    References:
        Prechelt (1998), Early stopping, but when?
    """

    def __init__(
        self,
        metric: str,
        better: Better,
        patience: int,
        min_delta: float = 0.0,
        warm_up: int = 0,
    ) -> None:
        if better not in ("higher", "lower"):
            raise ConfigError(
                "better must be 'higher' or 'lower'", repr(better), "Choose one of the two."
            )
        self.metric = metric
        self.better: Better = better
        self.patience = whole("patience", patience, 1)
        self.warm_up = whole("warm_up", warm_up, 0)
        if not 0 <= min_delta < math.inf:
            raise ConfigError(
                "min_delta must be finite and at least 0", repr(min_delta), "Use 0 or 1e-4."
            )
        self.min_delta = float(min_delta)
        self.best: float | None = None
        self.best_epoch = 0
        self.epoch = 0

    def update(self, epoch: int, value: float) -> Progress:
        """Take the value of an epoch.

        Args:
            epoch: The epoch that ended, counted from 1.
            value: What was measured after it.

        Returns:
            "improved" (now is the time to keep the weights), "waiting" or "stop".

        Raises:
            ConfigError: The epoch is not later than the last one.
        """
        if epoch <= self.epoch:
            raise ConfigError(
                "early stopping must be given each epoch once, in order",
                f"epoch {epoch} after epoch {self.epoch}",
                "Restore the state that belongs to the checkpoint.",
            )
        self.epoch = int(epoch)
        if self._improves(float(value)):
            self.best, self.best_epoch = float(value), self.epoch
            return "improved"
        return "stop" if self.waited() >= self.patience else "waiting"

    def waited(self) -> int:
        """How many epochs have passed without an improvement, after the warm-up."""
        return max(0, self.epoch - max(self.best_epoch, self.warm_up))

    def reason(self) -> str:
        """The waiting so far, in a sentence."""
        part, _, name = self.metric.partition(".")
        name = (name or part).replace(".", " ")
        what = f"{'training' if part == 'train' else 'validation'} {name.replace('_', ' ')}"
        best = "none was finite"
        if self.best is not None:
            best = f"best {self.best:.4g} at epoch {self.best_epoch}"
        return f"no better {what} for {counted(self.waited(), 'epoch')} ({best})"

    def state(self) -> dict[str, Any]:
        """What a resume needs, for JSON."""
        return {
            "metric": self.metric,
            "better": self.better,
            "best": self.best,
            "best_epoch": self.best_epoch,
            "epoch": self.epoch,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state()`, exactly; the settings stay this rule's own.

        Raises:
            FileFormatError: Not such a state.
            ConfigError: The state of a rule that watched something else.

        Example:
            >>> first = EarlyStopping("loss", "lower", patience=2)
            >>> first.update(1, 0.5)
            'improved'
            >>> second = EarlyStopping("loss", "lower", patience=2)
            >>> second.restore(first.state())
            >>> second.update(2, 0.6), second.update(3, 0.6)
            ('waiting', 'stop')
        """
        best, best_epoch, epoch = _progress(state)
        if (state.get("metric"), state.get("better")) != (self.metric, self.better):
            raise ConfigError(
                f"the state must be of a rule that watches {self.metric} ({self.better} is better)",
                f"{state.get('metric')!r}, {state.get('better')!r}",
                "Resume with the metric that the run was started with.",
            )
        self.best, self.best_epoch, self.epoch = best, best_epoch, epoch

    def _improves(self, value: float) -> bool:
        if not math.isfinite(value):
            return False
        if self.best is None:
            return True
        gain = value - self.best if self.better == "higher" else self.best - value
        return gain > self.min_delta


@dataclass(frozen=True, init=False)
class Budget:
    """The most that training may take; None is no limit.

    Args:
        epochs: Epochs of the run, from its start.
        steps: Steps (weight updates) of the run, from its start.
        time: Seconds of training, or text such as "60s", "5min", "1h"; kept in seconds.

    Raises:
        ConfigError: A limit that is not positive.

    Example:
        >>> budget = Budget(epochs=50, time="5min")
        >>> budget.time
        300.0
        >>> budget.spent(epoch=50, step=900, elapsed=12.0)
        'the budget of 50 epochs is used up'
    """

    epochs: int | None
    steps: int | None
    time: float | None

    def __init__(
        self,
        epochs: int | None = None,
        steps: int | None = None,
        time: float | str | None = None,
    ) -> None:
        # A frozen dataclass is written once, by this way round its own guard.
        write = object.__setattr__
        write(self, "epochs", None if epochs is None else whole("epochs", epochs, 1))
        write(self, "steps", None if steps is None else whole("steps", steps, 1))
        write(self, "time", None if time is None else seconds(time))

    def spent(self, epoch: int, step: int, elapsed: float) -> str:
        """Why training stops now, or the empty string while there is some left.

        Args:
            epoch: Epochs that are complete.
            step: Steps that are complete.
            elapsed: Seconds of training so far, earlier parts of a resumed run included.
        """
        if self.epochs is not None and epoch >= self.epochs:
            return f"the budget of {counted(self.epochs, 'epoch')} is used up"
        if self.steps is not None and step >= self.steps:
            return f"the budget of {counted(self.steps, 'step')} is used up"
        if self.time is not None and elapsed >= self.time:
            return f"the budget of {self.time:g} s is used up, at epoch {epoch}"
        return ""


def _progress(state: Mapping[str, Any]) -> tuple[float | None, int, int]:
    best, best_epoch, epoch = (state.get(key) for key in ("best", "best_epoch", "epoch"))
    sound = (
        (type(best_epoch) is int and type(epoch) is int and 0 <= best_epoch <= epoch)
        and (best is None) == (best_epoch == 0)
        and (best is None or (type(best) in (int, float) and math.isfinite(best)))
    )
    if not sound:
        raise FileFormatError(
            "the state of early stopping must hold best, best_epoch and epoch",
            f"best {best!r}, best_epoch {best_epoch!r}, epoch {epoch!r}",
            "Resume from an earlier checkpoint; this one is damaged.",
        )
    return (None if best is None else float(best)), int(best_epoch or 0), int(epoch or 0)
