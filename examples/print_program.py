"""What a training step is: the whole of it (forward, loss, backward, update) as a program.

Each line of the program has its layer, what it computes, and its dtype and shape.
"""

from __future__ import annotations

import numpy as np

import pullback as pb
from pullback.plan import plan
from pullback.train.step import Batch, Recipe

network = pb.nn.Sequential(pb.nn.Linear(4, 8), "relu", pb.nn.Linear(8, 3)).initialise(seed=0)
print(network)

recipe = Recipe(network, pb.losses.cross_entropy, pb.optim.SGD(0.1, momentum=0.9))
batch = Batch.of(np.zeros((32, 4), np.float32), np.zeros(32, np.int64), weights=None)
step = recipe.training_step(batch)
print()
print(plan(step))

print("\nWithout any rewrite:")
bare = plan(step, without=["fold_constants", "simplify", "elide_broadcasts", "merge_common"])
print(str(bare).splitlines()[0])
