"""What a training makes small: a loss, or one for each output of the network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pullback import losses, named, ops
from pullback.errors import ConfigError, ShapeError, unknown
from pullback.graph.node import Node
from pullback.losses import Loss
from pullback.nn.several import ONE

Nodes = Mapping[str, Node]


@dataclass(frozen=True)
class Objective:
    r"""One loss an output, each with its weight: $\sum_k \lambda_k L_k$.

    Attributes:
        losses: By output; that of a network with one output has the name "".
        weights: $\lambda_k$ by output; 1 where none is given.

    Example:
        >>> both = Objective({"age": losses.mse, "city": losses.cross_entropy}, {"age": 0.5})
        >>> Objective.from_config(both.to_config()) == both
        True
    """

    losses: Mapping[str, Loss]
    weights: Mapping[str, float]

    @classmethod
    def of(cls, loss: Loss | Objective) -> Objective:
        """A loss as the objective of a network with one output."""
        return loss if isinstance(loss, Objective) else cls({ONE: loss}, {})

    @classmethod
    def named(cls, loss: Any) -> Objective:
        """An objective itself; of a loss, its name, or a dict of such by output, their sum.

        Example:
            >>> Objective.named("mse").only.name
            'mse'
        """
        if isinstance(loss, Objective):
            return loss
        each = loss if isinstance(loss, Mapping) else {ONE: loss}
        return cls({name: losses.get(one) for name, one in each.items()}, {})

    @property
    def only(self) -> Loss | None:
        """The loss, where there is one output."""
        return self.losses.get(ONE)

    def check(self, outputs: Nodes) -> None:
        """Check that every output has its loss.

        Raises:
            ConfigError: One has none, or there is a loss for what is no output.
        """
        if set(self.losses) != set(outputs):
            raise ConfigError(
                "every output of the network has its loss",
                f"losses for {_shown(self.losses)}, outputs {_shown(outputs)}",
                "Pass a dict of losses with the names of the outputs, or one loss for one output.",
            )

    def mean(self, outputs: Nodes, targets: Nodes, weights: Node | None) -> tuple[Node, Node]:
        """The objective of a batch, and what the batch counts in the mean over an epoch."""
        means = {n: loss(outputs[n], targets[n], weights) for n, loss in self.losses.items()}
        counts = {n: weight for n, (_, weight) in self.sums(outputs, targets, weights).items()}
        return self.weighed(means), average(counts)

    def sums(
        self, outputs: Nodes, targets: Nodes, weights: Node | None
    ) -> dict[str, tuple[Node, Node]]:
        """The two sums of each loss."""
        return {n: loss.sums(outputs[n], targets[n], weights) for n, loss in self.losses.items()}

    def weighed(self, means: Nodes) -> Node:
        """The sum of the losses, each times its weight."""
        total: Node | None = None
        for name, mean in means.items():
            weight = self.weights.get(name, 1.0)
            term = mean if weight == 1 else weight * mean
            total = term if total is None else total + term.astype(total.dtype)
        assert total is not None
        return total

    def total(self, means: Mapping[str, float]) -> float:
        """The same of numbers."""
        return sum(self.weights.get(name, 1.0) * mean for name, mean in means.items())

    def to_config(self) -> dict[str, Any]:
        """As plain JSON data: that of the loss, where there is one output."""
        if self.only is not None:
            return self.only.to_config()
        outputs = {name: loss.to_config() for name, loss in self.losses.items()}
        return {"outputs": outputs, "weights": dict(self.weights)}

    @classmethod
    def from_config(cls, config: Any, custom: Iterable[Any] = ()) -> Objective:
        """From plain JSON data; loss classes of one's own are passed as `custom`."""
        custom = tuple(custom)
        several = isinstance(config, dict) and "outputs" in config
        each = config["outputs"] if several else {ONE: config}
        found = {name: named.get(losses.Loss, loss, custom) for name, loss in each.items()}
        return cls(found, config["weights"] if several else {})


def _shown(names: Iterable[str]) -> str:
    return ", ".join(name or "the only one" for name in names) or "none"


def average(counts: Nodes) -> Node:
    """The mean of some numbers; one alone as it is."""
    first, *rest = counts.values()
    if not rest:
        return first
    total = first
    for count in rest:
        total = total + count.astype(first.dtype)
    return ops.reciprocal(ops.full((), float(len(counts)), first.dtype)) * total


def check_targets(outputs: Nodes, targets: Nodes) -> None:
    """Check that every output has its target.

    Raises:
        ShapeError: One of several has none, or one is taken for several.
        UnknownNameError: Targets for something that is no output; the nearest is named.
    """
    if set(outputs) == set(targets):
        return
    if ONE in targets:
        raise ShapeError(
            "a network with several outputs needs a target for each",
            f"one array of targets, outputs {', '.join(outputs)}",
            "Pass y as a dict of arrays with these names"
            + (", or as a tuple." if "output_0" in outputs else "."),
        )
    if ONE in outputs:
        raise ShapeError(
            "a network with one output needs one array of targets",
            f"targets {', '.join(targets)}",
            "Pass y as one array, or let forward return a dict with these names.",
        )
    for name in targets:
        if name not in outputs:
            raise unknown("output of the network", name, list(outputs))
    raise ShapeError(
        "every output of a network needs targets",
        f"none for {', '.join(name for name in outputs if name not in targets)}",
        "Add them to y, or leave those outputs out of what forward returns.",
    )
