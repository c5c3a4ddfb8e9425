"""The web application: middleware, routes, and what handlers need, put together."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from aiohttp import web

from imagestore.api import (
    compression,
    cors,
    counting,
    errors,
    forwarded,
    head,
    health,
    identify,
    keys,
    paths,
    request_id,
    texts,
    tracing,
    versions,
)
from imagestore.api.openapi.document import document
from imagestore.api.v1.routes import routes as v1_routes
from imagestore.api.v2 import info, openapi
from imagestore.api.v2.documents import documents
from imagestore.api.v2.images import schema_key, view_key
from imagestore.api.v2.routes import routes
from imagestore.api.v2.schemas import ImageSchema
from imagestore.api.v2.views import ImageView
from imagestore.backends.blocks import BlockPool
from imagestore.catalog.catalog import Catalog
from imagestore.config.settings import Settings
from imagestore.identity.sources import IdentitySource
from imagestore.serving import responses
from imagestore.stores.stores import Stores

log = logging.getLogger(__name__)

MAX_DOCUMENT = 8 << 20
"""Bytes of a request body that is not image data."""


def build(
    settings: Settings, catalog: Catalog, stores: Stores, identity: IdentitySource
) -> web.Application:
    """The application that serves ``catalog``; starting and stopping it is for ``app``."""
    app = web.Application(
        client_max_size=MAX_DOCUMENT,
        # The first is the outermost. Each stands where it does for a reason.
        middlewares=[
            counting.count,  # what is counted is what came of the request, unsent or not
            *tracing.middlewares(),
            responses.middleware(settings.server.progress_timeout, settings.limits.image_size_cap),
            # Whatever follows writes to the log, and may refuse.
            request_id.middleware(settings.server.max_request_id_length),
            *((forwarded.note_client,) if settings.server.enable_proxy_headers_parsing else ()),
            # A browser asks before it has a token, whatever the path.
            cors.middleware(settings.cors),
            # Errors are JSON, too.
            *((compression.compress,) if settings.server.compress_json else ()),
            errors.errors,  # nothing below need know how errors look
            paths.refuse_undecodable,  # before anybody looks at the path
            versions.choose,  # the list of versions is for everybody, so it comes before:
            identify.middleware(identity),  # of the path as received, which access rules name
            versions.route,  # to handlers, under the path that is meant; only for who came in
        ],
        handler_args={"keepalive_timeout": settings.server.keepalive_timeout},
    )
    app[keys.settings] = settings
    app[keys.catalog] = catalog
    app[keys.stores] = stores
    app[keys.pool] = BlockPool()
    app[texts.key] = texts.Texts(settings.images.four_byte_characters)
    app[schema_key] = ImageSchema(settings.images)
    app[view_key] = ImageView(settings.images, stores, catalog.images.may_see_locations)
    schemas = documents(settings.images)
    app[info.schemas_key] = schemas
    app.on_response_prepare.append(request_id.on_prepare)
    app.router.add_route("*", "/healthcheck{below:(/.*)?}", health.healthcheck)
    app.router.add_get("/readiness", health.readiness, allow_head=False)
    app.add_routes(routes())
    if settings.server.enable_v1_api:
        app.add_routes(v1_routes())
    head.add_head_routes(app)
    cors.install(app, settings.cors)
    describe: Callable[[], Any] = partial(document, app.router.routes(), schemas)
    app[openapi.document_key] = describe
    return app
