"""One step of a training of one's own: its program for each form of its arguments."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from pullback import optim
from pullback.autodiff import gradient
from pullback.errors import ConfigError, DtypeError, NonFiniteError, ShapeError
from pullback.execute import Executor, executor, find_origin
from pullback.graph.dtypes import FLOAT32, INT64, SUPPORTED, Array, is_float
from pullback.graph.node import Node, constant, placeholder, slot
from pullback.graph.origin import scope
from pullback.nn.mode import Mode, mode
from pullback.nn.module import inside
from pullback.nn.parameter import Value, bound
from pullback.plan import Program, Step, plan
from pullback.train import held_back
from pullback.train.update import RATE, Update, check_patterns

if TYPE_CHECKING:
    from pullback.train.training import Training

SEED = "seed"
LOSS = "loss"
VALUE = "value/"
Form = tuple[Any, ...]


class OwnStep:
    """A step of a `Training`; see `Training.step`, which makes it.

    Arrays become placeholders; numbers too, so that another number needs no new program. Text,
    truth values and None are what they are: for others, the step is traced again. float64 arrays
    are converted to the networks' dtype.
    """

    def __init__(
        self,
        training: Training,
        name: str,
        function: Callable[..., Any],
        optimizer: optim.Optimizer,
        parts: tuple[str, ...],
        total_steps: int | None,
        clipping: optim.Clipping,
        constraints: Mapping[str, optim.Constraint],
    ) -> None:
        if isinstance(optimizer, optim.Driver):
            raise ConfigError(
                "a step of one's own asks for the gradient once",
                f"{optimizer.name}, which asks for it several times",
                "Use it with pb.fit, or another optimizer here.",
            )
        functools.update_wrapper(self, function, updated=())
        self.training = training
        self.name = name
        self.function = function
        self._settings = optimizer, total_steps, clipping, dict(constraints), parts
        self._made: dict[Form, Executor] = {}

    @cached_property
    def update(self) -> Update:
        """What follows the backward pass; found once the networks' sizes are known."""
        optimizer, total, clipping, constraints, parts = self._settings
        check_patterns(optimizer, constraints, self.training.networks.parameters())
        return Update(
            self.training.networks,
            optimizer,
            total,
            clipping,
            constraints,
            parts=parts,
            prefix=f"{self.name}/",
        )

    @property
    def count(self) -> int:
        """How many steps were made."""
        return int(self.training.state[self._counter])

    @property
    def learning_rate(self) -> float:
        """The peak of the learning rate; it can be set."""
        return float(self.training.state[f"{self.name}/{RATE}"])

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        self.training.state[f"{self.name}/{RATE}"] = rate

    @property
    def _counter(self) -> str:
        return f"{self.name}/step"

    def initial(self, values: Mapping[str, Array]) -> dict[str, Array]:
        """The slots of this step with their first values."""
        return {**self.update.initial(values), self._counter: np.asarray(0, INT64)}

    def forget(self) -> None:
        """Forget the programs: the block of state is made anew."""
        self._made.clear()
        self.__dict__.pop("update", None)

    def __call__(self, *values: Any, **named: Any) -> Any:
        """Make one step.

        Returns:
            The loss as a number; with the dict of other values as arrays, if the function gave it.

        Raises:
            NonFiniteError: A loss, gradient or new value is NaN or infinite; nothing is written.
            ShapeError: The function's loss is no scalar, or shapes do not fit.
        """
        feeds, form = self._taken(values, named)
        program = self._made.get(form)
        if program is None:
            program = executor(self._traced(form), self.training.state, self.training.executor)
            self._made[form] = program
        before = self.count
        found = program.run_again(feeds)
        if self.count == before:
            raise self._held_back(form, feeds)
        loss = float(found.pop(LOSS))
        extra = {k.removeprefix(VALUE): v for k, v in found.items() if k.startswith(VALUE)}
        return (loss, extra) if extra else loss

    def program(self, *values: Any, **named: Any) -> Program:
        """The planned program for arguments like these: print it to read the step."""
        return plan(self._traced(self._taken(values, named)[1]))

    def _taken(
        self, values: Sequence[Any], named: Mapping[str, Any]
    ) -> tuple[dict[str, Array], Form]:
        """The arrays that are fed, and the form of all arguments, for which a program is made."""
        given = inspect.signature(self.function).bind(*values, **named)
        dtype = next((p.dtype for p in self.training.networks.parameters().values()), FLOAT32)
        feeds: dict[str, Array] = {}
        form: list[Any] = []
        flat = [*((str(i), v) for i, v in enumerate(given.args)), *given.kwargs.items()]
        for label, value in flat:
            if value is None or isinstance(value, (bool, str)):
                form.append((label, value))
                continue
            array = _as_array(label, value)
            feeds[label] = array.astype(dtype) if is_float(array.dtype) else array
            form.append((label, array.shape, feeds[label].dtype))
        return feeds, tuple(form)

    def _arguments(self, form: Form) -> tuple[list[Any], dict[str, Any]]:
        """A placeholder for each array of a form, and all else as it is."""
        placed, named = [], {}
        for label, *what in form:
            node = what[0] if len(what) == 1 else placeholder(label, *what)
            if label.isdigit():
                placed.append(node)
            else:
                named[label] = node
        return placed, named

    def _traced(self, form: Form) -> Step:
        placed, named = self._arguments(form)
        self.training.build(lambda: self.function(*placed, **named))
        networks, update = self.training.networks, self.update
        nodes: dict[Value, Node] = {
            v: slot(path, v.shape, v.dtype) for path, v in networks.state().items()
        }
        trained = [nodes[p] for p in update.trainable.values()]
        loss, values, here = self._forward(form, nodes)
        gradients = gradient(loss, trained)
        points = update.optimizer.ascended(trained, gradients)
        if points is not None:
            moved = nodes | dict(zip(update.trainable.values(), points, strict=True))
            gradients = gradient(self._forward(form, moved)[0], points)
        with scope(role="update"):
            bars, norm = update.clipping(gradients)
            now = slot(self._counter, (), INT64) + 1
            buffers = networks.buffers().items()
            assigns = {path: here.assigned[b] for path, b in buffers if b in here.assigned}
            assigns |= {self._counter: now, **update.assigns(bars, update.rates(now), now)}
        outputs = {LOSS: loss, **{f"{VALUE}{k}": v for k, v in values.items()}}
        return Step(
            outputs,
            assigns,
            finite=[loss, *gradients, *([] if norm is None else [norm])],
            name=self.name,
        )

    def _forward(
        self, form: Form, nodes: Mapping[Value, Node]
    ) -> tuple[Node, dict[str, Node], Mode]:
        """The function's loss and other values, with the networks at `nodes`."""
        here = Mode(True, slot(SEED, (), INT64), slot(self._counter, (), INT64))
        placed, named = self._arguments(form)
        with bound(nodes), mode(here), inside(self.training.networks):
            found = self.function(*placed, **named)
        loss, values = found if isinstance(found, tuple) and len(found) == 2 else (found, {})
        sound = isinstance(loss, Node) and loss.shape == () and is_float(loss.dtype)
        if not sound or not isinstance(values, Mapping):
            shown = f"shape {loss.shape}" if isinstance(loss, Node) else type(found).__name__
            raise ShapeError(
                f"the step {self.name!r} returns a scalar loss, or a pair of it and a dict",
                shown,
                "Reduce the loss with .mean(), and return loss, {'name': value}.",
            )
        as_nodes = {str(k): v if isinstance(v, Node) else constant(v) for k, v in values.items()}
        return loss, as_nodes, here

    def _held_back(self, form: Form, feeds: Mapping[str, Array]) -> NonFiniteError:
        """The error for a step whose numbers are not finite; the state is still that before."""
        found = find_origin(self._traced(form), self.training.state, feeds, self.training.executor)
        return held_back.error(found, f"{self.count + 1} of {self.name!r}")


def _as_array(label: str, value: Any) -> Array:
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ShapeError("an argument of a step is an array", str(error), "Pass arrays.") from None
    if array.dtype.kind not in "biuf":
        raise DtypeError(
            f"argument {label} of a step must be numbers", str(array.dtype), "Encode it first."
        )
    if array.dtype in SUPPORTED:
        return array
    return array.astype(INT64 if array.dtype.kind in "iu" else FLOAT32)
