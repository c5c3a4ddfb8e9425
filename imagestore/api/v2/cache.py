"""``/v2/cache``, and the older ``/v2/cached_images`` and ``/v2/queued_images``."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from imagestore.api import keys
from imagestore.api.body import refuse_body
from imagestore.api.reply import done_to_image, json_reply, no_content
from imagestore.catalog.cache import CacheEntries
from imagestore.model.errors import Invalid, NotFound

_OLDER = "manage_image_cache"
"""The rule of all older calls."""

_queue = done_to_image(lambda catalog: catalog.cache.queue_checked, 202)
_delete = done_to_image(lambda catalog: catalog.cache.delete_checked)


def routes() -> Sequence[web.RouteDef]:
    return [
        web.get("/v2/cache", show, allow_head=False),
        web.delete("/v2/cache", clear),
        web.post("/v2/cache/clean", clean),
        web.post("/v2/cache/prune", prune),
        web.get("/v2/cache/nodes/{image_id}", nodes, allow_head=False),
        web.put("/v2/cache/{image_id}", _queue),
        web.delete("/v2/cache/{image_id}", _delete),
        web.get("/v2/cached_images", list_cached, allow_head=False),
        web.delete("/v2/cached_images", delete_all_cached),
        web.delete("/v2/cached_images/{image_id}", delete_cached),
        web.get("/v2/queued_images", list_queued, allow_head=False),
        web.delete("/v2/queued_images", delete_all_queued),
        web.put("/v2/queued_images/{image_id}", queue_unchecked),
        web.delete("/v2/queued_images/{image_id}", delete_queued),
    ]


def _cache(request: web.Request, rule: str) -> CacheEntries:
    refuse_body(request)
    cache = request.app[keys.catalog].cache
    cache.authorize(request[keys.caller], rule)
    return cache


def _older(request: web.Request) -> CacheEntries:
    if not request.app[keys.settings].cache.management:
        raise NotFound("The resource could not be found.")
    return _cache(request, _OLDER)


async def show(request: web.Request) -> web.Response:
    cache = _cache(request, "cache_list")
    cached = [listed.told() for listed in await cache.entries()]
    return json_reply({"cached_images": cached, "queued_images": await cache.queued()})


async def clear(request: web.Request) -> web.Response:
    cache = _cache(request, "cache_delete")
    target = request.headers.get("x-image-cache-clear-target", "").lower()
    if target not in ("", "cache", "queue"):
        raise Invalid("x-image-cache-clear-target, if given, must be 'cache', 'queue' or empty.")
    if target != "queue":
        await cache.clear()
    if target != "cache":
        await cache.dequeue()
    return no_content()


async def clean(request: web.Request) -> web.Response:
    await _cache(request, "cache_clean").clean()
    return web.Response()


async def prune(request: web.Request) -> web.Response:
    pruned = await _cache(request, "cache_prune").prune()
    body = {"total_files_pruned": pruned.files, "total_bytes_pruned": pruned.bytes}
    return json_reply(body)


async def nodes(request: web.Request) -> web.Response:
    refuse_body(request)
    found = await request.app[keys.catalog].cache.nodes(*keys.of_image(request))
    return json_reply(found)


async def list_cached(request: web.Request) -> web.Response:
    entries = await _older(request).entries()
    return json_reply({"cached_images": [listed.told() for listed in entries]})


async def delete_all_cached(request: web.Request) -> web.Response:
    return json_reply({"num_deleted": await _older(request).clear()})


async def delete_cached(request: web.Request) -> web.Response:
    await _older(request).delete(request.match_info["image_id"])
    return json_reply(None)


async def list_queued(request: web.Request) -> web.Response:
    return json_reply({"queued_images": await _older(request).queued()})


async def delete_all_queued(request: web.Request) -> web.Response:
    return json_reply({"num_deleted": await _older(request).dequeue()})


async def queue_unchecked(request: web.Request) -> web.Response:
    await _older(request).queue(request.match_info["image_id"])
    return json_reply(None)


async def delete_queued(request: web.Request) -> web.Response:
    await _older(request).dequeue(request.match_info["image_id"])
    return json_reply(None)
