"""``/v2/images/{id}/members``: with whom a shared image is shared."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from imagestore.api import keys
from imagestore.api.body import read_json, refuse_body
from imagestore.api.reply import json_reply, no_content
from imagestore.api.texts import PLAIN
from imagestore.api.v2.views import show_member
from imagestore.catalog.members import Members
from imagestore.model.errors import Invalid
from imagestore.model.image import MemberStatus


def _members(request: web.Request) -> Members:
    return request.app[keys.catalog].members


async def index(request: web.Request) -> web.Response:
    refuse_body(request)
    found = await _members(request).all(*keys.of_image(request))
    body = {
        "members": [show_member(member) for member in found],
        "schema": "/v2/schemas/members",
    }
    return json_reply(body)


async def add(request: web.Request) -> web.Response:
    given = _field(await read_json(request), "member")
    # A number is the id of a project, too: some identity services have no others.
    if not given or isinstance(given, bool) or not isinstance(given, str | int):
        raise Invalid("member is the id of a project, a string that is not empty.")
    member = await _members(request).add(
        *keys.of_image(request),
        PLAIN.storable(str(given), "The id of a member"),
    )
    return json_reply(show_member(member))


async def show(request: web.Request) -> web.Response:
    refuse_body(request)
    member = await _members(request).show(*keys.of_image(request), request.match_info["member_id"])
    return json_reply(show_member(member))


async def set_status(request: web.Request) -> web.Response:
    status = _field(await read_json(request), "status")
    try:
        wanted = MemberStatus(status)
    except ValueError:
        raise Invalid("status is one of: " + ", ".join(MemberStatus)) from None
    member = await _members(request).set_status(
        *keys.of_image(request),
        request.match_info["member_id"],
        wanted,
    )
    return json_reply(show_member(member))


async def remove(request: web.Request) -> web.Response:
    refuse_body(request)
    await _members(request).remove(*keys.of_image(request), request.match_info["member_id"])
    return no_content()


def _field(body: Any, name: str) -> Any:
    if not isinstance(body, dict) or name not in body:
        raise Invalid(f"The body must be an object with the key '{name}'.")
    return body[name]
