"""The contract that all drivers keep, on a real Swift."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from imagestore.backends.base import Store
from imagestore.backends.swift.store import SwiftStore
from imagestore.backends.testing.contract import StoreContract
from tests.services import swift

from .conftest import MB, USER, started


class RealService:
    def __init__(self, store: SwiftStore, url: str, container: str) -> None:
        self.store: Store = store
        self.container = container
        self.account = swift.account_of(url, USER)
        self.invalid_urls = [
            "",
            "swift://",
            "swift+config://",
            "swift+config://ref1",
            f"swift+config://ref1/{container}",
            f"swift+config://ref1/{container}/",
            f"swift+config://ref1//{uuid.uuid4()}",
            f"swift+config://ref1/a/{container}/x",
            f"swift+config://other/{container}/x",
            f"swift+config://ref1/{container}/..",
            f"swift+config://ref1/{container}/a%2fb",
            f"swift+config://ref1/{container}/a?b",
            f"swift+config://ref1/{container}/a#b",
            f"swift+config://ref1/{container}/a\n",
            f"swift+config://user:key@ref1/{container}/x",
            f"swift+http://127.0.0.1:1/v1/AUTH_x/{container}/x",
            f"swift+http://service:glance:key@example.org/auth/v1.0/{container}/x",
            f"swift+https://[/{container}/x",
            f"swift+http://service:glance:key@http://example.org/auth/v1.0/{container}/x",
            f"file:///{container}/x",
            f"http://example.org/{container}/x",
        ]

    def url(self, image_id: str) -> str:
        return f"swift+config://ref1/{self.container}/{image_id}"

    async def objects(self) -> set[str]:
        return set(self.account.names(self.container))


class TestContract(StoreContract):
    part = MB
    readable_when_deleted = False

    @pytest.fixture(params=["segments", "streams", "large-segments"])
    async def service(
        self, request: pytest.FixtureRequest, swift_url: str
    ) -> AsyncIterator[RealService]:
        container = f"contract-{uuid.uuid4().hex[:12]}"
        options: dict[str, dict[str, Any]] = {
            "streams": {"swift_store_large_object_size": 1000},
            "large-segments": {"swift_store_large_object_chunk_size": 20},
        }
        async with started(
            swift_url, container=container, **options.get(request.param, {})
        ) as store:
            yield RealService(store, swift_url, container)
