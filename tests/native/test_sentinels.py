"""Nothing is written beside its place, whatever the layout of what is read.

Every elementwise row runs in chains over contiguous, strided, reversed and repeated numbers, none,
one, and lengths around those of vectors and blocks. Every operation, with its gradient, runs in a
program whose values lie apart, with sentinel bytes between them; together they must use every
kernel that there is.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.execute import NativeExecutor, State, compiled
from pullback.graph import Node, placeholder
from pullback.plan import Step, plan
from pullback.plan.memory import Lifetime
from tests.execute.test_native_agrees import check_agree
from tests.native.helpers import EVERY_ISA, module
from tests.plan.test_random_graphs import OPERATIONS

pytestmark = pytest.mark.native

Array = np.ndarray[Any, Any]
DTYPES = (np.dtype("float32"), np.dtype("float64"), np.dtype("int64"), np.dtype("bool"))
SENTINEL, ROOM = 0xA5, 192
LENGTHS = (0, 1, 17, 256, 300)
# How far apart neighbours lie in each operand, in elements.
STRIDES = ((1, 1, 1), (2, 1, 0), (-1, 2, 2), (0, -1, 1))


def numbers(dtype: np.dtype[Any], count: int) -> Array:
    values = np.random.default_rng(count).uniform(0.25, 3, count)
    return values.astype(dtype) if dtype.kind != "b" else values > 1


class Arena:
    """Bytes with places that lie apart."""

    def __init__(self) -> None:
        raw = np.full(1 << 15, SENTINEL, np.uint8)
        self.bytes = raw[-raw.ctypes.data % 64 :]
        self.used = np.zeros(len(self.bytes), bool)
        self.end = ROOM

    def place(self, values: Array, stride: int, shift: int) -> Any:
        """Where numbers lie, `stride` apart; `shift` elements off the alignment of vectors."""
        item, count = values.dtype.itemsize, len(values)
        reach = max(count - 1, 0) * abs(stride)
        start = self.end + shift * item
        size = (reach + 1) * item if count else 0
        self.end = start + size + ROOM + -size % 64
        self.end += -self.end % 64
        block = self.bytes[start : start + size].view(values.dtype)
        self.used[start : start + size] = True
        first = reach if stride < 0 else 0
        if count:
            block[first :: stride or 1][: count if stride else 1] = values if stride else values[:1]
        return (0, start + first * item, DTYPES.index(values.dtype), [count], [stride], [])

    def check(self) -> None:
        assert (self.bytes[~self.used] == SENTINEL).all(), "written beside the values"


def attributes(name: str) -> list[float]:
    op = OPERATIONS[name]
    if name == "cast":
        return []
    found = op.instances()[0] if hasattr(op, "instances") else op()
    return [float(v) for v in found.attributes().values()]


def in_a_chain(isa: str, row: Any, given: list[Array], strides: Any, shift: int) -> Array:
    """What a chain of one operation stores, in an arena that is checked."""
    name, kind, made, arity = row
    arena, state = Arena(), np.zeros(64, np.uint8)
    pairs = enumerate(zip(given, strides, strict=True))
    places = [arena.place(x, stride, shift * n) for n, (x, stride) in pairs]
    count = len(given[0])
    to = arena.place(np.zeros(count, DTYPES[made]), 1, shift)
    program = module().Program(isa, arena.bytes, state)
    step = (name, kind, made, arity, list(range(arity)), attributes(name))
    program.chain(isa, [count], list(enumerate(places)), [step], [(arity, to)], [])
    program.run()
    arena.check()
    start = to[1]
    return arena.bytes[start : start + count * DTYPES[made].itemsize].view(DTYPES[made]).copy()


@EVERY_ISA
def test_every_elementwise_row_stays_in_its_place(isa: str) -> None:
    for row in module().elementwise(isa):
        name, kind, made, arity = row
        dtypes = [DTYPES[3 if name == "where" and i == 0 else kind] for i in range(arity)]
        for count, apart_by in itertools.product(LENGTHS, STRIDES):
            strides = apart_by[:arity]
            given = [numbers(d, count + i)[:count] for i, d in enumerate(dtypes)]
            seen = [x if s else x[:1].repeat(count) for x, s in zip(given, strides, strict=True)]
            padded = [np.resize(x, 304) if count else np.ones(304, x.dtype) for x in seen]
            wanted = np.zeros(304, DTYPES[made])
            module().call_elementwise(isa, name, padded, wanted, attributes(name))
            shift = count % 2 + (strides[0] == 1)  # from the alignment of vectors
            found = in_a_chain(isa, row, given, strides, shift)
            assert found.tobytes() == wanted[:count].tobytes(), (row, count, strides, shift)


# ------------------------------------------------------------- operations


def apart(values: Mapping[int, Lifetime]) -> tuple[dict[int, int], int]:
    """A place of its own for each value, as `plan.memory.placed` gives it, but none is reused."""
    offsets, end = {}, ROOM
    for number, value in values.items():
        offsets[number] = end
        end += value.nbytes + ROOM + -value.nbytes % 64
    apart.places = [(offsets[n], value.nbytes) for n, value in values.items()]  # type: ignore[attr-defined]
    return offsets, end


class Spy:
    """Stands for the native module's program, and notes the kernels that are called."""

    def __init__(self, program: Any, names: set[str]) -> None:
        self._program, self._names = program, names

    def __getattr__(self, name: str) -> Any:
        return getattr(self._program, name)

    def call(self, kernel: str, *rest: Any) -> None:
        self._names.add(kernel)
        self._program.call(kernel, *rest)


