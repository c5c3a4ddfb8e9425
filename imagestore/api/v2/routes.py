"""The routes of version 2."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from imagestore.api.v2 import (
    cache,
    data,
    events,
    images,
    imports,
    info,
    locations,
    members,
    openapi,
    tasks,
)
from imagestore.api.v2.metadefs.routes import routes as metadef_routes

_IMAGE = "/v2/images/{image_id}"
_MEMBERS = _IMAGE + "/members"


def routes() -> Sequence[web.RouteDef]:
    return [
        web.post("/v2/images", images.create),
        web.get("/v2/images", images.index, allow_head=False),
        web.get(_IMAGE, images.show, allow_head=False),
        web.patch(_IMAGE, images.change),
        web.delete(_IMAGE, images.delete),
        web.put(_IMAGE + "/file", data.upload),
        web.get(_IMAGE + "/file", data.download),
        web.put(_IMAGE + "/stage", imports.stage),
        web.post(_IMAGE + "/import", imports.start),
        web.get(_IMAGE + "/tasks", tasks.of_image, allow_head=False),
        web.post(_IMAGE + "/actions/deactivate", images.deactivate),
        web.post(_IMAGE + "/actions/reactivate", images.reactivate),
        web.put(_IMAGE + "/tags/{tag}", images.add_tag),
        web.delete(_IMAGE + "/tags/{tag}", images.remove_tag),
        web.post(_IMAGE + "/locations", locations.add),
        web.get(_IMAGE + "/locations", locations.index, allow_head=False),
        web.delete("/v2/stores/{store_id}/{image_id}", images.delete_from_store),
        web.get(_MEMBERS, members.index, allow_head=False),
        web.post(_MEMBERS, members.add),
        web.get(_MEMBERS + "/{member_id}", members.show, allow_head=False),
        web.put(_MEMBERS + "/{member_id}", members.set_status),
        web.delete(_MEMBERS + "/{member_id}", members.remove),
        web.get("/v2/events", events.watch, allow_head=False),
        web.get("/v2/tasks", tasks.index, allow_head=False),
        web.post("/v2/tasks", tasks.create),
        web.get("/v2/tasks/{task_id}", tasks.show, allow_head=False),
        web.delete("/v2/tasks/{task_id}", tasks.delete),
        web.get("/v2/info/import", info.import_methods, allow_head=False),
        web.get("/v2/info/usage", info.usage, allow_head=False),
        web.get("/v2/info/stores", info.stores, allow_head=False),
        web.get("/v2/info/stores/detail", info.stores_detail, allow_head=False),
        web.get("/v2/schemas/{name}", info.schema, allow_head=False),
        web.get("/v2/schemas/metadefs/{name}", info.metadef_schema, allow_head=False),
        web.get("/v2/openapi.json", openapi.show, allow_head=False),
        *cache.routes(),
        *metadef_routes(),
    ]
