"""The routes of version 1."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from imagestore.api.v1 import images, members
from imagestore.api.v2.members import remove as remove_member

_IMAGE = "/v1/images/{image_id}"
_MEMBERS = _IMAGE + "/members"


def routes() -> Sequence[web.RouteDef]:
    return [
        web.get("/v1/", images.index, allow_head=False),
        web.get("/v1/images", images.index, allow_head=False),
        web.post("/v1/images", images.create),
        # Before images, of which it is none.
        web.get("/v1/images/detail", images.detail, allow_head=False),
        web.head(_IMAGE, images.meta),
        web.get(_IMAGE, images.show, allow_head=False),
        web.put(_IMAGE, images.update),
        web.delete(_IMAGE, images.delete),
        web.get(_MEMBERS, members.index, allow_head=False),
        web.put(_MEMBERS, members.replace),
        web.put(_MEMBERS + "/{member_id}", members.add),
        web.delete(_MEMBERS + "/{member_id}", remove_member),
        web.get("/v1/shared-images/{member_id}", members.shared, allow_head=False),
    ]
