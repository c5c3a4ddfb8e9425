"""Try a store with an object of its own: does everything work that images need?"""

from __future__ import annotations

import logging
import random
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from imagestore.backends.base import BLOCK_SIZE, Buffer, Capability, Store
from imagestore.backends.errors import StoreError

log = logging.getLogger(__name__)

STEPS = ("connect", "write", "read", "range", "delete")
SIZE = 4 * BLOCK_SIZE + 1
"""Bytes of the probe object: some blocks, and an odd end."""
_FROM, _COUNT = BLOCK_SIZE - 1, 100_000
"""The range that is read, across the border of two blocks."""


@dataclass(slots=True)
class Result:
    """What came of a probe: seconds by step, and which step failed and why, if one did."""

    store: str
    seconds: dict[str, float] = field(default_factory=dict)
    failure: str = ""


async def probe(store: Store) -> Result:
    """Start the store, do every step that it can do, and stop it. Leaves nothing behind."""
    result = Result(store.name)
    try:
        with _timed(result, "connect"):
            await store.start()
        if Capability.WRITABLE in store.capabilities:
            await _write_and_read(store, result)
    except StoreError as error:
        log.warning("%s", error)
    finally:
        await store.stop()
    return result


async def _write_and_read(store: Store, result: Result) -> None:
    image_id = str(uuid.uuid4())
    data = random.Random(image_id).randbytes(SIZE)  # noqa: S311
    try:
        with _timed(result, "write"):
            stored = await store.add(image_id, _blocks(data), SIZE)
        with _timed(result, "read"):
            _compare(store, await _read(store, stored.url), data)
        if Capability.RANGED in store.capabilities:
            with _timed(result, "range"):
                part = await _read(store, stored.url, _FROM, _COUNT)
                _compare(store, part, data[_FROM : _FROM + _COUNT])
        with _timed(result, "delete"):
            await store.delete(stored.url)
            if await store.exists(stored.url):
                raise StoreError("is still there", store=store.name)
    except BaseException:
        with suppress(StoreError):
            await store.discard(image_id)
        raise


@contextmanager
def _timed(result: Result, step: str) -> Iterator[None]:
    begin = time.perf_counter()
    try:
        yield
    except StoreError as error:
        result.failure = f"{step}: {error.message}"
        raise
    result.seconds[step] = time.perf_counter() - begin


async def _blocks(data: bytes) -> AsyncIterator[Buffer]:
    for start in range(0, len(data), BLOCK_SIZE):
        yield data[start : start + BLOCK_SIZE]


async def _read(store: Store, url: str, offset: int = 0, length: int | None = None) -> bytes:
    async with store.open(url, offset, length) as blocks:
        return b"".join([bytes(block) async for block in blocks])


def _compare(store: Store, read: bytes, written: bytes) -> None:
    if read != written:
        raise StoreError("what was read is not what was written", store=store.name)