@contextlib.contextmanager
def guarded_arena(names: set[str]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "placed", apart)
        made = compiled.lowering.new_program
        patch.setattr(compiled.lowering, "new_program", lambda *x: Spy(made(*x), names))
        yield


def outcome(step: Step, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """The outputs of a step, found in an arena that is checked."""
    with guarded_arena(set()):
        native = NativeExecutor(plan(step), State({}))
    arena = native._blocks.arena
    beside = np.ones(len(arena), bool)
    for start, size in apart.places:  # type: ignore[attr-defined]
        beside[start : start + size] = False
    arena[beside] = SENTINEL
    found = native.run(feeds)
    assert (arena[beside] == SENTINEL).all(), "written beside the values"
    return found


def laid_out(array: Array, form: str, label: str) -> tuple[Node, Array]:
    """An input's node and feed: as it is, or as every second number of a feed, backwards."""
    if form == "plain" or not array.ndim:
        return placeholder(label, array.shape, array.dtype), np.array(array, order="C")
    if form == "transposed":
        feed = np.array(array.T, order="C")
        return placeholder(label, feed.shape, feed.dtype).T, feed
    wide = np.repeat(array[::-1], 2, axis=0)
    wide = np.ascontiguousarray(np.repeat(wide, 2, axis=-1) if array.ndim > 1 else wide)
    leaf = placeholder(label, wide.shape, wide.dtype)
    last = (slice(None, None, 2),) if array.ndim > 1 else ()
    rows = leaf[len(wide) - 1 :: -2] if len(wide) else leaf
    return (rows[(..., *last)] if last else rows), wide


def of_size(shape: tuple[int, ...], length: int | None) -> tuple[int, ...]:
    return shape if length is None else tuple(length for _ in shape)


def graph(sample: Any, nodes: list[Node], differentiable: bool) -> Step:
    y = sample.build(*nodes)
    outputs = {"y": y}
    real = [n for n in nodes if n.dtype.kind == "f"]
    if real and y.dtype.kind == "f" and differentiable:
        bars = pb.gradient((y * y).sum() + y.sum(), real)
        outputs |= {f"bar{i}": bar for i, bar in enumerate(bars)}
    return Step(outputs)


def compared(sample: Any, dtype: str, form: str, length: int | None) -> bool:
    """Whether the operation takes such inputs; then they were run and compared with NumPy."""
    random = np.random.default_rng(7)
    arrays = [rule.draw(random) for rule in sample.inputs]
    arrays = [np.resize(a, of_size(a.shape, length)) for a in arrays]
    arrays = [a.astype(dtype) if a.dtype.kind == "f" else a for a in arrays]
    laid = [laid_out(a, form, f"x{i}") for i, a in enumerate(arrays)]
    feeds = {f"x{i}": feed for i, (_, feed) in enumerate(laid)}
    try:
        step = graph(sample, [n for n, _ in laid], OPERATIONS[sample.op.name].differentiable)
        wanted = pb.execute.NumpyExecutor(plan(step), State({})).run(feeds)
    except (pb.errors.PullbackError, ValueError, IndexError):
        if length is None:
            raise
        return False  # of numbers that it needs there are too few
    feeds = {label: feeds[label] for label in plan(step).feeds}
    check_agree([outcome(step, feeds), wanted])
    return True


FORMS = ("plain", "transposed", "backwards")
# Their attributes are bounds within the shape of the sample.
SIZED = {"slice", "embed"}


def cases(name: str) -> Iterator[tuple[Any, str, str, int | None]]:
    """The first sample in every form and size, the others in one form each."""
    for number, sample in enumerate(OPERATIONS[name].samples()):
        if number:
            yield sample, ("float64", "float32")[number // 3 % 2], FORMS[number % 3], None
            continue
        yield from ((sample, "float32", form, None) for form in FORMS)
        if name not in SIZED:
            yield from ((sample, "float32", "plain", length) for length in (0, 1))


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_stays_in_its_place(name: str) -> None:
    module()
    for sample, dtype, form, length in cases(name):
        compared(sample, dtype, form, length)


def test_every_kernel_is_among_those_called() -> None:
    names: set[str] = set()
    for name in OPERATIONS:
        for sample, dtype, form, _ in itertools.islice(cases(name), 1):
            arrays = [rule.draw(np.random.default_rng(7)) for rule in sample.inputs]
            cast = [a.astype(dtype) if a.dtype.kind == "f" else a for a in arrays]
            nodes = [laid_out(a, form, f"x{i}")[0] for i, a in enumerate(cast)]
            step = graph(sample, nodes, OPERATIONS[name].differentiable)
            with guarded_arena(names):
                NativeExecutor(plan(step), State({}))
    # An arange has no inputs: planning computes it. Its kernel is guarded in its own tests.
    assert names | {"arange"} == set(module().kernels(module().instruction_sets()[0]))
