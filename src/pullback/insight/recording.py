"""A step that hands out everything that has a name: planned once, run as often as one likes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from pullback import ops
from pullback.autodiff.reverse import backward, gradient
from pullback.execute import State, executor
from pullback.execute.state import written
from pullback.graph.dtypes import Array, is_float
from pullback.graph.node import Leaf, Node, Placeholder, Slot
from pullback.graph.order import depends_on, topological
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
        nbytes: How large what it hands out is.

    Args:
        inside: What lies within the step.
        state: The slots that it reads.
        kind: The executor that runs it.
        title: What is computed, in a few words.
        rows: How many rows the batch has; None where that is not known.
        updated: Whether new values are computed too.
        per_sample: Whether the gradients of rows are computed too.
        brought: Gives the present values of slots, which are written before each run.
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
        brought: Callable[[], dict[str, Array]] = dict,
    ) -> None:
        bars = _cotangents(inside)
        new = inside.moved(_gradients(inside, bars)) if updated else {}
        samples = inside.samples() if per_sample and inside.samples is not None else {}
        self.state = state
        self.kind = kind
        self._brought = brought
        self.parts = {
            name: Part(node, bars.get(name), new.get(name), samples.get(name))
            for name, node in inside.places.items()
        }
        nodes = dict.fromkeys(
            node
            for name, part in self.parts.items()
            for node in (part.nodes() if inside.kinds.get(name) != "input" else [part.value])
        )
        self._known = {n: n.value for n in nodes if isinstance(n.op, Leaf) and n.value is not None}
        self._made = {n: str(i) for i, n in enumerate(nodes) if not isinstance(n.op, Leaf)}
        leaves = [n for n in topological([inside.loss, *inside.places.values()]) if not n.inputs]
        self._fed = {n: n.op.label for n in leaves if isinstance(n.op, Placeholder)}
        self._slots = {n: n.op.label for n in leaves if isinstance(n.op, Slot)}
        wanted = {name: node for node, name in self._made.items()}
        self._executor = executor(Step(wanted, name="everything"), state, kind)
        self.nbytes = sum(node.size * node.dtype.itemsize for node in self._made)
        self._subject = Subject(inside.loss, inside.places, {}, inside.kinds, rows, title)

    def run(
        self, feeds: Mapping[str, Array], slots: Mapping[str, Array]
    ) -> tuple[Subject, dict[Node, Array]]:
        """The step once: what was computed from which values, and the value of every node.

        Args:
            feeds: Of the shapes and dtypes that it was planned for; they are handed out too.
            slots: Values of slots that hold for this run, beside those that are brought.
        """
        given = {**self._brought(), **slots}
        for label, value in given.items():
            self.state.writable(label)[...] = value
        written()
        made = self._executor.run_again(feeds)
        read = {label: given.get(label) for label in self._slots.values()}
        kept = {x: self.state[x].copy() if value is None else value for x, value in read.items()}
        values = {node: feeds[label] for node, label in self._fed.items()}
        values |= {node: kept[label] for node, label in self._slots.items()}
        found = {node: made[name] for node, name in self._made.items()}
        return replace(self._subject, values=values), {**values, **self._known, **found}


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
