"""Each image in the account of its owner."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from imagestore.backends import errors
from imagestore.backends.swift.store import SwiftStore
from imagestore.backends.testing.contract import content, cut, new_id, read
from tests.services import swift

from .conftest import MB, started


@pytest.fixture
async def store(swift_url: str, container: str) -> AsyncIterator[SwiftStore]:
    options = {
        "swift_store_multi_tenant": True,
        "swift_store_create_container_on_put": False,
        "swift_store_admin_tenants": ("auditors",),
    }
    async with started(swift_url, container, **options) as store:
        yield store


@pytest.mark.parametrize("size", [1000, 3 * MB])
async def test_each_image_is_in_the_account_of_its_owner(
    store: SwiftStore, swift_url: str, container: str, size: int
) -> None:
    owner = swift.account_of(swift_url, "test2:tester2")
    image_id, data = new_id(), content(size)
    own = f"{container}_{image_id}"
    stored = await store.add(image_id, cut(data), size, owner="test2")
    assert stored.url == f"swift+{owner.url}/{own}/{image_id}"
    assert image_id in owner.names(own)
    with owner.request("HEAD", f"/{own}") as answer:
        assert answer.headers["X-Container-Read"] == "auditors:*"
    assert store.owns(stored.url)
    assert await store.size(stored.url) == size
    assert await read(store, stored.url) == data
    with pytest.raises(errors.Exists):
        await store.add(image_id, cut(data), owner="test2")
    await store.delete(stored.url)
    assert own not in owner.names()
    with pytest.raises(errors.NotFound):
        await store.delete(stored.url)


async def test_discard_finds_it(store: SwiftStore, swift_url: str, container: str) -> None:
    owner = swift.account_of(swift_url, "test2:tester2")
    image_id = new_id()
    await store.discard(image_id, owner="test2")
    await store.add(image_id, cut(content(3 * MB)), owner="test2")
    await store.discard(image_id, owner="test2")
    assert f"{container}_{image_id}" not in owner.names()


async def test_nothing_is_left_of_an_upload_that_fails(
    store: SwiftStore, swift_url: str, container: str
) -> None:
    owner = swift.account_of(swift_url, "test2:tester2")
    image_id = new_id()
    with pytest.raises(errors.WrongSize):
        await store.add(image_id, cut(content(3 * MB)), 4 * MB, owner="test2")
    assert f"{container}_{image_id}" not in owner.names()


async def test_without_an_owner_it_is_in_our_own(
    store: SwiftStore, account: swift.Account, container: str
) -> None:
    stored = await store.add(new_id(), cut(b"x"))
    assert stored.url.startswith(f"swift+{account.url}/{container}_")


@pytest.mark.parametrize("owner", ["", "..", "a/b", "a?b", "a b"])
async def test_owners_that_are_no_projects(store: SwiftStore, owner: str) -> None:
    with pytest.raises(errors.InvalidLocation):
        await store.add(new_id(), cut(b"x"), owner=owner)
