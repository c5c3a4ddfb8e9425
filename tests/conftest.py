"""Services that tests of several rooms need, one for all processes of a run."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

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
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    gc.set_threshold(10_000, 20, 50)  # as the service does
    gc.disable()  # until the tests are collected: all that is made until then stays
    for line in selection.MARKERS:
        config.addinivalue_line("markers", line)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """What Python does by itself. In its place asyncio puts a handler of its own into every run of
    a loop, and Python 3.11 writes the task out in full for it: an eighth of tests/service."""
    raise KeyboardInterrupt


def pytest_itemcollected(item: pytest.Item) -> None:
    selection.mark(item)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if workers := getattr(config, "workerinput", {}).get("workercount"):
        items[:] = selection.ordered(items, workers, lambda item: item.path)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    # Seven thousand tests live as long as the run: no collection need look at them again.
    gc.collect()
    gc.freeze()
    gc.enable()


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
