"""Tests are marked by what they use, and applications are let go when a test is over."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from imagestore import app
from tests import conftest, selection
from tests.service.conftest import settings_in


@pytest.mark.parametrize("kind", ["embedded", "mariadb"])
def test_marked_by_its_parameter(request: pytest.FixtureRequest, kind: str) -> None:
    assert bool(request.node.get_closest_marker("service")) is (kind == "mariadb")


@pytest.mark.parametrize("workers", [1, 2, 3, 4])
def test_each_worker_begins_with_long_ones(workers: int) -> None:
    rooms = ("api", "crash", "e2e", "model")
    names = [f"{room}/{number}" for room in rooms for number in range(7)]
    dealt = selection.ordered(names, workers, lambda name: Path(name).parent / "test_it.py")
    assert sorted(dealt) == sorted(names)
    for number in range(min(workers, 2)):
        start = sum(_dealt(len(names), workers)[:number])
        assert dealt[start] == ("crash/0", "e2e/0")[number]


def _dealt(number: int, workers: int) -> list[int]:
    """How many tests pytest-xdist gives to each at first."""
    sizes: list[int] = []
    for left in range(workers, 0, -1):
        sizes.append((number - sum(sizes)) // left)
    return sizes


async def test_an_application_is_let_go(tmp_path: Path) -> None:
    application = app.create(settings_in(tmp_path))
    gone = weakref.ref(application)
    client = TestClient(TestServer(application))
    await client.start_server()
    assert (await client.get("/versions")).status in (200, 300)
    await client.close()
    del application, client
    conftest.pytest_runtest_teardown()
    gc.collect()
    assert gone() is None
