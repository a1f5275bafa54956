"""Schedules against their closed forms, over the whole run and beyond it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback import optim
from pullback.errors import ConfigError, UnknownNameError
from pullback.graph import placeholder
from pullback.optim import Constant, Cosine, Schedule, Step, WarmUp, schedules

Form = Callable[[int, int], float]


def cosine(s: int, n: int, final: float = 0.0) -> float:
    return final + (1 - final) * (1 + math.cos(math.pi * min((s - 1) / n, 1))) / 2


def restarts(s: int, first: int, grow: int) -> tuple[int, int]:
    """The place within its cycle and the cycle's length, counted off cycle by cycle."""
    done, n = s - 1, first
    while done >= n:
        done, n = done - n, n * grow
    return done, n


def cycle(s: int, up: int, down: int, least: float, shrink: float) -> float:
    height, bottom, rising = 0.0, 0, 0
    for _ in range(s - 1):
        rising = (rising + 1) % (up + down)
        bottom += rising == 0
    height = rising / up if rising <= up else (up + down - rising) / down
    return least + (1 - least) * height * shrink**bottom


def inverse_sqrt(s: int, n: int) -> float:
    return s / n if s <= n else (n / s) ** 0.5


def one_cycle(s: int, n: int, top: int, first: float, final: float) -> float:
    if s < top:
        return first + (1 - first) * (1 - math.cos(math.pi * (s - 1) / (top - 1))) / 2
    part = min((s - top) / max(n - top, 1), 1)
    return final + (1 - final) * (1 + math.cos(math.pi * part)) / 2


def line(s: int, n: int) -> float:
    return 1 - min((s - 1) / n, 1)


