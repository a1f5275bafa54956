"""What is measured after an epoch: metrics, each of one output of the network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from pullback.errors import ConfigError, unknown
from pullback.metrics import Better, Metric, MetricLike, as_metric, as_metrics, defaults
from pullback.metrics import evaluate as values_of
from pullback.nn.head import Head, Heads, heads_by_output
from pullback.nn.several import ONE
from pullback.train.known import Known

Wanted: TypeAlias = MetricLike | Iterable[MetricLike] | Mapping[str, Iterable[MetricLike]] | None


@dataclass(frozen=True)
class Measure:
    """A metric of one output; that of a network with one output has the name "".

    Example:
        >>> from pullback.metrics import get
        >>> Measure("age", get("rmse")).name, Measure("", get("rmse")).name
        ('age.rmse', 'rmse')
    """

    output: str
    metric: Metric

    @property
    def name(self) -> str:
        """What it is called in scores, in `until=` and in the run's record."""
        return f"{self.output}.{self.metric.name}" if self.output else self.metric.name

    @property
    def better(self) -> Better:
        """Whether "higher" or "lower" is better."""
        return self.metric.better


def measures_of(
    wanted: Wanted, head: Head | Heads, classes: Mapping[str, int] | None = None
) -> list[Measure]:
    """The measures that a user asks for; those usual for the task where nothing is asked for.

    Args:
        wanted: Names, metrics or functions. Of several outputs each gets those of its task, unless
            a name says which (`age.rmse`), or a dict gives each output its own.
        head: What the outputs mean.
        classes: The number of classes of each output, where the head does not tell.

    Raises:
        UnknownNameError: No such metric or output; the nearest is named.
        ConfigError: A metric of another task, or two of one name.
    """
    heads = heads_by_output(head)
    if isinstance(wanted, Mapping):
        for name in wanted:
            if name not in heads:
                raise unknown("output of the network", name, list(heads))
        return [m for name, each in wanted.items() for m in _of(name, heads[name], each)]
    if wanted is None:
        usual = {name: _usual(h, (classes or {}).get(name)) for name, h in heads.items()}
        return [m for name, names in usual.items() for m in _of(name, heads[name], names)]
    if ONE in heads:
        return _of(ONE, heads[ONE], wanted)
    items = [wanted] if isinstance(wanted, str) or callable(wanted) else list(wanted)
    found = [measure for item in items for measure in _of_several(item, heads)]
    names = [measure.name for measure in found]
    for name in names:
        if names.count(name) > 1:
            do = "Leave one out."
            raise ConfigError("each metric must have a name of its own", f"{name!r} twice", do)
    return found


def _usual(head: Head, classes: int | None) -> tuple[str, ...]:
    count = classes if head.classes is None else len(head.classes)
    return defaults(head.task, count).shown


def _of(output: str, head: Head, wanted: MetricLike | Iterable[MetricLike]) -> list[Measure]:
    return [Measure(output, metric) for metric in as_metrics(wanted, head.task)]


def _of_several(item: MetricLike, heads: Mapping[str, Head]) -> list[Measure]:
    """The measures that one item asks for, where there are several outputs."""
    if isinstance(item, str) and "." in item:
        output, _, name = item.partition(".")
        if output not in heads:
            raise unknown("output of the network", output, list(heads))
        return _of(output, heads[output], name)
    metric = as_metric(item)
    fitting = [name for name, head in heads.items() if metric.task in (None, head.task)]
    if not fitting:
        tasks = ", ".join(f"{name}: {head.task}" for name, head in heads.items())
        raise ConfigError(
            "a metric must be one for the task of some output",
            f"{metric.name!r}, which is for {metric.task}; {tasks}",
            "Leave it out, or choose another.",
        )
    return [m for name in fitting for m in _of(name, heads[name], [metric])]


def measured(measures: Iterable[Measure], known: Mapping[str, Known]) -> dict[str, float]:
    """The value of each measure by its name.

    Args:
        measures: What to measure.
        known: What is known of each output.
    """
    measures = list(measures)
    found: dict[str, float] = {}
    for output, rows in known.items():
        metrics = [measure.metric for measure in measures if measure.output == output]
        if metrics:
            values = values_of(metrics, rows.scores, rows.targets, rows.weights)
            found |= {Measure(output, m).name: values[m.name] for m in metrics}
    return {measure.name: found[measure.name] for measure in measures}
