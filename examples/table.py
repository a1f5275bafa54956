"""A table of data, start to end: read, train, judge, predict new rows, save, load.

The penguins come with the package. Reading finds what each column is for; everything that is
learned from the data (medians, categories, scales) is learned from the training rows alone.
"""

from __future__ import annotations

import polars as pl

import pullback as pb

prepared = pb.data.prepare(pb.datasets.path("penguins"), target="species", seed=0)
print(f"{prepared.task}: {len(prepared.train)} rows to train on, "
      f"{len(prepared.validation)} to validate, {len(prepared.test)} to test")  # fmt: skip
for role in prepared.encoder.roles:
    print(f"  {role.name:<18} {role.role}")

network = pb.nn.dense(prepared.train.x.shape[1], [32], 3, dropout=0.1)
run = pb.fit(network, prepared, epochs=100, patience=15, seed=0)
print()
print(run)

# New rows are raw: a file, a data frame or a dictionary, with gaps and all.
new = pl.DataFrame(
    {
        "island": ["Torgersen", "Biscoe", "Dream"],
        "bill_length_mm": [38.9, 47.5, None],
        "bill_depth_mm": [17.8, 15.0, 18.7],
        "flipper_length_mm": [181, 218, 198],
        "body_mass_g": [3625, 4950, 3775],
        "sex": ["female", None, "male"],
        "year": [2007, 2008, 2009],
    }
)
run.model.save("penguins.safetensors")
model = pb.load("penguins.safetensors")
print("\nspecies of three new penguins, with probabilities:")
for species, row in zip(model.predict(new), model.predict(new, probabilities=True), strict=True):
    print(f"  {species:<10} {row.round(3)}")
