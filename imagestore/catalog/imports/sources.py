"""Where the bytes of an import come from. Every URL goes through the guarded fetcher."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from imagestore.backends import errors as store_errors
from imagestore.backends.base import Blocks
from imagestore.backends.http.connections import Connections
from imagestore.backends.http.faults import Broken
from imagestore.backends.http.fetch import Fetcher
from imagestore.backends.http.guard import Guard
from imagestore.backends.http.transport import Transport
from imagestore.catalog.imports.remote import Remotes, checked
from imagestore.catalog.imports.staging import Staging
from imagestore.catalog.jobs import GiveUp
from imagestore.config.settings import Settings
from imagestore.model.errors import Invalid, Unavailable
from imagestore.model.image import Image
from imagestore.model.import_request import Method, Order
from imagestore.transfer.judgement import too_large

_RESUMES = 5
"""Times that a download goes on in the middle after its connection broke."""


@dataclass(frozen=True, slots=True)
class ImportSource:
    """``size`` in bytes; None if it is not known beforehand. ``image``: as it is to be."""

    size: int | None
    blocks: Blocks
    image: Image


class Sources:
    """Opens what an import reads. ``start`` and ``stop`` go with the service's."""

    def __init__(self, settings: Settings, staging: Staging) -> None:
        self._guard = Guard(settings.import_filter)
        patience = settings.server.progress_timeout
        self._connections = Connections(self._guard, Transport())
        self._fetcher = Fetcher(
            self._guard,
            self._connections,
            answer_timeout=patience,
            progress_timeout=patience,
            least=settings.server.least_rate,
        )
        self._staging = staging
        self._remotes = Remotes(settings)

    async def start(self) -> None:
        await self._connections.start()

    async def stop(self) -> None:
        await self._connections.stop()

    async def check(self, method: Method, source: Mapping[str, Any]) -> None:
        """Raise :class:`Invalid` for what can never be fetched. Asks nobody but a name server."""
        if method is Method.WEB_DOWNLOAD:
            await self.check_url(source.get("uri"))

    async def described(
        self, method: Method, source: Mapping[str, Any], token: str | None
    ) -> tuple[Mapping[str, Any], str]:
        """The source, complete, and the caller's token as it may wait for the import.

        Raises :class:`Invalid`, and asks nobody. The token is kept where the source needs it.
        """
        if method is not Method.GLANCE_DOWNLOAD:
            return source, ""
        return checked(source), await self._remotes.seal.seal(token or "")

    async def check_url(self, url: Any) -> None:
        """Whether the URL is one that may be fetched, as far as that can be told beforehand."""
        if not isinstance(url, str) or not url:
            raise Invalid("web-download needs the URL of the data, as uri.")
        try:
            await self._guard.admit(url)
        except store_errors.InvalidLocation as error:
            raise Invalid(f"The URL does not pass filtering: {error.message}.") from None
        except store_errors.Unavailable:
            # A name that is not known now may be when the import begins.
            return

    @contextlib.asynccontextmanager
    async def open(self, image: Image, order: Order, most: int) -> AsyncIterator[ImportSource]:
        """The bytes for an image, ``most`` of them.

        Errors of the source are :class:`GiveUp` or :class:`Unavailable` (try again), so that
        nobody takes them for those of a store.
        """
        with _blaming_the_source(most):
            if order.method is Method.GLANCE_DIRECT:
                async with self._staging.open(image.id) as (size, blocks):
                    yield ImportSource(size, _guarded(blocks, most), image)
            elif order.method is Method.GLANCE_DOWNLOAD:
                async with self._remotes.open(image, order, most) as remote:
                    yield ImportSource(remote.size, _guarded(remote.blocks, most), remote.image)
            else:
                url = str(order.source.get("uri"))
                async with self._fetcher.open(url, most=most, resumes=_RESUMES) as fetched:
                    yield ImportSource(fetched.head.size, _guarded(fetched.blocks, most), image)


async def _guarded(blocks: Blocks, most: int) -> Blocks:
    with _blaming_the_source(most):
        async for block in blocks:
            yield block
            del block


@contextlib.contextmanager
def _blaming_the_source(most: int) -> Any:
    try:
        yield
    except store_errors.StoreError as error:
        if error.store and not isinstance(error, _OF_SOURCE):
            raise
        match error:
            case store_errors.WrongSize():
                raise too_large(most) from error
            case Broken():
                raise Unavailable(f"The source cannot be read: {error.message}.") from error
        raise GiveUp(f"The source cannot be read: {error.message}.") from error


_OF_SOURCE = (Broken,)
