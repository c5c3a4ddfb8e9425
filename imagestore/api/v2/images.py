"""``/v2/images``: create, list, show, change, delete."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from imagestore.api import keys, texts
from imagestore.api.body import read_bytes, read_json, refuse_body
from imagestore.api.reply import done_to_image, json_reply, no_content
from imagestore.api.v2 import listing, patch
from imagestore.api.v2.info import available_import_methods
from imagestore.api.v2.schemas import ImageSchema
from imagestore.api.v2.views import ImageView
from imagestore.api.versions import base_url
from imagestore.model.errors import NotFound
from imagestore.serving.responses import is_gone

schema_key = web.AppKey("image_schema", ImageSchema)
view_key = web.AppKey("image_view", ImageView)

delete = done_to_image(lambda catalog: catalog.deletions.delete)
deactivate = done_to_image(lambda catalog: catalog.images.deactivate)
reactivate = done_to_image(lambda catalog: catalog.images.reactivate)


async def create(request: web.Request) -> web.Response:
    app = request.app
    draft = app[schema_key].validate_create(await read_json(request))
    caller = request[keys.caller]
    image = await app[keys.catalog].images.create(caller, draft)
    headers = {"Location": f"{base_url(request)}/v2/images/{image.id}"}
    if methods := available_import_methods(app[keys.settings].images):
        headers["OpenStack-image-import-methods"] = ",".join(methods)
    if app[keys.stores].multiple:
        names = [section.name for section in app[keys.stores].sections]
        headers["OpenStack-image-store-ids"] = ",".join(names)
    return json_reply(app[view_key].show(image, caller), 201, headers)


async def index(request: web.Request) -> web.Response:
    app = request.app
    caller = request[keys.caller]
    query = listing.parse(request.query, app[keys.settings].limits, app[texts.key])
    images, marker = await app[keys.catalog].images.page(caller, query)
    view = app[view_key]
    body = {
        "images": [view.show(image, caller) for image in images],
        **listing.links("/v2/images", request.query, marker),
        "schema": "/v2/schemas/images",
    }
    return json_reply(body)


async def show(request: web.Request) -> web.Response:
    refuse_body(request)
    caller, image_id = keys.of_image(request)
    image = await request.app[keys.catalog].images.show(caller, image_id)
    return json_reply(request.app[view_key].show(image, caller))


async def change(request: web.Request) -> web.Response:
    caller, image_id = keys.of_image(request)
    content_type = request.headers.get("Content-Type", "")
    changes = patch.parse(content_type, await read_bytes(request))
    changes = request.app[schema_key].validate_changes(changes)
    image = await request.app[keys.catalog].images.change(
        caller, image_id, changes, gone=partial(is_gone, request)
    )
    return json_reply(request.app[view_key].show(image, caller))


async def delete_from_store(request: web.Request) -> web.Response:
    refuse_body(request)
    caller, image_id = keys.of_image(request)
    store_id = request.match_info["store_id"]
    await request.app[keys.catalog].deletions.delete_from_store(caller, store_id, image_id)
    return no_content()


async def add_tag(request: web.Request) -> web.Response:
    refuse_body(request)
    await request.app[keys.catalog].tags.add(
        *keys.of_image(request),
        request.app[texts.key].storable(request.match_info["tag"], "A tag"),
    )
    return no_content()


async def remove_tag(request: web.Request) -> web.Response:
    refuse_body(request)
    if not request.app[texts.key].is_possible(request.match_info["tag"]):
        raise NotFound("The image has no such tag.")
    await request.app[keys.catalog].tags.remove(*keys.of_image(request), request.match_info["tag"])
    return no_content()
