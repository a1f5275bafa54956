"""Every value of a computation, kept: which element of which first made its results go wrong."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from pullback.execute.executors import widened
from pullback.graph.cause import Cause, Place
from pullback.graph.dtypes import Array, is_float
from pullback.graph.node import Constant, Node
from pullback.graph.order import topological
from pullback.ops.loops import Scan
from pullback.ops.shaping import Full

ROUNDS = 4
"""So often what is wrong is healed, to see whether all is well then."""
STEPS_BACK = 4
"""So many steps of a loop a number is followed back; beyond, to what the loop began with."""


class Recorded:
    """A computation of which every value is known, and parts of which can be run again.

    Args:
        roots: The results, which should be finite.
        order: Every node, each after its inputs.
        values: Their values.
        kind: The executor whose arithmetic it is.
        around: For one step of a loop, the computation that the loop is in, the loop, the step.
    """

    def __init__(
        self,
        roots: Sequence[Node],
        order: Sequence[Node],
        values: Mapping[Node, Array],
        kind: str,
        around: tuple[Recorded, Node, int] | None = None,
    ) -> None:
        self.roots = roots
        self.order = order
        self.values = values
        self.kind = kind
        self.around = around
        self.steps_back = 0

    def culprit(self) -> tuple[Node, Place] | None:
        """The first operation that made a NaN or inf which a root came to hold, and the element.

        Of the first root that is wrong: all that operations made wrong of finite inputs is healed,
        until the root is sound; then each is left as it is, alone, and the first that does harm is
        the one: an infinity that a `where` leaves out, or that a softmax turns into 0, is nobody's
        mistake. Where numbers overflow everywhere, so that healing has no end, it is the first.
        """
        wrong = {root for root in self.roots if self._is_wrong(root, {})}
        root = next((node for node in self.order if node in wrong), None)
        if root is None:
            return None
        needed = set(topological([root]))
        part = Recorded(
            [root], [n for n in self.order if n in needed], self.values, self.kind, self.around
        )
        return part._first_harmful()

    def _first_harmful(self) -> tuple[Node, Place]:
        """`culprit`, of a computation that makes the one root and nothing else."""
        healed: dict[Node, Array] = {}
        changed: dict[Node, Array] = {}
        for _ in range(ROUNDS):
            for node, value in self._suspects(changed):
                healed[node] = healed.get(node, False) | ~np.isfinite(value)
            changed = self._again(healed)
            if not self._is_wrong(self.roots[0], changed):
                break
        else:
            healed = {}
        for node in self.order:
            if node in healed:
                place = self._harmful(node, healed)
                if place is not None:
                    return node, place
        first, value = self._suspects({})[0]
        return first, _places(value)[0]

    def harmed(self, node: Node) -> list[Node]:
        """The roots that are wrong by what is wrong in a node, all else being as it was."""
        changed = self._again({node: ~np.isfinite(self.values[node])})
        before = [root for root in self.roots if self._is_wrong(root, {})]
        return [root for root in before if not self._is_wrong(root, changed)]

    def why(self, node: Node, place: Place) -> Cause:
        """What made an element, as its operation says."""
        inputs = (self.values[x] for x in node.inputs)
        return node.op.why(place, self.values[node], *inputs)

    def source(self, node: Node, place: Place) -> tuple[Node, Place]:
        """Where an element was computed or given, from where it may only have been moved."""
        while node.inputs:
            cause = self.why(node, place)
            if cause.words or not cause.inputs:
                break
            number, place = cause.inputs[0]
            node = node.inputs[number]
        return node, place

    def opened(self, node: Node, place: Place) -> Found | None:
        """For an element of a loop's value, the operation within it that went wrong first."""
        if not isinstance(node.op, Scan):
            return None
        for inside in self._steps(node, *node.op.whereabouts(place[0])):
            culprit = inside.culprit()
            if culprit is not None:
                return inside.opened(*culprit) or (inside, *culprit)
        return None

    def inside(self, node: Node, place: Place) -> Found | None:
        """For an element of a loop's value, the same in the step of the loop that gives it."""
        op = node.op
        if not isinstance(op, Scan):
            return None
        part, step = op.whereabouts(place[0])
        *_, last = self._steps(node, part, step)
        at = np.unravel_index(place[0] - op.bounds[part][0], op.shapes[part])
        within = at if part < op.carries else at[1:]
        return last, op.body.outputs[part], tuple(int(i) for i in within)

    def outside(self, node: Node, place: Place) -> Found | None:
        """For an input of a loop's body, where it comes from: outside, or the step before."""
        if self.around is None:
            return None
        around, loop, step = self.around
        op = loop.op
        assert isinstance(op, Scan)
        number = next((i for i, x in enumerate(op.body.inputs) if x is node), None)
        if number is None:
            return None
        before = step + 1 if op.reverse else step - 1
        if number < op.carries and 0 <= before < op.length and self.steps_back < STEPS_BACK:
            *_, earlier = around._steps(loop, number, before)
            earlier.steps_back = self.steps_back + 1
            return earlier, op.body.outputs[number], place
        by_row = op.carries <= number < op.carries + op.rows
        return around, loop.inputs[number], (step, *place) if by_row else place

    def _steps(self, node: Node, part: int, last: int) -> Iterator[Recorded]:
        """The steps of a loop up to the last; their roots are what a part of its value needs."""
        op = node.op
        assert isinstance(op, Scan)
        arrays = [self.values[x] for x in node.inputs]
        if self.kind == "reference":
            arrays = [a.astype(np.float64) if is_float(a.dtype) else a for a in arrays]
        for step, found, _ in op.steps(*arrays, keep=True):
            here = op.body.outputs[part : part + 1] if step == last else ()
            roots = (*op.body.outputs[: op.carries], *here)
            values = dict(zip(op.body.order, map(np.asarray, found), strict=True))
            yield Recorded(roots, op.body.order, values, self.kind, (self, node, step))
            if step == last:
                return

    def is_given(self, node: Node, place: Place) -> bool:
        """Whether the user wrote an element down as a number."""
        return isinstance(self.source(node, place)[0].op, (Constant, Full))

    def _suspects(self, changed: Mapping[Node, Array]) -> list[tuple[Node, Array]]:
        """What is wrong though its inputs are not, on the way back from the roots that are wrong.

        Of a number that the user wrote down, what used it is the origin.

        Args:
            changed: Values that are others than those recorded.
        """
        wrong = {node for node in self.order if self._is_wrong(node, changed)}
        stack = [node for node in self.roots if node in wrong]
        found, seen = set(), set(stack)
        while stack:
            node = stack.pop()
            causes = [x for x in node.inputs if x in wrong and self._is_fault(x, changed)]
            if not causes:
                found.add(node)
            stack.extend(x for x in causes if x not in seen)
            seen.update(causes)
        return [(n, changed.get(n, self.values[n])) for n in self.order if n in found]

    def _harmful(self, node: Node, healed: Mapping[Node, Array]) -> Place | None:
        """The first element of a node that makes a root wrong, while all else is healed."""
        mask = healed[node]
        wrong = np.flatnonzero(mask & ~np.isfinite(self.values[node]))

        def does_harm(count: int) -> bool:
            """Whether the first of the wrong elements, so many, are enough."""
            rest = mask.copy()
            rest.flat[wrong[:count]] = False
            changed = self._again({**healed, node: rest}, until_wrong=True)
            return any(self._is_wrong(root, changed) for root in self.roots)

        none, enough = 0, min(1, len(wrong))
        if not does_harm(enough):
            none, enough = enough, len(wrong)
            if none == enough or not does_harm(enough):
                return None
        while enough - none > 1:
            middle = (none + enough) // 2
            none, enough = (none, middle) if does_harm(middle) else (middle, enough)
        return tuple(int(i) for i in np.unravel_index(wrong[enough - 1], mask.shape))

    def _again(self, healed: Mapping[Node, Array], until_wrong: bool = False) -> dict[Node, Array]:
        """The values that are others than before, where some elements are 1 instead of wrong.

        Args:
            healed: Which elements, by node.
            until_wrong: Whether the first root that is wrong ends it.
        """
        new: dict[Node, Array] = {}
        values = ChainMap(new, self.values)  # type: ignore[arg-type]  # the second is only read
        roots = set(self.roots) if until_wrong else set()
        for node in self.order:
            value = self.values[node]
            if any(x in new for x in node.inputs):
                value = computed(node, values, self.kind)
            if node in healed:
                own = healed[node] & self._own(node, new)
                value = np.where(own, value.dtype.type(1), value)
            if value is not self.values[node] and value.tobytes() != self.values[node].tobytes():
                new[node] = value
            if node in roots and self._is_wrong(node, new):
                break
        return new

    def _own(self, node: Node, new: dict[Node, Array]) -> Array:
        """Which elements a node makes wrong by itself, whatever is wrong in its inputs."""
        sound = {
            x: _sound(new.get(x, self.values[x]))
            for x in node.inputs
            if self._is_wrong(x, new) and self._is_fault(x, new)
        }
        if not sound:
            return np.asarray(True)
        values = ChainMap(sound, new, self.values)  # type: ignore[arg-type]  # the last is only read
        return np.asarray(~np.isfinite(computed(node, values, self.kind)))

    def _is_fault(self, node: Node, changed: Mapping[Node, Array]) -> bool:
        """Whether what is wrong in a node was made wrong, and not written down by the user."""
        places = _places(changed.get(node, self.values[node]))
        return not all(self.is_given(node, place) for place in places)

    def _is_wrong(self, node: Node, changed: Mapping[Node, Array]) -> bool:
        """Whether a node holds NaN or inf, where some have changed."""
        value = changed.get(node, self.values[node])
        return is_float(node.dtype) and not np.isfinite(value).all()


Found = tuple[Recorded, Node, Place]
"""An element of a value, and the computation that it is part of."""


def computed(node: Node, values: Mapping[Node, Array], kind: str) -> Array:
    """The value of one operation in the arithmetic of an executor."""
    if kind == "reference":
        return widened(node, values)
    return np.asarray(node.op.forward(*(values[x] for x in node.inputs)), node.dtype)


def _sound(value: Array) -> Array:
    """With 1 in place of every NaN and inf."""
    return np.where(np.isfinite(value), value, value.dtype.type(1))


def _places(value: Array) -> list[Place]:
    """The first element of each kind: NaN, inf and -inf, those that there are."""
    kinds = (np.isnan(value), np.isposinf(value), np.isneginf(value))
    first = [int(np.argmax(kind)) for kind in kinds if kind.any()]
    return [tuple(int(i) for i in np.unravel_index(n, value.shape)) for n in sorted(first)]
