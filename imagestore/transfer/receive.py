"""One pass over an image's bytes: counted, inspected, digested and stored side by side."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Any

from imagestore.backends.base import Blocks, Buffer, Store, Stored
from imagestore.config.settings import Images
from imagestore.model.digest import CHECKSUM, Digest, Expected
from imagestore.model.image import Image
from imagestore.transfer.digests import algorithms
from imagestore.transfer.inspection import Inspection
from imagestore.transfer.judgement import Judgement, Verification, judged
from imagestore.transfer.verification import Verified, close


@dataclass(frozen=True, slots=True)
class Content:
    """What the data of an image was found to be. Sizes in bytes.

    ``checksum`` is an MD5, if one was computed; ``os_hash`` by the algorithm of the configuration.
    """

    size: int
    virtual_size: int | None
    checksum: Digest | None
    os_hash: Digest

    def attributes(self) -> dict[str, Any]:
        """By the names that they have in an :class:`Image`."""
        return {
            "size": self.size,
            "virtual_size": self.virtual_size,
            "checksum": None if self.checksum is None else self.checksum.value,
            "os_hash_algo": self.os_hash.algorithm,
            "os_hash_value": self.os_hash.value,
        }


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
) -> tuple[Content, Stored]:
    """Read ``source`` to its end and store it as the data of ``image``.

    ``size``: the bytes to expect, if known; another number is ``WrongSize``.
    ``size_cap``: ``OverLimit`` if more come. ``on_progress`` is called with the number of
    bytes so far after each block; an error that it raises ends the transfer.

    ``verification`` sees every block; what it raises at the end keeps the store from making
    anything readable. ``checksum``: the MD5 that the bytes have to have; another one is
    ``Corrupt``, and just as early.

    Content that the settings do not accept is ``Unsupported``, as soon as it is
    known and always before the store makes anything readable. Errors of the source
    and of the store pass through. In any of these cases, and when cancelled, nothing
    is left in the store, and ``source`` is closed.

    A bounded number of blocks is in flight, so the slowest of source, digests and
    store sets the pace.
    """
    flow = Flow(image, source, settings, size_cap, on_progress, verification, checksum)
    try:
        async with contextlib.aclosing(flow.blocks()) as blocks:
            stored = await store.add(image.id, blocks, size, owner=image.owner)
    finally:
        await close(source)
    return flow.content(), stored


@dataclass(eq=False)
class Flow:
    """The blocks of a source on their way to stores, past everyone who looks at them.

    What it is told is described at :func:`receive`.
    """

    image: Image
    source: Blocks
    settings: Images
    size_cap: int | None
    on_progress: Callable[[int], object] | None
    verification: Verification | None
    checksum: Digest | None

    def __post_init__(self) -> None:
        image, settings = self.image, self.settings
        inspection = Inspection(image.disk_format, image.container_format, settings)
        self._judgement = Judgement(
            inspection, size_cap=self.size_cap, verification=self.verification
        )
        self._verified = Verified(
            self.source,
            Expected(None, () if self.checksum is None else (self.checksum,)),
            algorithms=algorithms(settings),
            on_progress=self.on_progress or (lambda count: None),
        )

    @property
    def size(self) -> int:
        """Bytes of the source so far."""
        return self._judgement.size

    def blocks(self) -> AsyncGenerator[Buffer, None]:
        """The blocks of the source, each handed to all who look before it is yielded.

        What they say is known before the end: the store makes nothing readable until then.
        """
        return judged(self._verified.blocks(), self._judgement)

    def content(self) -> Content:
        """What has passed, once the blocks have ended."""
        digests = self._verified.digests
        return Content(
            self.size,
            self._judgement.virtual_size,
            digests.get(CHECKSUM),
            digests[self.settings.hashing_algorithm],
        )
