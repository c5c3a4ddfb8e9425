"""A site that is reached over its Images API: imagestore, or Glance."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncGenerator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

import aiohttp

from imagestore.backends.base import Buffer
from imagestore.model.errors import Conflict, ImagestoreError, Invalid, NotFound, Unavailable
from imagestore.sites.client import Client
from imagestore.sites.moving import Moving
from imagestore.sites.record import ATTRIBUTES, Record, from_document
from imagestore.sites.site import Data, Members

log = logging.getLogger(__name__)

PATCH = "application/openstack-images-v2.1-json-patch"
_PAGE = 500
_RESTARTS = 3
"""How often a list is begun anew whose marker was deleted meanwhile."""
BLOCK = 1 << 20


class ImagesApi:
    """See :class:`imagestore.sites.site.Target`. ``block`` in bytes: what is sent at once."""

    def __init__(self, client: Client, block: int = BLOCK) -> None:
        self._client = client
        self._block = block
        self.label = client.label

    async def records(self, since: datetime | None = None) -> AsyncGenerator[Record, None]:
        seen: set[str] = set()
        # Hidden images are listed by themselves.
        for hidden in ("false", "true"):
            filters = {"visibility": "all", "member_status": "all", "os_hidden": hidden}
            if since is not None:
                filters["updated_at"] = f"gte:{since.isoformat(timespec='seconds')}Z"
            async with contextlib.aclosing(self._list(filters)) as records:
                async for record in records:
                    if record.id not in seen:
                        seen.add(record.id)
                        yield record

    async def _list(self, filters: Mapping[str, str]) -> AsyncGenerator[Record, None]:
        """In order of creation: what is created meanwhile comes at the end."""
        restarts = 0
        marker: str | None = None
        markers: set[str] = set()
        order = {"limit": str(_PAGE), "sort_key": "created_at", "sort_dir": "asc"}
        while True:
            parameters = {**filters, **order, **({"marker": marker} if marker else {})}
            try:
                page = await self._client.get("images", parameters)
            except NotFound:
                restarts += 1
                if marker is None or restarts > _RESTARTS:
                    raise
                marker = None
                markers.clear()
                continue
            documents = _images(page, self.label)
            for document in documents:
                try:
                    yield from_document(document)
                except Invalid as error:
                    # One image that is none keeps no other from being seen.
                    log.warning("%s", error)
            # Where the next page is is told by a link; only that there is one is believed.
            if not documents or not page.get("next"):
                return
            marker = _id(documents[-1])
            if marker in markers:
                raise Invalid(f"{self.label} lists the same images again and again.")
            markers.add(marker)

    async def record(self, image_id: str) -> Record | None:
        try:
            return from_document(await self._client.get(f"images/{image_id}"))
        except NotFound:
            return None

    async def read(self, record: Record, offset: int = 0) -> AsyncGenerator[Buffer, None]:
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        path = f"images/{record.id}/file"
        async with self._client.stream("GET", path, headers=headers) as answer:
            if answer.status == 204:
                raise Conflict(f"Image {record.id} has no data at {self.label} any more.")
            skip = _to_skip(answer, offset, self.label)
            async for block in answer.content.iter_chunked(BLOCK):
                if skip >= len(block):
                    skip -= len(block)
                    continue
                yield block[skip:] if skip else block
                skip = 0

    async def members(self, image_id: str) -> Members:
        document = await self._client.get(f"images/{image_id}/members")
        try:
            return {str(each["member_id"]): str(each["status"]) for each in document["members"]}
        except (KeyError, TypeError) as error:
            raise Invalid(f"{self.label} does not list members.") from error

    async def create(self, record: Record) -> None:
        fields = {name: value for name, value in record.fields.items() if value is not None}
        document = {"id": record.id, **fields, "tags": list(record.fields.get("tags", ()))}
        await self._client.send("POST", "images", document)

    async def change(self, before: Record, fields: Mapping[str, object]) -> None:
        operations = patch(before.fields, fields)
        if operations:
            await self._client.send("PATCH", f"images/{before.id}", operations, PATCH)

    async def write(self, record: Record, data: Data) -> None:
        headers = {"Content-Type": "application/octet-stream"}
        if record.size is not None:
            headers["Content-Length"] = str(record.size)
            headers["X-Openstack-Image-Size"] = str(record.size)
        path = f"images/{record.id}/file"
        blocks = data.blocks()
        try:
            async with self._client.stream(
                "PUT", path, data=_sliced(blocks, self._block), headers=headers
            ):
                pass
        except ImagestoreError:
            if isinstance(data, Moving) and data.error is not None:
                raise data.error from None
            raise
        finally:
            await blocks.aclose()

    async def set_members(self, image_id: str, before: Members, after: Members) -> None:
        path = f"images/{image_id}/members"
        for project in before.keys() - after.keys():
            await self._client.send("DELETE", f"{path}/{quote(project, safe='')}")
        for project, status in after.items():
            if project not in before:
                await self._client.send("POST", path, {"member": project})
            if before.get(project, "pending") != status:
                place = f"{path}/{quote(project, safe='')}"
                await self._client.send("PUT", place, {"status": status})

    async def switch(self, image_id: str, *, active: bool) -> None:
        word = "reactivate" if active else "deactivate"
        await self._client.send("POST", f"images/{image_id}/actions/{word}")

    async def remove(self, image_id: str) -> None:
        with contextlib.suppress(NotFound):
            await self._client.send("DELETE", f"images/{image_id}")


def patch(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The JSON patch that makes fields ``before`` those of ``after``."""
    operations: list[dict[str, Any]] = []
    for name, value in after.items():
        if name in before and before[name] == value:
            continue
        is_there = name in before or name in ATTRIBUTES or name == "tags"
        told = list(value) if name == "tags" else value
        operations.append(
            {"op": "replace" if is_there else "add", "path": _pointer(name), "value": told}
        )
    gone = before.keys() - after.keys() - {*ATTRIBUTES, "tags"}
    operations += [{"op": "remove", "path": _pointer(name)} for name in sorted(gone)]
    return operations


def _pointer(name: str) -> str:
    return "/" + name.replace("~", "~0").replace("/", "~1")


def _images(page: Any, label: str) -> list[Any]:
    images = page.get("images") if isinstance(page, dict) else None
    if not isinstance(images, list):
        raise Invalid(f"{label} does not list images.")
    return images


def _id(document: Any) -> str:
    return str(document.get("id")) if isinstance(document, dict) else ""


def _to_skip(answer: aiohttp.ClientResponse, offset: int, label: str) -> int:
    """Bytes at the beginning of the answer that are there already."""
    if answer.status != 206:
        return offset
    first = answer.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
    if not first.isdecimal() or int(first) > offset:
        raise Unavailable(f"{label} answers with another range than the one that was asked for.")
    return offset - int(first)


async def _sliced(blocks: AsyncGenerator[Buffer, None], size: int) -> AsyncGenerator[Buffer, None]:
    async for block in blocks:
        for start in range(0, len(block), size):
            yield block if len(block) <= size else memoryview(block)[start : start + size]
