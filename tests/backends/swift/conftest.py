"""One real Swift for all tests that do not break it, and stores in containers of their own."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from imagestore.backends.swift import SwiftSettings
from imagestore.backends.swift.store import SwiftStore
from tests.services import swift
from tests.services.shared import shared

USER = "service:glance"
KEY = swift.USERS[USER][0]
MB = 1_024_000


@pytest.fixture(scope="session")
def swift_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    require_swift()
    # The directory of all workers of this run.
    base = tmp_path_factory.getbasetemp()
    place = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    with shared(place / "swift", swift.start) as url:
        yield url


def require_swift() -> None:
    if swift.available():
        return
    if os.environ.get("CI"):
        pytest.fail("memcached is not installed")
    pytest.skip("memcached is not installed")


@pytest.fixture(scope="session")
def broken_swift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[swift.Swift]:
    """A Swift of one's own, to be stopped for a while; its tokens live for a few seconds."""
    require_swift()
    directory = tmp_path_factory.mktemp("broken-swift")
    server = swift.start(directory, token_life=3, node_timeout=3, error_limit=1000)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def container() -> str:
    """Of one test: what another one left unfinished does not come into it."""
    return f"images-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def account(swift_url: str) -> swift.Account:
    return swift.account_of(swift_url, USER)


def url_of(container: str, image_id: str) -> str:
    return f"swift+config://ref1/{container}/{image_id}"


def settings(url: str, container: str | None = None, **options: Any) -> SwiftSettings:
    """A single-tenant store with tempauth, which segments from 1 MB on."""
    values: dict[str, Any] = {
        "swift_store_auth_address": swift.auth_url(url),
        "swift_store_auth_version": "1",
        "swift_store_user": USER,
        "swift_store_key": KEY,
        "swift_store_container": container or f"images-{uuid.uuid4().hex[:12]}",
        "swift_store_create_container_on_put": True,
        "swift_store_large_object_size": 1,
        "swift_store_large_object_chunk_size": 1,
        "swift_store_timeout": 30.0,
    }
    return SwiftSettings(**{**values, **options})


@asynccontextmanager
async def started(
    url: str, container: str | None = None, **options: Any
) -> AsyncIterator[SwiftStore]:
    store = SwiftStore("swift1", settings(url, container, **options))
    await store.start()
    try:
        yield store
    finally:
        await store.stop()
