"""Sites of programs: every value of every kind of operation, seen as NumPy sees it."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

import pullback as pb
from pullback.execute import NativeExecutor, NumpyExecutor, State
from pullback.execute.probing import MOST_TAPS
from pullback.execute.tasks import Tap, Task
from pullback.graph import placeholder
from pullback.graph.dtypes import is_float
from pullback.graph.node import Node, slot
from pullback.graph.order import topological
from pullback.plan import Site, Step, plan
from pullback.plan.fusion import MOST_REGISTERS
from pullback.plan.program import PlacedSite
from tests.native.helpers import module
from tests.plan.test_random_graphs import OPERATIONS, TAME, graphs

pytestmark = pytest.mark.native

Arrays = dict[str, Any]


def everywhere(step: Step) -> Step:
    """The step with a site at every real value of it."""
    nodes = [n for n in topological(step.roots()) if is_float(n.dtype)]
    low_and_high = (-0.5, 0.75)
    return replace(
        step,
        sites={f"%{i}": Site(n, bounds=low_and_high, histogram=True) for i, n in enumerate(nodes)},
    )


def check(step: Step, feeds: Arrays, slots: Arrays) -> int:
    """Run a step with a site at every value, and without; returns how many sites were compared."""
    module()
    program, plain = plan(everywhere(step)), plan(step)
    states = [State({k: np.array(v) for k, v in slots.items()}) for _ in range(3)]
    native = NativeExecutor(program, states[0])
    outputs = native.run_again(feeds, look=True)
    numpy = NumpyExecutor(program, states[1])
    numpy.run_again(feeds, look=True)
    unseen = NativeExecutor(plain, states[2]).run_again(feeds)
    for name, value in unseen.items():
        assert outputs[name].tobytes() == value.tobytes(), "looking changed an output"
    for label in slots:
        assert states[0][label].tobytes() == states[2][label].tobytes(), "looking changed a slot"
    seen, wanted, compared = native.seen(), numpy.seen(), 0
    for row, (place, site) in enumerate(program.sites.items()):
        a, b = seen.statistics[row], wanted.statistics[row]
        assert a[0] in (b[0], 0), place
        if a[0] != b[0]:
            assert crowded(native, site), f"{place} was not seen\n{program}\n{native}"
            continue
        if not np.isfinite(b).all() or not b[0]:
            continue
        compared += 1
        eps = 1e-5 if native._tasks.layouts[site.number].dtype == np.float32 else 1e-12
        root = max(np.sqrt(b[2] / b[0]), abs(b[3]), abs(b[4]), 1e-30)
        np.testing.assert_allclose(a[1] / a[0], b[1] / b[0], 0, 40 * eps * root, err_msg=place)
        np.testing.assert_allclose(a[2], b[2], 40 * eps, 1e-30, err_msg=place)
        np.testing.assert_allclose(a[3:5], b[3:5], 40 * eps, 40 * eps * root, err_msg=place)
        assert seen.bins[row].sum() == a[0]
        near = 1 + 0.06 * b[0]  # numbers at a bound, or 0 but for rounding
        np.testing.assert_allclose(a[5:], b[5:], 0, near, err_msg=place)
    return compared


def crowded(native: NativeExecutor, site: PlacedSite) -> bool:
    """Whether the one task that could see a value has no register or tap left for it."""
    layouts, tasks = native._tasks.layouts, native._assembly._taps.tasks

    def base(number: int) -> int:
        return layouts[number].base

    made = [task for task in tasks if base(site.number) in {base(i.output) for i in task.group}]
    read = [task for task in tasks if task.kind == "update" and site.number in task.reads(layouts)]
    tap = Tap(0, site.number, site.before)
    return any(_full(task, tap) for task in (made or read))


def _full(task: Task, tap: Tap) -> bool:
    more = replace(task, taps=(*task.taps, tap))
    return len(more.registers()) > MOST_REGISTERS or len(more.taps) > MOST_TAPS


def test_a_site_is_excused_by_its_own_chain_alone() -> None:
    """One chain is full; a value of another is not."""
    w = slot("w", (1000,), np.dtype("f4"))
    u = pb.cumsum(w, axis=0)
    for _ in range(33):
        u = pb.sin(u) + 0.5 * u
    x = placeholder("x", (7, 5), np.dtype("f4"))
    y = pb.tanh(x)
    step = Step({"y": y * 2.0}, {"w": u}, sites={"u": Site(u, w), "y": Site(y)})
    program = plan(step)
    native = NativeExecutor(program, State({"w": np.ones(1000, "f4")}))
    native.run_again({"x": np.ones((7, 5), "f4")}, look=True)
    seen = dict(zip(native.places, native.seen().statistics[:, 0], strict=True))
    assert seen == {"u": 0, "y": 35}
    assert crowded(native, program.sites["u"])
    assert not crowded(native, program.sites["y"])


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_and_its_gradient(name: str) -> None:
    for number, sample in enumerate(itertools.islice(OPERATIONS[name].samples(), 4)):
        random = np.random.default_rng(number)
        arrays = [rule.draw(random) for rule in sample.inputs]
        feeds = {f"x{i}": np.array(a, order="C") for i, a in enumerate(arrays)}
        leaves = [placeholder(label, a.shape, a.dtype) for label, a in feeds.items()]
        y = sample.build(*leaves)
        outputs = {"y": y}
        real = [leaf for leaf in leaves if is_float(leaf.dtype)]
        if real and is_float(y.dtype) and OPERATIONS[name].differentiable:
            bars = pb.gradient((y * y * 1.0).sum() + y.sum(), real)
            outputs |= {f"bar{i}": bar for i, bar in enumerate(bars)}
        check(Step(outputs), feeds, {})


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_random_graphs(dtype: str) -> None:
    @given(graphs(TAME, dtype))
    @settings(max_examples=40)
    def test(found: tuple[Step, Arrays, Arrays]) -> None:
        check(*found)

    test()


def updated(rows: int) -> tuple[Step, Arrays, Arrays, dict[str, Node]]:
    """A layer, its activation, and momentum: chains, an epilogue, and updates in place."""
    random = np.random.default_rng(0)
    feeds = {"x": random.normal(size=(rows, 33)).astype(np.float32)}
    slots = {"w": random.normal(size=(33, 70)).astype(np.float32), "m": np.zeros((33, 70), "f4")}
    x = placeholder("x", (rows, 33), np.dtype("f4"))
    w, m = (slot(label, (33, 70), np.dtype("f4")) for label in ("w", "m"))
    z = x @ w
    y = pb.tanh(z + 1.0)
    (bar,) = pb.gradient((y * y).sum(), [w])
    moved = m * 0.9 + bar
    new = w - moved * 0.01
    step = Step({"y": y}, {"w": new, "m": moved}, finite=[bar])
    return step, feeds, slots, {"z": z, "y": y, "bar": bar, "w": w, "new": new, "moved": moved}


@pytest.mark.parametrize("rows", [1, 5, 64, 300])
def test_updates_in_place_are_seen_before_and_after(rows: int) -> None:
    step, feeds, slots, nodes = updated(rows)
    assert check(step, feeds, slots) > 6
    sites = {
        "old": Site(nodes["w"]),
        "new": Site(nodes["new"]),
        "update": Site(nodes["new"], nodes["w"]),
        "z": Site(nodes["z"]),
    }
    state = State({k: v.copy() for k, v in slots.items()})
    native = NativeExecutor(plan(replace(step, sites=sites)), state)
    for _ in range(2):  # the second run begins where the first ended
        before = state["w"].copy()
        native.run_again(feeds, look=True)
        after, row = (
            state["w"].copy(),
            dict(zip(native.places, native.seen().statistics, strict=True)),
        )
        z = feeds["x"] @ before
        for name, value in {"old": before, "new": after, "update": after - before, "z": z}.items():
            wide = value.astype(np.float64)
            assert row[name][0] == value.size
            np.testing.assert_allclose(row[name][2], (wide**2).sum(), 1e-4, err_msg=name)
            np.testing.assert_allclose(row[name][3:5], (wide.min(), wide.max()), 1e-4)


def test_a_run_that_is_not_looked_at_leaves_nothing() -> None:
    step, feeds, slots, nodes = updated(20)
    native = NativeExecutor(plan(replace(step, sites={"y": Site(nodes["y"])})), State(dict(slots)))
    native.run_again(feeds, look=True)
    native.run_again(feeds)
    assert native.seen().statistics[0, 0] == 0


def test_sites_are_seen_in_many_steps() -> None:
    step, _, slots, nodes = updated(4)
    program = plan(replace(step, sites={"y": Site(nodes["y"], histogram=True)}))
    many = np.random.default_rng(1).normal(size=(40, 33)).astype(np.float32)
    order = np.random.default_rng(2).permutation(40).reshape(10, 4)
    looks = np.arange(10) % 3 == 1
    one, all_at_once = (NativeExecutor(program, State(dict(slots))) for _ in range(2))
    _, found = all_at_once.run_steps({"x": many}, order, ["y"][:0], 10.0, looks)
    assert len(found) == 3
    expected = []
    for rows, look in zip(order, looks, strict=True):
        one.run_again({"x": many[rows]}, look=bool(look))
        expected += [one.seen()] if look else []
    for a, b in zip(found, expected, strict=True):
        assert a.statistics.tobytes() == b.statistics.tobytes()
        assert np.array_equal(a.bins, b.bins)


def test_a_value_that_the_step_does_not_need_is_no_site() -> None:
    x = placeholder("x", (3,), np.dtype("f4"))
    program = plan(Step({"y": x + 1.0}, sites={"unneeded": Site(pb.exp(x)), "y": Site(x + 1.0)}))
    assert "unneeded" not in program.sites


def test_sites_are_printed() -> None:
    step, _, _, nodes = updated(4)
    text = str(plan(replace(step, sites={"w.update": Site(nodes["new"], nodes["w"])})))
    assert text.endswith("\n  probes can look at 1 of these values")


def test_a_value_that_finds_no_register_is_left_out_and_never_wrong() -> None:
    """A long update has no register left for the old value: it is not seen, or seen rightly."""
    for steps in (20, 24, 28, 33):
        w = slot("w", (1000,), np.dtype("f4"))
        u = pb.cumsum(w, axis=0)
        for _ in range(steps):
            u = pb.sin(u) + 0.5 * u
        step = Step({}, {"w": u}, sites={"update": Site(u, w), "new": Site(u)})
        slots, found = {"w": np.linspace(0, 1, 1000, dtype="f4")}, []
        for kind in (NativeExecutor, NumpyExecutor):
            ran = kind(plan(step), State({k: v.copy() for k, v in slots.items()}))
            ran.run_again({}, look=True)
            found.append(ran.seen().statistics)
        for native, numpy in zip(*found, strict=True):
            assert native[0] == 0 or native[1] == pytest.approx(numpy[1], rel=1e-3)


def test_many_sites_of_one_update() -> None:
    w, x = slot("w", (1000,), np.dtype("f4")), placeholder("x", (1000,), np.dtype("f4"))
    step = Step({}, {"w": w + x}, sites={f"s{i}": Site(w + x, w) for i in range(40)})
    native = NativeExecutor(plan(step), State({"w": np.zeros(1000, "f4")}))
    native.run_again({"x": np.ones(1000, "f4")}, look=True)
    for row in native.seen().statistics:
        assert row[0] == 0 or row[1] == 1000


@pytest.mark.parametrize("size", [1e-40, 1e-24, 1e-20, 1e-10, 1.0, 1e10, 5e18, 1e38])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numbers_of_every_size_have_a_norm(size: float, dtype: str) -> None:
    x = placeholder("x", (1000,), np.dtype(dtype))
    native = NativeExecutor(plan(Step({"y": x + 0.0}, sites={"x": Site(x)})), State({}))
    value = (size * np.linspace(0.5, 1, 1000)).astype(dtype)
    native.run_again({"x": value}, look=True)
    squares = native.seen().statistics[0, 2]
    assert squares == pytest.approx(np.square(value.astype(np.float64)).sum(), rel=1e-5)


def test_nan_has_no_part_in_the_extremes() -> None:
    value = np.array([1.0, np.nan, -2.0, 0.5] * 9, "f4")
    x = placeholder("x", value.shape, value.dtype)
    for kind in (NativeExecutor, NumpyExecutor):
        ran = kind(plan(Step({"y": x + 1.0}, sites={"x": Site(x)})), State({}))
        ran.run_again({"x": value}, look=True)
        assert ran.seen().statistics[0, 3:5].tolist() == [-2.0, 1.0]
