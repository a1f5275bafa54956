"""The training loop: step after step until a rule says stop.

The loop's own state is small and plain (`Session.position`), the rest is the block of slots; both
together are a checkpoint, from which the loop goes on bit for bit, in the middle of an epoch too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np

from pullback.errors import ConfigError, NonFiniteError
from pullback.execute import NonFiniteOrigin, State
from pullback.graph.dtypes import Array
from pullback.optim.driver import Driver
from pullback.train import held_back
from pullback.train.batches import Plan
from pullback.train.callbacks import Callback
from pullback.train.driving import Driving
from pullback.train.evaluation import Evaluator, Watch
from pullback.train.history import EpochRecord, StepLog
from pullback.train.interrupt import Interrupt, Interrupted
from pullback.train.parts import Parts
from pullback.train.plateau import Plateau
from pullback.train.programs import Programs
from pullback.train.readings import Look, joined, merged
from pullback.train.rules import Budget, EarlyStopping, Until
from pullback.train.settings import CHANGEABLE, Settings
from pullback.train.step import Recipe
from pullback.train.strides import LOGGED, stride
from pullback.train.tracing import STEP

Ending = Literal["finished", "interrupted", "failed"]


@dataclass
class Session:
    """One training while it runs, and what callbacks see of it.

    Attributes:
        recipe: Network, loss, optimizer and what belongs to the step.
        state: All slots, in one block.
        parts: The data.
        settings: How the training goes.
        evaluator: Measures parts of the data.
        plan: Which batch each step is given.
        until: The level at which to stop.
        stopping: Early stopping.
        plateau: What lowers the learning rates.
        callbacks: The user's own, then the library's.
        steps: Records of all steps since this session began.
        looks: What probes saw of some of them; where the run is saved, until it is written.
        epochs: Records of all epochs, those before a resume included.
        values: The newest metrics by part and name.
        elapsed: Seconds of training, sessions before a resume included.
        reason: Why training stopped; empty while it goes on.
        ending: How it stopped.
        origin: Where a NaN or inf arose, if one did.
        best: The weights of the best epoch, with its step.
        put_back: Whether the network ended up with the weights of the best epoch.
    """

    recipe: Recipe
    state: State
    parts: Parts
    settings: Settings
    evaluator: Evaluator
    plan: Plan
    until: Until | None = None
    stopping: EarlyStopping | None = None
    plateau: Plateau | None = None
    callbacks: Sequence[Callback] = ()
    steps: StepLog = field(default_factory=StepLog)
    looks: list[Look] = field(default_factory=list)
    epochs: list[EpochRecord] = field(default_factory=list)
    values: dict[str, float] = field(default_factory=dict)
    elapsed: float = 0.0
    reason: str = ""
    ending: Ending = "finished"
    origin: NonFiniteOrigin | None = None
    best: tuple[int, dict[str, Array]] | None = None
    put_back: bool = False

    def __post_init__(self) -> None:
        self.step = int(self.state[STEP])
        self.programs = Programs(self.recipe, self.state, self.settings.executor)
        self.driving: Driving | None = None
        if isinstance(self.recipe.optimizer, Driver):
            self.driving = Driving(self.recipe, self.state, self.settings.executor)
        self._loss_sum = self._loss_weight = 0.0
        self._measured = 0
        self._began = 0.0
        self.budget: Budget = self.settings.budget()

    @property
    def network(self) -> Any:
        """The network that is trained; its parameters live in the state."""
        return self.recipe.network

    @property
    def epoch(self) -> int:
        """How many epochs are complete."""
        return self.step // self.plan.per_epoch

    @property
    def last_loss(self) -> float:
        """The loss of the last step; NaN before the first."""
        return self.steps[-1].loss if len(self.steps) else float("nan")

    def stop(self, reason: str, ending: Ending = "finished") -> None:
        """Stop after the present step, and say why.

        Raises:
            ConfigError: There is no reason, or no such ending.
        """
        if not isinstance(reason, str) or not reason or ending not in get_args(Ending):
            raise ConfigError(
                "a training stops for a reason in words, finished, interrupted or failed",
                f"reason {reason!r}, ending {ending!r}",
                "Call for instance session.stop('it is midnight').",
            )
        self.reason, self.ending = reason, ending

    def position(self) -> dict[str, Any]:
        """The loop's own state, as plain JSON data: with the slots, all that a resume needs."""
        return {
            "loss_sum": self._loss_sum,
            "loss_weight": self._loss_weight,
            "elapsed": self.elapsed,
            "measured": self._measured,
            "values": self.values,
            "stopping": None if self.stopping is None else self.stopping.state(),
            "plateau": None if self.plateau is None else self.plateau.state(),
            "best_step": None if self.best is None else self.best[0],
            "changed": {name: getattr(self.settings, name) for name in CHANGEABLE},
        }

    def restore(self, position: dict[str, Any]) -> None:
        """Go on from a `position()`; the slots of the state are restored before."""
        self.step = int(self.state[STEP])
        self._loss_sum = float(position["loss_sum"])
        self._loss_weight = float(position["loss_weight"])
        self.elapsed = float(position["elapsed"])
        self._measured = int(position["measured"])
        self.values = {str(k): float(v) for k, v in position["values"].items()}
        if self.stopping is not None and position.get("stopping"):
            self.stopping.restore(position["stopping"])
        if self.plateau is not None and position.get("plateau"):
            self.plateau.restore(position["plateau"])

    def run(self) -> None:
        """Train until a rule says stop; weights of the best epoch are put back at the end."""
        self._began = time.perf_counter() - self.elapsed
        self._adopt()
        with Interrupt() as interrupt:
            self._call("on_start")
            self.reason = self.reason or self.why_over()
            while not self.reason:
                if self._epoch_is_over():
                    self._end_epoch(interrupt)
                else:
                    self._steps()
                if not (self.reason or self._epoch_is_over()):
                    self.reason = self.budget.spent(self.epoch, self.step, self.elapsed)
                if interrupt.reason and not self.reason:
                    self.stop(f"interrupted by {interrupt.reason}", "interrupted")
            self._call("on_stop")
        if self.ending == "finished":
            self._put_back_best()
        self._adopt(self.recipe.update.evaluated)

    def advance(self, step: int) -> None:
        """Take the steps up to that number as they were once taken, whatever rule would stop.

        What follows an epoch is done too, since learning rates may depend on it.

        Raises:
            KeyboardInterrupt: It was interrupted.
        """
        self._began = time.perf_counter() - self.elapsed
        self.budget = Budget(steps=step) if step else self.budget
        self._adopt()
        with Interrupt() as interrupt:
            while self.step < step or self._epoch_is_over():
                if self._epoch_is_over():
                    self._end_epoch(interrupt)
                else:
                    self._steps()
                if interrupt.reason:
                    raise KeyboardInterrupt
                if self.ending == "failed":
                    return

    def why_over(self) -> str:
        """Why training is over here, as the rules say; empty where there is something left.

        A run that was killed between its last step and its end is over too. A resume may bring
        a condition whose values have not been measured yet.
        """
        if self._epoch_is_over():  # it has to be measured first
            return ""
        if self._measured:
            if self.until is not None and set(self.until.keys()) <= set(self.values):
                reason = self.until.reason(self.values)
                if reason:
                    return reason
            stopping = self.stopping
            if stopping is not None and stopping.waited() >= stopping.patience:
                return stopping.reason()
        return self.budget.spent(self.epoch, self.step, self.elapsed)

    def prepare(self) -> None:
        """Plan the first step, which finds what cannot be traced."""
        feeds = self.plan.feeds(self.step)
        if self.driving is not None:
            self.driving.prepare(feeds)
        elif self.settings.accumulate == 1:
            self.programs.step(feeds)
        else:
            self.programs.part(self._cut(feeds)[0])
            self.programs.update()

    def _adopt(self, label: Callable[[str], str] = str) -> None:
        """Let the network's parameters and buffers live in the state, in the slots of `label`.

        Those are the ones that are trained, and in the end those that are evaluated.
        """
        for path, value in self.recipe.network.state().items():
            value.adopt(self.state.writable(label(path)))

    def _steps(self) -> None:
        """Some steps at once, or else one."""
        found = stride(self)
        if found is None:
            self._one_step()
            return
        self._note(*found)
        self._call("on_step")

    def _note(self, found: Array, looks: Sequence[Look]) -> None:
        """Remember steps of one epoch that were taken: loss, weight and rate of each, and looks."""
        self.looks.extend(look for look in looks if look.places)
        count, first, began = len(found), self.step, self.elapsed
        self.elapsed = time.perf_counter() - self._began
        self.step += count
        loss_sum, loss_weight = self._loss_sum, self._loss_weight
        for loss, weight, _ in found.tolist():
            loss_sum += loss * weight
            loss_weight += weight
        self._loss_sum, self._loss_weight = loss_sum, loss_weight
        times = began + (self.elapsed - began) / count * np.arange(1, count + 1)
        epoch = self.plan.epoch_of(first) + 1
        self.steps.extend(first + 1, epoch, found[:, 0], found[:, 2], times)

    def _one_step(self) -> None:
        number = self.step
        feeds = self.plan.feeds(number)
        look, looks = bool(self.recipe.probes.due(number)), list[Look]()
        if self.driving is not None:
            found, origin, made = self.driving.step(feeds)
        else:
            if self.settings.accumulate > 1:
                found, fed = self._accumulated(feeds, looks if look else None)
            else:
                program = self.programs.step(feeds)
                found, fed = program.run_again(feeds, look=look), [feeds]
                looks += [Look(number + 1, program.places, program.seen())] if look else []
            made = int(self.state[STEP]) != number
            origin = None if made else self.programs.origin(fed)
        if not made:  # the update was held back: the state is still that before the step
            self._fail(origin, number)
            return
        self._note(np.array([[float(found[name]) for name in LOGGED]]), looks)
        self._call("on_step")

    def _accumulated(
        self, feeds: dict[str, Array], looks: list[Look] | None
    ) -> tuple[dict[str, Array], list[dict[str, Array]]]:
        """One step whose batch is computed in several parts; what is seen is added to `looks`."""
        fed, look, parts = self._cut(feeds), looks is not None, []
        for part in fed:
            program = self.programs.part(part)
            program.run_again(part, look=look)
            parts += [(program.places, program.seen())] if look else []
        update = self.programs.update()
        found = update.run_again({}, look=look)
        if looks is not None:
            places, seen = parts[0][0], merged([seen for _, seen in parts])
            both = joined([seen, update.seen()])
            looks.append(Look(self.step + 1, (*places, *update.places), both))
        return found, fed

    def _cut(self, feeds: dict[str, Array]) -> list[dict[str, Array]]:
        """A batch in parts, of which none has fewer rows than the network can be trained on."""
        several = self.recipe.objective.only is None
        whole = dict(self.programs.weight(feeds).run(feeds)) if several else {}
        count = len(next(iter(feeds.values())))
        parts = max(1, min(self.settings.accumulate, count // self.plan.least))
        fed = []
        for rows in np.array_split(np.arange(count), parts):
            part = {name: array[rows] for name, array in feeds.items()}
            fed.append({**part, "row": np.asarray(rows[0], np.int64), **whole})
        return fed

    def _fail(self, origin: NonFiniteOrigin | None, number: int) -> None:
        """Stop, and say where the NaN or inf arose, and in which row of the training data."""
        if origin is not None and origin.row is not None:
            origin = replace(origin, data_row=self.plan.row(number, origin.row))
        self.origin = origin
        said = held_back.said(origin)
        self.stop(f"stopped in step {number + 1}: {said}; the weights before it are kept", "failed")

    def error(self) -> NonFiniteError:
        """The error that says where a NaN or inf arose."""
        return held_back.error(self.origin, f"{self.step + 1}")

    def _epoch_is_over(self) -> bool:
        """Whether the last step ended an epoch that has not been measured yet."""
        return self.step % self.plan.per_epoch == 0 and self._measured < self.epoch

    def _end_epoch(self, interrupt: Interrupt) -> None:
        """Measure, tell, and ask the rules; left for later if an interrupt comes meanwhile."""
        try:
            with interrupt.at_once():
                found = self._measure()
        except Interrupted:
            return
        mean = self._loss_sum / self._loss_weight if self._loss_weight else 0.0
        self.elapsed = time.perf_counter() - self._began
        self._loss_sum = self._loss_weight = 0.0
        self._measured = self.epoch
        self.values = {"epoch": float(self.epoch), "step": float(self.step), "time": self.elapsed}
        self.values |= {"train.loss": mean, **found}
        self.epochs.append(EpochRecord(self.epoch, self.step, dict(self.values), self.elapsed))
        self._watch()
        self._lower_rates()
        self._call("on_epoch")
        self.reason = self.reason or self.why_over()

    def _measure(self) -> dict[str, float]:
        """The metrics after an epoch, by part and name."""
        parts = {}
        if self.wants_training_metrics():
            parts["train"] = self.parts.train
        if self.parts.validation is not None:
            parts["validation"] = self.parts.validation
        values: dict[str, float] = {}
        for name, part in parts.items():
            found = self.evaluator.measure(part, self.watched(name))
            values |= {f"{name}.{metric}": value for metric, value in found.items()}
        values.pop("train.loss", None)  # the mean over the epoch's steps is shown instead
        return values

    def watched(self, part: str) -> Watch:
        """Tells the callbacks how much of a part is measured."""
        return lambda share: self._call("on_measure", part, share)

    def _watch(self) -> None:
        """Keep the weights of the best epoch."""
        if self.stopping is None:
            return
        value = self.values.get(self.stopping.metric, float("nan"))
        progress = self.stopping.update(self.epoch, value)
        if progress == "improved" and self.settings.restore_best:
            label = self.recipe.update.evaluated
            paths = self.recipe.network.state()
            self.best = (self.step, {path: self.state[label(path)].copy() for path in paths})

    def _lower_rates(self) -> None:
        """Lower every learning rate of the state, if a value has not improved for long."""
        if self.plateau is None:
            return
        if self.plateau.update(self.values.get(self.plateau.metric, float("nan"))):
            for label, peak in self.recipe.update.peaks().items():
                self.state[label] = self.plateau.lowered(float(self.state[label]), peak)

    def wants_training_metrics(self) -> bool:
        """Whether a rule asks for metrics of the training rows, beside their loss."""
        keys = () if self.until is None else self.until.keys()
        watched = "" if self.stopping is None else self.stopping.metric
        wanted = [*keys, watched, "" if self.plateau is None else self.plateau.metric]
        return any(k.startswith("train.") and k != "train.loss" for k in wanted)

    def _put_back_best(self) -> None:
        """The weights of the best epoch, unless the level asked for was reached later."""
        reached = self.until is not None and self.until.level_reached(self.values)
        if self.best is not None and self.settings.restore_best and not reached:
            self.put_back = self.best[0] != self.step
            for path, array in self.best[1].items():
                self.state[self.recipe.update.evaluated(path)] = array

    def _call(self, moment: str, *more: Any) -> None:
        for callback in self.callbacks:
            hook = getattr(callback, moment, None)  # one of the user's own may lack some
            if hook is not None:
                hook(self, *more)
