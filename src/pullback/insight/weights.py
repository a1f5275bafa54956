"""`pb.weights_at`: the network's values as a checkpoint of a run has them."""

from __future__ import annotations

import os

from pullback.errors import ConfigError
from pullback.graph.dtypes import Array
from pullback.runs.store import RunStore
from pullback.train.run import Run


def weights_at(run: Run | str | os.PathLike[str], step: int) -> dict[str, Array]:
    """The values of a run's network as one of its checkpoints has them, by path.

    Args:
        run: A run that was saved, or its folder.
        step: The step of a checkpoint; 0 is before the first one.

    Raises:
        ConfigError: The run was not saved.
        FileFormatError: There is no such checkpoint (those that are there are named), or it is
            damaged.

    Example:
        >>> import numpy as np, pullback as pb
        >>> x = np.linspace(-1, 1, 20)[:, None]
        >>> run = pb.fit(pb.nn.dense(1, [4], 1), (x, x), epochs=3, loss="mse", save="runs")
        >>> first = pb.weights_at(run, 0)
        >>> line = pb.landscape(run.network, (x, x), loss="mse", along=first, steps=3)
        >>> line.directions
        ('the line to the given values',)
    """
    path = run.path if isinstance(run, Run) else run
    if path is None:
        raise ConfigError(
            "a run whose checkpoints are read must have been saved",
            "a run without a folder",
            'Train with pb.fit(..., save="runs").',
        )
    with RunStore.open(path) as store:
        return dict(store.load_checkpoint(step).tensors)
