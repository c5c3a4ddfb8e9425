"""The S3 driver: the contract that all drivers keep, and what is its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from imagestore.backends import errors
from imagestore.backends.testing.contract import MIB, StoreContract, content, cut, new_id

from ..excerpt import excerpt
from .servers import SMALLEST, S3Service, Server, service


class TestContract(StoreContract):
    large = 32 * MIB
    huge = 128 * MIB
    part = SMALLEST * MIB
    readable_when_deleted = False

    @pytest.fixture
    async def service(self, plain_server: Server) -> AsyncIterator[S3Service]:
        async with service(plain_server) as made:
            yield made


class TestEncrypted(
    excerpt(
        StoreContract,
        "test_large",
        "test_blocks_of_any_size_and_kind",
        "test_cancelled_while_the_source_waits",
        "test_a_reader_may_leave_early",
        "test_a_reader_may_be_cancelled",
        "test_many_readers",
        "test_missing",
        "test_invalid_locations",
        "test_starts_again_after_stop",
    )
):
    """What TLS changes: locations, connections, and how streams flow and end."""

    large = 32 * MIB
    part = SMALLEST * MIB

    @pytest.fixture
    async def service(self, ceph_https: Server) -> AsyncIterator[S3Service]:
        async with service(ceph_https) as made:
            yield made


async def test_an_object_that_becomes_another_one_while_it_is_read(plain_server: Server) -> None:
    async with service(plain_server) as made, plain_server.client() as client:
        image_id = new_id()
        stored = await made.store.add(image_id, cut(content(48 * MIB)))
        got = b""
        with pytest.raises(errors.Unavailable):
            async with made.store.open(stored.url) as blocks:
                async for block in blocks:
                    if not got:
                        await client.put_object(Bucket=made.bucket, Key=image_id, Body=b"other")
                    got += block
        assert content(48 * MIB).startswith(got)
