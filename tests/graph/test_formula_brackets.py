"""Brackets in printed formulas: the text means what the graph computes."""

import pytest

from pullback import ops
from pullback.graph import placeholder
from pullback.graph.printing import formula

a, b, c = (placeholder(name, ()) for name in "abc")


@pytest.mark.parametrize(
    ("node", "text"),
    [
        ((a + b) * c, "(a + b) * c"),
        (a - (b - c), "a - (b - c)"),
        ((a - b) - c, "a - b - c"),
        (a / (b * c), "a / (b * c)"),
        ((a / b) / c, "a / b / c"),
        (ops.reciprocal(a * b), "1 / (a * b)"),
        (ops.reciprocal(a) * b, "1 / a * b"),
        (ops.reciprocal(ops.reciprocal(a)), "1 / (1 / a)"),
        ((a**b) ** c, "(a^b)^c"),
        (a ** (b**c), "a^(b^c)"),
        (ops.square(ops.square(a)), "(a^2)^2"),
        (ops.square(-a), "(-a)^2"),
        (-ops.square(a), "-a^2"),
        (-(a + b), "-(a + b)"),
        (ops.tanh(a + b), "tanh(a + b)"),
        ((a < b) & (b < c), "a < b and b < c"),
    ],
)
def test_text(node, text):
    assert formula(node) == text


@pytest.mark.parametrize(
    ("node", "latex"),
    [
        (ops.square(ops.square(a)), r"\left(a^2\right)^2"),
        (ops.square(ops.tanh(a)), r"\left(\tanh a\right)^2"),
        (ops.square(ops.log1p(a)), r"\left(\ln(1 + a)\right)^2"),
        (ops.square(ops.exp(a)), r"\left(e^{a}\right)^2"),
        (ops.exp(a + b), "e^{a + b}"),
        (ops.log(a) * b, r"\left(\ln a\right) \odot b"),
        (a * ops.log(b), r"a \odot \ln b"),
        ((a * ops.log(b)) * c, r"\left(a \odot \ln b\right) \odot c"),
        (-ops.log(a), r"-\ln a"),
        (ops.log(-a), r"\ln \left(-a\right)"),
        (ops.log(a) + b, r"\ln a + b"),
        (ops.tanh(ops.log(a)), r"\tanh \ln a"),
        (ops.square(a * -2.5), r"\left(a \odot -2.5\right)^2"),
        (a * 1e-7 * b, r"a \odot \left(1 \times 10^{-7}\right) \odot b"),
        (ops.reciprocal(a + b), r"\frac{1}{a + b}"),
        (a * ops.equal(b, c), r"a \odot [b = c]"),
        (ops.all((a < b).reshape(1)), None),
    ],
)
def test_latex(node, latex):
    written = formula(node, style="latex")
    if latex is None:  # settings by name are text, in which nothing is a command
        latex = (
            r"\operatorname{all}(\operatorname{reshape}([a < b], \text{shape=(1,)}), "
            r"\text{axes=(0,)}, \text{keepdims=False})"
        )
    assert written == latex


def test_latex_of_names_with_signs_of_latex():
    assert formula(placeholder("a_b%", ()), style="latex") == r"\mathtt{a\_b\%}"
