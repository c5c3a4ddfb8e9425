"""The query string of ``GET /v2/images``: filters, sorting, pages; and the links between pages."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from urllib.parse import urlencode

from multidict import MultiMapping

from imagestore.config.settings import Limits
from imagestore.errors import Invalid
from imagestore.image import Image, MemberStatus, Visibility
from imagestore.query import SORT_KEYS, Condition, Direction, ImageQuery, Op, Sort

_LISTED = frozenset({"name", "id", "status", "container_format", "disk_format"})
"""Columns that take ``in:``."""
_TIMES = frozenset({"created_at", "updated_at"})
_TEXTS = frozenset({"owner", "checksum", "os_hash_algo", "os_hash_value"})
_INTEGERS = {"size": 2**63 - 1, "virtual_size": 2**63 - 1, "min_ram": 2**31 - 1, "min_disk": 2**31 - 1}
"""Integer columns and the largest value that each can hold."""
_COMPARISONS = frozenset({Op.EQ, Op.NEQ, Op.GT, Op.GTE, Op.LT, Op.LTE})
_UNFILTERABLE = frozenset({"locations", "properties", "members"})

_INTEGER = re.compile(r"\s*[+-]?[0-9]{1,100}\s*")
_DATE_PREFIX = re.compile(r"[0-9]{4}(-[0-9]{2})?")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')

NEVER = Condition("id", Op.IN, ())
"""A filter that no image passes."""

_Conditions = tuple[Condition, ...]


def parse(query: MultiMapping[str], limits: Limits) -> ImageQuery:
    """What the query string asks for. Of a parameter that may not be repeated, the last counts.

    Raises :class:`Invalid`.
    """
    last = {name: value for name, value in query.items() if name not in _PAGING}
    conditions: list[Condition] = []
    properties: list[tuple[str, str]] = []
    for name, value in last.items():
        if "\0" in name or "\0" in value:
            conditions.append(NEVER)  # no database holds one
        elif (found := _condition(name, value)) is None:
            properties.append((name, value))
        else:
            conditions += found
    visibility = _visibility(_last(query, "visibility"))
    if visibility == "":
        conditions.append(NEVER)
    tags = tuple(dict.fromkeys(tag.strip() for tag in query.getall("tag", ())))
    if any("\0" in tag for tag in tags):
        conditions.append(NEVER)
    return ImageQuery(
        limit=_limit(_last(query, "limit"), limits),
        marker=_last(query, "marker"),
        sort=_sort(query),
        visibility=visibility if isinstance(visibility, Visibility) else None,
        all_visibilities=visibility == "all",
        member_status=_member_status(_last(query, "member_status")),
        os_hidden=_flag("os_hidden", (_last(query, "os_hidden") or "false").lower())
        if "os_hidden" not in query or _last(query, "os_hidden")
        else _flag("os_hidden", ""),
        conditions=tuple(conditions),
        properties=tuple(properties),
        tags=tags,
    )
