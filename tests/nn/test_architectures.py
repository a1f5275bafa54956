"""Networks by name: what each builds, for inputs of every form, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.errors import ConfigError, ShapeError, UnknownNameError
from pullback.nn import architectures
from pullback.nn.architectures import Inputs

FORMS = {
    "table": Inputs((5,)),
    "image": Inputs((14, 12)),
    "colour image": Inputs((16, 16, 3)),
    "series": Inputs((9, 4), series=True),
    "text": Inputs((9,), tokens=11),
}
TAKES = {
    "dense": ("table", "image", "colour image", "series"),
    "lenet": ("image", "colour image"),
    "convnet": ("image", "colour image"),
    **dict.fromkeys(("lstm", "gru", "rnn", "transformer"), ("series", "text")),
}
PAIRS = [(name, form) for name in architectures.registry() for form in FORMS]


def batch(form: str) -> Any:
    inputs = FORMS[form]
    random = np.random.default_rng(0)
    if inputs.tokens:
        return random.integers(0, inputs.tokens, (3, *inputs.shape))
    return random.normal(size=(3, *inputs.shape)).astype("float32")


def test_every_architecture_says_what_it_takes() -> None:
    assert set(TAKES) == set(architectures.registry())


@pytest.mark.parametrize(("name", "form"), PAIRS)
def test_it_builds_a_network_or_says_why_not(name: str, form: str) -> None:
    made = architectures.get(name)
    if form not in TAKES[name]:
        with pytest.raises(ShapeError, match=f"'{name}' takes"):
            made.build(FORMS[form], 7)
        return
    network = made.build(FORMS[form], 7).initialise()
    outputs = network(pb.tensor(batch(form)))
    assert outputs.shape == ((3, 9, 7) if form == "text" else (3, 7))
    assert architectures.get(made.to_config()) == made
    assert isinstance(pb.nn.description.rebuild(pb.nn.description.describe(network)), pb.nn.Module)


@pytest.mark.parametrize("name", ["lstm", "gru", "rnn", "transformer"])
def test_a_later_token_changes_nothing_before_it(name: str) -> None:
    network = architectures.get(name).build(FORMS["text"], 7).initialise()
    tokens = batch("text")
    changed = tokens.copy()
    changed[:, 6:] = (changed[:, 6:] + 1) % 11
    a, b = network(tokens).numpy(), network(changed).numpy()
    np.testing.assert_allclose(a[:, :6], b[:, :6], rtol=1e-6)
    assert not np.allclose(a[:, 6:], b[:, 6:])


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("lenett", UnknownNameError),
        ({"name": "lstm", "hiden": 3}, UnknownNameError),
        ({"name": "lstm", "hidden": 0}, ConfigError),
        ({"name": "convnet", "channels": [8, -1]}, ConfigError),
        ({"name": "convnet", "shift": 0.5}, ConfigError),
        ({"name": "dense", "hidden": "wide"}, ConfigError),
        ({"name": "dense", "activation": "rleu"}, UnknownNameError),
        ({"name": "transformer", "dropout": 2}, ConfigError),
    ],
)
def test_settings_that_are_refused(value: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        architectures.get(value)


def test_the_heads_must_share_the_features() -> None:
    with pytest.raises(ConfigError, match="share"):
        architectures.get({"name": "transformer", "features": 10}).build(FORMS["text"], 7)
