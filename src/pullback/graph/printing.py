"""Formulas of nodes, in text and in LaTeX, from the templates that the operations carry."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Literal

from pullback.graph.node import Constant, Leaf, Node
from pullback.graph.op import Op

Style = Literal["text", "latex"]
POWER, FUNCTION, SIGN, PRODUCT = 2, 2.5, 3, 4
"""How loosely some forms hold their inputs together; a function is one without brackets, which
LaTeX has (`ln x`)."""
_SCRIPT = re.compile(r"[\^_](\{\{.*\}\}|\\?\w+)$")
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
    settings = op.attributes()
    template = _template(op, style)
    if style == "latex":
        settings = {k: _latex_setting(v) for k, v in settings.items()}
    if not template:
        shown = [*arguments, *(_keyword(k, v, style) for k, v in op.attributes().items())]
        name = op.name if style == "text" else rf"\operatorname{{{escaped(op.name)}}}"
        return f"{name}({', '.join(shown)})"
    return template.format(*arguments, **{**settings, "*": ", ".join(arguments)})


def escaped(name: str) -> str:
    r"""A name as LaTeX takes it.

    Example:
        >>> escaped("one_hot")
        'one\\_hot'
    """
    return "".join(_SPECIAL.get(c, c) for c in name)


def latex_number(written: str) -> str:
    r"""A number in LaTeX; a power of ten is written as one.

    Example:
        >>> latex_number("-1.5e-05"), latex_number("-inf"), latex_number("0.5")
        ('-1.5 \\times 10^{-5}', '-\\infty', '0.5')
    """
    if not math.isfinite(float(written)):
        return rf"\text{{{written}}}" if written == "nan" else written.replace("inf", r"\infty")
    digits, e, power = written.partition("e")
    return rf"{digits} \times 10^{{{int(power)}}}" if e else digits


def _keyword(name: str, value: Any, style: Style) -> str:
    said = f"{name}={value}"
    return said if style == "text" else rf"\text{{{escaped(said)}}}"


def _latex_setting(value: Any) -> str:
    return latex_number(f"{value:.6g}") if isinstance(value, float) else escaped(str(value))


def _template(op: Op, style: Style) -> str:
    """How the operation is written; signs are alike in LaTeX and text."""
    if style == "text":
        return op.text
    return op.latex or (op.text if op.binding else "")


def _written(node: Node, names: dict[Node, str], style: Style) -> tuple[str, float, bool]:
    """The text of `node`; how loosely it binds (0: never needs brackets); whether its end is open.

    Open is what a factor behind it would become part of, as in `ln x`.
    """
    if node in names:
        return names[node], 0, False
    if isinstance(node.op, Leaf):
        return (*_leaf(node, style), False)
    op = node.op
    if op.name in {"broadcast_to", "cast", "custom_derivative"}:  # not shown: the shapes say it
        return _written(node.inputs[0], names, style)
    template = _template(op, style)
    binding = _binding(op, template, style)
    arguments, open_end = [], binding == FUNCTION
    for place, x in enumerate(node.inputs):
        text, looseness, is_open = _written(x, names, style)
        last = template.endswith(f"{{{place}}}")
        followed = is_open and not last and 0 < binding <= PRODUCT
        if looseness and _needs_brackets(op, template, binding, place, looseness, followed):
            text = rf"\left({text}\right)" if style == "latex" else f"({text})"
        elif is_open and last:
            open_end = True
        arguments.append(text)
    closed = style == "latex" and template.startswith("[")  # Iverson's brackets
    return call(op, arguments, style), 0 if closed else binding, open_end


def _binding(op: Op, template: str, style: Style) -> float:
    """How loosely what an operation writes holds together; in LaTeX its form says more."""
    if style == "text" or op.binding > POWER:
        return op.binding
    if template.endswith(" {0}") or template.startswith((r"\ln", "-")):
        return FUNCTION
    return POWER if op.binding or _SCRIPT.search(template) else 0


def _needs_brackets(
    op: Op, template: str, binding: float, place: int, looseness: float, followed: bool
) -> bool:
    if template.endswith(" {0}") and not op.binding:
        return looseness != FUNCTION
    in_braces = template.find(f"{{{{{{{place}}}}}}}") > 0  # an exponent, or below a bar
    if in_braces or not (op.binding or template.startswith("{0}")):
        return False
    # Sums and products group from the left by themselves; powers and signs do not, nor does
    # what stands below a stroke (1 / x).
    grouped = place == 0 and op.binding > SIGN and template.startswith("{0}")
    return followed or looseness > binding or (looseness == binding and not grouped)


def leaf_name(node: Node) -> str:
    """What a leaf is called: its label, or its number when it is a small constant."""
    label = node.op.attributes().get("label")
    if label:
        return str(label)
    if isinstance(node.op, Constant) and node.value is not None and node.size == 1:
        return f"{node.value.item():.6g}" if node.dtype.kind == "f" else str(node.value.item())
    return f"<{node.op.name} {node.shape}>"


def _leaf(node: Node, style: Style) -> tuple[str, float]:
    """A leaf as it is written; a number with a sign, or a power of ten, may need brackets."""
    name = leaf_name(node)
    number = not node.op.attributes().get("label") and node.dtype.kind in "fiu" and node.size == 1
    if not number or node.value is None:
        plain = style == "text" or (name.isascii() and name.isalpha() and len(name) == 1)
        return (name if plain else rf"\mathtt{{{escaped(name)}}}"), 0
    sign = SIGN if name.startswith("-") else 0
    if style == "text":
        return name, sign
    written = latex_number(name)
    return written, PRODUCT if "times" in written else sign
