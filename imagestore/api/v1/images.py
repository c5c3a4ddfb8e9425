"""``/v1/images``: create, list, show, download, change, delete."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from aiohttp import web
from multidict import CIMultiDict

from imagestore.api import counting, keys, request_id, texts
from imagestore.api.body import Body, read_blocks, refuse_body
from imagestore.api.reply import json_reply
from imagestore.api.v1 import listing, metadata, views
from imagestore.api.v1.drafts import changes, draft
from imagestore.api.v1.metadata import Metadata
from imagestore.api.v2.data import require_octets, send
from imagestore.api.v2.images import schema_key
from imagestore.api.versions import base_url
from imagestore.catalog.images_with_data import DataSource
from imagestore.model.changes import Change
from imagestore.model.digest import CHECKSUM, Digest
from imagestore.model.errors import Invalid, NotFound, Unsupported
from imagestore.model.image import Image, ImageStatus


async def index(request: web.Request) -> web.Response:
    return json_reply({"images": [views.brief(image) for image in await page(request)]})


async def detail(request: web.Request) -> web.Response:
    return json_reply({"images": [views.show(image) for image in await page(request)]})


async def page(request: web.Request) -> Iterable[Image]:
    """The images that a list asks for."""
    refuse_body(request)
    caller = request[keys.caller]
    query = listing.parse(
        dict(request.query.items()),
        request.app[keys.settings].limits,
        caller,
        request.app[texts.key],
    )
    found = await request.app[keys.catalog].images.page(caller, query)
    return found.images


async def meta(request: web.Request) -> web.Response:
    refuse_body(request)
    image = await request.app[keys.catalog].images.show(*keys.of_image(request))
    return web.Response(headers=_headers(image), content_type="text/html", charset="UTF-8")


async def show(request: web.Request) -> web.StreamResponse:
    """The data, with the metadata in headers."""
    refuse_body(request)
    caller, image_id = keys.of_image(request)
    catalog = request.app[keys.catalog]
    image = await catalog.images.show(caller, image_id)
    found = await catalog.downloads.find(caller, image_id)
    if found is None or image.status not in (ImageStatus.ACTIVE, ImageStatus.DEACTIVATED):
        raise NotFound(f"Image {image_id} has no data.")
    headers = _headers(image)
    headers["Content-Type"] = "application/octet-stream"
    headers["Content-Length"] = str(found.size)
    response = web.StreamResponse(headers=headers)
    await send(request, response, found, 0, found.size)
    return response


async def create(request: web.Request) -> web.Response:
    app, caller = request.app, request[keys.caller]
    given = metadata.parse(request.headers.items())
    wanted = draft(given, app[schema_key], caller)
    delivery, body = _delivery(request, given)
    if delivery is None and given.fields.get("size") == 0:
        delivery = DataSource(size=0, store=_store(request, given))
    if delivery is None:
        image = await app[keys.catalog].images.create(caller, wanted)
    else:
        with counting.receiving(body):
            image = await app[keys.catalog].images_with_data.create(caller, wanted, delivery)
    location = f"{base_url(request)}/v1/images/{image.id}"
    return _reply(image, 201, {"Location": location})


async def update(request: web.Request) -> web.Response:
    app, caller = request.app, request[keys.caller]
    catalog, image_id = app[keys.catalog], request.match_info["image_id"]
    given = metadata.parse(request.headers.items())
    delivery, body = _delivery(request, given)
    with counting.receiving(body):
        image = await catalog.images.show(caller, image_id)
        if delivery is not None:
            await catalog.images_with_data.require(caller, image_id, delivery)
        purge = body is None and metadata.is_true(request.headers.get(metadata.PURGE, "true"))
        wanted = changes(given, image, app[schema_key], caller, purge=purge)
        if not wanted and delivery is None:
            # Whoever may change nothing is told so all the same.
            wanted = (Change("replace", "name", image.name),)
        if wanted:
            image = await catalog.images.change(caller, image_id, wanted)
        if delivery is not None:
            image = await catalog.images_with_data.fill(caller, image_id, delivery)
    return _reply(image)


async def delete(request: web.Request) -> web.Response:
    refuse_body(request)
    await request.app[keys.catalog].deletions.delete(*keys.of_image(request))
    return web.Response(content_type="text/html", charset="UTF-8")


def _headers(image: Image) -> CIMultiDict[str]:
    headers = CIMultiDict(metadata.written(views.show(image)))
    if image.checksum is not None:
        headers["ETag"] = image.checksum
    return headers


def _reply(image: Image, status: int = 200, more: dict[str, str] | None = None) -> web.Response:
    headers = dict(more or {})
    if image.checksum is not None:
        headers["ETag"] = image.checksum
    return json_reply({"image": views.show(image)}, status, headers)


def _delivery(request: web.Request, given: Metadata) -> tuple[DataSource | None, Body | None]:
    """Where the data of the image comes from, if this request says so; and its body, if it has one.

    Raises :class:`Invalid` for two sources, or one that is none.
    """
    fields = given.fields
    has_body = bool(request.content_length or request.headers.get("Transfer-Encoding"))
    sources = [has_body, given.copy_from is not None, "location" in fields]
    if sum(sources) > 1:
        raise Invalid("An image has one source: a body, a location, or a URL to copy from.")
    if not any(sources):
        return None, None
    if given.copy_from == "" or fields.get("location", "") is None:
        raise Invalid("The URL is empty.")
    checksum = fields.get("checksum")
    delivery = DataSource(
        copy_from=given.copy_from,
        location=fields.get("location"),
        size=fields.get("size", request.content_length if has_body else None),
        checksum=None if checksum is None else Digest(CHECKSUM, checksum),
        store=_store(request, given),
        token=request.headers.get("X-Auth-Token"),
        request_id=request_id.of(request),
    )
    if not has_body:
        return delivery, None
    try:
        require_octets(request)
    except Unsupported as error:
        raise Invalid(error.message) from None
    body = read_blocks(request)
    return replace(delivery, blocks=body), body


def _store(request: web.Request, given: Metadata) -> str | None:
    """The id of the store that ``store`` names: by its id, or as v1 did, by its type."""
    name = given.fields.get("store")
    if name is None:
        return None
    stores = request.app[keys.stores]
    if name in stores:
        return str(name)
    kind = _KINDS.get(name, name)
    of_kind = [section.name for section in stores.sections if section.type == kind]
    if not of_kind:
        raise Invalid("There is no such store.")
    return stores.default.name if stores.default.name in of_kind else of_kind[0]


_KINDS = {
    "filesystem": "file",
    "swift+http": "swift",
    "swift+https": "swift",
    "swift+config": "swift",
    "s3+http": "s3",
    "s3+https": "s3",
    "https": "http",
}
"""Schemes of URLs that name a type of store otherwise than the configuration does."""
