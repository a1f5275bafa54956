"""Examples in docstrings run in a folder of their own: what they write is not kept."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _examples_elsewhere(request: pytest.FixtureRequest) -> None:
    if isinstance(request.node, pytest.DoctestItem):
        folder = request.getfixturevalue("tmp_path")
        request.getfixturevalue("monkeypatch").chdir(folder)
