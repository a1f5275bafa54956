"""The recurrent layers: RNN, GRU, LSTM, and the layer that takes the last step."""

from __future__ import annotations

from typing import ClassVar

from pullback import ops
from pullback.errors import ShapeError
from pullback.graph.node import Node
from pullback.nn import activations
from pullback.nn.module import Module, register_layer
from pullback.nn.parameter import Parameter
from pullback.nn.recurrent import Init, Recurrent, State, each, one


@register_layer
class RNN(Recurrent):
    r"""The plain recurrent layer: $h_t = \phi(x_t W + h_{t-1} U + b)$.

    Args:
        in_features: How many numbers each step has; found at the first call where it is None or
            left out, `RNN(64)`.
        hidden_features: How many units, each with one number out a step.
        layers: How many layers, each reading what the one before gives.
        bias: Whether a bias is added.
        dropout: The probability with which a number between two layers is dropped in training.
        bidirectional: Whether each layer also reads the sequence backwards; both outputs are
            joined, forwards first.
        last: Hand out the last output of each direction only, (batch, hidden * directions).
        weight_init: Initialiser of the input weights; uniform in $\pm 1/\sqrt{\text{hidden}}$
            where it is None, as in PyTorch.
        recurrent_init: Of the recurrent weights, likewise.
        bias_init: Of the biases, likewise.
        activation: $\phi$, a name or an activation.

    Shape:
        x: (batch, time, in_features)
        state: (batch, hidden); (layers * directions, batch, hidden) where these are several
        lengths: (batch,), how many steps of each sequence count; or
        mask: (batch, time), True for the steps that count. Others leave the state as it is.
        output: (batch, time, hidden * directions), and the state with `return_state=True`
        input_weight: (in_features, hidden)
        recurrent_weight: (hidden, hidden)
        bias: (hidden,); with several layers or directions `bias.0`, `bias.1`, ...

    Raises:
        ConfigError: A size is no positive whole number, or dropout no probability.
        ShapeError: The input, the state or the mask has another shape.

    Example:
        >>> import pullback as pb
        >>> layer = pb.nn.RNN(3, 8).initialise(seed=0)
        >>> y, state = layer(pb.ones((2, 5, 3)), return_state=True)
        >>> y.shape, state.shape
        ((2, 5, 8), (2, 8))

    References:
        J. L. Elman, 1990, "Finding structure in time".
    """

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
        activation: str | activations.Activation = "tanh",
    ) -> None:
        self.activation = activations.get(activation)
        super().__init__(
            in_features, hidden_features, layers, bias, dropout, bidirectional, last,
            weight_init, recurrent_init, bias_init,
        )  # fmt: skip

    def step(self, z: Node, recurrent: Node, state: State, *fixed: Node) -> State:
        return (self.activation(z + recurrent),)


@register_layer
class LSTM(Recurrent):
    r"""Long short-term memory: a cell that gates open, keep and read.

    With the gates $i, f, o = \sigma(x_t W + h_{t-1} U + b)$ and the candidate
    $g = \tanh(\ldots)$, each from its columns in the order i, f, g, o:
    $c_t = f \odot c_{t-1} + i \odot g$, $h_t = o \odot \tanh c_t$.

    Args:
        in_features: How many numbers each step has; found at the first call where it is None or
            left out, `LSTM(128)`.
        hidden_features: How many units, each with one number out a step.
        layers: How many layers, each reading what the one before gives.
        bias: Whether a bias is added: one, where PyTorch adds two.
        dropout: The probability with which a number between two layers is dropped in training.
        bidirectional: Whether each layer also reads the sequence backwards; both outputs are
            joined, forwards first.
        last: Hand out the last output of each direction only, (batch, hidden * directions).
        weight_init: Initialiser of the input weights; uniform in $\pm 1/\sqrt{\text{hidden}}$
            where it is None, as in PyTorch.
        recurrent_init: Of the recurrent weights, likewise.
        bias_init: Of the biases, likewise.

    Shape:
        x: (batch, time, in_features)
        state: h and c, (batch, hidden) each; (layers * directions, batch, hidden) where these
            are several
        lengths: (batch,), how many steps of each sequence count; or
        mask: (batch, time), True for the steps that count. Others leave the state as it is.
        output: (batch, time, hidden * directions), and the state with `return_state=True`
        input_weight: (in_features, 4 * hidden)
        recurrent_weight: (hidden, 4 * hidden)
        bias: (4 * hidden,); with several layers or directions `bias.0`, `bias.1`, ...

    Raises:
        ConfigError: A size is no positive whole number, or dropout no probability.
        ShapeError: The input, the state or the mask has another shape.

    Example:
        >>> import pullback as pb
        >>> layer = pb.nn.LSTM(3, 8, bidirectional=True).initialise(seed=0)
        >>> layer(pb.ones((2, 5, 3)), lengths=[5, 2]).shape
        (2, 5, 16)
        >>> y, (h, c) = pb.nn.LSTM(3, 8).initialise()(pb.ones((2, 5, 3)), return_state=True)
        >>> h.shape, c.shape
        ((2, 8), (2, 8))

    References:
        S. Hochreiter and J. Schmidhuber, 1997, "Long short-term memory".
        F. Gers, J. Schmidhuber and F. Cummins, 2000, "Learning to forget".
    """

    gates: ClassVar[int] = 4
    states: ClassVar[int] = 2

    def step(self, z: Node, recurrent: Node, state: State, *fixed: Node) -> State:
        n, c = self.hidden_features, state[1]
        z = z + recurrent
        opened = ops.sigmoid(z[:, : 2 * n])  # i and f at once: few large operations are fastest
        candidate, out = ops.tanh(z[:, 2 * n : 3 * n]), ops.sigmoid(z[:, 3 * n :])
        c = opened[:, n:] * c + opened[:, :n] * candidate
        return out * ops.tanh(c), c


