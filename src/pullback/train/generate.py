"""A text that goes on: token after token, each drawn from what the network says comes next."""

from __future__ import annotations

import math
import numbers
from typing import TYPE_CHECKING

import numpy as np

from pullback.data.text import TextInputs
from pullback.data.vocabulary import PADDING, UNKNOWN
from pullback.errors import ConfigError, DataError
from pullback.execute import State, executor
from pullback.graph.dtypes import INT64, Array
from pullback.nn.inference import forward_step
from pullback.ops import philox

if TYPE_CHECKING:
    from pullback.train.model import Model


def generate(
    model: Model, prompt: str = "", length: int = 200, *, temperature: float = 1.0, seed: int = 0
) -> str:
    r"""Go on with a text, token by token.

    Each token is drawn with the probabilities $\operatorname{softmax}(z / \tau)$ of the logits z
    at the place before it, given the last tokens that fit in the network's window.

    Args:
        model: A network that was trained on a text.
        prompt: What the text begins with; where it is empty, a token is drawn to begin with.
        length: How many tokens are added.
        temperature: $\tau$, 0 or more: 0 takes the most probable token, 1 draws as the network
            says, more than 1 draws more evenly.
        seed: The same seed draws the same text.

    Returns:
        The prompt and what was added.

    Raises:
        ConfigError: The network was not trained on a text, or a setting is out of range.
        DataError: The prompt has a token that the network does not know.
    """
    inputs = None if model.encoder is None else model.encoder.inputs
    if not isinstance(inputs, TextInputs):
        raise ConfigError(
            "a network that goes on with a text was trained on one",
            repr(model),
            "Train it: pullback train FILE.txt.",
        )
    _check(length, temperature)
    vocabulary = inputs.vocabulary
    silent = [vocabulary.tokens.index(t) for t in (UNKNOWN, PADDING) if t in vocabulary.tokens]
    known = vocabulary.encode(prompt).tolist() if prompt else []
    if set(known) & set(silent):
        raise DataError(
            "every token of the prompt must be one that the network knows",
            f"{prompt[:80]!r}, of which {vocabulary.count_unknown(prompt)} are not",
            "Leave those out.",
        )
    window = np.zeros((1, inputs.length), INT64)
    state = State({path: value.numpy() for path, value in model.network.state().items()})
    program = executor(forward_step(model.network, {"x": window}), state)
    drawn = philox.uniform(seed, philox.stream("generate"), 0, 0, (length,), np.dtype(np.float64))
    for number in range(length):
        last = known[-inputs.length :] or [int(drawn[number] * len(vocabulary))]
        window[0, : len(last)] = last
        logits = program.run({"x": window})["output"][0, len(last) - 1].astype(np.float64)
        logits[silent] = -np.inf
        known.append(_drawn(logits, temperature, float(drawn[number])))
    between = " " if prompt and vocabulary.unit == "word" else ""
    return prompt + between + vocabulary.decode(known[-length:])


def _check(length: int, temperature: float) -> None:
    if not hasattr(length, "__index__") or isinstance(length, bool) or length < 1:
        raise ConfigError("the length of a text is 1 token or more", repr(length), "Use 200.")
    real = isinstance(temperature, numbers.Real) and not isinstance(temperature, bool)
    if not real or not 0 <= temperature < math.inf:
        raise ConfigError("the temperature is a number, 0 or more", repr(temperature), "Use 1.")


def _drawn(logits: Array, temperature: float, uniform: float) -> int:
    """The token at which the cumulative probability passes a uniform number."""
    if temperature == 0:
        return int(logits.argmax())
    with np.errstate(over="ignore"):  # the temperature may be next to 0
        weights = np.exp((logits - logits.max()) / temperature)
    return int(np.searchsorted(np.cumsum(weights), uniform * weights.sum(), side="right"))
