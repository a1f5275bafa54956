"""A training step of one's own: traced, planned and guarded as that of `fit`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from pullback import optim
from pullback.container import read_tensors, write_tensors
from pullback.errors import ConfigError, unknown
from pullback.execute import EXECUTORS, State, default_executor
from pullback.graph.dtypes import Array
from pullback.nn.building import Standing, must_be_built, unsized
from pullback.nn.mode import Mode, mode
from pullback.nn.module import Module, inside
from pullback.nn.parameter import bound
from pullback.train.checks import whole
from pullback.train.own_step import SEED, OwnStep
from pullback.train.settings import LARGEST_SEED

KIND = "training"


class _Networks(Module):
    """The networks of a training, as one module: paths begin with their names."""

    def __init__(self, **networks: Module) -> None:
        for name, network in networks.items():
            setattr(self, name, network)


class Training:
    """Networks that are trained by steps of one's own: several losses, several optimizers.

    A step is a function that computes a loss from arrays, by calling the networks; `step` makes
    it a program that also computes the gradients and updates the weights. It is traced once for
    each shape of its arrays. If the loss, a gradient or a new value is not finite, nothing is
    written, and the error names the operation and the layer where it began. The weights, what the
    optimizers remember, and the numbers of the steps are one block of state, so that `save` and
    `load` go on to the same bits.

    Args:
        seed: Keys initial values and random numbers (dropout).
        executor: "native", "numpy", or "reference" for the slow oracle; None takes the default.
        networks: The networks by name; the names begin the paths of their layers.

    Raises:
        ConfigError: No network, or something that is none.

    Example:
        >>> import pullback as pb
        >>> network = pb.nn.dense(1, [8], 1, activation="tanh")
        >>> training = pb.Training(network=network, seed=0)
        >>> @training.step(optimizer=pb.optim.Adam(1e-2))
        ... def step(x, y):
        ...     return pb.losses.mse(network(x), y)
        >>> import numpy as np
        >>> x = np.linspace(-1, 1, 32, dtype="float32")[:, None]
        >>> losses = [step(x, x**2) for _ in range(200)]
        >>> losses[-1] < 0.1 * losses[0]
        True
    """

    def __init__(self, *, seed: int = 0, executor: str | None = None, **networks: Module) -> None:
        for name, network in networks.items():
            if not isinstance(network, Module):
                raise ConfigError(
                    "a training is of networks, each with a name",
                    f"{name}={type(network).__name__}",
                    "Pass for instance pb.Training(network=network).",
                )
        if not networks:
            raise ConfigError(
                "a training needs a network", "none", "Write pb.Training(network=network)."
            )
        seed = whole("seed", seed, 0, LARGEST_SEED)
        executor = executor or default_executor()
        if executor not in EXECUTORS:
            raise unknown("executor", executor, EXECUTORS)
        self.networks = _Networks(**networks)
        self.seed = seed
        self.executor = executor
        self._steps: dict[str, OwnStep] = {}
        self._state: State | None = None
        self._kept: dict[str, Array] = {}  # what an earlier block held, before a step was added

    def step(
        self,
        function: Callable[..., Any] | None = None,
        *,
        update: str | Sequence[str] | None = None,
        optimizer: optim.Optimizer | str = "adam",
        total_steps: int | None = None,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        clip_each_norm: float | None = None,
        constraints: Mapping[str, optim.Constraint] | None = None,
        name: str | None = None,
    ) -> Any:
        """Make a function of arrays a training step; also a decorator.

        Args:
            function: Computes a scalar loss, or a pair of it and a dict of other values.
            update: The name of the network that is updated, or several; all when None.
            optimizer: An optimizer or its name.
            total_steps: How many steps the schedule spans, where it must know.
            clip_norm: The largest global norm of the gradient.
            clip_value: The largest size of an element of the gradient.
            clip_each_norm: The largest norm of each parameter's gradient.
            constraints: What parameters must fulfil, by patterns of their paths.
            name: What the step is called; the function's name when None.

        Returns:
            An `OwnStep`: called with arrays, it makes a step and returns the loss, or the loss
            and the values.

        Raises:
            UnknownNameError: No such network; the nearest is named.
            ConfigError: A setting out of range, or a second step of the same name.
        """
        if function is None:
            return lambda f: self.step(
                f,
                update=update,
                optimizer=optimizer,
                total_steps=total_steps,
                clip_norm=clip_norm,
                clip_value=clip_value,
                clip_each_norm=clip_each_norm,
                constraints=constraints,
                name=name,
            )
        known = list(self.networks._children)
        parts = () if update is None else (update,) if isinstance(update, str) else tuple(update)
        for part in parts:
            if part not in known:
                raise unknown("network of the training", part, known)
        called = name or str(getattr(function, "__name__", "step"))
        if called in self._steps:
            raise ConfigError(
                "each step of a training has a name of its own", f"{called!r} twice", "Pass name=."
            )
        rule = optim.get(optimizer)
        clipping = optim.Clipping(clip_value, clip_each_norm, clip_norm)
        made = OwnStep(
            self, called, function, rule, parts, total_steps, clipping, dict(constraints or {})
        )
        self._steps[called] = made
        self._forget()
        return made

    @property
    def state(self) -> State:
        """The block that the steps read and write; made when it is first asked for."""
        if self._state is None:
            must_be_built(self.networks, "a training's state")
            self.networks.initialise(self.seed)
            values = {path: v.numpy() for path, v in self.networks.state().items()}
            first = {**values, SEED: np.asarray(self.seed, np.int64)}
            for step in self._steps.values():
                first |= step.initial(values)
            first |= {label: v for label, v in self._kept.items() if label in first}
            self._state = State(first)
            for path, value in self.networks.state().items():
                value.adopt(self._state.writable(path))
        return self._state

    def _forget(self) -> None:
        """Make the block anew with a further step's slots; what is known is kept."""
        if self._state is not None:
            self._kept, self._state = self._state.snapshot(), None
            for step in self._steps.values():
                step.forget()

    def build(self, call: Callable[[], Any]) -> None:
        """Find the sizes that networks leave open, by a dry run of a step."""
        if unsized(self.networks):
            with bound(Standing()), mode(Mode(training=False)), inside(self.networks):
                call()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the whole state to one file, from which `load` goes on to the same bits.

        Raises:
            StorageError: The file cannot be written.
        """
        write_tensors(path, self.state.snapshot(), {"steps": sorted(self._steps)}, kind=KIND)

    def load(self, path: str | os.PathLike[str]) -> None:
        """Go on from what `save` wrote, for a training of the same networks and steps.

        Raises:
            FileFormatError: The file is missing, damaged, or made by a newer version.
            ConfigError: It is of other networks or steps; nothing is changed.
        """
        self.state.restore(read_tensors(path, kind=KIND).tensors)

    def __repr__(self) -> str:
        names = ", ".join(self.networks._children)
        return f"Training({names}; steps {', '.join(self._steps) or 'none yet'})"
