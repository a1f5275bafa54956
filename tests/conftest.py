"""What every test may use: one way of drawing examples, and the larger data where it is."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

# The same examples every time, so that a red run means a change; `long` draws new ones.
hypothesis.settings.register_profile("default", deadline=None, derandomize=True, max_examples=50)
hypothesis.settings.register_profile("long", deadline=None, max_examples=500)
hypothesis.settings.load_profile("default")


def _folder(config: pytest.Config) -> Path:
    beside = config.rootpath.parent / "shared" / "data"
    return Path(os.environ.get("PULLBACK_DATA", beside))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests of files that are not in the repository and not on this machine."""

    def there(item: pytest.Item) -> bool:
        marks = item.iter_markers("shared_data")
        return all((_folder(config) / mark.args[0]).exists() for mark in marks)

    absent = [item for item in items if not there(item)]
    if absent:
        config.hook.pytest_deselected(items=absent)
        items[:] = [item for item in items if there(item)]


@pytest.fixture(scope="session")
def repository(pytestconfig: pytest.Config) -> Path:
    """The root of the checkout."""
    return pytestconfig.rootpath


@pytest.fixture(scope="session")
def shared_data(pytestconfig: pytest.Config) -> Path:
    """The folder of larger data; mark the test with `shared_data("file in it")`."""
    return _folder(pytestconfig)
