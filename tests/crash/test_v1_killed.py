"""``kill -9`` in the middle of what v1 calls one request."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp

from tests.crash.test_kill_during_uploads import HEADERS
from tests.served import serve
from tests.service.web import served_files

RAW = {"x-image-meta-disk_format": "raw", "x-image-meta-container_format": "bare"}
UPLOADED = "11111111-2222-4333-8444-555555555555"
DATA = os.urandom(300_000)


async def test_a_copy_goes_on_and_an_upload_leaves_nothing(tmp_path: Path) -> None:
    async with served_files() as site:
        site.files["/image"] = DATA
        site.gate = asyncio.Event()
        options = (
            f"[import_filtering_opts]\nallowed_hosts = 127.0.0.1\nallowed_ports = {site.port}\n"
        )
        with serve(tmp_path, options=options) as served:
            async with aiohttp.ClientSession(served.url, headers=HEADERS | RAW) as client:
                source = {"x-glance-api-copy-from": f"{site.url}/image"}
                async with client.post("/v1/images", headers=source) as answer:
                    copied = (await answer.json())["image"]["id"]
                sending = asyncio.create_task(_upload(client))
                assert await _becomes(client, UPLOADED, "saving")
                while not site.asked:
                    await asyncio.sleep(0.02)
                await asyncio.to_thread(served.kill)
                await sending
        site.gate.set()
        with serve(tmp_path, options=options) as served:
            async with aiohttp.ClientSession(served.url, headers=HEADERS) as client:
                assert await _becomes(client, copied, "active")
                async with client.get(f"/v1/images/{copied}") as answer:
                    assert await answer.read() == DATA
                assert await _becomes(client, UPLOADED, "queued")
            left = {path.name for place in served.stores.values() for path in place.iterdir()}
            assert left == {copied}


async def _upload(client: aiohttp.ClientSession) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1000
            await asyncio.sleep(0.01)

    headers = {"x-image-meta-id": UPLOADED, "Content-Type": "application/octet-stream"}
    with contextlib.suppress(aiohttp.ClientError):
        async with client.post("/v1/images", headers=headers, data=endless()):
            pass


async def _becomes(client: aiohttp.ClientSession, image: str, wanted: str) -> bool:
    async with asyncio.timeout(60):
        while True:
            async with client.head(f"/v1/images/{image}") as answer:
                if answer.headers.get("x-image-meta-status") == wanted:
                    return True
            await asyncio.sleep(0.05)
