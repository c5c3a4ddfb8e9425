"""The contract that all drivers keep, on a real Swift."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any, ClassVar

import pytest

from imagestore.backends.base import Store
from imagestore.backends.swift.store import SwiftStore
from imagestore.backends.testing.contract import MIB, StoreContract
from tests.services import swift

from ..excerpt import excerpt
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
    large = 16 * MIB
    huge = 64 * MIB
    part = MB
    readable_when_deleted = False
    options: ClassVar[dict[str, Any]] = {}

    @pytest.fixture
    async def service(self, swift_url: str) -> AsyncIterator[RealService]:
        container = f"contract-{uuid.uuid4().hex[:12]}"
        async with started(swift_url, container, **self.options) as store:
            yield RealService(store, swift_url, container)


class TestStreams(
    excerpt(
        TestContract,
        "test_what_goes_in_comes_out",
        "test_huge",
        "test_ranges",
        "test_blocks_of_any_size_and_kind",
        "test_nothing_is_readable_before_the_end",
        "test_wrong_size",
        "test_source_that_raises",
        "test_cancelled_while_the_source_waits",
        "test_cancelled_at_any_moment",
        "test_an_object_is_never_replaced",
        "test_of_two_writers_one_succeeds_at_most",
        "test_deleted_while_it_is_read",
        "test_discard",
        "test_everything_is_told_of",
    )
):
    """One object for each image, without segments: what is about how it is written and gone."""

    huge = 128 * MIB
    options: ClassVar[dict[str, Any]] = {"swift_store_large_object_size": 1000}


class TestLargeSegments(
    excerpt(
        TestContract,
        "test_large",
        "test_blocks_of_any_size_and_kind",
        "test_wrong_size",
        "test_source_that_raises",
        "test_cancelled_while_the_source_waits",
        "test_cancelled_at_any_moment",
        "test_discard",
    )
):
    """Segments that are streamed, as they are too large to be held."""

    large = 64 * MIB
    options: ClassVar[dict[str, Any]] = {"swift_store_large_object_chunk_size": 20}
