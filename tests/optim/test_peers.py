"""A hundred steps beside PyTorch's and Optax's optimizers, and schedules beside PyTorch's.

PyTorch keeps the product of NAdam's momenta in float32, which shows in the eleventh digit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pullback import optim
from pullback.optim import Optimizer, Schedule
from tests.optim.test_optimizers import descend

pytestmark = pytest.mark.peers
RANDOM = np.random.default_rng(7)
X, Y = RANDOM.normal(size=(20, 4)), RANDOM.normal(size=(20, 3))
START = RANDOM.normal(size=(4, 3))
STEPS = 100
Array = np.ndarray
Peer = Callable[[Array], list[Array]]


def gradient(w: Array) -> Array:
    """Of half the squared error of tanh(XW)."""
    h = np.tanh(X @ w)
    return X.T @ ((h - Y) * (1 - h * h)) / len(X)


def loss(w: Array) -> float:
    return float(0.5 * ((np.tanh(X @ w) - Y) ** 2).sum() / len(X))


def torch_peer(name: str, transposed: bool = False, **settings: Any) -> Peer:
    def run(start: Array) -> list[Array]:
        import torch

        turn = np.transpose if transposed else np.asarray
        w = torch.nn.Parameter(torch.tensor(np.ascontiguousarray(turn(start))))
        rule = getattr(torch.optim, name)([w], **settings)
        path = []
        for _ in range(STEPS):
            here = turn(w.detach().numpy())
            w.grad = torch.tensor(np.ascontiguousarray(turn(gradient(here))))
            rule.step()
            path.append(turn(w.detach().numpy()).copy())
        return path

    return run


def optax_peer(make: Callable[[Any], Any]) -> Peer:
    def run(start: Array) -> list[Array]:
        import jax
        import optax

        jax.config.update("jax_enable_x64", True)
        rule, path = make(optax), []
        w = jax.numpy.asarray(start)
        state = rule.init(w)
        step = jax.jit(rule.update)
        for _ in range(STEPS):
            updates, state = step(jax.numpy.asarray(gradient(np.asarray(w))), state, w)
            w = optax.apply_updates(w, updates)
            path.append(np.asarray(w))
        return path

    return run


def muon_in_float64(settings: dict[str, Any]) -> Peer:
    """PyTorch computes the iteration in bfloat16; here in the parameter's own dtype."""

    def run(start: Array) -> list[Array]:
        import torch

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(torch.Tensor, "bfloat16", lambda self: self.clone())
            return torch_peer("Muon", transposed=True, **settings)(start)

    return run


def schedule_free(optax: Any, adamw: bool) -> Any:
    if adamw:
        return optax.contrib.schedule_free_adamw(0.02, b1=0.8, b2=0.95, weight_decay=0.1)
    return optax.contrib.schedule_free(optax.sgd(0.3), 0.3, b1=0.7)


