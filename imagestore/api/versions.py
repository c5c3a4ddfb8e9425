"""The versions of the API, and which one a request means.

All minor versions of 2 are one API; which of them are listed only tells what the
deployment has: several stores, a cache. Version 1 can be switched off.
"""

from __future__ import annotations

from functools import cache as memoised
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from imagestore.api import keys
from imagestore.api.health import is_health
from imagestore.api.paths import refuse_impossible_ids
from imagestore.api.reply import json_reply

MEDIA_TYPE = "application/vnd.openstack.images-"
"""``Accept`` with this prefix and a version selects that version for a path without one."""

_ALWAYS = ("2.17", "2.15", "2.9", "2.7", "2.6", "2.5", "2.4", "2.3", "2.2", "2.1", "2.0")
_MULTI_STORE = ("2.13", "2.12", "2.11", "2.10", "2.8")
_CACHE = ("2.18", "2.16", "2.14")
_V1 = ("1.1", "1.0")


def versions_document(
    base_url: str, *, multi_store: bool, cache: bool, v1: bool = False
) -> dict[str, Any]:
    """The body of ``/`` and ``/versions``; newest first, exactly one is CURRENT."""
    numbers = _numbers(multi_store, cache)
    return {
        "versions": [
            {
                "id": f"v{number}",
                "status": "CURRENT" if number == numbers[0] else "SUPPORTED",
                "links": [{"rel": "self", "href": f"{base_url.rstrip('/')}/v{number[0]}/"}],
            }
            for number in (*numbers, *(_V1 if v1 else ()))
        ]
    }


def rewrite(
    path: str, accept: str, *, multi_store: bool, cache: bool, v1: bool = False
) -> str | None:
    """The path under ``/v2`` or ``/v1`` that a request means, whatever way it names the version.

    ``/versions`` stays as it is; None stands for the choice of versions (300).
    ``path`` begins with ``/``; ``accept`` is the header, "" if there is none.
    """
    rest = path.lstrip("/")
    first, slash, tail = rest.partition("/")
    if first == "versions":
        return "/versions"
    if accept.startswith(MEDIA_TYPE):
        version, below = accept.removeprefix(MEDIA_TYPE), path
    else:
        version, below = first, slash + tail
    if version == "v2" or (version.startswith("v2.") and _listed(version[1:], multi_store, cache)):
        return "/v2" + below
    if v1 and version in ("v1", *(f"v{number}" for number in _V1)):
        return "/v1" + below
    return None


@web.middleware
async def choose(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answers requests for the list of versions, and those that name none that there is."""
    if is_health(request.path):
        return await handler(request)
    path = _path_meant(request)
    if path is not None and path != "/versions":
        return await handler(request)
    status = 300 if path is None else 200
    document = versions_document(base_url(request), **_offered(request))
    return json_reply(document, status)


@web.middleware
async def route(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Hands a request that names its version in another way to the handler under that."""
    path = None if is_health(request.path) else _path_meant(request)
    if path in ("/v2", "/v1"):
        return web.Response(status=302, headers={"Location": f"{base_url(request)}{path}/"})
    if path is None or path == request.rel_url.raw_path:
        refuse_impossible_ids(request.match_info)
        return await handler(request)
    url = request.rel_url.with_path(path, encoded=True, keep_query=True)
    meant = request.clone(rel_url=url)
    # What handlers note of the request is for whoever ends and logs it.
    meant._state = request._state
    match = await request.app.router.resolve(meant)
    match.add_app(request.app)
    meant._match_info = match
    refuse_impossible_ids(match)
    return await match.handler(meant)


def _path_meant(request: web.Request) -> str | None:
    return rewrite(
        request.rel_url.raw_path,
        request.headers.get("Accept", ""),
        **_offered(request),
    )


def _offered(request: web.Request) -> dict[str, bool]:
    settings = request.app[keys.settings]
    return {
        "multi_store": request.app[keys.stores].multiple,
        "cache": settings.cache.directory is not None,
        "v1": settings.server.enable_v1_api,
    }


def base_url(request: web.Request) -> str:
    """Scheme, host and prefix under which the client reaches the service, without a slash."""
    server = request.app[keys.settings].server
    if server.public_endpoint:
        return server.public_endpoint.rstrip("/")
    if server.enable_proxy_headers_parsing:
        return _forwarded(request)
    return f"{request.scheme}://{request.host}"


def _forwarded(request: web.Request) -> str:
    """The URL that the client used, as the proxy in front tells it (RFC 7239 or ``X-Forwarded-*``).

    Of several proxies, the first saw the client.
    """
    scheme = _first(request.headers.get("X-Forwarded-Proto")) or request.scheme
    host = _first(request.headers.get("X-Forwarded-Host")) or request.host
    if request.forwarded:
        scheme = request.forwarded[0].get("proto", scheme)
        host = request.forwarded[0].get("host", host)
    prefix = _first(request.headers.get("X-Forwarded-Prefix")) or ""
    return f"{scheme}://{host}{prefix.rstrip('/')}"


def _first(header: str | None) -> str | None:
    return header.partition(",")[0].strip() if header else None


@memoised
def _numbers(multi_store: bool, cache: bool) -> tuple[str, ...]:
    numbers = {*_ALWAYS, *(_MULTI_STORE if multi_store else ()), *(_CACHE if cache else ())}
    return tuple(sorted(numbers, key=lambda number: int(number.partition(".")[2]), reverse=True))


def _listed(number: str, multi_store: bool, cache: bool) -> bool:
    return number in _numbers(multi_store, cache)
