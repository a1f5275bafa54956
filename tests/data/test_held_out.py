"""What stands only in held-out rows decides nothing, and is told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pullback.data import prepare
from pullback.errors import DataError

PARTS = ["train"] * 60 + ["validation"] * 20 + ["test"] * 20
X = np.random.default_rng(0).normal(size=100)


def test_a_date_of_the_test_does_not_decide_the_format() -> None:
    days = [f"{1 + i % 12:02}/{1 + i % 11:02}/2020" for i in range(100)]
    columns: dict[str, Any] = {"day": days, "x": X, "y": X * 2, "part": PARTS}
    before = prepare(columns, "y", split="part").encoder
    assert before.inputs.columns[0].form == "%m/%d/%Y"
    days[-1] = "13/02/2020"  # with it, day before month would fit all rows
    with pytest.raises(DataError, match=r"form %m/%d/%Y(.|\n)*'13/02/2020' on row 99"):
        prepare(columns, "y", split="part")
    days[-1] = "soon"
    with pytest.raises(DataError, match=r"form %m/%d/%Y(.|\n)*'soon' on row 99"):
        prepare(columns, "y", split="part")


def test_a_class_without_training_rows_is_told() -> None:
    columns: dict[str, Any] = {"x": X, "y": ["a", "b"] * 49 + ["c", "c"], "part": PARTS}
    warnings = prepare(columns, "y", split="part").warnings
    assert any("no training row is of the class 'c'" in text for text in warnings)
    columns["y"][0] = "c"
    assert not any("training row" in text for text in prepare(columns, "y", split="part").warnings)
