"""`pb.Tracer` and `pb.trace_step`: one step with everything in it."""

from __future__ import annotations

from typing import Any

from pullback import optim
from pullback.errors import ConfigError, unknown
from pullback.execute import EXECUTORS, default_executor
from pullback.insight.kept import Kept
from pullback.insight.trace import Trace
from pullback.insight.traced import NetworkStep, TrainingStep
from pullback.nn.module import Module
from pullback.nn.structure import structure_of
from pullback.train.own_step import OwnStep

# What `trace_step` planned, for its next call: at most so many bytes of numbers.
_KEPT = Kept(largest=2**28)


class Tracer:
    r"""Records one step after the other, each with everything in it; planned once.

    A call runs one program that hands out the value and the cotangent of every place, and changes
    nothing. With an optimizer it also hands out by how much its step would change each parameter,
    $\theta' - \theta$, to the bit what a step of training does; what the optimizer remembers is
    that of a first step, or where a step of a `pb.Training` is traced, that of the training.

    A program is planned for each shape of batch. It is planned anew where a layer was replaced, or
    a setting of one was changed; new values of parameters need no new program. What a layer of
    one's own reads but its attributes (a global variable, a list that is changed in place) must
    stay as it is while a tracer is used.

    Args:
        of: A network with values, or a step of a `pb.Training`; the rest is for a network alone.
        loss: A loss or its name; a dict of them for several outputs.
        optimizer: An optimizer or its name; None computes no updates.
        training: Whether the network is called as in training: dropout drops. None says where
            there is an optimizer.
        total_steps: How many steps the schedule of the learning rate spans, where it must know.
        per_sample: Whether to compute the gradient of each row's own loss too.
        executor: By which engine; None takes the default, or that of the training.

    Raises:
        ConfigError: The network has no values, or settings that do not go together.
        UnknownNameError: No loss, optimizer or executor of that name; the nearest is named.

    Example:
        >>> import pullback as pb
        >>> network = pb.nn.Sequential(pb.nn.Linear(1, 1), "tanh").initialise(seed=0)
        >>> tracer = pb.Tracer(network, loss="mse", optimizer=pb.optim.SGD(0.5))
        >>> seen = tracer(([[1.0], [2.0]], [[0.0], [0.0]]))
        >>> bool(seen["0.bias"].update == -0.5 * seen["0.bias"].gradient)
        True
    """

    def __init__(
        self,
        of: Module | OwnStep,
        *,
        loss: Any = None,
        optimizer: optim.Optimizer | str | None = None,
        training: bool | None = None,
        total_steps: int | None = None,
        per_sample: bool = False,
        executor: str | None = None,
    ) -> None:
        if executor is not None and executor not in EXECUTORS:
            raise unknown("executor", executor, EXECUTORS)
        self._executor = executor
        self._kept = Kept()
        self._traced: NetworkStep | TrainingStep
        if isinstance(of, OwnStep):
            given = {"loss": loss, "optimizer": optimizer, "training": training}
            given |= {"total_steps": total_steps, "per_sample": per_sample or None}
            _refuse({name: value for name, value in given.items() if value is not None})
            self._executor = executor or of.training.executor
            self._traced = TrainingStep(of)
        else:
            self._traced = NetworkStep(of, loss, optimizer, training, total_steps, per_sample)

    def __call__(self, data: Any, *, seed: int = 0, step: int = 0) -> Trace:
        """One step with everything in it.

        Args:
            data: The batch, `(X, y)` or `(X, y, weights)`; of a step of a training its arguments,
                as a tuple, or as a dict by name.
            seed: Keys the random numbers of a network in training.
            step: How many steps were made before, which keys them too, and which the schedule of
                the learning rate and the optimizer go by.

        Raises:
            DataError: The data is no batch of numbers; or the gradients of single rows do not fit
                into memory.
            ShapeError: The targets do not fit the outputs.
            ConfigError: A seed or step below 0; or the gradients of single rows are asked of a
                network whose rows act on each other.
        """
        return self._trace(data, seed, step, self._kept, ())

    def _trace(self, data: Any, seed: int, step: int, kept: Kept, key: Any) -> Trace:
        traced = self._traced
        feeds, form = traced.fed(data)
        slots = traced.keyed(seed, step)
        kind = self._executor or default_executor()
        structure, key = structure_of(traced.layers), (key, form, kind)
        recording = kept.take(traced.of, key, structure)
        stays = True
        if recording is None:
            recording = traced.recorded(feeds, form, kind)
            structure = structure_of(traced.layers)  # sizes may have been found
            stays = kept is self._kept or traced.is_plain
        try:
            return Trace(recording, feeds, slots)
        finally:
            if stays:
                kept.give(traced.of, key, structure, recording)


def trace_step(
    of: Module | OwnStep,
    data: Any,
    *,
    loss: Any = None,
    optimizer: optim.Optimizer | str | None = None,
    training: bool | None = None,
    total_steps: int | None = None,
    per_sample: bool = False,
    seed: int = 0,
    step: int = 0,
    executor: str | None = None,
) -> Trace:
    """One step of a network with everything in it: values, cotangents and updates, by place.

    Nothing about the network is changed, and no hooks are needed. It is a `Tracer` for one call;
    what that planned is used again in the next call for the same network, if all its layers, the
    loss and the optimizer are the library's own, so that every change of them is noticed.

    Args:
        of: A network with values; or a step of a `pb.Training`, traced from the training's state.
        data: The batch, `(X, y)` or `(X, y, weights)`; of a step of a training its arguments, as a
            tuple, or as a dict by name.
        loss: A loss or its name; a dict of them for several outputs.
        optimizer: An optimizer or its name, whose first step is made; None computes no updates.
        training: Whether the network is called as in training: dropout drops. None says where
            there is an optimizer.
        total_steps: How many steps the schedule of the learning rate spans, where it must know.
        per_sample: Whether to compute the gradient of each row's own loss too.
        seed: Keys the random numbers.
        step: How many steps were made before, which keys them too, and which the schedule of the
            learning rate and the optimizer go by.
        executor: By which engine; None takes the default, or that of the training.

    Returns:
        A `Trace`: `trace["0.output"].cotangent`, `trace["0.weight"].update`.

    Raises:
        ConfigError: The network has no values, or settings that do not go together.
        DataError: The data is no batch of numbers; or the gradients of single rows do not fit into
            memory.
        ShapeError: The targets do not fit the outputs.
        UnknownNameError: No loss, optimizer or executor of that name; the nearest is named.

    Example:
        >>> import pullback as pb
        >>> network = pb.nn.Sequential(pb.nn.Linear(1, 1), "tanh").initialise(seed=0)
        >>> seen = pb.trace_step(network, ([[1.0], [2.0]], [[0.0], [0.0]]), loss="mse")
        >>> seen["1.output"].value.shape, seen["0.weight"].gradient.shape
        ((2, 1), (1, 1))
    """
    tracer = Tracer(
        of,
        loss=loss,
        optimizer=optimizer,
        training=training,
        total_steps=total_steps,
        per_sample=per_sample,
        executor=executor,
    )
    key = tracer._traced.key
    kept = tracer._kept if key is None else _KEPT
    return tracer._trace(data, seed, step, kept, key)


def _refuse(given: Any) -> None:
    """Refuse what is said of a training's step, which knows it.

    Raises:
        ConfigError: Something is.
    """
    if given:
        raise ConfigError(
            "a step of a training has its own loss and optimizer, and its rows are not known",
            ", ".join(f"{name}={value!r}" for name, value in given.items()),
            "Leave it out, or trace the network: pb.trace_step(network, (X, y), loss=...).",
        )
