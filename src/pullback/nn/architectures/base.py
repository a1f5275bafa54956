"""What an architecture is: a network by name, built for inputs of some form."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from pullback import named
from pullback.errors import ConfigError, ShapeError
from pullback.nn.sequential import Sequential


@dataclass(frozen=True)
class Inputs:
    """The form of one row of inputs.

    Attributes:
        shape: (features,) of a table, (height, width) or (height, width, channels) of an image,
            (time, features) of a series, (time,) of tokens.
        tokens: How many tokens there are, where the inputs are tokens; the network then has one
            row of outputs for each of them.
        series: Whether the first axis is time.
    """

    shape: tuple[int, ...]
    tokens: int | None = None
    series: bool = False

    @property
    def is_image(self) -> bool:
        """Whether the inputs are pictures."""
        return len(self.shape) in (2, 3) and not self.series


class Architecture(named.Named):
    """A network by name, for inputs of some form."""

    kind: ClassVar[str] = "architecture"

    def build(self, inputs: Inputs, outputs: int) -> Sequential:
        """The network, without values.

        Args:
            inputs: The form of a row.
            outputs: Numbers out: classes, or target columns.

        Raises:
            ShapeError: The architecture is not one for such inputs.
        """
        raise TypeError(f"{type(self).__name__} builds nothing")

    def check_sizes(self, setting: str) -> None:
        """Check that a setting is a list of sizes, and keep it as a tuple.

        Raises:
            ConfigError: It is not.
        """
        given: Any = getattr(self, setting)
        sizes = tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else (
            given,
        )  # fmt: skip
        for size in sizes:
            _whole(self.name, setting, size)
        object.__setattr__(self, setting, sizes)

    def unfit(self, inputs: Inputs, takes: str, instead: str) -> ShapeError:
        """The error for inputs of another form."""
        what = f"{inputs.tokens} tokens, {inputs.shape}" if inputs.tokens else str(inputs.shape)
        return ShapeError(
            f"the network {self.name!r} takes {takes}", f"rows of {what}", f"Use {instead}."
        )


def _whole(name: str, setting: str, value: Any) -> None:
    if not hasattr(value, "__index__") or isinstance(value, bool) or value < 1:
        raise ConfigError(
            f"{setting} of the network {name!r} must be whole numbers of 1 or more",
            f"{setting}={value!r}",
            "Use for instance 64.",
        )


def registry() -> dict[str, type[Architecture]]:
    """All architectures by name, sorted.

    Example:
        >>> "lenet" in registry()
        True
    """
    return named.registry(Architecture)


def get(value: Architecture | str | dict[str, Any]) -> Architecture:
    """The architecture of a name, an alias or a configuration; an instance is handed back.

    Raises:
        UnknownNameError: There is none; the nearest is named.
        ConfigError: A setting that the architecture does not take.

    Example:
        >>> get({"name": "dense", "hidden": [8]})
        Dense(hidden=(8,), activation='relu', dropout=0.0)
    """
    return named.get(Architecture, value)
