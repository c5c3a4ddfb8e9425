"""This service as one end of a replication, through the same doorway as every other caller."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Mapping
from datetime import datetime
from typing import Any, Protocol

from imagestore.backends.base import Buffer
from imagestore.catalog.catalog import Catalog
from imagestore.identity.caller import Caller
from imagestore.model.changes import Change, ImageDraft
from imagestore.model.errors import Conflict, Invalid, NotFound
from imagestore.model.image import Image, MemberStatus
from imagestore.model.query import Condition, Direction, ImageQuery, Op, Sort
from imagestore.sites.images_api import patch
from imagestore.sites.record import ATTRIBUTES, Record, is_property
from imagestore.sites.site import Data, Members

_PAGE = 500
_ORDER = (Sort("created_at", Direction.ASC), Sort("id", Direction.ASC))
_CALLER = Caller(roles=frozenset({"admin", "member", "reader"}), is_admin=True)
"""What is replicated is for the operator to say, who configured it."""


class Schema(Protocol):
    """Checks what a site wants an image to be, as it is checked for every client."""

    def validate_create(self, body: Any) -> ImageDraft: ...

    def validate_changes(self, changes: list[Change]) -> tuple[Change, ...]: ...


class Local:
    """See :class:`imagestore.sites.site.Target`. ``store``: where data goes; None: the default."""

    label = "this service"

    def __init__(self, catalog: Catalog, schema: Schema, store: str | None) -> None:
        self._catalog = catalog
        self._schema = schema
        self._store = store

    async def records(self, since: datetime | None = None) -> AsyncGenerator[Record, None]:
        changed = () if since is None else (Condition("updated_at", Op.GTE, since),)
        for hidden in (False, True):
            marker = None
            while True:
                query = ImageQuery(
                    limit=_PAGE,
                    marker=marker,
                    sort=_ORDER,
                    all_visibilities=True,
                    member_status=None,
                    os_hidden=hidden,
                    conditions=changed,
                )
                page = await self._catalog.images.page(_CALLER, query)
                for image in page.images:
                    yield _record(image)
                marker = page.marker
                if marker is None:
                    break

    async def record(self, image_id: str) -> Record | None:
        try:
            return _record(await self._catalog.images.show(_CALLER, image_id))
        except NotFound:
            return None

    async def read(self, record: Record, offset: int = 0) -> AsyncGenerator[Buffer, None]:
        found = await self._catalog.downloads.find(_CALLER, record.id)
        if found is None:
            raise Conflict(f"Image {record.id} has no data any more.")
        reading = found.read(offset, found.size - offset)
        async with contextlib.aclosing(reading.blocks()) as blocks:
            async for block in blocks:
                yield block

    async def members(self, image_id: str) -> Members:
        members = await self._catalog.members.all(_CALLER, image_id)
        return {member.member_id: member.status.value for member in members}

    async def create(self, record: Record) -> None:
        document = {"id": record.id, **record.fields, "tags": list(record.fields.get("tags", ()))}
        await self._catalog.images.create(_CALLER, self._schema.validate_create(document))

    async def change(self, before: Record, fields: Mapping[str, object]) -> None:
        changes = [
            Change(each["op"], _name(each["path"]), each.get("value"))
            for each in patch(before.fields, fields)
        ]
        checked = self._schema.validate_changes(changes)
        await self._catalog.images.change(_CALLER, before.id, checked)

    async def write(self, record: Record, data: Data) -> None:
        await self._catalog.uploads.upload(
            _CALLER, record.id, data.blocks(), size=record.size, store=self._store
        )

    async def set_members(self, image_id: str, before: Members, after: Members) -> None:
        members = self._catalog.members
        for project in before.keys() - after.keys():
            await members.remove(_CALLER, image_id, project)
        for project, status in after.items():
            if project not in before:
                await members.add(_CALLER, image_id, project)
            if before.get(project, MemberStatus.PENDING) != status:
                if status not in set(MemberStatus):
                    raise Invalid(f"{status!r} is not the status of a member.")
                await members.set_status(_CALLER, image_id, project, MemberStatus(status))

    async def switch(self, image_id: str, *, active: bool) -> None:
        images = self._catalog.images
        await (images.reactivate if active else images.deactivate)(_CALLER, image_id)

    async def remove(self, image_id: str) -> None:
        with contextlib.suppress(NotFound):
            await self._catalog.deletions.delete(_CALLER, image_id)


def _record(image: Image) -> Record:
    fields: dict[str, Any] = {name: getattr(image, name) for name in ATTRIBUTES}
    if fields["owner"] is None:
        del fields["owner"]
    fields["visibility"] = image.visibility.value
    fields["tags"] = tuple(sorted(set(image.tags)))
    fields |= {name: value for name, value in image.properties.items() if is_property(name)}
    return Record(
        image.id,
        image.status.value,
        image.size,
        image.checksum,
        image.os_hash_algo,
        image.os_hash_value,
        image.updated_at,
        fields,
    )


def _name(pointer: str) -> str:
    return pointer.removeprefix("/").replace("~1", "/").replace("~0", "~")