PAIRS: list[tuple[Optimizer, Peer]] = [
    (optim.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
     torch_peer("SGD", lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1)),
    (optim.Adam(0.05, beta1=0.8, weight_decay=0.1),
     torch_peer("Adam", lr=0.05, betas=(0.8, 0.999), weight_decay=0.1)),
    (optim.Adam(0.05, beta2=0.9, amsgrad=True),
     torch_peer("Adam", lr=0.05, betas=(0.9, 0.9), amsgrad=True)),
    (optim.AdamW(0.05, weight_decay=0.1), torch_peer("AdamW", lr=0.05, weight_decay=0.1)),
    (optim.AdamW(0.05, weight_decay=0.1, amsgrad=True),
     torch_peer("AdamW", lr=0.05, weight_decay=0.1, amsgrad=True)),
    (optim.RMSprop(0.01, alpha=0.9, centered=True, momentum=0.5),
     torch_peer("RMSprop", lr=0.01, alpha=0.9, centered=True, momentum=0.5)),
    (optim.Adagrad(0.1, weight_decay=0.1), torch_peer("Adagrad", lr=0.1, weight_decay=0.1)),
    (optim.Adagrad(0.1, initial_sum=0.3, epsilon=1e-6),
     torch_peer("Adagrad", lr=0.1, initial_accumulator_value=0.3, eps=1e-6)),
    (optim.Adadelta(), torch_peer("Adadelta")),
    (optim.Adadelta(0.5, rho=0.8, epsilon=1e-3, weight_decay=0.1),
     torch_peer("Adadelta", lr=0.5, rho=0.8, eps=1e-3, weight_decay=0.1)),
    (optim.NAdam(), torch_peer("NAdam")),
    (optim.NAdam(0.005, beta1=0.7, beta2=0.9, momentum_decay=0.1, weight_decay=0.1),
     torch_peer("NAdam", lr=0.005, betas=(0.7, 0.9), momentum_decay=0.1, weight_decay=0.1)),
    (optim.RAdam(), torch_peer("RAdam")),
    (optim.RAdam(0.05, beta1=0.7, beta2=0.95, weight_decay=0.1),
     torch_peer("RAdam", lr=0.05, betas=(0.7, 0.95), weight_decay=0.1)),
    (optim.Adamax(), torch_peer("Adamax")),
    (optim.Adamax(0.01, beta1=0.7, beta2=0.9, weight_decay=0.1),
     torch_peer("Adamax", lr=0.01, betas=(0.7, 0.9), weight_decay=0.1)),
    (optim.Rprop(), torch_peer("Rprop")),
    (optim.Rprop(0.02, shrink=0.4, grow=1.3, least=1e-3, most=0.5),
     torch_peer("Rprop", lr=0.02, etas=(0.4, 1.3), step_sizes=(1e-3, 0.5))),
    (optim.Adafactor(), torch_peer("Adafactor")),
    (optim.Adafactor(0.1, decay=0.6, clip=1.5, least=0.01, epsilon=1e-5, weight_decay=0.1),
     torch_peer("Adafactor", lr=0.1, beta2_decay=-0.6, d=1.5, eps=(1e-5, 0.01), weight_decay=0.1)),
    (optim.Muon(0.02), muon_in_float64({"lr": 0.02})),
    (optim.Muon(0.05, momentum=0.8, nesterov=False, rounds=3, weight_decay=0.0),
     muon_in_float64({"lr": 0.05, "momentum": 0.8, "nesterov": False, "ns_steps": 3,
                      "weight_decay": 0.0})),
    (optim.Lion(0.003, weight_decay=0.1), optax_peer(lambda o: o.lion(0.003, weight_decay=0.1))),
    (optim.Lion(0.003, beta1=0.5, beta2=0.7),
     optax_peer(lambda o: o.lion(0.003, b1=0.5, b2=0.7, weight_decay=0.0))),
    (optim.LAMB(0.01, weight_decay=0.1), optax_peer(lambda o: o.lamb(0.01, weight_decay=0.1))),
    (optim.LAMB(0.01, beta1=0.7, beta2=0.9, epsilon=1e-3),
     optax_peer(lambda o: o.lamb(0.01, b1=0.7, b2=0.9, eps=1e-3))),
    (optim.LARS(10.0, epsilon=0.0), optax_peer(lambda o: o.lars(10.0))),
    (optim.LARS(1.0, momentum=0.5, trust=0.1, epsilon=0.0),
     optax_peer(lambda o: o.lars(1.0, trust_coefficient=0.1, momentum=0.5))),
    (optim.AdaBelief(0.01), optax_peer(lambda o: o.adabelief(0.01))),
    (optim.AdaBelief(0.03, beta1=0.7, beta2=0.9, epsilon=1e-8),
     optax_peer(lambda o: o.adabelief(0.03, b1=0.7, b2=0.9, eps=1e-8, eps_root=1e-8))),
    (optim.Yogi(0.02, initial_square=0.0),
     optax_peer(lambda o: o.chain(o.scale_by_yogi(0.9, 0.999, 1e-3, initial_accumulator_value=0.0),
                                  o.scale(-0.02)))),
    (optim.Yogi(0.02, beta1=0.7, beta2=0.9, epsilon=1e-2, initial_square=0.0),
     optax_peer(lambda o: o.chain(o.scale_by_yogi(0.7, 0.9, 1e-2, initial_accumulator_value=0.0),
                                  o.scale(-0.02)))),
    (optim.ScheduleFreeSGD(0.3, beta=0.7), optax_peer(lambda o: schedule_free(o, adamw=False))),
    (optim.ScheduleFreeAdamW(0.02, beta=0.8, beta2=0.95, weight_decay=0.1),
     optax_peer(lambda o: schedule_free(o, adamw=True))),
]  # fmt: skip


