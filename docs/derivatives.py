"""An operation with its derivative as formulas, printed from the rule that the library runs."""

from __future__ import annotations

import inspect
from dataclasses import dataclass

import pullback as pb
from pullback.autodiff.reverse import backward
from pullback.graph import placeholder
from pullback.graph.node import Node
from pullback.graph.op import Op
from pullback.graph.order import topological
from pullback.graph.printing import formula
from pullback.ops.samples import Flags, Sample, Whole

LONGEST = 200  # characters; what is longer is no formula to read
PART = 12  # characters from which a part that comes several times gets a name


@dataclass(frozen=True)
class Printed:
    """The lines of an operation: what it computes, and its pullback to each input."""

    value: str
    pullbacks: tuple[str, ...]


def printed(cls: type[Op]) -> Printed | None:
    """The formulas of an operation on named inputs; None for a leaf, which computes nothing."""
    samples = list(cls.samples())
    if not samples:
        return None
    sample = next((s for s in samples if _several(s)), samples[0])
    names = _names(sample)
    inputs = [
        placeholder(name, spec.shape, _dtype(spec))
        for name, spec in zip(names, sample.inputs, strict=True)
    ]
    y = sample.build(*inputs)
    known: dict[Node, str] = dict(zip(inputs, names, strict=True))
    value = f"y = {formula(y, known)}"
    if not y.op.differentiable:
        return Printed(value, ())
    y_bar = placeholder("y_bar", y.shape, y.dtype)
    bars = backward([y], [y_bar], inputs, within=inputs)
    known |= {y: "y", y_bar: "y_bar"}
    lines: list[str] = []
    for name, bar in zip(names, bars, strict=True):
        lines += [f"{name}_bar: none"] if bar is None else _lines(f"{name}_bar", bar, known)
    return Printed(value, tuple(dict.fromkeys(lines)))


def signature(cls: type[Op]) -> str | None:
    """How the operation is called by its user; None where it is no function."""
    made = getattr(pb, cls.name, None)
    if made is None:
        return None
    if isinstance(made, Op):
        names = _names(next(iter(cls.samples())))
    else:
        names = [
            str(p).split(":")[0] + _default(p) for p in inspect.signature(made).parameters.values()
        ]
    return f"pb.{cls.name}({', '.join(names)})"


def _default(p: inspect.Parameter) -> str:
    return "" if p.default is p.empty else f"={p.default!r}"


def _several(sample: Sample) -> bool:
    """Whether every input has more than one element, and no more axes than a matrix."""
    return all(len(i.shape) > 0 and _size(i.shape) > 1 for i in sample.inputs)


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size


def _dtype(spec: object) -> str:
    if isinstance(spec, Whole):
        return "int64"
    return "bool" if isinstance(spec, Flags) else "float32"


def _names(sample: Sample) -> list[str]:
    """What the rule calls its inputs; a y or y_bar among them would be taken for the output's."""
    op = sample.op
    rule = op.vjp if op.has_vjp else op.decompose if op.is_fused else op.forward
    given = list(inspect.signature(rule).parameters.values())[2 if op.has_vjp else 0 :]
    if any(p.kind is p.VAR_POSITIONAL for p in given):
        return [f"x{i + 1}" for i in range(len(sample.inputs))]
    names = [p.name for p in given]
    other = {"y_bar": "g", "y": "g" if "x" in names else "x"}
    return [other.get(name, name) for name in names]


def _lines(name: str, bar: Node, known: dict[Node, str]) -> list[str]:
    """The formula of a cotangent; what is repeated in it stands above it, as t1, ..."""
    order = [n for n in topological([bar], stop=known.__contains__) if n not in known]
    texts = {node: formula(node, known) for node in order if node.inputs}
    repeated = _repeated(formula(bar, known), list(texts.values()))
    named, lines, given = dict(known), [], {}
    for node, text in texts.items():
        if text in repeated and text not in given:
            given[text] = f"t{len(given) + 1}"
            lines.append(f"{given[text]} = {formula(node, named)}")
        if text in given:
            named[node] = given[text]
    found = [*lines, f"{name} = {formula(bar, named)}"]
    if max(map(len, found)) > LONGEST or len(found) > 6:
        return [f"{name} = a graph of {len(order)} operations"]
    return found


def _repeated(whole: str, texts: list[str]) -> set[str]:
    """The parts of a formula that come more than once, the longest first."""
    found: set[str] = set()
    left = [whole]
    for text in sorted(set(texts) - {whole}, key=lambda text: (-len(text), text)):
        if len(text) >= PART and sum(part.count(text) for part in left) > 1:
            found.add(text)
            left = [part.replace(text, "#") for part in left] + [text]
    return found
