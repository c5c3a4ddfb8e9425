"""``/v1/images/{id}/members`` and ``/v1/shared-images``: with whom images are shared.

To v1 whoever an image is offered to is a member, whether he has accepted it or not.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from imagestore.api import keys
from imagestore.api.body import parse_json, read_bytes, read_json, refuse_body
from imagestore.api.reply import json_reply, no_content
from imagestore.api.texts import PLAIN
from imagestore.catalog.members import Members
from imagestore.model.errors import Invalid
from imagestore.model.image import Visibility


def _members(request: web.Request) -> Members:
    return request.app[keys.catalog].members


async def index(request: web.Request) -> web.Response:
    refuse_body(request)
    caller, image_id = keys.of_image(request)
    image = await request.app[keys.catalog].images.show(caller, image_id)
    found = []
    # v1 knows of no images that cannot be shared: those have no members.
    if image.visibility is Visibility.SHARED:
        found = await _members(request).all(caller, image_id)
    return json_reply(
        {"members": [{"member_id": m.member_id, "can_share": m.can_share} for m in found]}
    )


async def shared(request: web.Request) -> web.Response:
    refuse_body(request)
    found = await _members(request).shared_with(
        request[keys.caller], request.match_info["member_id"]
    )
    return json_reply(
        {"shared_images": [{"image_id": m.image_id, "can_share": m.can_share} for m in found]}
    )


async def replace(request: web.Request) -> web.Response:
    body = await read_json(request)
    entries = body.get("memberships") if isinstance(body, dict) else None
    if not isinstance(entries, list):
        raise Invalid('The body must be a JSON object with a list "memberships".')
    wanted: dict[str, bool | None] = {}
    for entry in entries:
        member_id = entry.get("member_id") if isinstance(entry, dict) else None
        if not isinstance(member_id, str) or not member_id:
            raise Invalid("Each membership needs a member_id, the id of a project.")
        wanted[PLAIN.storable(member_id, "The id of a member")] = _can_share(entry)
    await _members(request).replace_all(*keys.of_image(request), wanted)
    return no_content()


async def add(request: web.Request) -> web.Response:
    can_share = None
    if text := await read_bytes(request):
        body = parse_json(text)
        entry = body.get("member") if isinstance(body, dict) else None
        if not isinstance(entry, dict):
            raise Invalid('The body must be a JSON object with an object "member".')
        can_share = _can_share(entry)
    await _members(request).share(
        *keys.of_image(request),
        PLAIN.storable(request.match_info["member_id"], "The id of a member"),
        can_share=can_share,
    )
    return no_content()


def _can_share(entry: dict[str, Any]) -> bool | None:
    value = entry.get("can_share")
    if value is not None and not isinstance(value, bool):
        raise Invalid("can_share must be true or false.")
    return value
