"""`pb.explain`: the derivation of one gradient."""

from __future__ import annotations

import numbers
import os
from collections.abc import Iterable, Mapping
from typing import Any

from pullback.autodiff.reverse import gradient
from pullback.errors import ConfigError, DifferentiationError
from pullback.execute import default_executor
from pullback.graph.dtypes import is_float
from pullback.graph.node import HasNode, Leaf, Node, as_node
from pullback.insight.derivation import Derivation, Place
from pullback.insight.derive import Deriver
from pullback.insight.differences import compared
from pullback.insight.going_on import step_of_run
from pullback.insight.subject import Subject, element_of, of_network, of_tensor, split_place
from pullback.insight.upcoming import Upcoming, first_step
from pullback.insight.values import computed
from pullback.nn.module import Module
from pullback.train.run import Run


def explain(
    of: Any,
    data: Any = None,
    place: str | None = None,
    *,
    wrt: Any = None,
    element: Any = None,
    loss: Any = None,
    learning_rate: float | None = None,
    optimizer: Any = None,
    run: Run | str | os.PathLike[str] | None = None,
    custom: Iterable[Any] = (),
    open_fused: bool = False,
    training: bool = False,
    seed: int = 0,
    step: int = 0,
    executor: str | None = None,
) -> Derivation:
    r"""The derivation of the gradient of one number: the chain rule, term by term, with numbers.

    $\bar x_i = \sum_j \bar y_j\, \partial y_j / \partial x_i$ over all that is computed from $x$:
    each step lists the largest of its terms, the next one follows the largest of them, up to the
    loss. Beside their sum stand the engine's gradient and a finite difference.

    Two forms: `explain(network, (X, y), "0.weight[3,7]", loss="cross_entropy")` for an element of
    a parameter, an input (`x[0,3]`) or a layer's output (`0.output[0,7]`); and
    `explain(loss, wrt=x, element=1)` for tensors.

    Args:
        of: A network with values, or a scalar tensor.
        data: The batch of a network, `(X, y)` or `(X, y, weights)`.
        place: Which element: `0.weight[3,7]`.
        wrt: For a tensor: with respect to what.
        element: For a tensor: which element of `wrt`, a whole number or a tuple of them; not
            needed where there is one.
        loss: For a network: a loss or its name; a dict of them for several outputs.
        learning_rate: Of a step of plain gradient descent, to say how far it moves the element.
        optimizer: Or an optimizer, or its name, to say how far its first step does.
        run: Or a run that was saved, or its folder, to say how far its next step would: by its own
            optimizer, with the memory that this has, its schedule, clipping, penalties and
            constraints, called as in training.
        custom: Optimizer classes of one's own that the run was made with.
        open_fused: Whether fused operations (softmax, normalisation, attention) are opened into
            their definitions.
        training: Whether the network is called as in training: dropout drops.
        seed: Keys the random numbers of that.
        step: The number of the training step, which keys them too.
        executor: Which engine computes the gradient; None takes the default.

    Returns:
        A `Derivation`, which prints as text.

    Raises:
        ConfigError: The arguments fit neither form, or the network has no values.
        UnknownNameError: There is no such place; the nearest is named.
        ShapeError: The element is none of the place's.
        DifferentiationError: No derivative exists there.

    Example:
        >>> import pullback as pb
        >>> x = pb.tensor([0.5, -1.0, 2.0], name="x")
        >>> found = pb.explain((pb.tanh(x) ** 2).sum(), wrt=x, element=1)
        >>> round(found.gradient, 4), round(found.total, 4)
        (-0.6397, -0.6397)

    References:
        D. Rumelhart, G. Hinton and R. Williams, 1986, "Learning representations by
        back-propagating errors".
    """
    upcoming: Upcoming | None = None
    if isinstance(of, Module):
        _refuse("a network", {"wrt": wrt, "element": element})
        missing = [n for n, v in (("data", data), ("place", place), ("loss", loss)) if v is None]
        if missing:
            raise ConfigError(
                "a network is explained on a batch, at a place, with a loss",
                ", ".join(f"no {name}" for name in missing),
                'Write pb.explain(network, (X, y), "0.weight[0,0]", loss="mse").',
            )
        subject = of_network(of, data, loss, training=training, seed=seed, step=step)
        _one_of({"learning_rate": learning_rate, "optimizer": optimizer, "run": run})
        kind = executor or default_executor()
        if run is not None:
            upcoming = step_of_run(run, of, data, loss, kind, custom)
        elif optimizer is not None:
            upcoming = first_step(of, data, loss, optimizer, seed, kind)
        name, index = split_place(str(place))
        target = subject.node(name)
    else:
        _must_be_tensor(of)
        only = {"data": data, "place": place, "loss": loss, "optimizer": optimizer, "run": run}
        _refuse("a tensor", only)
        subject, name, target = _of_tensor(of, wrt)
        index = element
    return explained(
        subject,
        name,
        target,
        index,
        learning_rate=learning_rate,
        upcoming=upcoming,
        open_fused=open_fused,
        kind=executor,
    )


