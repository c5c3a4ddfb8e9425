"""Services that tests of several rooms need, one for all processes of a run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web_app

from tests import selection, statements
from tests.backends.table import pytest_terminal_summary
from tests.measuring import pytest_runtest_protocol
from tests.services import keystone as keystone_service
from tests.services import process

__all__ = ["keystone", "own_keystone", "pytest_runtest_protocol", "pytest_terminal_summary"]


def pytest_configure(config: pytest.Config) -> None:
    statements.keep()
    process.watched()  # nothing that a test starts outlives the run, however that ends
    for line in selection.MARKERS:
        config.addinivalue_line("markers", line)


def pytest_itemcollected(item: pytest.Item) -> None:
    selection.mark(item)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if workers := getattr(config, "workerinput", {}).get("workercount"):
        items[:] = selection.ordered(items, workers, lambda item: item.path)


def pytest_runtest_teardown() -> None:
    # aiohttp keeps every application that ever answered: a service has one, a run has thousands.
    web_app._cached_build_middleware.cache_clear()


@pytest.fixture(scope="session")
def keystone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[keystone_service.Keystone]:
    """A Keystone to which nothing may happen."""
    base = tmp_path_factory.getbasetemp()
    place = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with keystone_service.shared(place / "keystone") as running:
        yield running


@pytest.fixture
def own_keystone(tmp_path: Path) -> Iterator[keystone_service.Keystone]:
    """A Keystone that the test may treat as it likes."""
    running = keystone_service.start(tmp_path / "keystone")
    yield running
    running.stop()
