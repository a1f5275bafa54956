"""`until=`: the level of performance at which training may stop, as a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pullback.metrics import MetricLike, Task, as_metrics
from pullback.train.conditions import Condition, Parser


@dataclass(frozen=True, slots=True)
class Until:
    """A parsed `until=` expression.

    Attributes:
        alternatives: Conditions joined by "and", joined by "or".
        notes: What the user should be told before training starts.

    Example:
        >>> until = Until.parse("auc >= 95% and epoch >= 5 or time > 2min")
        >>> str(until)
        'roc_auc >= 0.95 and epoch >= 5 or time > 120s'
        >>> until.metrics()
        ('roc_auc',)
        >>> until.reached({"validation.roc_auc": 0.97, "epoch": 7, "time": 30.0})
        True
    """

    alternatives: tuple[tuple[Condition, ...], ...]
    notes: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def parse(
        cls,
        text: str,
        *,
        metrics: Iterable[MetricLike] = (),
        task: Task | None = None,
        validation: bool = True,
        outputs: Mapping[str, Task] | None = None,
    ) -> Until:
        """Read an expression.

        Args:
            text: For instance "accuracy >= 0.95", "validation.loss < 0.1 and epoch >= 5",
                "train.r2 > 90% or time >= 2min".
            metrics: Metrics of the user's own, beside the registered ones.
            task: The task at hand; a metric of the other one is refused.
            validation: Whether there is a validation part. If not, bare names mean
                training, and `notes` says so.
            outputs: The task of each output, where there are several; metrics then name theirs:
                "age.rmse < 3".

        Raises:
            ConfigError: Not of the grammar above, a target that cannot be reached, a metric
                of the other task, or a validation metric without a validation part.
            UnknownNameError: No such metric; the nearest is named.

        Example:
            >>> Until.parse("acc => 95").reached({})
            Traceback (most recent call last):
            ...
            pullback.errors.ConfigError: accuracy is never >= 95: it lies between 0 and 1
              received: acc => 95
                               ^
              to do: For a percentage write 95%.
        """
        own = {metric.name.casefold(): metric for metric in as_metrics(metrics)}
        parser = Parser(text, own, task, validation, outputs or {})
        alternatives = parser.expression()
        return cls(alternatives, tuple(dict.fromkeys(parser.notes)))

    def conditions(self) -> tuple[Condition, ...]:
        """All conditions, in the order written."""
        return tuple(condition for group in self.alternatives for condition in group)

    def keys(self) -> tuple[str, ...]:
        """The names of the values that `reached` looks at, each once."""
        return tuple(dict.fromkeys(condition.key for condition in self.conditions()))

    def metrics(self) -> tuple[str, ...]:
        """The metrics that must be measured, without their parts; the loss is not one."""
        asked = (c.name for c in self.conditions() if c.part is not None)
        return tuple(dict.fromkeys(n for n in asked if n.rpartition(".")[2] != "loss"))

    def reached(self, values: Mapping[str, float]) -> bool:
        """Whether the expression holds.

        Args:
            values: A value for each of `keys()`; NaN for what has not been measured yet.

        Raises:
            UnknownNameError: A value is not there.
        """
        return self._met(values) is not None

    def reason(self, values: Mapping[str, float]) -> str:
        """Why training stops, in a sentence; empty when the expression does not hold.

        Example:
            >>> Until.parse("accuracy >= 0.97").reason({"validation.accuracy": 0.9812, "epoch": 14})
            'accuracy 0.981 reached the target accuracy >= 0.97 at epoch 14'
        """
        met = self._met(values)
        if met is None:
            return ""
        seen = " and ".join(f"{c.label} {c.shown(c.value(values))}" for c in met)
        target = " and ".join(map(str, met))
        told = "epoch" not in values or any(c.name == "epoch" for c in met)
        when = "" if told else f" at epoch {int(values['epoch'])}"
        return f"{seen} reached the target {target}{when}"

    def level_reached(self, values: Mapping[str, float]) -> bool:
        """Whether an alternative holds that asks something of a metric, not of counters alone.

        Values that have not been measured yet meet nothing.

        Example:
            >>> until = Until.parse("epoch >= 5 or accuracy >= 0.9")
            >>> until.level_reached({"epoch": 7, "validation.accuracy": 0.5})
            False
        """
        if not set(self.keys()) <= set(values):
            return False
        asking = [group for group in self.alternatives if any(c.part is not None for c in group)]
        return any(all(c.holds(c.value(values)) for c in group) for group in asking)

    def _met(self, values: Mapping[str, float]) -> tuple[Condition, ...] | None:
        # Every value is looked up, so that a missing one never hides behind another.
        found = {condition: condition.value(values) for condition in self.conditions()}
        for group in self.alternatives:
            if all(condition.holds(found[condition]) for condition in group):
                return group
        return None

    def __str__(self) -> str:
        return " or ".join(" and ".join(map(str, group)) for group in self.alternatives)