@register_layer
class GRU(Recurrent):
    r"""Gated recurrent unit: a state that is partly kept and partly replaced.

    With the gates $r, u = \sigma(x_t W + h_{t-1} U + b)$, which reset and update, and the
    candidate $n = \tanh(x_t W_n + b_n + r \odot (h_{t-1} U_n + b'))$, in the order r, u, n:
    $h_t = (1 - u) \odot n + u \odot h_{t-1}$. The reset gate acts after the product, as in PyTorch.

    Args:
        in_features: How many numbers each step has; found at the first call where it is None or
            left out, `GRU(128)`.
        hidden_features: How many units, each with one number out a step.
        layers: How many layers, each reading what the one before gives.
        bias: Whether biases are added: two for the candidate, else one, where PyTorch adds two.
        dropout: The probability with which a number between two layers is dropped in training.
        bidirectional: Whether each layer also reads the sequence backwards; both outputs are
            joined, forwards first.
        last: Hand out the last output of each direction only, (batch, hidden * directions).
        weight_init: Initialiser of the input weights; uniform in $\pm 1/\sqrt{\text{hidden}}$
            where it is None, as in PyTorch.
        recurrent_init: Of the recurrent weights, likewise.
        bias_init: Of the biases, likewise.

    Shape:
        x: (batch, time, in_features)
        state: (batch, hidden); (layers * directions, batch, hidden) where these are several
        lengths: (batch,), how many steps of each sequence count; or
        mask: (batch, time), True for the steps that count. Others leave the state as it is.
        output: (batch, time, hidden * directions), and the state with `return_state=True`
        input_weight: (in_features, 3 * hidden)
        recurrent_weight: (hidden, 3 * hidden)
        bias: (3 * hidden,); with several layers or directions `bias.0`, `bias.1`, ...
        recurrent_bias: (hidden,), $b'$, likewise

    Raises:
        ConfigError: A size is no positive whole number, or dropout no probability.
        ShapeError: The input, the state or the mask has another shape.

    Example:
        >>> import pullback as pb
        >>> layer = pb.nn.GRU(3, 8, layers=2, last=True).initialise(seed=0)
        >>> layer(pb.ones((2, 5, 3))).shape
        (2, 8)

    References:
        K. Cho and others, 2014, "Learning phrase representations using RNN encoder-decoder for
        statistical machine translation".
    """

    gates: ClassVar[int] = 3

    def make(self, size: int) -> None:
        super().make(size)
        if self.has_bias:
            n = self.hidden_features
            count = self.layers * self.directions
            self.recurrent_bias = each(Parameter(n, self.initial[2]) for _ in range(count))

    def fixed(self, i: int) -> tuple[Node, ...]:
        return (one(self.recurrent_bias, i).__node__(),) if self.has_bias else ()

    def step(self, z: Node, recurrent: Node, state: State, *fixed: Node) -> State:
        n, h = self.hidden_features, state[0]
        opened = ops.sigmoid(z[:, : 2 * n] + recurrent[:, : 2 * n])
        remembered = recurrent[:, 2 * n :]
        for bias in fixed:
            remembered = remembered + bias
        candidate = ops.tanh(z[:, 2 * n :] + opened[:, :n] * remembered)
        return (candidate + opened[:, n:] * (h - candidate),)


@register_layer
class Last(Module):
    """The last step of a series, for a network that says one thing of a whole sequence.

    Shape:
        x: (batch, time, features)
        lengths: (batch,), how many steps of each sequence count; all of them when None
        output: (batch, features)

    Raises:
        ShapeError: The input is no series, or has no step.

    References:
        I. Sutskever, O. Vinyals and Q. Le, 2014, "Sequence to sequence learning with neural
        networks".

    Example:
        >>> import pullback as pb
        >>> network = pb.nn.Sequential(pb.nn.GRU(3, 8), pb.nn.Last(), pb.nn.Linear(8, 2))
        >>> network.initialise(seed=0)(pb.ones((4, 5, 3))).shape
        (4, 2)
    """

    def forward(self, x: Node, lengths: Node | None = None) -> Node:
        if x.ndim != 3 or not x.shape[1]:
            raise ShapeError(
                "Last takes a series, (batch, time, features), of at least one step",
                f"an input of shape {x.shape} from {x.origin}",
                "Put it behind a layer that gives one row a step.",
            )
        if lengths is None:
            return x[:, -1]
        batch, time, _ = x.shape
        if lengths.shape != (batch,) or lengths.dtype.kind not in "iu":
            raise ShapeError(
                "Last takes lengths of shape (batch,), whole numbers",
                f"{lengths.dtype} {lengths.shape} for a batch of {batch}",
                "Give one number of steps a sequence.",
            )
        ends = ops.equal(ops.arange(time).reshape((1, time)), lengths.reshape((batch, 1)) - 1)
        return ops.where(ends.reshape((batch, time, 1)), x, 0).sum(1)
