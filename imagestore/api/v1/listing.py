"""The query string of ``GET /v1/images`` and ``/v1/images/detail``.

Administrators see what others see, unless ``is_public`` is ``False`` or ``None``. What v1 does not
know is passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from imagestore.api.texts import Texts
from imagestore.api.v1.metadata import is_true
from imagestore.api.v2.listing import NEVER, direction_of, moment_of, page_limit, sort_key
from imagestore.config.settings import Limits
from imagestore.identity.caller import Caller
from imagestore.model.errors import Invalid
from imagestore.model.image import ImageStatus, Visibility
from imagestore.model.query import Condition, ImageQuery, Op, Sort

_TEXTS = ("name", "container_format", "disk_format")
_NUMBERS: Mapping[str, tuple[str, Op]] = {
    "min_ram": ("min_ram", Op.EQ),
    "min_disk": ("min_disk", Op.EQ),
    "size_min": ("size", Op.GTE),
    "size_max": ("size", Op.LTE),
}
_LARGEST = {"min_ram": 2**31 - 1, "min_disk": 2**31 - 1, "size": 2**63 - 1}
_COMING = (ImageStatus.SAVING, ImageStatus.UPLOADING, ImageStatus.IMPORTING)
_PROPERTY = "property-"


def parse(query: Mapping[str, str], limits: Limits, caller: Caller, texts: Texts) -> ImageQuery:
    """What the query string asks for. Raises :class:`Invalid`."""
    conditions = _conditions(query)
    deleted = _deleted(query, caller)
    if (since := query.get("changes-since")) is not None:
        conditions.append(Condition("updated_at", Op.GTE, _moment(since)))
    public = _is_public(query)
    if public is False:
        others = tuple(v.value for v in Visibility if v is not Visibility.PUBLIC)
        conditions.append(Condition("visibility", Op.IN, others))
    if not all(texts.is_possible(text) for pair in query.items() for text in pair):
        # Some databases refuse to compare with characters that are in no image.
        conditions.append(NEVER)
        query = {name: text for name, text in query.items() if texts.is_possible(name + text)}
    return ImageQuery(
        limit=page_limit(query.get("limit"), limits),
        marker=query.get("marker"),
        sort=_sort(query),
        visibility=Visibility.PUBLIC if public else None,
        all_visibilities=caller.is_admin and "is_public" in query,
        member_status=None,
        deleted=deleted,
        as_user="is_public" not in query and caller.project_id is not None,
        conditions=tuple(conditions),
        properties=tuple(
            (name.removeprefix(_PROPERTY), value)
            for name, value in query.items()
            if name.startswith(_PROPERTY)
        ),
    )


def _conditions(query: Mapping[str, str]) -> list[Condition]:
    found = [Condition(name, Op.EQ, query[name]) for name in _TEXTS if name in query]
    if (status := query.get("status")) is not None:
        meant = _COMING if status == ImageStatus.SAVING else (status,)
        found.append(Condition("status", Op.IN, tuple(str(one) for one in meant)))
    if "protected" in query:
        found.append(Condition("protected", Op.EQ, _flag("protected", query["protected"])))
    for name, (column, op) in _NUMBERS.items():
        if name in query:
            found.append(_number(name, query[name], column, op))
    return found


def _number(name: str, text: str, column: str, op: Op) -> Condition:
    if not (text.isascii() and text.isdecimal() and len(text) <= 100):
        raise Invalid(f"{name} must be a number that is not negative.")
    value, largest = int(text), _LARGEST[column]
    if value > largest:
        # More than a column can hold cannot be compared with everywhere.
        return Condition(column, Op.LTE, largest) if op is Op.LTE else NEVER
    return Condition(column, op, value)


def _flag(name: str, text: str) -> bool:
    word = text.lower()
    if word not in ("true", "1", "false", "0"):
        raise Invalid(f"{name} must be True or False.")
    return word in ("true", "1")


def _is_public(query: Mapping[str, str]) -> bool | None:
    text = query.get("is_public", "none")
    return None if text.lower() == "none" else _flag("is_public", text)


def _deleted(query: Mapping[str, str], caller: Caller) -> bool | None:
    """What changed since some time is also what is gone. Else administrators may ask for that."""
    if "deleted" in query and caller.is_admin:
        return is_true(query["deleted"])
    return None if "changes-since" in query else False


def _moment(text: str) -> datetime:
    moment = moment_of(text)
    if moment is None:
        raise Invalid("changes-since must be a time in ISO 8601.")
    return moment


def _sort(query: Mapping[str, str]) -> tuple[Sort, ...]:
    key = sort_key(query.get("sort_key", "created_at"))
    direction = direction_of(query.get("sort_dir", "desc"))
    return tuple(Sort(name, direction) for name in dict.fromkeys((key, "created_at", "id")))
