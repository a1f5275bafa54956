"""A hundred steps beside PyTorch's and Optax's optimizers.

PyTorch keeps the product of NAdam's momenta in float32, which shows in the eleventh digit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pullback import optim
from pullback.optim import Optimizer
from tests.optim.test_optimizers import descend
from tests.peers.case import Array, Arrays, Case, Table, drawn

STEPS, KEPT = 100, 10
"""How many steps are taken, and every which of them is kept."""


class Fit:
    """Half the squared error of tanh(XW), and where its weights start."""

    def __init__(self, given: Arrays) -> None:
        self.x, self.y, self.start = given["x"], given["y"], given["start"]

    def loss(self, w: Array) -> float:
        return float(0.5 * ((np.tanh(self.x @ w) - self.y) ** 2).sum() / len(self.x))

    def gradient(self, w: Array) -> Array:
        h = np.tanh(self.x @ w)
        return np.asarray(self.x.T @ ((h - self.y) * (1 - h * h)) / len(self.x))


Peer = Callable[[Fit], list[Array]]


def torch_peer(name: str, transposed: bool = False, **settings: Any) -> Peer:
    def run(fit: Fit) -> list[Array]:
        import torch

        turn = np.transpose if transposed else np.asarray
        w = torch.nn.Parameter(torch.tensor(np.ascontiguousarray(turn(fit.start))))
        rule = getattr(torch.optim, name)([w], **settings)
        path = []
        for _ in range(STEPS):
            here = turn(w.detach().numpy())
            w.grad = torch.tensor(np.ascontiguousarray(turn(fit.gradient(here))))
            rule.step()
            path.append(turn(w.detach().numpy()).copy())
        return path

    return run


def optax_peer(make: Callable[[Any], Any]) -> Peer:
    def run(fit: Fit) -> list[Array]:
        import jax
        import optax

        jax.config.update("jax_enable_x64", True)
        rule, path = make(optax), []
        w = jax.numpy.asarray(fit.start)
        state = rule.init(w)
        step = jax.jit(rule.update)
        for _ in range(STEPS):
            updates, state = step(jax.numpy.asarray(fit.gradient(np.asarray(w))), state, w)
            w = optax.apply_updates(w, updates)
            path.append(np.asarray(w))
        return path

    return run


def muon_in_float64(settings: dict[str, Any]) -> Peer:
    """PyTorch computes the iteration in bfloat16; here in the parameter's own dtype."""

    def run(fit: Fit) -> list[Array]:
        import torch

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(torch.Tensor, "bfloat16", lambda self: self.clone())
            return torch_peer("Muon", transposed=True, **settings)(fit)

    return run


def schedule_free(optax: Any, adamw: bool) -> Any:
    if adamw:
        return optax.contrib.schedule_free_adamw(0.02, b1=0.8, b2=0.95, weight_decay=0.1)
    return optax.contrib.schedule_free(optax.sgd(0.3), 0.3, b1=0.7)


def sam(rho: float, momentum: float) -> Peer:
    """Optax's, whose step uphill and step down ask for the gradient in turn."""

    def run(fit: Fit) -> list[Array]:
        import jax
        import optax

        jax.config.update("jax_enable_x64", True)
        uphill = optax.chain(optax.contrib.normalize(), optax.sgd(rho))
        rule = optax.contrib.sam(
            optax.sgd(0.1, momentum=momentum), uphill, opaque_mode=True, reset_state=False
        )

        def gradient(w: Any, _: Any) -> Any:
            return jax.numpy.asarray(fit.gradient(np.asarray(w)))

        w, path = jax.numpy.asarray(fit.start), []
        state = rule.init(w)
        with jax.disable_jit():
            for _ in range(STEPS):
                updates, state = rule.update(gradient(w, 0), state, w, grad_fn=gradient)
                w = optax.apply_updates(w, updates)
                path.append(np.asarray(w))
        return path

    return run


EVALUATIONS = 100
"""More than are needed: PyTorch's line search goes on beyond the limit, ours ends there."""


def torch_lbfgs(fit: Fit, rate: float, iterations: int, history: int, search: str) -> list[Array]:
    import torch

    w = torch.nn.Parameter(torch.tensor(fit.start))
    peer = torch.optim.LBFGS(
        [w], lr=rate, max_iter=iterations, max_eval=EVALUATIONS, history_size=history,
        line_search_fn=None if search == "none" else search,
    )  # fmt: skip

    def closure() -> Any:
        here = w.detach().numpy()
        w.grad = torch.tensor(fit.gradient(here))
        return torch.tensor(fit.loss(here), dtype=torch.float64)

    path = []
    for _ in range(5):
        peer.step(closure)
        path.append(w.detach().numpy().copy())
    return path


