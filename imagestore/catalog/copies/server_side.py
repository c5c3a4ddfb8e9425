"""A copy that the service of the stores makes by itself, where both are in one cluster.

The bytes do not pass by this process on their way, so nothing has compared them; nor does what a
store says of them prove anything, since a server may carry over the checksum of the source, and
that is right also of a source that has rotted. So the copy is read once, and compared with the
digests of the image, before it becomes a location. What is wrong is removed, and the bytes
are sent instead.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

from imagestore.backends import errors
from imagestore.backends.base import Capability, Copier, Store, Stored
from imagestore.model.digest import Digest, recorded
from imagestore.model.errors import Corrupt, Unavailable
from imagestore.model.image import Image, Location
from imagestore.stores.stores import Stores
from imagestore.transfer.reading import Copy
from imagestore.transfer.verification import Verified

log = logging.getLogger(__name__)


class ServerSide:
    """Asks a store for copies."""

    def __init__(self, stores: Stores, *, wanted: bool) -> None:
        self._stores = stores
        self._wanted = wanted

    async def copy(
        self,
        target: Store,
        image: Image,
        sources: Sequence[tuple[Store, Location]],
        verified: Callable[[Copy], Verified],
    ) -> tuple[Stored, Mapping[str, Digest]] | None:
        """The copy, verified, and its digests; None if it has to be sent.

        Raises what means that sending it would fail too: ``Exists``, ``Full``, ``Refused``.
        """
        if not (self._wanted and recorded(image) and Capability.COPIES in target.capabilities):
            return None
        assert isinstance(target, Copier)
        assert image.size is not None
        for source, location in sources:
            if not self._stores.health(source.name).healthy:
                continue
            driver = self._stores.driver(source.name)
            try:
                stored = await target.copy(
                    image.id, driver, location.url, image.size, owner=image.owner
                )
            except errors.CannotCopy:
                continue
            except (errors.Exists, errors.Full, errors.Refused):
                raise
            except errors.StoreError as error:
                log.warning("image %s: is sent, as the store did not copy it: %s", image.id, error)
                return None
            reading = verified(Copy(target, stored.url))
            try:
                await reading.drain()
            except (Corrupt, Unavailable) as error:
                log.error("image %s: a copy of %s is wrong: %s", image.id, location.url, error)
                await target.delete(stored.url)
                return None
            log.info("image %s: %s has made the copy by itself", image.id, target.name)
            return stored, reading.digests
        return None
