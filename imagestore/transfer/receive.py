"""One pass over an image's bytes: counted, inspected, digested and stored side by side."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from dataclasses import dataclass, field

from imagestore.backends.base import Blocks, Buffer, Store, Stored
from imagestore.backends.errors import StoreError
from imagestore.config.settings import Images
from imagestore.model.digest import CHECKSUM, Digest
from imagestore.model.errors import Invalid
from imagestore.model.image import Image
from imagestore.transfer.digests import Hasher
from imagestore.transfer.inspection import Inspection
from imagestore.transfer.judgement import Judgement, Verification
from imagestore.transfer.verification import close

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Received:
    """What an image is once its bytes are durable in a store. Sizes in bytes."""

    url: str
    size: int
    checksum: str
    os_hash_algo: str
    os_hash_value: str
    virtual_size: int | None
    metadata: Mapping[str, str] = field(default_factory=dict)


async def receive(
    store: Store,
    image: Image,
    source: Blocks,
    *,
    settings: Images,
    size: int | None = None,
    size_cap: int | None = None,
    on_progress: Callable[[int], object] | None = None,
    verification: Verification | None = None,
    checksum: Digest | None = None,
) -> Received:
    """Read ``source`` to its end and store it as the data of ``image``.

    ``size``: the bytes to expect, if known; another number is ``WrongSize``.
    ``size_cap``: ``OverLimit`` if more come. ``on_progress`` is called with the number of
    bytes so far after each block; an error that it raises ends the transfer.

    ``verification`` sees every block; what it raises at the end keeps the store from making
    anything readable. ``checksum``: the MD5 in hexadecimal that the bytes have to have; another
    one is ``Invalid``, and just as early.

    Content that the settings do not accept is ``Unsupported``, as soon as it is
    known and always before the store makes anything readable. Errors of the source
    and of the store pass through. In any of these cases, and when cancelled, nothing
    is left in the store, and ``source`` is closed.

    A bounded number of blocks is in flight, so the slowest of source, digests and
    store sets the pace.
    """
    algorithm = settings.hashing_algorithm
    inspection = Inspection(image.disk_format, image.container_format, settings)
    flow = Flow(
        source, {CHECKSUM, algorithm}, inspection, size_cap, on_progress, verification, checksum
    )
    try:
        async with contextlib.aclosing(flow.blocks()) as blocks:
            stored = await store.add(image.id, blocks, size, owner=image.owner)
        try:
            values = {name: (await each.digest()).value for name, each in flow.digests.items()}
        except BaseException:
            await asyncio.shield(_remove(store, stored))
            raise
    finally:
        await close(source)
    return Received(
        url=stored.url,
        size=stored.size,
        checksum=values[CHECKSUM],
        os_hash_algo=algorithm,
        os_hash_value=values[algorithm],
        virtual_size=flow.virtual_size,
        metadata=stored.metadata,
    )


class Flow:
    """The blocks of a source on their way to a store, past everyone who looks at them."""

    def __init__(
        self,
        source: Blocks,
        algorithms: Iterable[str],
        inspection: Inspection,
        size_cap: int | None,
        on_progress: Callable[[int], object] | None,
        verification: Verification | None,
        checksum: Digest | None = None,
    ) -> None:
        self.digests = {name: Hasher(name) for name in algorithms}
        self.size = 0
        """Bytes of the source, once it was read to its end."""
        self.virtual_size: int | None = None
        self._source = source
        self._judgement = Judgement(inspection, size_cap=size_cap, verification=verification)
        self._on_progress = on_progress
        self._checksum = checksum

    async def blocks(self) -> AsyncGenerator[Buffer, None]:
        """The blocks of the source, each digested and judged before it is yielded.

        The verdict is known before the end: the store makes nothing readable until then.
        """
        judgement = self._judgement
        lanes = [digest.lane for digest in self.digests.values()]
        async for block in self._source:
            await judgement.show(block)
            for lane in lanes:
                if not lane.offer(block):
                    await lane.put(block)
            if self._on_progress is not None:
                self._on_progress(judgement.size)
            yield block
        if self._checksum is not None:
            found = await self.digests[CHECKSUM].digest()
            if found != self._checksum:
                raise Invalid(f"The checksum of the data is {found.value}, not as was said.")
        await judgement.end()
        self.size, self.virtual_size = judgement.size, judgement.virtual_size


async def _remove(store: Store, stored: Stored) -> None:
    try:
        await store.delete(stored.url)
    except StoreError as error:
        log.error("what was stored could not be removed again: %s", error)
