"""What paths and query strings ask for of metadata definitions."""

from __future__ import annotations

from collections.abc import Set

from aiohttp import web
from multidict import MultiMapping

from imagestore.api.texts import Texts
from imagestore.api.texts import key as possible_texts
from imagestore.api.v2.listing import direction_of, page_limit
from imagestore.config.settings import Limits
from imagestore.model.errors import Invalid, NotFound
from imagestore.model.metadef import (
    NAMESPACE_SORT_KEYS,
    TAG_SORT_KEYS,
    VISIBILITIES,
    NamespaceFilter,
    Page,
)
from imagestore.model.query import Direction

_UNLIMITED = Limits(limit_param_default=2**31 - 1, api_limit_max=2**31 - 1)


def named(request: web.Request, part: str) -> str:
    """The name that this part of the path gives. NotFound if nothing can have it."""
    name = request.match_info[part]
    if not request.app[possible_texts].is_possible(name):
        raise NotFound("Nothing has such a name.")
    return name


def parse_namespaces(
    query: MultiMapping[str], limits: Limits, texts: Texts
) -> tuple[NamespaceFilter, Page]:
    """Which namespaces are asked for. Raises :class:`Invalid`; NotFound for a marker."""
    given = dict(query.items())
    resource_types = given.get("resource_types")
    wanted = NamespaceFilter(
        visibility=_visibility(given, VISIBILITIES),
        resource_types=None
        if resource_types is None
        else tuple(name for name in resource_types.split(",") if texts.is_possible(name)),
    )
    limit = page_limit(given.get("limit"), limits)
    return wanted, _page(given, NAMESPACE_SORT_KEYS, limit, texts)


def parse_tags(query: MultiMapping[str], texts: Texts) -> Page:
    """Which tags are asked for; all where no limit is. Raises as above."""
    given = dict(query.items())
    _visibility(given, (*VISIBILITIES, "shared"))
    limit = page_limit(given["limit"], _UNLIMITED) if given.get("limit") else None
    return _page(given, TAG_SORT_KEYS, limit, texts)


def check_objects(query: MultiMapping[str]) -> None:
    """Raise :class:`Invalid` for parameters that make no sense; they change nothing.

    A list of objects has no pages: it always has been whole, without a link to more.
    """
    given = dict(query.items())
    _visibility(given, (*VISIBILITIES, "shared"))
    _is_ascending(given)
    if "limit" in given and page_limit(given["limit"], _UNLIMITED) == 0:
        raise Invalid("limit must be positive.")


def _page(given: dict[str, str], sort_keys: Set[str], limit: int | None, texts: Texts) -> Page:
    sort_key = given.get("sort_key", "created_at")
    if sort_key not in sort_keys:
        raise Invalid(f"This list can be sorted by: {', '.join(sorted(sort_keys))}.")
    marker = given.get("marker") or None
    if marker is not None and not texts.is_possible(marker):
        raise NotFound("There is nothing of the name that the marker gives.")
    return Page(limit, marker, sort_key, _is_ascending(given))


def _is_ascending(given: dict[str, str]) -> bool:
    return direction_of(given.get("sort_dir", "desc")) is Direction.ASC


def _visibility(given: dict[str, str], known: tuple[str, ...]) -> str | None:
    value = given.get("visibility")
    if value and value not in known:
        raise Invalid(f"visibility must be one of: {', '.join(known)}.")
    return value
