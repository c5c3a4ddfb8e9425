"""Tests are marked by what they use, and applications are let go when a test is over."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from imagestore import app
from tests import conftest
from tests.service.conftest import settings_in


@pytest.mark.parametrize("kind", ["embedded", "mariadb"])
def test_marked_by_its_parameter(request: pytest.FixtureRequest, kind: str) -> None:
    assert bool(request.node.get_closest_marker("service")) is (kind == "mariadb")


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
