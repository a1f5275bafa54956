"""How a training goes: one record of all settings, checked when it is made, kept with the run."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from pullback import optim
from pullback.errors import ConfigError, unknown
from pullback.execute import EXECUTORS, default_executor
from pullback.train.checks import flag, real, whole
from pullback.train.probes import Probes
from pullback.train.rules import Budget, seconds

EPOCHS = 100
LARGEST_SEED = 2**63 - 1
CHANGEABLE = ("epochs", "steps", "time", "until", "patience")  # when a run is resumed


@dataclass(frozen=True)
class Settings:
    """The settings of a training, beside network, data, loss and optimizer.

    Attributes:
        batch_size: Rows a step.
        epochs: Times through the data, at most.
        steps: Steps, at most.
        time: Seconds, at most.
        until: A level at which training stops, such as "accuracy >= 0.95".
        patience: Epochs without improvement after which training stops; None never does.
        monitor: What has to improve: "loss" or a metric; without a part it means validation.
        min_delta: By how much it has to improve.
        restore_best: Whether the weights of the best epoch are put back at the end.
        clip_norm: Largest global norm of the gradient.
        clip_value: Largest size of an element of the gradient.
        clip_each_norm: Largest norm of each parameter's gradient.
        constraints: What parameters must fulfil, by patterns of their paths, as plain data.
        ema: How much of a running average of the weights is kept at each step.
        l1: Coefficient of the sum of absolute weights.
        l2: Coefficient of the sum of squared weights.
        accumulate: Into how many micro-batches a batch is cut.
        shuffle: Whether every epoch has an order of its own.
        seed: Keys initial values, shuffling and dropout.
        metrics: Names of what is measured after every epoch; None takes the task's defaults.
        checkpoint_steps: Save after so many steps; None saves every few seconds.
        executor: `native`, `numpy`, or `reference` (the oracle, slow).
        probes: What is looked at, and in which steps, as plain data; None takes the default.
    """

    batch_size: int = 32
    epochs: int | None = None
    steps: int | None = None
    time: float | None = None
    until: str | None = None
    patience: int | None = None
    monitor: str = "loss"
    min_delta: float = 0.0
    restore_best: bool = True
    clip_norm: float | None = None
    clip_value: float | None = None
    clip_each_norm: float | None = None
    constraints: dict[str, Any] | None = None
    ema: float | None = None
    l1: float = 0.0
    l2: float = 0.0
    accumulate: int = 1
    shuffle: bool = True
    seed: int = 0
    metrics: tuple[str, ...] | None = None
    checkpoint_steps: int | None = None
    executor: str = field(default_factory=default_executor)
    probes: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        for name in ("batch_size", "accumulate"):
            self._set(name, whole(name, getattr(self, name), 1))
        for name in ("epochs", "steps", "patience", "checkpoint_steps"):
            if getattr(self, name) is not None:
                self._set(name, whole(name, getattr(self, name), 1))
        self._set("seed", whole("seed", self.seed, 0, LARGEST_SEED))
        if self.time is not None:
            self._set("time", seconds(self.time))
        for name in ("l1", "l2", "min_delta"):
            self._set(name, real(name, getattr(self, name), zero=True))
        for name in ("clip_norm", "clip_value", "clip_each_norm", "ema"):
            if getattr(self, name) is not None:
                self._set(name, real(name, getattr(self, name), zero=name == "ema"))
        if self.ema is not None and self.ema >= 1:
            raise ConfigError(
                "ema must be below 1: the part of the average that is kept at each step",
                repr(self.ema),
                "Give for instance 0.999.",
            )
        self._set("probes", None if self.probes is None else Probes.of(self.probes).to_config())
        self._set("constraints", optim.constraints.checked(self.constraints))
        if not isinstance(self.monitor, str):
            raise ConfigError(
                "monitor must be text", repr(self.monitor), "Name the loss or a metric."
            )
        for name in ("shuffle", "restore_best"):
            self._set(name, flag(name, getattr(self, name)))
        if self.accumulate > self.batch_size:
            raise ConfigError(
                "a batch can be cut into at most as many parts as it has rows",
                f"accumulate={self.accumulate}, batch_size={self.batch_size}",
                "Use a smaller number of parts.",
            )
        if self.executor not in EXECUTORS:
            raise unknown("executor", self.executor, EXECUTORS)

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)  # a frozen dataclass is written once, here

    def budget(self) -> Budget:
        """The most that training may take; 100 epochs where nothing limits it."""
        limited = self.epochs or self.steps or self.time
        return Budget(self.epochs if limited else EPOCHS, self.steps, self.time)

    def to_config(self) -> dict[str, Any]:
        """As plain JSON data."""
        return asdict(self)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Settings:
        """From plain JSON data.

        Raises:
            UnknownNameError: A setting that does not exist; the nearest is named.
        """
        known = [f.name for f in fields(cls)]
        for name in config:
            if name not in known:
                raise unknown("setting", name, known)
        values = dict(config)
        if values.get("metrics") is not None:
            values["metrics"] = tuple(values["metrics"])
        return cls(**values)


def check_together(optimizer: optim.Optimizer, settings: Settings) -> None:
    """Refuse settings that the optimizer cannot go with.

    Raises:
        ConfigError: There are some; the message names them.
    """
    wrong: dict[str, str] = {}
    averages = optimizer.evaluated or getattr(getattr(optimizer, "base", None), "evaluated", "")
    if isinstance(optimizer, optim.Driver):
        names = ("clip_norm", "clip_value", "clip_each_norm", "constraints", "ema")
        wrong = dict.fromkeys(names, "looks for the loss's own minimum along whole steps")
        wrong["accumulate"] = "takes whole batches"
        wrong["probes"] = "evaluates several steps for one"
    elif isinstance(optimizer, optim.SAM):
        wrong["accumulate"] = "takes whole batches"
    if averages:
        why = "keeps an average of the weights itself"
        wrong |= {"ema": why, "constraints": why}
    for name, why in wrong.items():
        value = getattr(settings, name)
        nothing = {"accumulate": 1, "probes": Probes(()).to_config()}.get(name)
        if value is not None and value != nothing:
            raise ConfigError(
                f"{name} does not go with {optimizer.name}, which {why}",
                f"{name}={value!r}",
                f"Leave {name} out, or choose another optimizer.",
            )
