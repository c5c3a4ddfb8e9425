"""An upload in a process of its own, to be killed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from multiprocessing.connection import Connection

from imagestore.backends.swift.store import SwiftStore

from .conftest import settings


def run(url: str, container: str, image_id: str, large: int, reports: Connection) -> None:
    """Say "block" for each of eight, and "stored"; then do nothing more."""

    async def source() -> AsyncIterator[bytes]:
        for _ in range(8):
            yield b"x" * (1 << 20)
            reports.send("block")
            await asyncio.sleep(0.05)

    async def main() -> None:
        store = SwiftStore("a", settings(url, container, swift_store_large_object_size=large))
        await store.start()
        await store.add(image_id, source(), 8 << 20)
        reports.send("stored")
        await asyncio.sleep(3600)

    asyncio.run(main())