def our_lbfgs(fit: Fit, rate: float, iterations: int, history: int, search: str) -> list[Array]:
    rule = optim.LBFGS(
        rate, iterations=iterations, evaluations=EVALUATIONS, history=history, line_search=search
    )
    shape, point, path = fit.start.shape, fit.start.ravel(), []
    memory = rule.memory(point.size, point.dtype)
    for _ in range(5):
        point, memory = rule.drive(
            lambda p: (fit.loss(p.reshape(shape)), fit.gradient(p.reshape(shape)).ravel()),
            point, memory, rate,
        )  # fmt: skip
        path.append(point.reshape(shape))
    return path


def compared(theirs: Peer, ours: Peer, every: int) -> Case:
    """Two paths from the same start; some of their steps."""

    def kept(run: Peer) -> Callable[[Arrays], Arrays]:
        return lambda given: {"path": np.array(run(Fit(given))[every - 1 :: every])}

    given = {"x": drawn(20, 4), "y": drawn(20, 3), "start": drawn(4, 3, seed=1)}
    return Case(given, kept(theirs), kept(ours))


def descent(optimizer: Optimizer, peer: Peer) -> Case:
    def ours(fit: Fit) -> list[Array]:
        return descend(optimizer, fit.start, fit.gradient, STEPS)

    return compared(peer, ours, KEPT)


def lbfgs(*settings: Any) -> Case:
    return compared(
        lambda fit: torch_lbfgs(fit, *settings), lambda fit: our_lbfgs(fit, *settings), 1
    )


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
    (optim.RMSprop(0.002, alpha=0.9, centered=True, momentum=0.5),
     torch_peer("RMSprop", lr=0.002, alpha=0.9, centered=True, momentum=0.5)),
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
    (optim.Adamax(0.005, beta1=0.7, beta2=0.9, weight_decay=0.1),
     torch_peer("Adamax", lr=0.005, betas=(0.7, 0.9), weight_decay=0.1)),
    (optim.Rprop(), torch_peer("Rprop")),
    (optim.Rprop(0.02, shrink=0.4, grow=1.3, least=1e-3, most=0.5),
     torch_peer("Rprop", lr=0.02, etas=(0.4, 1.3), step_sizes=(1e-3, 0.5))),
    (optim.Adafactor(), torch_peer("Adafactor")),
    (optim.Adafactor(0.1, decay=0.6, clip=1.5, least=0.01, epsilon=1e-5, weight_decay=0.1),
     torch_peer("Adafactor", lr=0.1, beta2_decay=-0.6, d=1.5, eps=(1e-5, 0.01), weight_decay=0.1)),
    (optim.Muon(0.02), muon_in_float64({"lr": 0.02})),
    (optim.Muon(0.02, momentum=0.8, nesterov=False, rounds=3, weight_decay=0.0),
     muon_in_float64({"lr": 0.02, "momentum": 0.8, "nesterov": False, "ns_steps": 3,
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
    (optim.SGD(0.1), torch_peer("SGD", lr=0.1)),
    (optim.SGD(0.1, momentum=0.8, dampening=0.3),
     torch_peer("SGD", lr=0.1, momentum=0.8, dampening=0.3)),
    (optim.SGD(0.1, momentum=0.9, nesterov=True),
     optax_peer(lambda o: o.sgd(0.1, momentum=0.9, nesterov=True))),
    (optim.Adam(0.01), optax_peer(lambda o: o.adam(0.01))),
    (optim.AdamW(0.01, weight_decay=0.1), optax_peer(lambda o: o.adamw(0.01, weight_decay=0.1))),
    (optim.RMSprop(0.002, weight_decay=0.1), torch_peer("RMSprop", lr=0.002, weight_decay=0.1)),
    (optim.SAM(0.1, rho=0.05), sam(0.05, 0.0)),
    (optim.SAM(base=optim.SGD(0.1, momentum=0.9), rho=0.3), sam(0.3, 0.9)),
]  # fmt: skip


def by_name() -> Table:
    table: Table = {}
    for optimizer, peer in PAIRS:
        table.setdefault(optimizer.name, []).append(descent(optimizer, peer))
    return table


OPTIMIZERS: Table = {
    **by_name(),
    "lbfgs": [
        lbfgs(1.0, 20, 10, "strong_wolfe"),
        lbfgs(0.2, 4, 2, "strong_wolfe"),
        lbfgs(1.0, 4, 10, "none"),
        lbfgs(0.2, 4, 2, "none"),
    ],
}
