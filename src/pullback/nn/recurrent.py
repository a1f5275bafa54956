"""Recurrent layers: a state that is handed on from step to step of a sequence."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import ClassVar

from pullback import ops
from pullback.errors import ConfigError, DtypeError, ShapeError
from pullback.graph.node import Node
from pullback.nn import initialisers
from pullback.nn.dropout import Dropout
from pullback.nn.module import Module
from pullback.nn.parameter import Parameter
from pullback.nn.projection import projected
from pullback.nn.sizes import positive

Init = initialisers.Initialiser | str | None
State = tuple[Node, ...]


class Recurrent(Module):
    """What the recurrent layers share: layers, directions, padding, first and last states.

    A class of its own states how many gates it has, what its state is made of, and one step.

    Class attributes:
        gates: How many numbers each unit computes in a step from the input.
        states: How many numbers each unit hands on.
    """

    size_names = ("in_features", "hidden_features")
    gates: ClassVar[int] = 1
    states: ClassVar[int] = 1

    def __init__(
        self,
        in_features: int | None,
        hidden_features: int | None = None,
        layers: int = 1,
        bias: bool = True,
        dropout: float = 0.0,
        bidirectional: bool = False,
        last: bool = False,
        weight_init: Init = None,
        recurrent_init: Init = None,
        bias_init: Init = None,
    ) -> None:
        name = type(self).__name__
        self.hidden_features = positive(name, "hidden_features", hidden_features)
        self.layers = positive(name, "layers", layers)
        self.bidirectional, self.last, self.has_bias = bidirectional, last, bias
        usual = initialisers.Uniform(1 / math.sqrt(self.hidden_features))
        self.initial = tuple(
            usual if init is None else initialisers.get(init)
            for init in (weight_init, recurrent_init, bias_init)
        )
        self.drop = Dropout(dropout)
        self.set_size(in_features)

    @property
    def directions(self) -> int:
        """1, or 2 where the sequence is also read backwards."""
        return 2 if self.bidirectional else 1

    def make(self, size: int) -> None:
        self.in_features = size
        hidden, wide = self.hidden_features, self.gates * self.hidden_features
        count = self.layers * self.directions
        inputs = [size if i < self.directions else hidden * self.directions for i in range(count)]
        weight, recurrent, bias = self.initial
        self.input_weight = each(Parameter((n, wide), weight) for n in inputs)
        self.recurrent_weight = each(Parameter((hidden, wide), recurrent) for _ in inputs)
        if self.has_bias:
            self.bias = each(Parameter(wide, bias) for _ in inputs)

    def forward(
        self,
        x: Node,
        state: Node | State | None = None,
        lengths: Node | None = None,
        mask: Node | None = None,
        return_state: bool = False,
    ) -> Node | tuple[Node, Node | State]:
        self._check(x)
        real = self._real(x, lengths, mask)
        first = self._first(x, state)
        y = x.transpose(1, 0, 2)  # (time, batch, features): the steps are rows
        ends: list[State] = []
        for layer in range(self.layers):
            if layer:  # the rows of a mask are those of the batch
                y = self.drop(y.transpose(1, 0, 2)).transpose(1, 0, 2)
            ys = []
            for way in range(self.directions):
                i = layer * self.directions + way
                end, out = self._layer(i, y, first[i], real, reverse=way == 1)
                ends.append(end)
                ys.append(out)
            y = ys[0] if len(ys) == 1 else ops.concatenate(ys, axis=2)
        if self.last:
            found = [end[0] for end in ends[-self.directions :]]
            y = found[0] if len(found) == 1 else ops.concatenate(found, axis=1)
        else:
            y = y.transpose(1, 0, 2)
        return (y, self._packed(ends)) if return_state else y

    def _layer(
        self, i: int, x: Node, state: State, real: Node | None, reverse: bool
    ) -> tuple[State, Node]:
        """One layer in one direction: its last state, and what it gives at every step."""
        weight, recurrent = one(self.input_weight, i), one(self.recurrent_weight, i)
        bias = one(self.bias, i).__node__() if self.has_bias else None
        # One product for the input of all steps: only what needs the state is left to the loop.
        z = projected(x, weight.__node__(), bias)
        fixed = self.fixed(i)

        def step(state: State, row: tuple[Node, Node | None]) -> tuple[State, Node]:
            z, real = row
            new = self.step(z, ops.matmul(state[0], recurrent), state, *fixed)
            if real is not None:
                new = tuple(ops.where(real, a, b) for a, b in zip(new, state, strict=True))
            return new, new[0]

        end, y = ops.scan(step, state, (z, real), reverse=reverse)
        return end, y

    def fixed(self, i: int) -> tuple[Node, ...]:
        """What else a step reads, that stays the same."""
        return ()

    def step(self, z: Node, recurrent: Node, state: State, *fixed: Node) -> State:
        """The new state, the output first.

        Args:
            z: What the input adds to the gates, (batch, gates * hidden).
            recurrent: What the output of the step before adds, likewise.
            state: The state before.
            fixed: See `fixed`.
        """
        raise TypeError(f"{type(self).__name__} defines no step")

    def _check(self, x: Node) -> None:
        if x.ndim != 3 or x.shape[-1] != self.in_features:
            raise ShapeError(
                f"{self!r}, made in {self._source}, takes (batch, time, {self.in_features})",
                f"an input of shape {x.shape} from {x.origin}",
                "Give each step as many features; a series of one number a step needs an axis "
                "of length 1, x[..., None].",
            )

    def _real(self, x: Node, lengths: Node | None, mask: Node | None) -> Node | None:
        """Which steps are no padding, (time, batch, 1)."""
        batch, time, _ = x.shape
        if lengths is not None and mask is not None:
            raise ConfigError(
                "padding is told by lengths or by a mask", "both", "Leave one of them out."
            )
        if lengths is not None:
            if lengths.shape != (batch,) or lengths.dtype.kind not in "iu":
                raise ShapeError(
                    f"{self!r} takes lengths of shape (batch,), whole numbers",
                    f"{lengths.dtype} {lengths.shape} for a batch of {batch}",
                    "Give one number of steps a sequence.",
                )
            mask = ops.arange(time).reshape((1, time)) < lengths.reshape((batch, 1))
        if mask is None:
            return None
        if mask.dtype.kind != "b":
            raise DtypeError(
                f"the mask of {self!r} is boolean, True for the steps that count",
                str(mask.dtype),
                "Compare first: mask != 0.",
            )
        if mask.shape != (batch, time):
            raise ShapeError(
                f"{self!r} takes a mask of shape (batch, time)",
                f"{mask.shape} for an input of shape {x.shape}",
                "Say of each step of each sequence whether it counts.",
            )
        return mask.transpose(1, 0).reshape((time, batch, 1))

    def _first(self, x: Node, state: Node | State | None) -> list[State]:
        """The first state of each layer and direction: zeros, or what was given."""
        count, batch = self.layers * self.directions, x.shape[0]
        shape = (batch, self.hidden_features)
        dtype = one(self.input_weight, 0).dtype
        if state is None:
            return [tuple(ops.zeros(shape, dtype) for _ in range(self.states))] * count
        parts = state if isinstance(state, tuple) else (state,)
        whole = shape if count == 1 else (count, *shape)
        if len(parts) != self.states or any(part.shape != whole for part in parts):
            raise ShapeError(
                f"the state of {self!r} is {' and '.join([str(whole)] * self.states)}",
                " and ".join(str(part.shape) for part in parts),
                "Pass what the layer handed back with return_state=True.",
            )
        if count == 1:
            return [tuple(parts)]
        return [tuple(part[i] for part in parts) for i in range(count)]

    def _packed(self, ends: list[State]) -> Node | State:
        """The last states as they are handed out, and taken back."""
        if len(ends) == 1:
            parts = ends[0]
        else:
            parts = tuple(ops.stack(list(part)) for part in zip(*ends, strict=True))
        return parts[0] if self.states == 1 else parts


def each(made: Iterable[Parameter]) -> Parameter | list[Parameter]:
    """One parameter by itself, so that its path is short; several as a list."""
    parameters = list(made)
    return parameters[0] if len(parameters) == 1 else parameters


def one(parameters: Parameter | list[Parameter], i: int) -> Parameter:
    """The parameter of one layer and direction."""
    return parameters if isinstance(parameters, Parameter) else parameters[i]
