"""One pass over an image's bytes into several stores at once: digested and inspected once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from imagestore.backends.base import Buffer, Store, Stored
from imagestore.backends.errors import StoreError, WrongSize
from imagestore.backends.in_flight import BEHIND
from imagestore.model.image import Image
from imagestore.transfer.receive import Content, Flow
from imagestore.transfer.verification import close

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FannedOut:
    """``content`` that is durable in ``stored``, and could not be written to ``failed``: both by
    the id of the store, in the order asked for.
    """

    content: Content
    stored: Mapping[str, Stored]
    failed: Mapping[str, StoreError]


async def fan_out(
    stores: Sequence[Store],
    flow: Flow,
    *,
    size: int | None = None,
    all_must_succeed: bool = True,
    on_first: Callable[[FannedOut], Awaitable[object]] | None = None,
) -> FannedOut:
    """Read the source to its end, once, and store it in all ``stores`` as the data of the image.

    As :func:`imagestore.transfer.receive.receive`, with these differences. A store that fails is
    left behind if ``all_must_succeed`` is false, and the error of the last one that is left is
    raised; else the first error is. When anything is raised, stores that were done
    before keep what they have: the caller knows what is to be removed, here as after a crash.

    The slowest store sets the pace. With ``on_first`` whoever waits for the image need not wait
    for all stores: it is called once, with what is stored when the first store has it durable
    and others have not ended yet.
    """
    outlets = [_Outlet(store, flow.image, size) for store in stores]
    try:
        await _pump(flow, outlets, size, all_must_succeed=all_must_succeed)
        content, told = flow.content(), False
        while True:
            stored, failed = _outcome(outlets, flow.image, all_must_succeed=all_must_succeed)
            left = len(outlets) - len(stored) - len(failed)
            if not left:
                break
            if stored and on_first is not None and not told:
                told = True
                await on_first(FannedOut(content, stored, failed))
                continue
            await asyncio.wait(
                [outlet.task for outlet in outlets if not outlet.task.done()],
                return_when=asyncio.FIRST_COMPLETED,
            )
        if not stored:
            raise next(iter(failed.values()))
    finally:
        for outlet in outlets:
            outlet.task.cancel()
        await asyncio.gather(*(outlet.task for outlet in outlets), return_exceptions=True)
        await close(flow.source)
    return FannedOut(content, stored, failed)


def _outcome(
    outlets: Sequence[_Outlet], image: Image, *, all_must_succeed: bool
) -> tuple[dict[str, Stored], dict[str, StoreError]]:
    """What came of the stores that have ended."""
    stored: dict[str, Stored] = {}
    failed: dict[str, StoreError] = {}
    for outlet in outlets:
        if not outlet.task.done():
            continue
        try:
            stored[outlet.store.name] = outlet.task.result()
        except StoreError as error:
            if all_must_succeed:
                raise
            if not outlet.told:
                log.warning("image %s: store %s failed: %s", image.id, outlet.store.name, error)
                outlet.told = True
            failed[outlet.store.name] = error
    return stored, failed


async def _pump(
    flow: Flow, outlets: Sequence[_Outlet], size: int | None, *, all_must_succeed: bool
) -> None:
    """Hand every block to every store that is still writing; raise where none has to go on."""
    async with contextlib.aclosing(flow.blocks()) as blocks:
        async for block in blocks:
            for outlet in outlets:
                await outlet.put(block)
            del block  # it may be used again from now on
            broken = [outlet for outlet in outlets if outlet.task.done()]
            if broken and (all_must_succeed or len(broken) == len(outlets)):
                broken[-1].task.result()
    if size is not None and flow.size != size:
        raise WrongSize(f"{flow.size} bytes came instead of {size}")
    for outlet in outlets:
        await outlet.put(None)


class _Outlet:
    """One store, and the blocks that wait for it."""

    def __init__(self, store: Store, image: Image, size: int | None) -> None:
        self.store = store
        self.told = False
        """Its failure is in the log."""
        self._queue: asyncio.Queue[Buffer | None] = asyncio.Queue(BEHIND)
        self.task = asyncio.create_task(
            store.add(image.id, self._blocks(), size, owner=image.owner)
        )

    async def put(self, block: Buffer | None) -> None:
        """Wait until there is room for the block, or the store has given up. None: the end."""
        if self.task.done():
            return
        with contextlib.suppress(asyncio.QueueFull):
            self._queue.put_nowait(block)
            return
        putting = asyncio.create_task(self._queue.put(block))
        try:
            await asyncio.wait({putting, self.task}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            putting.cancel()

    async def _blocks(self) -> AsyncGenerator[Buffer, None]:
        while (block := await self._queue.get()) is not None:
            yield block
            del block
