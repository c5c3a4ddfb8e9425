"""An image and its data in one call, as the Images API v1 has it: sent, copied or referred to.

Every rule is that of the operation behind it: an upload, an import from a URL, or a location.
What can be refused is refused before anything is recorded. What fails afterwards leaves an
image that is ``killed``: those who ask how far it is learn that it will not come.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from imagestore.backends.base import Blocks, Buffer
from imagestore.catalog.dependencies import Dependencies
from imagestore.catalog.images import Images
from imagestore.catalog.imports.imports import Imports
from imagestore.catalog.jobs import Jobs
from imagestore.catalog.locations.imports import KIND as LOCATION_IMPORT
from imagestore.catalog.locations.imports import LocationImports
from imagestore.catalog.locations.rules import LocationRules
from imagestore.catalog.operations import Operations
from imagestore.catalog.uploads import Uploads
from imagestore.database import images
from imagestore.identity.caller import Caller
from imagestore.identity.policy import image_target
from imagestore.model.changes import ImageDraft
from imagestore.model.clock import now
from imagestore.model.digest import Digest
from imagestore.model.errors import Conflict, Forbidden, ImagestoreError, Invalid
from imagestore.model.image import Image, ImageStatus
from imagestore.model.import_request import ImportRequest, Method

_SETTLING = 10.0
"""Seconds for which a call waits until it is known what lies at a location."""
_LOOK = 0.05


@dataclass(frozen=True, slots=True)
class DataSource:
    """Where the data comes from: one of ``blocks``, ``copy_from`` and ``location``.

    ``size`` in bytes and ``checksum``, an MD5: what it has to be, where that was said.
    ``store``: the id of the store that takes it; None: the default one. ``token``: the
    caller's, see :meth:`Uploads.upload`.
    """

    blocks: Blocks | None = None
    copy_from: str | None = None
    location: str | None = None
    size: int | None = None
    checksum: Digest | None = None
    store: str | None = None
    token: str | None = None
    request_id: str | None = None


class ImagesWithData(Operations):
    """The operations that take an image together with its data."""

    def __init__(
        self,
        deps: Dependencies,
        images_: Images,
        uploads: Uploads,
        imports: Imports,
        location_imports: LocationImports,
        jobs: Jobs,
    ) -> None:
        super().__init__(deps)
        self._rules = LocationRules(deps)
        self._images = images_
        self._uploads = uploads
        self._imports = imports
        self._location_imports = location_imports
        self._jobs = jobs

    async def create(self, caller: Caller, draft: ImageDraft, delivery: DataSource) -> Image:
        """Register an image and give it its data; the image as it stands then."""
        prepared = self._images.prepare(caller, draft)
        for rule in self._rules_of(delivery):
            self._access.policy.authorize(rule, caller, image_target(prepared))
        await self._check(caller, prepared, delivery)
        image = await self._images.create(caller, draft)
        try:
            await self._deliver(caller, image.id, delivery)
        except BaseException:
            # Its id is told to nobody any more.
            with contextlib.suppress(ImagestoreError):
                await asyncio.shield(self._database.write(_kill, image.id, now()))
            raise
        return await self._images.show(caller, image.id)

    async def require(self, caller: Caller, image_id: str, delivery: DataSource) -> Image:
        """Raise unless the caller may give the image its data in the state that it is in."""
        rules = self._rules_of(delivery)
        image = (await self._database.select(self._access.find, caller, image_id, *rules)).image
        if image.status is not ImageStatus.QUEUED:
            message = f"Image {image_id} is {image.status}; only queued images take data."
            raise (Invalid if delivery.location else Conflict)(message)
        return image

    async def fill(self, caller: Caller, image_id: str, delivery: DataSource) -> Image:
        """Give a queued image its data; the image as it stands then."""
        image = await self.require(caller, image_id, delivery)
        await self._check(caller, image, delivery)
        await self._deliver(caller, image_id, delivery)
        return await self._images.show(caller, image_id)

    def _rules_of(self, delivery: DataSource) -> tuple[str, ...]:
        if delivery.copy_from is not None:
            return ("copy_from", "upload_image", "modify_image")
        if delivery.location is not None:
            return ("set_image_location", "add_image_location")
        return ("upload_image",)

    async def _check(self, caller: Caller, image: Image, delivery: DataSource) -> None:
        """What can be said before anything is begun, on an image that need not be recorded yet."""
        if image.disk_format is None or image.container_format is None:
            raise Invalid("An image with data needs disk_format and container_format.")
        if delivery.copy_from is not None:
            if Method.WEB_DOWNLOAD not in self._deps.settings.images.enabled_import_methods:
                raise Forbidden("The operator of this service lets nothing be copied from URLs.")
            await self._imports.sources.check_url(delivery.copy_from)
        elif delivery.location is not None:
            store = self._rules.store_for(caller, image.id, delivery.location)
            self._location_imports.require_addable(caller, delivery.location)
            found = await self._rules.look(image, store, delivery.location)
            if delivery.size not in (None, found.size):
                raise Conflict(
                    f"There are {found.size} bytes at the location, not {delivery.size}."
                )

    async def _deliver(self, caller: Caller, image_id: str, delivery: DataSource) -> None:
        if delivery.copy_from is not None:
            source = {"uri": delivery.copy_from}
            await self._imports.start(
                caller,
                image_id,
                ImportRequest(
                    Method.WEB_DOWNLOAD,
                    source,
                    body={"method": {"name": Method.WEB_DOWNLOAD.value, **source}},
                    size=delivery.size,
                    checksum=delivery.checksum,
                    kills=True,
                ),
                header_store=delivery.store,
                request_id=delivery.request_id,
            )
        elif delivery.location is not None:
            await self._location_imports.add(
                caller,
                image_id,
                delivery.location,
                {} if delivery.checksum is None else {"checksum": delivery.checksum.value},
                request_id=delivery.request_id,
                size=delivery.size,
                kills=True,
            )
            await self._settled(image_id)
        else:
            await self._uploads.upload(
                caller,
                image_id,
                nothing() if delivery.blocks is None else delivery.blocks,
                size=delivery.size,
                store=delivery.store,
                token=delivery.token,
                checksum=delivery.checksum,
                failed=ImageStatus.KILLED,
            )

    async def _settled(self, image_id: str) -> None:
        """Wait a while until a worker has looked at the location, and raise what it found wrong."""
        loop = asyncio.get_running_loop()
        end = loop.time() + _SETTLING
        while loop.time() < end:
            row = await self._database.select(images.get, image_id)
            if row is None or row.image.status is not ImageStatus.IMPORTING:
                break
            await asyncio.sleep(_LOOK)
        else:
            return
        if row is not None and row.image.status is ImageStatus.KILLED:
            done = await self._jobs.list(kind=LOCATION_IMPORT, image_id=image_id, limit=1)
            reason = done[0].message if done else None
            raise Invalid(reason or "The location cannot be used.")


async def nothing() -> AsyncGenerator[Buffer, None]:
    """The data of an image of no bytes."""
    return
    yield b""


def _kill(conn: Connection, image_id: str, moment: datetime) -> None:
    """Unless it has begun to take data, in which case that decides what it is to be."""
    images.transition(conn, image_id, {ImageStatus.QUEUED}, ImageStatus.KILLED, updated_at=moment)
