"""Which downloads use the node's cache, and which images they bring into it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable

from cachetools import LRUCache

from imagestore.backends.base import Buffer, Capability, Store
from imagestore.cache.cache import Cache, CachedFile
from imagestore.cache.directory import Wanted
from imagestore.model.digest import comparable
from imagestore.model.image import Image, ImageStatus
from imagestore.transfer.reading import OpenCached

_REMEMBERED = 10_000
"""Images whose downloads are counted."""

Source = Callable[[int], AsyncGenerator[Buffer, None]]


def wanted(image: Image) -> Wanted | None:
    """What the cache has to have of the image; None if nothing could be verified."""
    expected = comparable(image)
    if expected is None or expected.size is None:
        return None
    return Wanted(image.id, expected.size, expected.digests[0])


class CachedData:
    """The node's cache, as it stands before the stores."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._config = cache.config
        self._downloads: LRUCache[str, int] = LRUCache(_REMEMBERED)

    def opener(
        self, image: Image, best: Store | None, source: Source, offset: int, length: int
    ) -> OpenCached | None:
        """What opens the data for a download of ``length`` bytes from ``offset``; None if it
        goes past the cache. ``best``: the store that it would be read from."""
        # What is not active is for administrators to look at, as it lies in the stores.
        data = wanted(image) if image.status is ImageStatus.ACTIVE else None
        if not self._config.serving or data is None:
            return None
        whole = offset == 0 and length == data.size
        admitted = whole and self._is_admitted(image, best)

        async def open_cached() -> CachedFile | None:
            return await self._cache.open(data, source if admitted else None, offset)

        return open_cached

    def _is_admitted(self, image: Image, best: Store | None) -> bool:
        """Whether this download brings the image in."""
        count = self._downloads[image.id] = self._downloads.get(image.id, 0) + 1
        config = self._config
        if best is None or count < config.min_downloads:
            return False
        if config.visibilities and image.visibility not in config.visibilities:
            return False
        if config.max_image_size and (image.size or 0) > config.max_image_size:
            return False
        return config.local_stores or Capability.LOCAL_PATH not in best.capabilities
