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


def test_latex_of_a_power_of_a_power():
    assert formula(ops.square(ops.square(a)), style="latex") == r"\left(a^2\right)^2"
