"""One step of a training of one's own: its program for each form of its arguments."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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
from pullback.nn.inference import dtype_of
from pullback.nn.mode import Mode, mode
from pullback.nn.module import inside
from pullback.nn.observing import Output, outputs_seen, outside_loops
from pullback.nn.parameter import Value, bound
from pullback.plan import Program, Step, plan
from pullback.train import held_back
from pullback.train.inside import Inside, kinds_of
from pullback.train.update import RATE, Update, check_patterns

if TYPE_CHECKING:
    from pullback.train.training import Training

SEED = "seed"
LOSS = "loss"
VALUE = "value/"
Form = tuple[Any, ...]


@dataclass(frozen=True)
class _Called:
    """A call of a step's function: its loss and other values, and what it was called with."""

    loss: Node
    values: Mapping[str, Node]
    here: Mode
    nodes: Mapping[Value, Node]
    given: Mapping[str, Node]
    seen: Mapping[str, Output]


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
        feeds, form = self.taken(values, named)
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
        return plan(self._traced(self.taken(values, named)[1]))

    def taken(
        self, values: Sequence[Any], named: Mapping[str, Any]
    ) -> tuple[dict[str, Array], Form]:
        """The arrays that are fed, and the form of all arguments, for which a program is made."""
        given = inspect.signature(self.function).bind(*values, **named)
        dtype = dtype_of(self.training.networks)
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

    def _arguments(self, form: Form) -> tuple[list[Any], dict[str, Any], dict[str, Node]]:
        """The arguments of a form, by place and by name, and those of them that are arrays.

        A placeholder stands for each array; all else is as it is.
        """
        placed, named, given = [], {}, {}
        for label, *what in form:
            node = what[0]
            if len(what) > 1:
                node = given[label] = placeholder(label, *what)
            if label.isdigit():
                placed.append(node)
            else:
                named[label] = node
        return placed, named, given

    def _traced(self, form: Form) -> Step:
        called = self._called(form)
        gradients = gradient(called.loss, self._trained(called))
        followed, norm, assigns = self._moved(form, called, gradients)
        outputs = {LOSS: called.loss, **{f"{VALUE}{k}": v for k, v in called.values.items()}}
        return Step(
            outputs,
            assigns,
            finite=[called.loss, *followed, *([] if norm is None else [norm])],
            name=self.name,
        )

    def inside(self, form: Form) -> Inside:
        """What lies within the step, for arguments of a form."""
        called, state = self._called(form), self.training.networks.state()
        nodes = {path: called.nodes[value] for path, value in state.items()}
        given = dict(zip(self._names(form), called.given.values(), strict=True))
        seen = outside_loops(called.seen, {*given.values(), *nodes.values()})
        outputs = {place: node for place, (_, node) in seen.items()}
        return Inside(
            called.loss,
            {**given, **nodes, **outputs, LOSS: called.loss},
            kinds_of(given, state),
            {path: nodes[path] for path in self.update.trainable},
            lambda gradients: self._moved(form, called, gradients)[2],
        )

    def _names(self, form: Form) -> list[str]:
        """What the arrays of a form are called: as the function calls them, if it does."""
        rules = inspect.signature(self.function).parameters.values()
        by_place = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        known = [rule.name for rule in rules if rule.kind in by_place]
        labels = (label for label, *what in form if len(what) > 1)
        placed = {str(i): name for i, name in enumerate(known)}
        return [placed.get(label, label) for label in labels]

    def _trained(self, called: _Called) -> list[Node]:
        return [called.nodes[p] for p in self.update.trainable.values()]

    def _moved(
        self, form: Form, called: _Called, gradients: Sequence[Node]
    ) -> tuple[Sequence[Node], Node | None, dict[str, Node]]:
        """The gradients that the update follows, their norm if they are clipped, the new values."""
        update, trained = self.update, self._trained(called)
        points = update.optimizer.ascended(trained, gradients)
        if points is not None:
            at = dict(called.nodes)
            at |= dict(zip(update.trainable.values(), points, strict=True))
            gradients = gradient(self._called(form, at).loss, points)
        with scope(role="update"):
            bars, norm = update.clipping(gradients)
            now = slot(self._counter, (), INT64) + 1
            buffers, new = self.training.networks.buffers().items(), called.here.assigned
            assigns = {path: new[b] for path, b in buffers if b in new}
            assigns |= {self._counter: now, **update.assigns(bars, update.rates(now), now)}
        return gradients, norm, assigns

    def _called(self, form: Form, at: Mapping[Value, Node] | None = None) -> _Called:
        """The function called on placeholders, with the networks' values at their slots or `at`."""
        placed, named, given = self._arguments(form)
        networks = self.training.networks
        self.training.build(lambda: self.function(*placed, **named))
        state = networks.state().items()
        nodes = {v: slot(path, v.shape, v.dtype) for path, v in state} if at is None else at
        here = Mode(True, slot(SEED, (), INT64), slot(self._counter, (), INT64))
        with bound(nodes), mode(here), inside(networks), outputs_seen() as seen:
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
        return _Called(loss, as_nodes, here, nodes, given, seen)

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
