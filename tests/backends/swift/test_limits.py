"""Quotas of accounts and containers, and the size that an object may have."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagestore.backends import errors
from imagestore.backends.testing.contract import MIB, content, cut, new_id, read
from tests.services import swift

from .conftest import MB, USER, started


async def test_of_the_account(swift_url: str, container: str) -> None:
    admin = swift.account_of(swift_url, "admin:admin")
    theirs = swift.account_of(swift_url, "small:user")
    theirs.request("PUT", f"/{container}")
    quota = {"X-Account-Meta-Quota-Bytes": str(MB)}
    swift.Account(theirs.url, admin.token).request("POST", "", quota)
    for large in (1, 1000):  # known before anything is sent, or told by Swift
        options = {
            "swift_store_user": "small:user",
            "swift_store_key": "smallpw",
            "swift_store_large_object_size": large,
        }
        async with started(swift_url, container, **options) as store:
            capacity = await store.capacity()
            assert (capacity.total, capacity.free) == (MB, MB)
            with pytest.raises(errors.Full):
                await store.add(new_id(), cut(content(2 * MB)), 2 * MB)
            assert theirs.names(container) == []


async def test_of_the_container(swift_url: str, container: str, account: swift.Account) -> None:
    async with started(swift_url, container) as store:
        assert await store.capacity() == await store.capacity()
        assert (await store.capacity()).total is None
        headers = {"X-Container-Meta-Quota-Bytes": str(2 * MB)}
        account.request("POST", f"/{container}", headers)
        await store.add(new_id(), cut(content(MB)), MB)
        capacity = await store.capacity()
        assert (capacity.total, capacity.free) == (2 * MB, MB)
        before = account.names(container)
        for size in (3 * MB, None):
            with pytest.raises(errors.Full):
                await store.add(new_id(), cut(content(3 * MB)), size)
            assert account.names(container) == before


async def test_too_large_for_a_single_object(tmp_path: Path) -> None:
    server = swift.start(tmp_path / "swift", max_file_size=2 * MIB)
    try:
        async with started(server.url, "c", swift_store_large_object_size=1000) as store:
            with pytest.raises(errors.Full):
                await store.add(new_id(), cut(content(3 * MIB)), 3 * MIB)
        async with started(server.url, "c") as store:
            stored = await store.add(new_id(), cut(content(3 * MIB)), 3 * MIB)
            assert await read(store, stored.url) == content(3 * MIB)
            names = swift.account_of(server.url, USER).names("c")
            assert all(name.startswith(stored.url.rpartition("/")[2]) for name in names)
    finally:
        server.stop()
