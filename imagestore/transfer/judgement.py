"""Whether content is accepted as the data of an image: its size, its format, its signature.

One place for that, whatever door the bytes come through. A stream is judged while it passes by;
of what lies somewhere already only those parts are read by which its format is told.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from functools import partial
from typing import Protocol

from imagestore.backends.base import Blocks, Buffer, Store
from imagestore.backends.errors import WrongSize
from imagestore.backends.lane import Lane
from imagestore.model.digest import Digest, Expected
from imagestore.model.errors import OverLimit
from imagestore.transfer.digests import computing_threads
from imagestore.transfer.formats import HEAD
from imagestore.transfer.inspection import Inspection
from imagestore.transfer.reading import opened
from imagestore.transfer.verification import Verified, close

_FARTHEST = 16 << 20
"""Bytes from the beginning that are read at most before the verdict, but for those at the end."""


class Verification(Protocol):
    """Looks at a whole stream, and raises in the end if it is not the right one."""

    def feed(self, blocks: Iterable[Buffer]) -> None:
        """The next blocks. A call may take some milliseconds of CPU."""

    def finish(self) -> None:
        """All blocks were fed."""


def require_size(size: int, cap: int | None) -> None:
    """Raise :class:`OverLimit` if an image may not have so many bytes."""
    if cap is not None and size > cap:
        raise too_large(cap)


def too_large(cap: int) -> OverLimit:
    """For an image that has more than so many bytes."""
    return OverLimit(f"The image may have {cap} bytes at most (image_size_cap).")


@dataclass(eq=False)
class Judgement:
    """Of one stream: show it every block in order, then end it.

    Both raise as soon as it is certain that the content is refused: :class:`OverLimit` for more
    than ``size_cap`` bytes, ``Unsupported`` for its format, and what the ``verification`` raises.
    """

    inspection: Inspection
    _: KW_ONLY
    size_cap: int | None = None
    verification: Verification | None = None
    size: int = field(default=0, init=False)
    """Bytes so far."""
    virtual_size: int | None = field(default=None, init=False)
    """Bytes of the disk inside, once the stream has ended; None where that is not known."""

    def __post_init__(self) -> None:
        verification = self.verification
        self._inspecting = Lane(computing_threads(), self.inspection.feed)
        self._verifying = Lane(computing_threads(), verification.feed) if verification else None

    async def show(self, block: Buffer) -> None:
        """The next block of the stream."""
        self.size += len(block)
        require_size(self.size, self.size_cap)
        if self._verifying is not None and not self._verifying.offer(block):
            await self._verifying.put(block)
        if self.inspection.hungry and not self._inspecting.offer(block):
            await self._inspecting.put(block)

    async def end(self) -> None:
        """All was shown."""
        if self.verification is not None and self._verifying is not None:
            await self._verifying.finish(self.verification.finish)
        finish = partial(self.inspection.finish, self.size)
        self.virtual_size = await self._inspecting.finish(finish)


async def judged(source: Blocks, judgement: Judgement) -> AsyncGenerator[Buffer, None]:
    """The blocks, each judged before it is yielded; they end only if all are accepted.

    In any case the source is closed in the end.
    """
    try:
        async for block in source:
            await judgement.show(block)
            yield block
            del block  # it may be used again from now on
        await judgement.end()
    finally:
        await close(source)


async def digest(
    store: Store,
    url: str,
    expected: Expected,
    algorithms: Iterable[str],
    *,
    judgement: Judgement | None = None,
    on_progress: Callable[[int], object] = lambda count: None,
) -> Mapping[str, Digest]:
    """Digests of what lies at ``url`` by algorithm; it is judged on the way.

    Raises what the store raises, ``Corrupt`` if it is not what is ``expected``, and what the
    ``judgement`` raises for content that is refused.
    """
    async with store.open(url) as blocks:
        source = blocks if judgement is None else judged(blocks, judgement)
        reading = Verified(source, expected, algorithms=algorithms, on_progress=on_progress)
        await reading.drain()
    return reading.digests


async def examine(store: Store, url: str, size: int, inspection: Inspection) -> int | None:
    """What the inspection says of the ``size`` bytes at ``url``: see :meth:`Inspection.finish`.

    Read are the first mebibyte, what the formats that are still possible need beyond it (no
    farther than 16 MiB: what lies behind counts as not there), and the end where one of them has
    a footer. A store that cannot begin in the middle is read from the beginning and closed early.

    Raises ``Unsupported`` for content that is refused, ``WrongSize`` if there are fewer bytes,
    and what the store raises.
    """
    on_thread = partial(asyncio.get_running_loop().run_in_executor, computing_threads())

    async def feed(start: int, end: int) -> None:
        async with contextlib.aclosing(_part(store, url, start, end)) as blocks:
            async for block in blocks:
                await on_thread(inspection.feed, [block])

    position = 0
    for end in (min(HEAD, size), min(_FARTHEST, size)):
        if position < end and inspection.wants_the_next:
            await feed(position, end)
            position = end
    if position < size:
        await feed(max(position, size - inspection.skip()), size)
    virtual_size: int | None = await on_thread(inspection.finish, size)
    return virtual_size


async def _part(store: Store, url: str, start: int, end: int) -> AsyncGenerator[Buffer, None]:
    """The bytes from ``start`` to before ``end``, all of them."""
    if start == end:
        return
    async with opened(store, url, start, end - start) as blocks:
        async for block in blocks:
            part = memoryview(block)[: end - start]
            start += len(part)
            yield part
            if start == end:
                return
    raise WrongSize("fewer bytes than it had", store=store.name, url=url)
