"""The application on ``registry_bind``: the registry's calls, on the parts of the public one."""

from __future__ import annotations

from aiohttp import web

from imagestore.api import (
    counting,
    errors,
    health,
    identify,
    keys,
    paths,
    request_id,
    texts,
    tracing,
)
from imagestore.api.registry import images
from imagestore.api.v1 import images as v1_images
from imagestore.api.v1 import members
from imagestore.api.v2.images import schema_key
from imagestore.api.v2.members import remove as remove_member
from imagestore.identity.sources import IdentitySource
from imagestore.serving import responses

_IMAGE = "/images/{image_id}"
_MEMBERS = _IMAGE + "/members"


def build(app: web.Application, identity: IdentitySource) -> web.Application:
    """The registry of the catalogue that ``app`` serves, for callers whom ``identity`` knows."""
    server = app[keys.settings].server
    registry = web.Application(
        client_max_size=app._client_max_size,
        # In the order, and for the reasons, of the public application.
        middlewares=[
            counting.count,
            *tracing.middlewares(),
            responses.middleware(server.progress_timeout),
            request_id.middleware(server.max_request_id_length),
            errors.errors,
            paths.refuse_undecodable,
            identify.middleware(identity),
        ],
        handler_args={"keepalive_timeout": server.keepalive_timeout},
    )
    for key in (keys.settings, keys.catalog, keys.stores, texts.key, schema_key):
        registry[key] = app[key]  # type: ignore[misc]
    registry.on_response_prepare.append(request_id.on_prepare)
    registry.router.add_route("*", "/healthcheck{below:(/.*)?}", health.healthcheck)
    registry.add_routes(
        [
            web.get("/", v1_images.index, allow_head=False),
            web.get("/images", v1_images.index, allow_head=False),
            web.post("/images", images.create),
            web.get("/images/detail", images.detail, allow_head=False),
            web.get(_IMAGE, images.show, allow_head=False),
            web.put(_IMAGE, images.update),
            web.delete(_IMAGE, images.delete),
            web.get(_MEMBERS, members.index, allow_head=False),
            web.post(_MEMBERS, members.replace),
            web.put(_MEMBERS, members.replace),
            web.put(_MEMBERS + "/{member_id}", members.add),
            web.delete(_MEMBERS + "/{member_id}", remove_member),
            web.get("/shared-images/{member_id}", members.shared, allow_head=False),
        ]
    )
    return registry
