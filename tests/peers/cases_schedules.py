"""Schedules of the learning rate beside PyTorch's, step by step."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from pullback import optim
from pullback.optim import Schedule
from pullback.train.plateau import Plateau
from tests.peers.case import Arrays, Case, Table

Make = Callable[[Any, Any], Any]
STEPS = 30


def torch_rates(make: Make) -> Arrays:
    import torch

    rule = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the order of steps, inside SequentialLR
        schedule, rates = make(torch.optim.lr_scheduler, rule), []
        for _ in range(STEPS):
            rates.append(rule.param_groups[0]["lr"])
            rule.step()
            schedule.step()
    return {"rates": np.array(rates, float)}


def our_rates(schedule: Schedule, steps: int) -> Arrays:
    return {"rates": np.array([schedule(s, steps).item() for s in range(1, STEPS + 1)], float)}


def compared(schedule: Schedule, make: Make) -> Case:
    total = 40 if isinstance(schedule, optim.OneCycle) else STEPS
    return Case({}, lambda _: torch_rates(make), lambda _: our_rates(schedule, total))


VALUES = np.array(
    [1.0, 0.9, 0.9, 0.95, 0.85, 0.85, 0.85, 0.85, 0.85, 0.849999, 0.2, 0.3, 0.3, 0.3, 0.3]
)


def plateau(patience: int, cooldown: int) -> Case:
    def theirs(given: Arrays) -> Arrays:
        import torch

        rule = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        peer = torch.optim.lr_scheduler.ReduceLROnPlateau(
            rule, factor=0.5, patience=patience, cooldown=cooldown, min_lr=0.1
        )
        rates = []
        for value in given["values"]:
            peer.step(value)
            rates.append(rule.param_groups[0]["lr"])
        return {"rates": np.array(rates, float)}

    def ours(given: Arrays) -> Arrays:
        schedule = optim.ReduceOnPlateau(0.5, patience=patience, cooldown=cooldown, least=0.1)
        seen, rate, rates = Plateau(schedule, "validation.loss", "lower"), 1.0, []
        for value in given["values"].tolist():
            rate = seen.lowered(rate, 1.0) if seen.update(value) else rate
            rates.append(rate)
        return {"rates": np.array(rates)}

    return Case({"values": VALUES}, theirs, ours)


PAIRS: list[tuple[Schedule, Make]] = [
    (optim.Step(4, 0.5), lambda s, o: s.StepLR(o, 4, 0.5)),
    (optim.MultiStep((3, 9, 20), 0.3), lambda s, o: s.MultiStepLR(o, [3, 9, 20], 0.3)),
    (optim.Exponential(0.9, every=1), lambda s, o: s.ExponentialLR(o, 0.9)),
    (optim.Linear(0.2, steps=10), lambda s, o: s.LinearLR(o, 1.0, 0.2, 10)),
    (optim.Polynomial(2.0, steps=12), lambda s, o: s.PolynomialLR(o, 12, 2.0)),
    (optim.Cosine(0.1), lambda s, o: s.CosineAnnealingLR(o, 30, eta_min=0.1)),
    (optim.CosineRestarts(4, grow=2, final=0.1),
     lambda s, o: s.CosineAnnealingWarmRestarts(o, 4, 2, eta_min=0.1)),
    (optim.CosineRestarts(5), lambda s, o: s.CosineAnnealingWarmRestarts(o, 5)),
    (optim.Cyclic(3, 5, least=0.2), lambda s, o: s.CyclicLR(o, 0.2, 1.0, 3, 5)),
    (optim.Cyclic(3, least=0.2, shrink=0.5),
     lambda s, o: s.CyclicLR(o, 0.2, 1.0, 3, mode="triangular2")),
    (optim.OneCycle(), lambda s, o: s.OneCycleLR(o, 1.0, total_steps=40)),
    (optim.Joined(("constant", optim.Linear(0.5, steps=6)), at=(7,)),
     lambda s, o: s.SequentialLR(
         o, [s.ConstantLR(o, 1.0, 1), s.LinearLR(o, 1.0, 0.5, 6)], milestones=[7])),
    (optim.WarmUp(5, optim.Cosine(0.2)),
     lambda s, o: s.SequentialLR(
         o, [s.LinearLR(o, 0.2, 1.0, 4), s.CosineAnnealingLR(o, 25, eta_min=0.2)], milestones=[5])),
    (optim.Constant(), lambda s, o: s.ConstantLR(o, 1.0)),
]  # fmt: skip


def by_name() -> Table:
    table: Table = {}
    for schedule, make in PAIRS:
        table.setdefault(schedule.name, []).append(compared(schedule, make))
    return table


SCHEDULES: Table = {
    **by_name(),
    "plateau": [plateau(*s) for s in ((0, 0), (1, 0), (2, 2))],
}
