"""Formulas of nodes, in text and in LaTeX, from the templates that the operations carry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pullback.graph.node import Constant, Leaf, Node
from pullback.graph.op import Op

Style = Literal["text", "latex"]
_SPECIAL = {c: rf"\{c}" for c in "_%&#${}"}
_SPECIAL |= {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}


def formula(node: Node, names: Mapping[Node, str] | None = None, style: Style = "text") -> str:
    """The expression that computes `node`, written out until a named node is reached.

    Args:
        node: What to write out.
        names: Nodes that are written as a name.
        style: Plain text or LaTeX.

    Example:
        >>> from pullback import ops
        >>> from pullback.graph import placeholder
        >>> x, y_bar = placeholder("x", (3,)), placeholder("y_bar", (3,))
        >>> formula(y_bar * (1 - ops.square(ops.tanh(x))), {x: "x", y_bar: "y_bar"})
        'y_bar * (1 - tanh(x)^2)'
    """
    return _written(node, dict(names or {}), style)[0]


def call(op: Op, arguments: list[str], style: Style = "text") -> str:
    """One operation applied to arguments that are already written."""
    template = op.latex if style == "latex" else op.text
    if not template and style == "latex" and op.binding:
        template = op.text  # signs, which LaTeX writes alike
    if not template:
        shown = [*arguments, *(f"{k}={v}" for k, v in op.attributes().items())]
        name = op.name if style == "text" else rf"\operatorname{{{escaped(op.name)}}}"
        return f"{name}({', '.join(shown)})"
    return template.format(*arguments, **{**op.attributes(), "*": ", ".join(arguments)})


def escaped(name: str) -> str:
    r"""A name as LaTeX takes it.

    Example:
        >>> escaped("one_hot")
        'one\\_hot'
    """
    return "".join(_SPECIAL.get(c, c) for c in name)


def _written(node: Node, names: dict[Node, str], style: Style) -> tuple[str, int]:
    """The text of `node` and how loosely it binds (0: never needs brackets)."""
    if node in names:
        return names[node], 0
    if isinstance(node.op, Leaf):
        return leaf_name(node), 0
    op = node.op
    if op.name in {"broadcast_to", "cast", "custom_derivative"}:  # not shown: the shapes say it
        return _written(node.inputs[0], names, style)
    written = [_written(x, names, style) for x in node.inputs]
    template = (op.latex if style == "latex" else "") or op.text
    prefix = style == "latex" and op.binding == 0 and op.latex.endswith(" {0}")
    arguments = []
    for place, (text, binding) in enumerate(written):
        # Sums and products group from the left by themselves; powers and signs do not, nor does
        # what stands below a stroke (1 / x).
        grouped = place == 0 and op.binding > 3 and template.startswith("{0}")
        # A fraction's bar groups what is above and below it.
        barred = template.startswith(r"\frac")
        loose = not barred and (binding > op.binding or (binding == op.binding and not grouped))
        if binding and (prefix or (op.binding and loose)):
            text = rf"\left({text}\right)" if style == "latex" else f"({text})"
        arguments.append(text)
    return call(op, arguments, style), op.binding


def leaf_name(node: Node) -> str:
    """What a leaf is called: its label, or its number when it is a small constant."""
    label = node.op.attributes().get("label")
    if label:
        return str(label)
    if isinstance(node.op, Constant) and node.value is not None and node.size == 1:
        return f"{node.value.item():.6g}" if node.dtype.kind == "f" else str(node.value.item())
    return f"<{node.op.name} {node.shape}>"
