"""Formulas in MathML: every operation's, read from its LaTeX; pages that are well formed."""

from __future__ import annotations

import html.parser
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator

import numpy as np
import pytest

import pullback as pb
from pullback import nn
from pullback.graph import apply, constant, registry
from pullback.graph.dtypes import is_float
from pullback.graph.node import Leaf, Node
from pullback.graph.printing import formula
from pullback.insight.derive import rule
from pullback.insight.mathml import UnreadableError, mathml, read

OPERATIONS = {name: op for name, op in registry().items() if not issubclass(op, Leaf)}
STRETCHED = {"mrow", "mfrac", "msqrt", "mroot", "mover", "mtable", "mtr", "mtd", "math"}
CHILDREN = {"mfrac": 2, "mroot": 2, "msup": 2, "msub": 2, "msubsup": 3, "mover": 2}
LEAVES = {"mi", "mn", "mo", "mtext", "mspace"}


def applied(name: str) -> Iterator[tuple[Node, list[Node]]]:
    """An operation at each of its samples, with the inputs."""
    for sample in OPERATIONS[name].samples():
        random = np.random.default_rng(0)
        inputs = [constant(drawn.draw(random)) for drawn in sample.inputs]
        made = sample.build(*inputs) if sample.spread else apply(sample.op, *inputs)
        yield made, inputs


def sound(latex: str) -> ElementTree.Element:
    """The formula as a tree, in which every element has the children that it must have."""
    tree = ElementTree.fromstring(f"<math>{read(latex)}</math>")
    for part in tree.iter():
        assert part.tag in STRETCHED | set(CHILDREN) | LEAVES, part.tag
        if part.tag in CHILDREN:
            assert len(part) == CHILDREN[part.tag], (part.tag, latex)
        if part.tag in LEAVES:
            assert not len(part)
        if part.tag not in LEAVES:
            assert not (part.text or "").strip()
    return tree


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_and_its_rule(name: str) -> None:
    for made, inputs in applied(name):
        letters = {x: f"x_{{{i}}}" if i > 3 else "abcd"[i] for i, x in enumerate(inputs)}
        sound(formula(made, letters, "latex"))
        if name == "custom_derivative" or not made.op.differentiable:  # its rules are the user's
            continue
        for place, x in enumerate(made.inputs):
            if is_float(x.dtype):
                sound(rule(made, place, "latex"))


@pytest.mark.parametrize(
    ("latex", "said"),
    [
        (r"\frac{1}{x}", "<mfrac><mn>1</mn><mi>x</mi></mfrac>"),
        (r"x^{2}_3", "<msubsup><mi>x</mi><mn>3</mn><mn>2</mn></msubsup>"),
        ("x^12", "<mrow><msup><mi>x</mi><mn>1</mn></msup><mo>&#x2062;</mo>"),
        (r"\sqrt[3]{x}", "<mroot><mi>x</mi><mn>3</mn></mroot>"),
        (r"\sin x", '<mi>sin</mi><mo>&#x2061;</mo><mspace width="0.17em"/><mi>x</mi>'),
        (r"\sigma(x)", "<mi>σ</mi><mo>&#x2061;</mo><mrow>"),
        (r"-x - y", '<mo form="prefix">−</mo><mi>x</mi><mo>−</mo><mi>y</mi>'),
        (r"\left\lVert x \right\rVert", '<mo fence="true">‖</mo><mi>x</mi>'),
        (r"\mathtt{a\_b<c}", '<mtext class="name">a_b&lt;c</mtext>'),
        (r"\text{\textbackslash{}n}", "<mtext>\\n</mtext>"),
        (r"\epsilon \odot \Gamma", "<mi>ε</mi><mo>⊙</mo><mi>Γ</mi>"),
        ("1.5e-05", "<mn>1.5e-05</mn>"),
    ],
)
def test_what_is_read(latex: str, said: str) -> None:
    assert said in read(latex)
    sound(latex)


@pytest.mark.parametrize(
    "latex",
    [r"\foo x", "x^2^3", "{x", "x}", "(x", "x)", r"\frac{x}", r"\left(x", r"\text{x", "x_",
     r"\begin{matrix} x \end{matrix}", r"\begin{cases} x", "a & b"],
)  # fmt: skip
def test_what_cannot_be_read_is_shown_as_it_is(latex: str) -> None:
    with pytest.raises(UnreadableError):
        read(latex)
    tree = ElementTree.fromstring(mathml(latex))
    assert "".join(tree.itertext()) == latex


class Elements(html.parser.HTMLParser):
    """The elements of a page, each closed where it must be."""

    VOID = ("meta", "mspace")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


NAME = '<script>alert("1")</script>&$_^\\{\x1b'


def hostile() -> pb.Derivation:
    x = pb.tensor([0.5, -1.0], name=NAME)
    return pb.explain((pb.tanh(x) ** 2 / 3).sum(), wrt=x, element=1)


def test_a_derivation_is_well_formed_and_escapes_names() -> None:
    found = hostile()
    fragment = found._repr_html_()
    ElementTree.fromstring(fragment)
    for page in (fragment, found.to_html()):
        seen = Elements(page).seen
        tags = [tag for tag, _ in seen]
        assert "script" not in tags
        assert "math" in tags
        assert "\x1b" not in page
        assert not [name for _, attrs in seen for name in attrs if name in ("src", "href")]
    tables = [attrs for tag, attrs in Elements(fragment).seen if tag == "th"]
    assert tables
    assert all(attrs.get("scope") == "col" for attrs in tables)


def test_a_page_holds_what_the_text_says() -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(8, 3)).astype("float32"), random.integers(0, 2, 8)
    made = nn.Sequential(nn.Linear(3, 4), "tanh", nn.Linear(4, 2)).initialise(seed=0)
    found = pb.explain(made, (x, y), "0.weight[1,2]", loss="cross_entropy")
    page = found.to_html()
    assert page.startswith("<!DOCTYPE html>")
    assert "prefers-color-scheme" in page
    for link in found.links:
        assert str(link.place) in page
        assert all(mathml(rf"\bar x = {s.latex}", block=True) in page for s in link.sums)
    assert page == found.to_html()


def test_every_use_and_a_rule_that_is_not_linear_are_told() -> None:
    x = pb.tensor(2.0, name="x")
    assert "3 uses" in pb.explain(x * x + x, wrt=x)._repr_html_()
    odd = pb.custom_derivative(lambda x: x * x, lambda y_bar, y, x: y_bar * y_bar * x)
    assert "is not linear" in pb.explain(odd(x) * 1.0, wrt=x)._repr_html_()


@pytest.mark.parametrize("latex", [False, True])
def test_equations_of_a_network(latex: bool) -> None:
    network = nn.Sequential(nn.LSTM(2, 3), nn.Linear(3, 1)).initialise()
    data = [[[1.0, 2.0]]], [[[1.0]]]
    found = pb.formula(network, data, loss="mse", latex=latex)
    tree = ElementTree.fromstring(found._repr_html_())
    assert len(tree.findall(".//math")) == len(found.forward) + len(found.backward)
    assert r"\ " not in "".join(tree.itertext())
    whole = dict(found.typeset[1])["1.weight_bar"]
    assert whole.startswith(r"\overline{\mathtt{1.weight}} = ")
