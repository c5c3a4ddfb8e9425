"""Images of which segments, or the manifest, are gone."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from imagestore.backends import errors
from imagestore.backends.swift.store import SwiftStore
from imagestore.backends.testing.contract import content, cut, new_id, read
from tests.services import swift

from .conftest import MB, started, url_of


@pytest.fixture
async def store(swift_url: str, container: str) -> AsyncIterator[SwiftStore]:
    async with started(swift_url, container) as store:
        yield store


@pytest.mark.parametrize("gone", [0, 1, 3])
async def test_is_deleted_to_the_end(
    store: SwiftStore, container: str, account: swift.Account, gone: int
) -> None:
    """The manifest is gone, or the first segment, or the last."""
    stored = await store.add(new_id(), cut(content(3 * MB)))
    account.request("DELETE", f"/{container}/{account.names(container)[gone]}")
    await store.delete(stored.url)
    assert account.names(container) == []
    with pytest.raises(errors.NotFound):
        await store.delete(stored.url)


@pytest.mark.parametrize("gone", [1, 2, 3])
async def test_is_not_read_as_if_it_were_whole(
    store: SwiftStore, container: str, account: swift.Account, gone: int
) -> None:
    stored = await store.add(new_id(), cut(content(3 * MB)))
    account.request("DELETE", f"/{container}/{account.names(container)[gone]}")
    with pytest.raises(errors.Unavailable, match="segments are missing"):
        await read(store, stored.url)
    with pytest.raises(errors.Unavailable):
        await store.size(stored.url)


async def test_one_that_glance_numbered(
    store: SwiftStore, container: str, account: swift.Account
) -> None:
    image_id = new_id()
    for number in (1, 3):
        account.request("PUT", f"/{container}/{image_id}-{number:05d}", data=b"x")
    manifest = {"X-Object-Manifest": f"{container}/{image_id}-"}
    account.request("PUT", f"/{container}/{image_id}", manifest)
    with pytest.raises(errors.Unavailable, match="segments are missing"):
        await read(store, url_of(container, image_id))
    await store.delete(url_of(container, image_id))
    assert account.names(container) == []


async def test_a_segment_that_vanishes_during_a_download(
    store: SwiftStore, container: str, account: swift.Account
) -> None:
    data = content(40 * MB)
    stored = await store.add(new_id(), cut(data))
    got = b""
    with pytest.raises(errors.NotFound):
        async with store.open(stored.url) as blocks:
            async for block in blocks:
                if not got:
                    account.request("DELETE", f"/{container}/{account.names(container)[39]}")
                got += bytes(block)
    assert data.startswith(got)


async def test_a_segment_that_became_another(
    store: SwiftStore, container: str, account: swift.Account
) -> None:
    data = content(40 * MB)
    stored = await store.add(new_id(), cut(data))
    with pytest.raises(errors.NotFound):
        async with store.open(stored.url) as blocks:
            replaced = False
            async for _ in blocks:
                if not replaced:
                    name = account.names(container)[39]
                    account.request("PUT", f"/{container}/{name}", data=bytes(MB))
                    replaced = True


async def test_other_images_are_left_alone(
    store: SwiftStore, container: str, account: swift.Account
) -> None:
    kept = await store.add("abc-def", cut(content(2 * MB)))
    before = account.names(container)
    stored = await store.add("abc", cut(content(2 * MB)))
    await store.delete(stored.url)
    await store.discard("abc")
    assert account.names(container) == before
    assert len(await read(store, kept.url)) == 2 * MB
