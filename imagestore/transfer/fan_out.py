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


LAG = 15.0
"""Seconds for which the others wait until a store takes a block, where one of them is enough."""


@dataclass(frozen=True, slots=True)
class FannedOut:
    """``content`` that is durable in ``stored``, and could not be written to ``failed``: both by
    the id of the store, in the order asked for. ``behind``: stores that were too slow for the
    others, and have nothing.
    """

    content: Content
    stored: Mapping[str, Stored]
    failed: Mapping[str, StoreError]
    behind: frozenset[str] = frozenset()


async def fan_out(
    stores: Sequence[Store],
    flow: Flow,
    *,
    size: int | None = None,
    all_must_succeed: bool = True,
    on_stored: Callable[[FannedOut], Awaitable[object]] | None = None,
) -> FannedOut:
    """Read the source to its end, once, and store it in all ``stores`` as the data of the image.

    As :func:`imagestore.transfer.receive.receive`, with these differences. A store that fails is
    left behind if ``all_must_succeed`` is false, and the error of the last one that is left is
    raised; else the first error is. When anything is raised, stores that were done
    before keep what they have: the caller knows what is to be removed, here as after a crash.

    The slowest store sets the pace, but one that takes nothing for :data:`LAG` seconds while others
    wait for it falls behind if ``all_must_succeed`` is false: they go on without it. With
    ``on_stored`` whoever waits for the image need not wait for all stores: it is called whenever
    further ones have it durable and others have not ended yet, with all that have it.
    """
    outlets = [_Outlet(store, flow.image, size) for store in stores]
    try:
        await _pump(flow, outlets, size, all_must_succeed=all_must_succeed)
        behind = frozenset(outlet.store.name for outlet in outlets if outlet.behind)
        writing = [outlet for outlet in outlets if not outlet.behind]
        content, told = flow.content(), 0
        while True:
            stored, failed = _outcome(writing, flow.image, all_must_succeed=all_must_succeed)
            left = [outlet.task for outlet in writing if not outlet.task.done()]
            if on_stored is not None and len(stored) > told and (left or behind):
                told = len(stored)
                await on_stored(FannedOut(content, stored, failed, behind))
                continue
            if not left:
                break
            await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
        if not stored:
            raise next(iter(failed.values()))
    finally:
        for outlet in outlets:
            outlet.task.cancel()
        await asyncio.gather(*(outlet.task for outlet in outlets), return_exceptions=True)
        await close(flow.source)
    return FannedOut(content, stored, failed, behind)


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

    async def put(block: Buffer | None) -> None:
        for outlet in outlets:
            others = any(each.writes for each in outlets if each is not outlet)
            await outlet.put(block, LAG if others and not all_must_succeed else None)

    async with contextlib.aclosing(flow.blocks()) as blocks:
        async for block in blocks:
            await put(block)
            del block  # it may be used again from now on
            broken = [outlet for outlet in outlets if not outlet.writes]
            if broken and (all_must_succeed or len(broken) == len(outlets)):
                next(outlet for outlet in reversed(broken) if not outlet.behind).task.result()
    if size is not None and flow.size != size:
        raise WrongSize(f"{flow.size} bytes came instead of {size}")
    await put(None)


class _Outlet:
    """One store, and the blocks that wait for it."""

    def __init__(self, store: Store, image: Image, size: int | None) -> None:
        self.store = store
        self.told = False
        """Its failure is in the log."""
        self.behind = False
        """The others did not wait for it."""
        self._queue: asyncio.Queue[Buffer | None] = asyncio.Queue(BEHIND)
        self.task = asyncio.create_task(
            store.add(image.id, self._blocks(), size, owner=image.owner)
        )

    @property
    def writes(self) -> bool:
        """Whether it wants more blocks."""
        return not self.behind and not self.task.done()

    async def put(self, block: Buffer | None, patience: float | None = None) -> None:
        """Wait until there is room for the block, or the store has given up. None: the end.

        A store that has no room after ``patience`` seconds falls behind.
        """
        if not self.writes:
            return
        with contextlib.suppress(asyncio.QueueFull):
            self._queue.put_nowait(block)
            return
        putting = asyncio.create_task(self._queue.put(block))
        try:
            done, _ = await asyncio.wait(
                {putting, self.task}, timeout=patience, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            putting.cancel()
        if not done:
            log.warning("store %s falls behind: it took nothing for long", self.store.name)
            self.behind = True
            self.task.cancel()

    async def _blocks(self) -> AsyncGenerator[Buffer, None]:
        while (block := await self._queue.get()) is not None:
            yield block
            del block