@pytest.mark.parametrize(("optimizer", "peer"), PAIRS, ids=[o.describe() for o, _ in PAIRS])
def test_a_hundred_steps_beside_another_library(optimizer: Optimizer, peer: Peer) -> None:
    want, got = peer(START), descend(optimizer, START, gradient, STEPS)
    assert not np.allclose(got[-1], START, atol=1e-3)
    np.testing.assert_allclose(got, want, rtol=1e-8, atol=1e-8)


def test_every_optimizer_has_a_peer() -> None:
    """SAM is in no release of PyTorch; its steps are compared by hand in tests/train."""
    assert {o.name for o, _ in PAIRS} | {"sam", "lbfgs"} == set(optim.registry())


@pytest.mark.parametrize("search", ["strong_wolfe", "none"])
@pytest.mark.parametrize(("rate", "iterations", "history"), [(1.0, 20, 10), (0.2, 4, 2)])
def test_lbfgs(search: str, rate: float, iterations: int, history: int) -> None:
    import torch

    w = torch.nn.Parameter(torch.tensor(START))
    peer = torch.optim.LBFGS(
        [w], lr=rate, max_iter=iterations, history_size=history,
        line_search_fn=None if search == "none" else search,
    )  # fmt: skip

    def closure() -> Any:
        here = w.detach().numpy()
        w.grad = torch.tensor(gradient(here))
        return torch.tensor(loss(here), dtype=torch.float64)

    rule = optim.LBFGS(rate, iterations=iterations, history=history, line_search=search)
    point, memory = START.ravel(), rule.memory(START.size, START.dtype)
    for _ in range(5):
        peer.step(closure)
        point, memory = rule.drive(
            lambda p: (loss(p.reshape(4, 3)), gradient(p.reshape(4, 3)).ravel()),
            point, memory, rate,
        )  # fmt: skip
        np.testing.assert_allclose(point.reshape(4, 3), w.detach().numpy(), rtol=1e-8, atol=1e-8)


def torch_rates(make: Callable[[Any, Any], Any]) -> list[float]:
    import torch

    rule = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule, rates = make(torch.optim.lr_scheduler, rule), []
    for _ in range(30):
        rates.append(rule.param_groups[0]["lr"])
        rule.step()
        schedule.step()
    return rates


SCHEDULES: list[tuple[Schedule, Callable[[Any, Any], Any]]] = [
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
    (optim.InverseTime(0.5, every=2), lambda s, o: s.LambdaLR(o, lambda t: 1 / (1 + 0.5 * t / 2))),
    (optim.Joined(("constant", optim.Linear(0.5, steps=6)), at=(7,)),
     lambda s, o: s.SequentialLR(
         o, [s.ConstantLR(o, 1.0, 1), s.LinearLR(o, 1.0, 0.5, 6)], milestones=[7])),
]  # fmt: skip


@pytest.mark.parametrize(("schedule", "make"), SCHEDULES, ids=[s.describe() for s, _ in SCHEDULES])
def test_a_schedule_beside_pytorch(schedule: Schedule, make: Callable[[Any, Any], Any]) -> None:
    total = 40 if isinstance(schedule, optim.OneCycle) else 30
    got = [schedule(step, total).item() for step in range(1, 31)]
    want = torch_rates(make)
    np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12)


def test_plateau_beside_pytorch() -> None:
    import torch

    from pullback.train.plateau import Plateau

    values = [1.0, 0.9, 0.9, 0.95, 0.85, 0.85, 0.85, 0.85, 0.85, 0.849999, 0.2, 0.3, 0.3, 0.3, 0.3]
    for patience, cooldown in ((0, 0), (1, 0), (2, 2)):
        rule = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        peer = torch.optim.lr_scheduler.ReduceLROnPlateau(
            rule, factor=0.5, patience=patience, cooldown=cooldown, min_lr=0.1
        )
        schedule = optim.ReduceOnPlateau(0.5, patience=patience, cooldown=cooldown, least=0.1)
        ours, rate = Plateau(schedule, "validation.loss", "lower"), 1.0
        for value in values:
            peer.step(value)
            if ours.update(value):
                rate = ours.lowered(rate, 1.0)
            assert rate == rule.param_groups[0]["lr"], (patience, cooldown, value)
