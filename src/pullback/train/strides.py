"""Many steps in one call, where the executor can take them and nobody looks at each.

The native executor gathers the rows of each batch itself, so a stride of steps leaves Python once.
It ends after a fiftieth of a second at the latest: interrupts and progress wait no longer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pullback.execute import NativeExecutor
from pullback.graph.dtypes import Array
from pullback.train.batches import FromRows
from pullback.train.callbacks import Callback
from pullback.train.readings import Look
from pullback.train.update import RATE

if TYPE_CHECKING:
    from pullback.train.loop import Session

SECONDS = 0.02
LONGEST = 1000
MOST_LOOKS = 64
LOGGED = ("loss", "weight", RATE)


def stride(session: Session) -> tuple[Array, list[Look]] | None:
    """Take several steps from where a training stands.

    Returns:
        Loss, weight and learning rate of each step that was taken, (steps, 3), and what probes saw
        in those that were looked at; None where steps must be taken one by one. The last of them is
        the last that wrote new weights.
    """
    plan = session.plan
    if session.settings.accumulate > 1 or session.driving or not isinstance(plan, FromRows):
        return None
    if any(_looks(callback) for callback in session.callbacks):
        return None
    size = plan.batches.batch_size
    program = session.programs.planned(size)
    if not isinstance(program, NativeExecutor) or not program.takes_rows(plan.rows.arrays):
        return None
    count = _count(session, plan)
    if count < 2:
        return None
    due = session.recipe.probes.due(session.step, count)
    if len(due) > MOST_LOOKS:
        count, due = due[MOST_LOOKS] - session.step, due[:MOST_LOOKS]
    start = session.step % plan.per_epoch * size
    order = plan.batches.order(session.epoch)[start : start + count * size]
    rows = order.reshape(count, size)
    looks = None
    if due:
        looks = np.zeros(count, bool)
        looks[np.array(due) - session.step] = True
    found, seen = program.run_steps(plan.rows.arrays, rows, LOGGED, SECONDS, looks)
    places = program.places
    looked = [Look(step + 1, places, one) for step, one in zip(due, seen, strict=False)]
    return (found, looked) if len(found) else None


def _looks(callback: object) -> bool:
    """Whether a callback must be called after every step."""
    hook = getattr(callback, "on_step", None)
    if hook is None or getattr(hook, "__func__", None) is Callback.on_step:
        return False
    return bool(getattr(callback, "every_step", True))


def _count(session: Session, plan: FromRows) -> int:
    """How many steps may follow at once: whole batches, to the next place where something is due.

    Those places are the end of the epoch, of the budget, and where a checkpoint is asked for.
    """
    batches, settings = plan.batches, session.settings
    done = session.step % batches.per_epoch
    left = batches.per_epoch - done
    if batches.per_epoch * batches.batch_size != batches.rows:
        left -= 1  # the last batch has another size
    limits = [left, LONGEST]
    if session.budget.steps is not None:
        limits.append(session.budget.steps - session.step)
    if settings.checkpoint_steps is not None:
        limits.append(settings.checkpoint_steps - session.step % settings.checkpoint_steps)
    return min(limits)
