"""The gradient of each sample by itself: what a batch gradient is the mean of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pullback import losses, ops
from pullback.autodiff import gradient, vmap
from pullback.errors import ConfigError
from pullback.execute import State, executor
from pullback.graph.dtypes import INT64, Array
from pullback.graph.node import Node, as_node, placeholder, slot
from pullback.nn.mode import Mode, mode
from pullback.nn.module import Module
from pullback.nn.parameter import Value, bound
from pullback.nn.several import outputs_by_name, unlabelled
from pullback.plan import Step
from pullback.train.given import feeds_of
from pullback.train.objective import Objective, check_targets
from pullback.train.sample_norms import Traced, squared_norms

Nodes = Mapping[str, Node]
ROW = "row"


def per_sample_gradients(
    network: Module,
    loss: losses.Loss | str | Mapping[str, losses.Loss | str],
    x: Any,
    y: Any,
    weights: Any = None,
    *,
    training: bool = False,
    seed: int = 0,
    step: int = 0,
    row: int = 0,
) -> dict[str, Array]:
    r"""The gradient of each row's own loss, $g_i = \partial (w_i l_i) / \partial \theta$.

    All rows at once: the gradient of one row, batched by `vmap`. With the mean of a loss,
    $\sum_i w_i l_i / \sum_i w_i$, the batch gradient is $\sum_i g_i / \sum_i w_i$: the mean of
    the $g_i$ where all weights are 1. Dropout draws in each row what it draws there in the batch.

    Args:
        network: With values. Frozen parameters have no gradient.
        loss: One loss, or one for each output of the network, by name.
        x: The features, (rows, ...); a dict or tuple of arrays for several inputs.
        y: The targets as the loss takes them, (rows, ...); likewise for several outputs.
        weights: (rows,), or None for 1 each.
        training: Whether dropout drops.
        seed: Keys all random numbers.
        step: The number of the training step, which keys them too.
        row: The number of the first row within the logical batch.

    Returns:
        One array `(rows, *shape)` for each trainable parameter, by its path.

    Raises:
        ConfigError: The network has no values or nothing to train, or it is called for training
            and has a layer whose output for one row depends on the others (batch normalisation).
        DataError: Features, targets and weights are not of the same rows, or no numbers.
        ShapeError: The targets do not fit the outputs.

    Example:
        >>> import pullback as pb
        >>> network = pb.nn.Linear(1, 1).initialise(seed=0)
        >>> found = pb.per_sample_gradients(network, "mse", [[1.0], [2.0]], [[0.0], [0.0]])
        >>> {path: gradients.shape for path, gradients in found.items()}
        {'weight': (2, 1, 1), 'bias': (2, 1)}

    References:
        I. Goodfellow, 2015, "Efficient per-example gradient computations".
    """
    check_samples(network, training=training)
    feeds = feeds_of(network, (x, y, weights))
    count = len(feeds[next(iter(feeds))])
    nodes = {value: slot(path, value.shape, value.dtype) for path, value in network.state().items()}
    given = {label: placeholder(label, a.shape, a.dtype) for label, a in feeds.items()}
    here = Mode(training, as_node(seed), as_node(step), placeholder(ROW, (count,), INT64))
    found = gradients_of_samples(network, Objective.named(loss), nodes, given, here)
    state = State({path: value.numpy() for path, value in network.state().items()})
    ran = executor(Step(found, name="per-sample gradients"), state)
    return dict(ran.run({**feeds, ROW: np.arange(row, row + count, dtype=INT64)}))


def per_sample_norms(
    network: Module,
    loss: losses.Loss | str | Mapping[str, losses.Loss | str],
    x: Any,
    y: Any,
    weights: Any = None,
    *,
    training: bool = False,
    seed: int = 0,
    step: int = 0,
) -> Array:
    r"""The norm of the gradient of each row's own loss: $|\partial (w_i l_i) / \partial \theta|$.

    Of dense layers it follows from what comes in and what goes back, and no gradient is computed;
    other networks take the way of `per_sample_gradients`. Penalties are not counted.

    Args:
        network: With values. Frozen parameters have no gradient.
        loss: One loss, or one for each output of the network, by name.
        x: The features, (rows, ...); a dict or tuple of arrays for several inputs.
        y: The targets as the loss takes them, (rows, ...); likewise for several outputs.
        weights: (rows,), or None for 1 each.
        training: Whether dropout drops.
        seed: Keys all random numbers.
        step: The number of the training step, which keys them too.

    Returns:
        One number a row, (rows,).

    Raises:
        ConfigError: The network has no values or nothing to train, or it is called for training
            and has a layer whose output for one row depends on the others (batch normalisation).
        DataError: Features, targets and weights are not of the same rows, or no numbers.
        ShapeError: The targets do not fit the outputs.

    Example:
        >>> import pullback as pb
        >>> network = pb.nn.Linear(1, 1, bias=False).initialise(seed=0)
        >>> norms = pb.per_sample_norms(network, "mse", [[1.0], [2.0]], [[0.0], [0.0]])
        >>> bool(abs(norms[1] / norms[0] - 4) < 1e-6)
        True

    References:
        I. Goodfellow, 2015, "Efficient per-example gradient computations".
    """
    check_samples(network, training=training)
    feeds = feeds_of(network, (x, y, weights))
    nodes = {value: slot(path, value.shape, value.dtype) for path, value in network.state().items()}
    given = {label: placeholder(label, a.shape, a.dtype) for label, a in feeds.items()}
    here = Mode(training, as_node(seed), as_node(step))
    objective = Objective.named(loss)
    trained = [nodes[p] for p in network.parameters().values() if p.trainable]
    count = len(feeds[next(iter(feeds))])

    def traced(rows: int) -> Traced:
        some = (
            given
            if rows == count
            else {
                label: placeholder(label, (rows, *a.shape[1:]), a.dtype)
                for label, a in feeds.items()
            }
        )
        with bound(nodes), mode(Mode(training, as_node(seed), as_node(step))):
            return Traced(_total(network, objective, some), trained, rows)

    squares = squared_norms(traced(count), traced(count + 1))
    if squares is None:
        found = norms_by_rows(network, objective, nodes, given, here)
    else:
        found = ops.sqrt(squares)
    state = State({path: value.numpy() for path, value in network.state().items()})
    return executor(Step({"norms": found}, name="per-sample norms"), state).run(feeds)["norms"]


def norms_by_rows(
    network: Module, objective: Objective, nodes: Mapping[Value, Node], given: Nodes, here: Mode
) -> Node:
    """The norm of the gradient of each row's own loss, (rows,), from all of these gradients.

    Args:
        network: The network.
        objective: Its loss.
        nodes: What stands for its parameters and buffers.
        given: The batch, by label.
        here: How it is called.
    """
    rows = next(iter(given.values())).shape[0]
    each = gradients_of_samples(network, objective, nodes, given, here).values()
    parts = [(g * g).reshape((rows, -1)).sum(axis=1) for g in each]
    found = parts[0]
    for part in parts[1:]:
        found = found + part
    return ops.sqrt(found)


def gradients_of_samples(
    network: Module, objective: Objective, nodes: Mapping[Value, Node], given: Nodes, here: Mode
) -> dict[str, Node]:
    """The gradient of each row's own loss, (rows, *shape), by the parameter's path, as nodes."""
    trained = {path: nodes[p] for path, p in network.parameters().items() if p.trainable}
    count = next(iter(given.values())).shape[0]

    def of_one(row: Nodes, number: Node) -> dict[str, Node]:
        with bound(nodes), mode(Mode(here.training, here.seed, here.step, number)):
            total = _total(network, objective, row)
        return dict(zip(trained, gradient(total, [*trained.values()]), strict=True))

    stacks = {label: a.reshape((count, 1, *a.shape[1:])) for label, a in given.items()}
    numbers = here.row if here.row.ndim else here.row + ops.arange(count)
    return dict(vmap(of_one)(stacks, numbers))


def _total(network: Module, objective: Objective, given: Nodes) -> Node:
    """The sum of the weighted losses of a batch; of one row: $w_i l_i$."""
    outputs = outputs_by_name(network, unlabelled("x", given))
    targets = unlabelled("y", given)
    check_targets(outputs, targets)
    objective.check(outputs)
    sums = objective.sums(outputs, targets, given.get("weights"))
    return objective.weighed({name: total for name, (total, _) in sums.items()})


def check_samples(network: Module, *, training: bool) -> None:
    """Refuse a network whose samples have no gradients of their own.

    Raises:
        ConfigError: It has no values or nothing to train, or in training an output for one row
            depends on the others.
    """
    if not network.is_initialised:
        raise ConfigError(
            "a network needs values before it has gradients",
            "parameters that were never initialised",
            "Fit it, load it, or call network.initialise(seed=0).",
        )
    if not any(p.trainable for p in network.parameters().values()):
        raise ConfigError(
            "a gradient is that of a trainable parameter", "none", "Call network.unfreeze()."
        )
    for path, module in network.modules():
        if training and getattr(module, "batch_statistics", False):
            raise ConfigError(
                "the gradient of a sample needs an output that depends on no other sample",
                f"layer {path!r}, {module!r}, which takes statistics of the batch in training",
                "Use LayerNorm or GroupNorm, or leave the samples of a training network alone.",
            )
