"""``/images`` of the registry: metadata as JSON, where the data lies included.

What is written is held to the rules of v1. The registry of 2014 took whatever it was told; here a
location makes an image active as at every other door, once what lies there has been looked at,
and whoever deletes an image deletes its data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aiohttp import web

from imagestore.api import keys, request_id
from imagestore.api.body import read_json, refuse_body
from imagestore.api.reply import json_reply
from imagestore.api.v1 import metadata, views
from imagestore.api.v1.drafts import changes, draft
from imagestore.api.v1.images import page
from imagestore.api.v1.metadata import Metadata
from imagestore.api.v2.images import schema_key
from imagestore.catalog.images_with_data import DataSource
from imagestore.model.digest import CHECKSUM, Digest
from imagestore.model.errors import Conflict, Invalid
from imagestore.model.image import Image, ImageStatus

_FIELDS = metadata.FIELDS - {"store", "copy_from", "uri"}
_READ = ("location_data", "properties")


async def detail(request: web.Request) -> web.Response:
    return json_reply({"images": [_view(image) for image in await page(request)]})


async def show(request: web.Request) -> web.Response:
    refuse_body(request)
    image = await request.app[keys.catalog].images.show(*keys.of_image(request))
    return _reply(image)


async def create(request: web.Request) -> web.Response:
    app, caller = request.app, request[keys.caller]
    given, location = _given(await read_json(request))
    data = _data(request, given, location)
    status = given.fields.get("status") or ImageStatus.QUEUED
    if status not in (ImageStatus.QUEUED, ImageStatus.ACTIVE) or (
        status == ImageStatus.ACTIVE and data is None
    ):
        raise Invalid(f"An image becomes {status} by its data; give its location.")
    wanted = draft(given, app[schema_key], caller)
    if data is None:
        return _reply(await app[keys.catalog].images.create(caller, wanted))
    return _reply(await app[keys.catalog].images_with_data.create(caller, wanted, data))


async def update(request: web.Request) -> web.Response:
    app, (caller, image_id) = request.app, keys.of_image(request)
    catalog = app[keys.catalog]
    body = await read_json(request)
    given, location = _given(body)
    image = await catalog.images.show(caller, image_id)
    if body.get("from_state") not in (None, views.status(image)):
        raise Conflict(f"Image {image_id} is {views.status(image)}, not {body['from_state']}.")
    if location in [each.url for each in image.locations]:
        location = None  # as it was shown
    data = _data(request, given, location)
    if data is not None:
        await catalog.images_with_data.require(caller, image_id, data)
        given = replace(given, fields={**given.fields, "status": views.status(image)})
    purge = metadata.is_true(request.headers.get(metadata.PURGE, "false"))
    if wanted := changes(given, image, app[schema_key], caller, purge=purge):
        image = await catalog.images.change(caller, image_id, wanted)
    if data is not None:
        image = await catalog.images_with_data.fill(caller, image_id, data)
    return _reply(image)


async def delete(request: web.Request) -> web.Response:
    refuse_body(request)
    catalog = request.app[keys.catalog]
    image = await catalog.images.show(*keys.of_image(request))
    await catalog.deletions.delete(*keys.of_image(request))
    return _reply(replace(image, status=ImageStatus.DELETED, locations=()))


def _given(body: Any) -> tuple[Metadata, str | None]:
    """What a body says of an image, and where its data lies. Raises :class:`Invalid`."""
    image = body.get("image") if isinstance(body, dict) else None
    if not isinstance(image, dict):
        raise Invalid('The body must be a JSON object with an object "image".')
    if unknown := image.keys() - _FIELDS - {*_READ}:
        raise Invalid(f"An image has no {', '.join(sorted(unknown))}.")
    fields = {name: metadata.typed(name, image[name]) for name in image.keys() & _FIELDS}
    for name in ("size", "checksum", "status"):
        if fields.get(name) is None:
            fields.pop(name, None)  # what is not known is not said
    properties = image.get("properties") or {}
    if not isinstance(properties, dict) or not all(
        value is None or isinstance(value, str) for value in properties.values()
    ):
        raise Invalid("properties must be an object of texts.")
    location = _location(image.get("location_data"), fields.pop("location", None))
    return Metadata(fields, {name: value or "" for name, value in properties.items()}), location


def _location(entries: Any, url: str | None) -> str | None:
    """The one location that an image is said to have."""
    if not isinstance(entries, list | None) or not all(
        isinstance(entry, dict) and isinstance(entry.get("url"), str) for entry in entries or ()
    ):
        raise Invalid("location_data must be a list of objects, each with a url.")
    found = {entry["url"] for entry in entries or ()} | ({url} if url else set())
    if len(found) > 1:
        raise Invalid("An image is given one location; further copies are the service's to make.")
    return next(iter(found), None)


def _data(request: web.Request, given: Metadata, location: str | None) -> DataSource | None:
    fields: Mapping[str, Any] = given.fields
    checksum = fields.get("checksum")
    if location is None and not (
        fields.get("size") == 0 and fields.get("status") == ImageStatus.ACTIVE
    ):
        return None
    return DataSource(
        location=location,
        size=fields.get("size"),
        checksum=None if checksum is None else Digest(CHECKSUM, checksum),
        request_id=request_id.of(request),
    )


def _reply(image: Image) -> web.Response:
    return json_reply({"image": _view(image)})


def _view(image: Image) -> dict[str, Any]:
    """As v1 shows it, and where its data lies: who asks here brings it to others."""
    places = [
        {"id": each.id, "url": each.url, "metadata": dict(each.metadata), "status": each.status}
        for each in image.locations
    ]
    return {
        "virtual_size": None,
        **views.show(image),
        "location": places[0]["url"] if places else None,
        "location_data": places,
    }
