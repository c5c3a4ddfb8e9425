"""As Glance has it: see test_interchange.py for Glance itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from imagestore.backends.base import Buffer
from imagestore.backends.testing.contract import MIB, content, cut, new_id, read
from tests.services import swift

from .conftest import MB, started, url_of


async def test_one_object(swift_url: str, container: str, account: swift.Account) -> None:
    image_id = new_id()
    async with started(swift_url, container) as store:
        await store.add(image_id, cut(b"x"))
    assert account.names(container) == [image_id]
    with account.request("GET", f"/{container}/{image_id}") as answer:
        assert answer.read() == b"x"
        assert "X-Object-Manifest" not in answer.headers


async def test_segments_and_a_manifest(
    swift_url: str, container: str, account: swift.Account
) -> None:
    image_id, data = new_id(), content(2 * MB + 1)
    async with started(swift_url, container) as store:
        await store.add(image_id, cut(data), len(data))
    whole, *segments = account.names(container)
    assert whole == image_id
    upload = segments[0].removeprefix(f"{image_id}-").partition("-")[0]
    assert segments == [f"{image_id}-{upload}-{number:05d}" for number in (1, 2, 3)]
    with account.request("GET", f"/{container}/{image_id}") as answer:
        assert answer.headers["X-Object-Manifest"] == f"{container}/{image_id}-{upload}-"
        assert answer.read() == data


async def test_a_segment_ends_early_when_the_source_pauses(
    swift_url: str,
    container: str,
    account: swift.Account,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Swift gives a request up that brings nothing for a minute."""
    monkeypatch.setattr("imagestore.backends.swift.upload.PAUSE", 0.2)
    data = content(6 * MIB)

    async def source() -> AsyncIterator[Buffer]:
        async for block in cut(data[: 3 * MIB]):
            yield block
        await asyncio.sleep(1)
        async for block in cut(data[3 * MIB :]):
            yield block

    async with started(swift_url, container, swift_store_large_object_chunk_size=200) as store:
        stored = await store.add(new_id(), source(), len(data))
        assert len(account.names(container)) == 3
        assert await read(store, stored.url) == data


async def test_a_static_large_object(
    swift_url: str, container: str, account: swift.Account
) -> None:
    """Glance removes them too, whoever wrote them."""
    image_id, data = new_id(), content(2 * MIB)
    async with started(swift_url, container) as store:
        for number in (0, 1):
            segment = data[number * MIB : (number + 1) * MIB]
            account.request("PUT", f"/{container}/part{number}", data=segment)
        parts = [{"path": f"/{container}/part{number}"} for number in (0, 1)]
        account.request(
            "PUT",
            f"/{container}/{image_id}?multipart-manifest=put",
            data=json.dumps(parts).encode(),
        )
        url = url_of(container, image_id)
        assert await store.size(url) == len(data)
        assert await read(store, url, MIB - 5, 10) == data[MIB - 5 : MIB + 5]
        await store.delete(url)
        assert account.names(container) == []
