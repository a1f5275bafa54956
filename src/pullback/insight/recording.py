"""A step that hands out everything that has a name: planned once, run as often as one likes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pullback import ops
from pullback.autodiff.reverse import backward, gradient
from pullback.execute import State, executor
from pullback.execute.state import written
from pullback.graph.dtypes import Array, is_float
from pullback.graph.node import Leaf, Node, Placeholder, Slot
from pullback.graph.order import depends_on, topological
from pullback.insight.records import SPARE, Record, Records
from pullback.insight.subject import Subject
from pullback.plan import Step
from pullback.train.inside import Inside


@dataclass(frozen=True, slots=True)
class Part:
    """The nodes of one place; None where there is no such.

    Attributes:
        value: Its value.
        cotangent: The derivative of the loss with respect to it.
        after: The value that the step gives it.
        per_sample: The gradient of each row's own loss.
    """

    value: Node
    cotangent: Node | None
    after: Node | None
    per_sample: Node | None

    def nodes(self) -> list[Node]:
        """Those that there are."""
        every = (self.value, self.cotangent, self.after, self.per_sample)
        return [node for node in every if node is not None]


class Recording:
    """The program of a step that hands out everything and writes nothing.

    It hands out all that training computes on its way to the update. The cotangents of inputs are
    no part of that, and left to whoever asks for them.

    Attributes:
        parts: The nodes of all places, by name.
        state: The slots that the program reads.
        kind: The executor that runs it.
        leaves: The nodes from whose values all others follow.
        subject: What is computed, without values.

    Args:
        inside: What lies within the step.
        state: The slots that it reads.
        kind: The executor that runs it.
        title: What is computed, in a few words.
        rows: How many rows the batch has; None where that is not known.
        updated: Whether new values are computed too.
        per_sample: Whether the gradients of rows are computed too.
        bring: Writes the present values of slots into the state, before each run.
    """

    def __init__(
        self,
        inside: Inside,
        state: State,
        kind: str,
        *,
        title: str,
        rows: int | None = None,
        updated: bool = False,
        per_sample: bool = False,
        bring: Callable[[State], None] = lambda state: None,
    ) -> None:
        bars = _cotangents(inside)
        new = inside.moved(_gradients(inside, bars)) if updated else {}
        samples = inside.samples() if per_sample and inside.samples is not None else {}
        self.state = state
        self.kind = kind
        self._bring = bring
        self.parts = {
            name: Part(node, bars.get(name), new.get(name), samples.get(name))
            for name, node in inside.places.items()
        }
        nodes = dict.fromkeys(
            node
            for name, part in self.parts.items()
            for node in (part.nodes() if inside.kinds.get(name) != "input" else [part.value])
        )
        self._made = {n: str(i) for i, n in enumerate(nodes) if not isinstance(n.op, Leaf)}
        known = topological([inside.loss, *inside.places.values()])
        leaves = [n for n in dict.fromkeys((*known, *nodes)) if isinstance(n.op, Leaf)]
        self._fed = {n: n.op.label for n in leaves if isinstance(n.op, Placeholder)}
        self._slots = {n: n.op.label for n in leaves if isinstance(n.op, Slot)}
        wanted = {name: node for node, name in self._made.items()}
        self._executor = executor(Step(wanted, name="everything"), state, kind)
        self._records = Records([*self._made, *self._fed, *self._slots])
        self.leaves = [*self._fed, *self._slots]
        self.subject = Subject(inside.loss, inside.places, {}, inside.kinds, rows, title)

    @property
    def nbytes(self) -> int:
        """How much memory it may keep, about: what it makes, and what records are made in."""
        return self._records.nbytes * (1 + SPARE)

    def run(self, feeds: Mapping[str, Array], slots: Mapping[str, Array]) -> Record:
        """The step once.

        Args:
            feeds: Of the shapes and dtypes that it was planned for.
            slots: Values of slots that hold for this run, beside those that are brought.
        """
        self._bring(self.state)
        for label, value in slots.items():
            self.state.writable(label)[...] = value
        written()
        made = self._executor.run_again(feeds, copied=False)
        record = self._records.take()
        for node, name in self._made.items():
            record.values[node][...] = made[name]
        for node, label in self._fed.items():
            record.values[node][...] = feeds[label]
        for node, label in self._slots.items():
            record.values[node][...] = self.state.writable(label)
        return record


def _cotangents(inside: Inside) -> dict[str, Node]:
    """The cotangents of all places that have one, from one backward pass."""
    order = topological([inside.loss])
    real = {name: n for name, n in inside.places.items() if is_float(n.dtype)}
    active = set(order) & depends_on(order, [*real.values()])
    real = {name: n for name, n in real.items() if n in active}
    found = backward([inside.loss], [ops.full_like(inside.loss, 1.0)], [*real.values()])
    return {name: bar for name, bar in zip(real, found, strict=True) if bar is not None}


def _gradients(inside: Inside, bars: Mapping[str, Node]) -> list[Node]:
    """The gradients of what is trained, zeros where the loss does not depend on it."""
    trained = inside.trained.items()
    return [bars[x] if x in bars else gradient(inside.loss, [node])[0] for x, node in trained]
