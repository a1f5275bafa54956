"""Reverse mode, graph to graph: the whole of backpropagation.

Given a node y and its cotangent, the derivative of a scalar loss with respect to y, every node
that y was computed from gets a cotangent of its own. The rule for one operation is its pullback
(`Op.vjp`); the chain rule is this file: go through the graph from the loss back, hand each
node's cotangent to the pullback of its operation, and add up what arrives at each input.

Nothing is computed here. The cotangents are nodes of the same graph, so the backward pass is
planned, executed, printed and differentiated again like any other computation.

References:
    S. Linnainmaa, 1976, "Taylor expansion of the accumulated rounding error".
    D. Rumelhart, G. Hinton and R. Williams, 1986, "Learning representations by
    back-propagating errors".
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from pullback import ops
from pullback.errors import DifferentiationError, ShapeError
from pullback.graph.dtypes import is_float
from pullback.graph.node import Node
from pullback.graph.order import depends_on, topological
from pullback.graph.origin import Origin, entered
from pullback.ops.comparison import StopGradient
from pullback.ops.custom import CustomDerivative
from pullback.ops.slicing import Embed


def backward(
    outputs: Sequence[Node],
    cotangents: Sequence[Node],
    wrt: Sequence[Node],
    within: Sequence[Node] = (),
) -> list[Node | None]:
    """Carry the cotangents of `outputs` back to `wrt`.

    Args:
        outputs: Where the backward pass starts.
        cotangents: One for each output, of its shape.
        wrt: The nodes whose cotangents are wanted.
        within: Nodes beyond which the graph is not looked at.

    Returns:
        One node for each of `wrt`; None where no cotangent arrives.
    """
    edge = set(within)
    order = topological(outputs, stop=edge.__contains__)
    active = depends_on(order, wrt)
    terms: dict[Node, list[Node]] = {}  # what has arrived at a node
    for y, y_bar in zip(outputs, cotangents, strict=True):
        _check(y, y_bar)
        terms.setdefault(y, []).append(y_bar)
    for y in reversed(order):
        if y not in active or y not in terms or y in edge or not y.op.differentiable:
            continue
        terms[y] = [total(y, terms[y])]
        with entered(Origin(y.origin.path, y.origin.source, "backward", pullback_of=y)):
            contributions = pullback(y, terms[y][0], [x in active for x in y.inputs])
        for x, x_bar in zip(y.inputs, contributions, strict=True):
            if x_bar is not None and x in active:
                terms.setdefault(x, []).append(x_bar)
    return [total(x, terms[x]) if x in terms else None for x in wrt]


def total(x: Node, terms: Sequence[Node]) -> Node:
    """The cotangent of a node: the sum of what has arrived at it.

    What arrives at the parts of a node, each where the others have zeros, is joined instead.
    """
    with entered(Origin(x.origin.path, x.origin.source, "backward", cotangent_of=x)):
        whole, *others = joined(terms) or terms
        for term in others:
            whole = whole + term
    return whole


def joined(terms: Sequence[Node]) -> list[Node] | None:
    """Terms of a sum with those that are but parts of the whole, end to end, as one; or None."""
    parts = [term for term in terms if isinstance(term.op, Embed)]
    if len(parts) < 2:
        return None
    shape = parts[0].shape
    short = {
        axis
        for part in parts
        for axis, n in enumerate(shape)
        if part.op.bounds[axis] != (0, n, 1)  # type: ignore[attr-defined]
    }
    if len(short) != 1:
        return None
    (axis,) = short
    bounds = {part: part.op.bounds[axis] for part in parts}  # type: ignore[attr-defined]
    parts.sort(key=lambda part: bounds[part][:2])
    ends = [0, *(bounds[part][1] for part in parts)]
    follow = all(
        bounds[part] == (a, b, 1) for part, a, b in zip(parts, ends, ends[1:], strict=False)
    )
    if not follow or ends[-1] != shape[axis]:
        return None
    whole = ops.concatenate([part.inputs[0] for part in parts], axis)
    return [whole, *(term for term in terms if not isinstance(term.op, Embed))]


def pullback(y: Node, y_bar: Node, wanted: Sequence[bool] | None = None) -> Sequence[Node | None]:
    """The cotangents of the inputs of one node, from its own: its operation's rule.

    Those that are not `wanted` (all are, if it is None) may be None. A fused operation that
    states no rule is differentiated through its definition.
    """
    if y.op.has_vjp:
        return y.op.vjp_of(wanted or [True] * len(y.inputs), y_bar, y, *y.inputs)
    if y.op.is_fused:
        return backward([y.op.decompose(*y.inputs)], [y_bar], y.inputs, within=y.inputs)
    return [None] * len(y.inputs)


def gradient(loss: Node, wrt: Sequence[Node]) -> list[Node]:
    """The gradient of a scalar with respect to each of `wrt`, as nodes.

    Raises:
        DifferentiationError: The loss is no scalar, or no derivative exists.
    """
    if loss.size != 1 or not is_float(loss.dtype):
        raise DifferentiationError(
            "a gradient is the derivative of one real number",
            f"a tensor of shape {loss.shape} and dtype {loss.dtype} ({loss.origin})",
            "Reduce it first (.sum() or .mean()), or use pb.vjp with a cotangent.",
        )
    for x in wrt:
        if not is_float(x.dtype):
            raise DifferentiationError(
                "a derivative is taken with respect to real numbers",
                f"dtype {x.dtype}",
                "Convert it with .astype('float32') before it enters the loss.",
            )
    with entered(Origin(loss.origin.path, loss.origin.source, "backward", cotangent_of=loss)):
        one = ops.full_like(loss, 1.0)
    bars = backward([loss], [one], wrt)
    return [_or_zero(loss, x, x_bar) for x, x_bar in zip(wrt, bars, strict=True)]


def _or_zero(loss: Node, x: Node, x_bar: Node | None) -> Node:
    """The cotangent that arrived; zeros where the loss does not depend on x.

    A comparison that a derivative rule put in (relu's derivative is a step) is flat: its
    derivative is zero. Where the user's own line turns real numbers into whole ones or into
    booleans, and the loss depends on x through nothing else, that is taken for a mistake; not
    behind a `stop_gradient`, which says that it is meant.
    """
    if x_bar is not None:
        return x_bar
    order = topological([loss], stop=_is_stopped)
    reached = depends_on([node for node in order if not _is_stopped(node)], [x])
    for node in order:
        if _states_none(node, reached):
            raise DifferentiationError(
                "the loss must depend on x through operations that have a derivative",
                f"{node.op.name} ({node.origin}), whose pullback gives None for it",
                "Return the cotangent, zeros where it is zero, or read pb.stop_gradient(x).",
            )
    for node in order:
        real = any(is_float(i.dtype) and i in reached for i in node.inputs)
        if real and not is_float(node.dtype) and node.origin.role == "forward":
            raise DifferentiationError(
                "the loss must depend on x through operations that have a derivative",
                f"{node.op.name} ({node.origin}), which has none",
                "Use a smooth stand-in (softmax for argmax, sigmoid for a comparison).",
            )
    return ops.full_like(x, 0.0)


def _states_none(y: Node, reached: Container[Node]) -> bool:
    """Whether a rule that the user wrote gives None for an input that depends on x."""
    if not isinstance(y.op, CustomDerivative) or not y.op.rule.stated:
        return False
    bars = pullback(y, ops.full_like(y, 0.0))
    pairs = zip(y.inputs[1:], bars[1:], strict=True)
    return any(bar is None and is_float(x.dtype) and x in reached for x, bar in pairs)


def _is_stopped(node: Node) -> bool:
    return isinstance(node.op, StopGradient)


def _check(y: Node, y_bar: Node) -> None:
    if y.shape != y_bar.shape:
        raise ShapeError(
            "a cotangent has the shape of its value",
            f"cotangent {y_bar.shape}, value {y.shape} ({y.origin})",
            "Reshape the cotangent.",
        )
