"""What handlers find in the application and in a request, by typed keys."""

from __future__ import annotations

from aiohttp import web

from imagestore.backends.blocks import BlockPool
from imagestore.catalog.catalog import Catalog
from imagestore.config.settings import Settings
from imagestore.identity.caller import Caller
from imagestore.stores.stores import Stores

catalog = web.AppKey("catalog", Catalog)
settings = web.AppKey("settings", Settings)
stores = web.AppKey("stores", Stores)
pool = web.AppKey("pool", BlockPool)

caller = web.RequestKey("caller", Caller)


def of_image(request: web.Request) -> tuple[Caller, str]:
    """Who asks, and the id of the image in the path: what nearly every operation begins with."""
    return request[caller], request.match_info["image_id"]
