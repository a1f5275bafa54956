"""The forward pass of a step, up to what is differentiated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pullback.autodiff import gradient
from pullback.graph.node import Node
from pullback.graph.origin import scope
from pullback.nn.parameter import Value
from pullback.nn.several import labelled
from pullback.train.inside import Inside, kinds_of
from pullback.train.tracing import LOSS, Tracing

if TYPE_CHECKING:
    from pullback.train.step import Batch, Recipe


@dataclass(frozen=True)
class Forward:
    """A network called on a batch.

    Attributes:
        recipe: What is trained, and by which rule.
        batch: The shapes and dtypes of the batch.
        tracing: What stands for parameters and buffers.
        outputs: What came out, by output.
        loss: The mean over the batch.
        weight: What the batch counts in the mean over an epoch.
        objective: The loss with the penalties on weights: what is differentiated.
    """

    recipe: Recipe
    batch: Batch
    tracing: Tracing
    outputs: Mapping[str, Node]
    loss: Node
    weight: Node
    objective: Node

    @classmethod
    def of(
        cls,
        recipe: Recipe,
        batch: Batch,
        *,
        training: bool = True,
        at: Mapping[Value, Node] | None = None,
    ) -> Forward:
        """Call the network of a recipe.

        Args:
            recipe: What is trained.
            batch: On what.
            training: Whether it is called as in training: dropout drops.
            at: Other nodes than their slots, for some parameters.
        """
        tracing = Tracing(recipe, training=training, at=at)
        with tracing:
            outputs, y, weights = tracing.forward(batch)
            recipe.objective.check(outputs)
            with scope(path=LOSS):
                loss, weight = recipe.objective.mean(outputs, y, weights)
                objective = tracing.with_penalty(loss)
        return cls(recipe, batch, tracing, outputs, loss, weight, objective)

    def followed(self, gradients: Sequence[Node]) -> Sequence[Node]:
        """The gradients that the update follows: these, or those at other values, as SAM does.

        For those the network is called once more on the same batch; dropout draws the same
        numbers, since their keys are the same, and running statistics stay those of this pass.
        """
        points = self.recipe.optimizer.ascended(self.tracing.trained, gradients)
        if points is None:
            return gradients
        at: dict[Value, Node] = dict(zip(self.tracing.trainable.values(), points, strict=True))
        there = Forward.of(self.recipe, self.batch, at=at)
        return gradient(there.objective, there.tracing.trained)

    def inside(self) -> Inside:
        """All that has a name in the step, and what the step changes."""
        tracing, state = self.tracing, self.recipe.network.state()
        nodes = {path: tracing.nodes[value] for path, value in state.items()}
        seen = {place: node for place, (_, node) in tracing.outputs.items()}
        places = {**tracing.given, **nodes, **seen, **labelled("output", self.outputs)}

        def moved(gradients: Sequence[Node]) -> Mapping[str, Node]:
            followed, new = self.followed(gradients), tracing.statistics()
            return tracing.updated(self.loss, self.weight, followed, new, "update").assigns

        return Inside(
            self.objective,
            {**places, LOSS: self.objective},
            kinds_of(tracing.given, state),
            {path: nodes[path] for path in tracing.trainable},
            moved,
            tracing.sample_gradients,
        )
