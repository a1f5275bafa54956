"""Everything in the library's tables is compared with a peer, or says why it is not."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import pullback as pb
from pullback import ops
from pullback.losses import registry as losses
from pullback.nn import layers
from pullback.nn.activations import registry as activations
from pullback.nn.initialisers import registry as initialisers
from pullback.optim import registry as optimizers
from pullback.optim.schedules import registry as schedules
from tests.peers.tables import TABLES
from tests.peers.without import WITHOUT

ACTIVATION_LAYERS = {cls.__name__ for cls in activations().values()}
FUNCTIONS = {
    name
    for file in pkgutil.iter_modules(ops.__path__)
    for name in getattr(importlib.import_module(f"{ops.__name__}.{file.name}"), "__all__", ())
}
"""What `pb` has of operations, and of functions that are put together from them."""
LISTED: dict[str, set[str]] = {
    "activations": set(activations()),
    "initialisers": set(initialisers()),
    "layers": set(layers()) - ACTIVATION_LAYERS,
    "losses": set(losses()),
    "operations": set(pb.registry()) | FUNCTIONS,
    "optimizers": set(optimizers()),
    "schedules": set(schedules()),
}


def test_the_tables_are_all_there() -> None:
    assert set(TABLES) == set(LISTED) == set(WITHOUT)


@pytest.mark.parametrize("table", LISTED)
def test_each_is_compared_or_says_why_not(table: str) -> None:
    compared, without = {name for name, cases in TABLES[table].items() if cases}, WITHOUT[table]
    left = LISTED[table] - compared - set(without)
    assert not left, "give it a row in tests/peers and `make freeze`, or a reason in without.py"
    assert compared & set(without) == set(), "both compared and without a peer"
    assert set(without) <= LISTED[table], "no longer in the library"
    assert compared <= LISTED[table], "no longer in the library"


def test_the_reasons_are_words() -> None:
    assert all(len(reason.split()) > 2 for table in WITHOUT.values() for reason in table.values())
