"""From a step's graph to a program: rewrite, order, number, say what can be freed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from pullback.errors import ConfigError, unknown
from pullback.graph.collecting import collector_paused
from pullback.graph.dtypes import Dtype, Shape, is_float
from pullback.graph.node import Leaf, Node, Placeholder, Slot
from pullback.graph.op import Op
from pullback.graph.order import topological
from pullback.ops.loops import Scan
from pullback.plan.loops import Visit, rebuilt, with_planned_body
from pullback.plan.program import Instruction, PlacedSite, Program, Step
from pullback.plan.rewrites import REWRITES, Rewrite

REMOVE_DEAD = "remove_dead"


@collector_paused()
def plan(step: Step, without: Collection[str] = ()) -> Program:
    """Plan a step: the same values, by fewer and cheaper instructions.

    Args:
        step: What to compute and assign.
        without: Names of rewrites to leave out: `fold_constants`, `simplify`,
            `elide_broadcasts`, `merge_common`, `remove_dead`.

    Raises:
        UnknownNameError: `without` names no rewrite.
    """
    known = [*(r.name for r in REWRITES), REMOVE_DEAD]
    for name in without:
        if name not in known:
            raise unknown("rewrite", name, known)
    used = [r for r in REWRITES if r.name not in without]
    for rewrite in used:
        step = rewrite.prepare(step)
    rewritten, made = _rewritten(step, used)
    order = _early(rewritten, made) if REMOVE_DEAD not in without else made
    kept = tuple(name for name in known if name not in without)
    return _numbered(rewritten, order, kept)


def _early(step: Step, made: Sequence[Node]) -> list[Node]:
    """The nodes that a step needs, of all that were made, so that few values are alive at a time.

    What takes the fewest operations one after another comes first: the gradients of the last layer
    before those of the first, so that what they are computed from is soon needed no more. New
    values of slots come after all others.
    """
    others = Step(step.outputs, {}, step.guard, step.finite).roots()
    depth: dict[Node, int] = {}
    for node in made:  # what a known value was computed from is not among them
        depth[node] = 1 + max((depth.get(x, 0) for x in node.inputs), default=0)
    first = sorted(others, key=depth.__getitem__)
    return topological([*first, *step.assigns.values()])


def _rewritten(step: Step, used: list[type[Rewrite]]) -> tuple[Step, list[Node]]:
    """The step with every node rewritten, and all nodes that were met on the way."""

    def rewriting() -> Visit:
        rewrites = [rewrite() for rewrite in used]

        def visit(node: Node) -> Node:
            if isinstance(node.op, Scan):
                node = with_planned_body(node, rewriting)
            for rewrite in rewrites:
                node = rewrite.visit(node)
            return node

        return visit

    visit = rewriting()
    new: dict[Node, Node] = {}
    made: dict[Node, None] = {}
    leaves: dict[Op, Node] = {}
    for node in step.order:
        if isinstance(node.op, (Placeholder, Slot)):  # one value, whatever is switched off
            new[node] = _same(leaves.setdefault(node.op, node), node)
            made[new[node]] = None
            continue
        new[node] = visit(rebuilt(node, new))
        made.update(dict.fromkeys((*new[node].inputs, new[node])))
    return step.mapped(new), list(made)


def _same(first: Node, node: Node) -> Node:
    """The first of the nodes that stand for one feed or slot."""
    if (first.shape, first.dtype) != (node.shape, node.dtype):
        raise ConfigError(
            f"a step knows each {node.op.name} by one shape and dtype",
            f"{node.op.attributes()['label']!r} as {first.dtype} {first.shape} "
            f"and as {node.dtype} {node.shape}",
            "Give one of them another label.",
        )
    return first


def _numbered(step: Step, order: list[Node], rewrites: tuple[str, ...]) -> Program:
    """Number the values and find out after which instruction each is needed no more."""
    number = {node: i for i, node in enumerate(order)}
    last: dict[int, int] = {}
    for i, node in enumerate(order):
        for x in node.inputs:
            last[number[x]] = i
    for root in step.roots():
        last[number[root]] = len(order)
    frees: dict[int, list[int]] = {}
    for value, when in last.items():
        if not isinstance(order[value].op, Leaf) and order[value].value is None:
            frees.setdefault(when, []).append(value)
    instructions = tuple(
        Instruction(
            node.op,
            tuple(number[x] for x in node.inputs),
            i,
            node.shape,
            node.dtype,
            node.origin,
            tuple(frees.get(i, ())),
        )
        for i, node in enumerate(order)
        if not isinstance(node.op, Leaf) and node.value is None
    )
    return Program(
        name=step.name,
        instructions=instructions,
        constants={i: node.value for i, node in enumerate(order) if node.value is not None},
        feeds=_labelled(Placeholder, order, number),
        slots=_labelled(Slot, order, number),
        outputs={name: number[node] for name, node in step.outputs.items()},
        assigns={label: number[node] for label, node in step.assigns.items()},
        guard=None if step.guard is None else number[step.guard],
        finite=_must_be_finite(step, number),
        rewrites=rewrites,
        sites=dict(_placed_sites(step, number)),
    )


def _placed_sites(step: Step, number: dict[Node, int]) -> Iterator[tuple[str, PlacedSite]]:
    """The sites whose values the program has."""
    for name, site in step.sites.items():
        before = None if site.before is None else number.get(site.before, -1)
        if site.node in number and before != -1:
            yield name, PlacedSite(number[site.node], before, site.bounds, site.histogram)


def _must_be_finite(step: Step, number: dict[Node, int]) -> tuple[int, ...] | None:
    """The numbers of the real values without which nothing is assigned."""
    if step.finite is None:
        return None
    nodes = [node for node in (*step.finite, *step.assigns.values()) if is_float(node.dtype)]
    return tuple(dict.fromkeys(number[node] for node in nodes))


def _labelled(
    kind: type[Placeholder] | type[Slot], order: list[Node], number: dict[Node, int]
) -> dict[str, tuple[int, Shape, Dtype]]:
    return {
        node.op.label: (number[node], node.shape, node.dtype)
        for node in order
        if isinstance(node.op, kind)
    }