FORMS: dict[str, list[tuple[Schedule, Form]]] = {
    "constant": [(Constant(), lambda s, n: 1.0)],
    "step": [
        (Step(), lambda s, n: 0.1 ** ((min(s, n) - 1) // math.ceil(n / 3))),
        (Step(every=7, gamma=0.5), lambda s, n: 0.5 ** ((s - 1) // 7)),
        (Step(every=0.1, gamma=1.0), lambda s, n: 1.0),
    ],
    "cosine": [
        (Cosine(), cosine),
        (Cosine(final=0.2), lambda s, n: cosine(s, n, 0.2)),
        (Cosine(steps=5), lambda s, n: cosine(s, 5)),
        (Cosine(steps=0.5), lambda s, n: cosine(s, math.ceil(n / 2))),
    ],
    "warmup": [
        (WarmUp(4), lambda s, n: s / 4 if s <= 4 else cosine(s - 4, max(n - 4, 1))),
        (WarmUp(1, then="constant"), lambda s, n: 1.0),
        (
            WarmUp(0.25, then=Step(2, 0.5)),
            lambda s, n: (
                s / math.ceil(n / 4)
                if s <= math.ceil(n / 4)
                else 0.5 ** ((s - math.ceil(n / 4) - 1) // 2)
            ),
        ),
        (
            WarmUp(2, then=WarmUp(3, then="constant")),
            lambda s, n: s / 2 if s <= 2 else min((s - 2) / 3, 1),
        ),
        (WarmUp(2, then="linear"), lambda s, n: s / 2 if s <= 2 else line(s - 2, max(n - 2, 1))),
    ],
    "exponential": [
        (optim.Exponential(), lambda s, n: 0.1 ** ((min(s, n) - 1) / math.ceil(n / 3))),
        (optim.Exponential(0.9, every=1), lambda s, n: 0.9 ** (s - 1)),
    ],
    "multistep": [
        (
            optim.MultiStep(),
            lambda s, n: 0.1 ** ((s > math.ceil(n / 2)) + (s > math.ceil(0.75 * n))),
        ),
        (optim.MultiStep((3, 4, 9), 0.5), lambda s, n: 0.5 ** sum(s > k for k in (3, 4, 9))),
    ],
    "polynomial": [
        (optim.Polynomial(), lambda s, n: line(s, n) ** 2),
        (optim.Polynomial(0.5, final=0.2, steps=7), lambda s, n: 0.2 + 0.8 * line(s, 7) ** 0.5),
    ],
    "linear": [
        (optim.Linear(), line),
        (optim.Linear(final=0.25, steps=0.5), lambda s, n: 0.25 + 0.75 * line(s, -(-n // 2))),
    ],
    "inverse_time": [
        (optim.InverseTime(), lambda s, n: 1 / (1 + (min(s, n) - 1) / math.ceil(n / 10))),
        (optim.InverseTime(0.5, every=3), lambda s, n: 1 / (1 + 0.5 * (s - 1) / 3)),
    ],
    "inverse_sqrt": [
        (optim.InverseSqrt(), lambda s, n: inverse_sqrt(min(s, n), math.ceil(n / 20))),
        (optim.InverseSqrt(4), lambda s, n: inverse_sqrt(s, 4)),
    ],
    "one_cycle": [
        (
            optim.OneCycle(),
            lambda s, n: one_cycle(s, n, math.ceil(0.3 * n), 0.04, 4e-6),
        ),
        (optim.OneCycle(rise=4, first=0.5, final=0.1), lambda s, n: one_cycle(s, n, 4, 0.5, 0.1)),
    ],
    "cosine_restarts": [
        (
            optim.CosineRestarts(),
            lambda s, n: (lambda t, k: cosine(t + 1, k))(*restarts(s, math.ceil(n / 10), 1)),
        ),
        (
            optim.CosineRestarts(2, grow=2, final=0.1),
            lambda s, n: (lambda t, k: cosine(t + 1, k, 0.1))(*restarts(s, 2, 2)),
        ),
        (
            optim.CosineRestarts(1, grow=3),
            lambda s, n: (lambda t, k: cosine(t + 1, k))(*restarts(s, 1, 3)),
        ),
    ],
    "cyclic": [
        (
            optim.Cyclic(),
            lambda s, n: cycle(s, math.ceil(n / 20), math.ceil(n / 20), 0.1, 1),
        ),
        (optim.Cyclic(2, 3, least=0.25, shrink=0.5), lambda s, n: cycle(s, 2, 3, 0.25, 0.5)),
    ],
    "joined": [
        (
            optim.Joined(),
            lambda s, n: 1.0 if s <= -(-n // 2) else cosine(s - -(-n // 2), max(n - -(-n // 2), 1)),
        ),
        (
            optim.Joined((WarmUp(2, then="constant"), Step(2, 0.5), "linear"), at=(3, 6)),
            lambda s, n: (
                min(s / 2, 1)
                if s <= 3
                else 0.5 ** ((s - 4) // 2)
                if s <= 6
                else line(s - 6, max(n - 6, 1))
            ),
        ),
    ],
    "plateau": [(optim.ReduceOnPlateau(), lambda s, n: 1.0)],
}
"""Each schedule with its closed form of step s of n."""

EVERY = [(schedule, form) for pairs in FORMS.values() for schedule, form in pairs]


def test_every_schedule_has_a_closed_form() -> None:
    assert sorted(FORMS) == sorted(schedules.registry())
    for name, pairs in FORMS.items():
        assert {schedule.name for schedule, _ in pairs} == {name}


@pytest.mark.parametrize(("schedule", "form"), EVERY, ids=[s.describe() for s, _ in EVERY])
def test_the_closed_form(schedule: Schedule, form: Form) -> None:
    for total in (1, 2, 5, 16):
        for step in range(1, total + 4):
            want = form(step, total)
            got = schedule(step, total)
            assert got.dtype == "float64"
            assert got.item() == pytest.approx(want, rel=1e-12, abs=1e-15), (step, total)
            traced = schedule(pb.tensor(step), pb.tensor(total))
            assert traced.item() == got.item()


@pytest.mark.parametrize(("schedule", "form"), EVERY, ids=[s.describe() for s, _ in EVERY])
def test_a_factor_stays_between_zero_and_one(schedule: Schedule, form: Form) -> None:
    factors = [schedule(step, 10).item() for step in range(1, 30)]
    assert 0 <= min(factors) <= max(factors) <= 1
    assert max(factors) == 1


@pytest.mark.parametrize(("schedule", "form"), EVERY, ids=[s.describe() for s, _ in EVERY])
def test_a_factor_is_a_graph_of_the_step(schedule: Schedule, form: Form) -> None:
    step, total = placeholder("step", (), "int64"), placeholder("total", (), "int64")
    factor = schedule(step, total)
    assert (factor.shape, factor.value) == ((), None)


@pytest.mark.parametrize("schedule", ["cosine", "step", "warmup", WarmUp(10), Cosine(steps=0.5)])
def test_a_run_of_unknown_length_is_refused(schedule: Any) -> None:
    with pytest.raises(ConfigError, match="how many steps"):
        schedules.get(schedule)(1)


@pytest.mark.parametrize(
    "schedule", [Constant(), Step(5), Cosine(steps=9), WarmUp(3, then=Cosine(steps=9))]
)
def test_a_run_of_unknown_length_with_a_length_of_its_own(schedule: Schedule) -> None:
    known = [schedule(step, 12).item() for step in range(1, 20)]
    assert known == [schedule(step).item() for step in range(1, 20)]


@pytest.mark.parametrize("name", sorted(schedules.registry()))
def test_declared_in_full(name: str) -> None:
    cls = schedules.registry()[name]
    assert cls.__name__ in optim.__all__
    assert "Example:" in (cls.__doc__ or "")
    for alias in (name, name.upper(), *cls.aliases):
        assert schedules.get(alias) == cls()


@pytest.mark.parametrize("schedule", [s for s, _ in EVERY], ids=lambda s: s.describe())
def test_a_configuration_goes_round(schedule: Schedule) -> None:
    assert schedules.get(json.loads(json.dumps(schedule.to_config()))) == schedule


def test_warm_up_then_cosine_by_name() -> None:
    assert schedules.get("warmup_cosine") == WarmUp(then=Cosine())
    with pytest.raises(UnknownNameError, match="Did you mean 'cosine'"):
        WarmUp(then="cosin")


@pytest.mark.parametrize(
    ("config", "setting"),
    [
        ({"name": "step", "every": 0}, "every=0"),
        ({"name": "step", "every": 2.5}, "every=2.5"),
        ({"name": "step", "every": -3}, "every=-3"),
        ({"name": "step", "every": True}, "every=True"),
        ({"name": "step", "every": float("inf")}, "every=inf"),
        ({"name": "step", "gamma": 0}, "gamma=0"),
        ({"name": "step", "gamma": 1.5}, "gamma=1.5"),
        ({"name": "cosine", "final": -0.1}, "final=-0.1"),
        ({"name": "cosine", "final": float("nan")}, "final=nan"),
        ({"name": "cosine", "steps": 0}, "steps=0"),
        ({"name": "warmup", "steps": "5%"}, "steps='5%'"),
        ({"name": "warmup", "steps": np.nan}, "steps=nan"),
        ({"name": "exponential", "gamma": 0}, "gamma=0"),
        ({"name": "multistep", "at": [3, 2]}, "at=(3, 2)"),
        ({"name": "multistep", "at": [0.5, 2]}, "at=(0.5, 2)"),
        ({"name": "multistep", "at": []}, "at=()"),
        ({"name": "polynomial", "power": 0}, "power=0"),
        ({"name": "linear", "final": 2}, "final=2"),
        ({"name": "inverse_time", "gamma": 0}, "gamma=0"),
        ({"name": "one_cycle", "first": 1}, "first=1"),
        ({"name": "cosine_restarts", "grow": 1.5}, "grow=1.5"),
        ({"name": "cyclic", "shrink": 0}, "shrink=0"),
        ({"name": "joined", "at": [0.2, 0.5]}, "at=(0.2, 0.5)"),
        ({"name": "plateau", "gamma": 1}, "gamma=1"),
        ({"name": "plateau", "patience": -1}, "patience=-1"),
        ({"name": "plateau", "monitor": 3}, "monitor=3"),
    ],
)
def test_a_setting_out_of_range_is_refused(config: dict[str, Any], setting: str) -> None:
    with pytest.raises(ConfigError) as caught:
        schedules.get(config)
    assert setting in str(caught.value)
    assert "to do" in str(caught.value)


def test_steps_by_a_fraction_keep_the_last_value_beyond_the_run() -> None:
    schedule = Step(every=1 / 3)
    assert [schedule(s, 30).item() for s in (30, 31, 61)] == [schedule(30, 30).item()] * 3