def _one_of(given: Mapping[str, Any]) -> None:
    """Refuse several accounts of the next step."""
    named = [name for name, value in given.items() if value is not None]
    if len(named) > 1:
        raise ConfigError(
            "the next step is that of a learning rate, of an optimizer or of a run",
            " and ".join(named),
            "Pass one of them; an optimizer has its own learning rate.",
        )


def _refuse(what: str, given: Mapping[str, Any]) -> None:
    """Refuse arguments that belong to the other form."""
    wrong = [name for name, value in given.items() if value is not None]
    if wrong:
        raise ConfigError(
            "a network is explained at a place, a tensor with respect to another",
            f"{what} with {' and '.join(wrong)}",
            "Write pb.explain(loss, wrt=x, element=0), or "
            'pb.explain(network, (X, y), "0.weight[0,0]", loss="mse").',
        )


def _must_be_tensor(of: Any) -> None:
    if not isinstance(of, HasNode):
        raise ConfigError(
            "what is explained is a network, or a tensor with respect to another",
            type(of).__name__,
            "Of a run or a model pass its network: pb.explain(run.network, (X, y), "
            '"0.weight[0,0]", loss="mse"); pb.replay(run, step=...) is for its steps.',
        )


def _of_tensor(of: Any, wrt: Any) -> tuple[Subject, str, Node]:
    if not isinstance(wrt, HasNode):
        raise ConfigError(
            "a tensor is explained with respect to another",
            f"wrt={type(wrt).__name__}",
            "Write pb.explain(loss, wrt=x, element=0).",
        )
    target = as_node(wrt)
    name = str(target.op.attributes().get("label") or "") if isinstance(target.op, Leaf) else ""
    name = name or "x"
    return of_tensor(as_node(of), {name: target}), name, target


def explained(
    subject: Subject,
    name: str,
    target: Node,
    index: Any,
    *,
    learning_rate: float | None = None,
    upcoming: Upcoming | None = None,
    open_fused: bool = False,
    kind: str | None = None,
) -> Derivation:
    """The derivation of one element of a subject's node; see `explain`.

    Raises:
        ShapeError: The index is that of no element.
        DifferentiationError: No derivative exists there.
    """
    if not is_float(target.dtype):
        raise DifferentiationError(
            "a derivative is taken with respect to real numbers",
            f"{name} of dtype {target.dtype}",
            "Ask for a parameter, a real input, or the output of a layer.",
        )
    element = element_of(name, target, index)
    rate = None if learning_rate is None else _rate(learning_rate)
    kind = kind or default_executor()
    (bar,) = gradient(subject.loss, [target])
    deriver = Deriver(subject, target, fused=open_fused, kind=kind)
    engine = None if open_fused else deriver.engine(element)
    if engine is None:  # the graph as it is trained, neither unrolled nor opened
        engine = float(computed([bar], subject.values, kind)[bar][element])
    return Derivation(
        of=subject.names().get(subject.loss, "loss"),
        place=Place(name, element),
        title=subject.title,
        gradient=engine,
        dtype=str(target.dtype),
        executor=kind,
        links=deriver.links(element),
        difference=compared(subject, target, bar, element),
        rows=deriver.per_row(),
        kind=subject.kinds.get(name, "value"),
        learning_rate=rate,
        move=None if upcoming is None or not upcoming.moves(name) else upcoming.of(name, element),
    )


def _rate(given: Any) -> float:
    """A learning rate as a plain number.

    Raises:
        ConfigError: It is none that is positive and finite.
    """
    rate = float(given) if isinstance(given, numbers.Real) else float("nan")
    if not 0 < rate < float("inf"):
        raise ConfigError("a learning rate is a positive number", repr(given), "Use 0.01.")
    return rate
