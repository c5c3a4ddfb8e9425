"""The query string of ``GET /v2/images``: filters, sorting, pages; and the links between pages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal, TypeVar
from urllib.parse import urlencode

from multidict import MultiMapping

from imagestore.api.texts import PLAIN, Texts
from imagestore.config.settings import Limits
from imagestore.model.errors import Invalid
from imagestore.model.image import BASE_ATTRIBUTES, MemberStatus, Visibility
from imagestore.model.query import SORT_KEYS, Condition, Direction, ImageQuery, Op, Sort

T = TypeVar("T", bound=StrEnum)

_LISTS = frozenset({"name", "id", "status", "container_format", "disk_format"})
"""Columns that take ``in:``."""
_TIMES = frozenset({"created_at", "updated_at"})
_TEXTS = frozenset({"owner", "checksum", "os_hash_algo", "os_hash_value"})
_INTEGERS = {
    "size": 2**63 - 1,
    "virtual_size": 2**63 - 1,
    "min_ram": 2**31 - 1,
    "min_disk": 2**31 - 1,
}
"""Integer columns and the largest value that each can hold."""
_NOT_FILTERS = frozenset(
    {
        "limit", "marker", "sort", "sort_key", "sort_dir", "tag",
        "visibility", "member_status", "os_hidden", "deleted",
    }
)  # fmt: skip
"""Parameters with a meaning of their own; ``deleted`` has none."""
_REFUSED = frozenset({"locations", "properties", "members", "changes-since"})

_INTEGER = re.compile(r"\s*[+-]?[0-9]{1,100}\s*")
_YEAR_OR_MONTH = re.compile(r"[0-9]{4}(-[0-9]{2})?")
_LISTED = re.compile(r'"((?:[^"\\]|\\.)*)"(?:,|$)|([^,"]*)(?:,|$)')
"""One value of a list: in double quotes, or anything without a comma."""

MAX_FILTERS = 100
"""Custom properties and tags that a list may be filtered by: each is a search of its own."""

NEVER = Condition("id", Op.IN, ())
"""A condition that no image fulfils."""


def parse(query: MultiMapping[str], limits: Limits, texts: Texts = PLAIN) -> ImageQuery:
    """What the query string asks for; of a parameter that may not be repeated, the last counts.

    Raises :class:`Invalid`.
    """
    last = dict(query.items())
    conditions: list[Condition] = []
    properties: list[tuple[str, str]] = []
    for name, value in last.items():
        if name in _NOT_FILTERS:
            continue
        found = _conditions(name, value)
        if found is None:
            properties.append((name, value))
        else:
            conditions += found
    visibility = _visibility(last.get("visibility"))
    tags = tuple(dict.fromkeys(tag.strip() for tag in query.getall("tag", ())))
    if len(properties) + len(tags) > MAX_FILTERS:
        raise Invalid(f"A list can be filtered by {MAX_FILTERS} properties and tags at a time.")
    if visibility == "none" or _impossible(last, tags, texts):
        conditions.append(NEVER)
    if not PLAIN.is_possible(last.get("marker", "")):
        raise Invalid("The marker is no image that can be seen.")
    return ImageQuery(
        limit=page_limit(last.get("limit"), limits),
        marker=last.get("marker"),
        sort=_sort(query),
        visibility=visibility if isinstance(visibility, Visibility) else None,
        all_visibilities=visibility == "all",
        member_status=_member_status(last.get("member_status", "accepted")),
        os_hidden=_flag("os_hidden", last.get("os_hidden", "false").lower()),
        conditions=tuple(conditions),
        properties=tuple(properties),
        tags=tags,
    )


def links(path: str, query: Mapping[str, str], marker: str | None) -> dict[str, str]:
    """The members ``first`` and, if there is a ``marker`` for it, ``next`` of a response.

    All parameters are kept, repeated ones too.
    """
    kept = [(name, value) for name, value in query.items() if name != "marker"]
    found = {"first": _link(path, kept)}
    if marker is not None:
        found["next"] = _link(path, [*kept, ("marker", marker)])
    return found


def _link(path: str, parameters: list[tuple[str, str]]) -> str:
    return f"{path}?{urlencode(parameters)}" if parameters else path


def _impossible(parameters: dict[str, str], tags: tuple[str, ...], texts: Texts) -> bool:
    """Whether characters are asked for that are in no image: some databases refuse to compare."""
    for name, value in parameters.items():
        # Columns with ids and words of the API are never wide.
        holding = PLAIN if name in BASE_ATTRIBUTES and name != "name" else texts
        if not holding.is_possible(name) or not holding.is_possible(value):
            return True
    return not all(texts.is_possible(tag) for tag in tags)


def page_limit(value: str | None, limits: Limits) -> int:
    """The entries that a page may have, for a parameter ``limit``. Raises :class:`Invalid`."""
    if value is None:
        return min(limits.limit_param_default, limits.api_limit_max)
    if not _INTEGER.fullmatch(value):
        raise Invalid("limit must be an integer.")
    if (number := int(value)) < 0:
        raise Invalid("limit must not be negative.")
    return min(number, limits.api_limit_max)


def _visibility(value: str | None) -> Visibility | Literal["all", "none"] | None:
    if value is None:
        return None
    if value == "all":
        return "all"
    return "none" if value == "" else _word("visibility", value, Visibility)


def _member_status(value: str) -> MemberStatus | None:
    return None if value == "all" else _word("member_status", value, MemberStatus)


def _word(name: str, value: str, kind: type[T]) -> T:
    try:
        return kind(value)
    except ValueError:
        raise Invalid(f"{name} must be one of: {', '.join([*kind, 'all'])}.") from None


def _flag(name: str, value: str) -> bool:
    if value not in ("true", "false"):
        raise Invalid(f"{name} must be true or false.")
    return value == "true"


def _sort(query: MultiMapping[str]) -> tuple[Sort, ...]:
    """The order asked for, each key once, completed so that no two images are equal in it."""
    if "sort" in query:
        if "sort_key" in query or "sort_dir" in query:
            raise Invalid("sort cannot be combined with sort_key or sort_dir.")
        parts = [part.partition(":") for value in query.getall("sort") for part in value.split(",")]
        wanted = [(sort_key(key), direction_of(direction or "desc")) for key, _, direction in parts]
    else:
        keys = [sort_key(value) for value in query.getall("sort_key", ())] or ["created_at"]
        given = [direction_of(value) for value in query.getall("sort_dir", ())]
        if len(given) > 1 and len(given) != len(keys):
            raise Invalid("There must be one sort_dir, or as many as there are sort_keys.")
        directions = given or [Direction.DESC]
        if len(directions) == 1:
            directions *= len(keys)
        wanted = list(zip(keys, directions, strict=True))
    used = {direction for _, direction in wanted}
    rest = used.pop() if len(used) == 1 else Direction.DESC
    order = dict(reversed(wanted))
    return tuple(
        Sort(key, order.get(key, rest))
        for key in dict.fromkeys([*(key for key, _ in wanted), "created_at", "id"])
    )


def sort_key(value: str) -> str:
    key = value.strip()
    if key not in SORT_KEYS:
        raise Invalid(f"Images can be sorted by: {', '.join(sorted(SORT_KEYS))}.")
    return key


def direction_of(value: str) -> Direction:
    try:
        return Direction(value.strip())
    except ValueError:
        raise Invalid("A sort direction is asc or desc.") from None


def _conditions(name: str, value: str) -> list[Condition] | None:
    """What the filter asks of columns of the image; None if it names a custom property."""
    if name in _REFUSED:
        raise Invalid(f"Images cannot be filtered by {name}.")
    if name.endswith(("_min", "_max")):
        return _bound(name, value)
    if name in _LISTS:
        return [_listed(name, value)]
    if name in _TIMES:
        return [_time(name, value)]
    if name in _TEXTS:
        return [Condition(name, Op.EQ, value)]
    if name in _INTEGERS:
        return [_equal_integer(name, value)]
    if name == "protected":
        return [Condition(name, Op.EQ, _flag(name, value))]
    return None


def _bound(name: str, value: str) -> list[Condition]:
    """``size_min`` and its like: an inclusive bound of an integer column."""
    column = name[:-4]
    if column not in _INTEGERS:
        known = ", ".join(_INTEGERS)
        raise Invalid(f"{name}: only these have a minimum and a maximum: {known}.")
    if not _INTEGER.fullmatch(value):
        raise Invalid(f"{name} must be an integer.")
    number, largest = int(value), _INTEGERS[column]
    if name.endswith("_min"):
        # Beyond what the column can hold, a database may not even compare.
        return [Condition(column, Op.GTE, max(number, 0)) if number <= largest else NEVER]
    return [Condition(column, Op.LTE, min(number, largest)) if number >= 0 else NEVER]


def _equal_integer(name: str, value: str) -> Condition:
    if not _INTEGER.fullmatch(value) or not 0 <= int(value) <= _INTEGERS[name]:
        return NEVER
    return Condition(name, Op.EQ, int(value))


def _listed(name: str, value: str) -> Condition:
    """``value``, ``eq:value``, or ``in:`` and several values."""
    operator, colon, operand = value.partition(":")
    if not colon or _timestamp(value) is not None:
        return Condition(name, Op.EQ, value)
    if operator == "eq":
        return Condition(name, Op.EQ, operand)
    if operator == "in":
        return Condition(name, Op.IN, _split(operand))
    raise Invalid(
        f"{name}: '{operator}' is no operator, use eq or in; "
        "a value with a colon is written eq:value."
    )


def _split(text: str) -> tuple[str, ...]:
    """The values of a list separated by commas; double quotes protect commas, \\" inside."""
    values = []
    position = 0
    while True:
        found = _LISTED.match(text, position)
        if found is None:
            raise Invalid(f"In the list of values {text}, the double quotes do not match.")
        quoted, plain = found.groups()
        values.append(plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted))
        position = found.end()
        if not found[0].endswith(","):
            return tuple(dict.fromkeys(values))


def _time(name: str, value: str) -> Condition:
    """A moment in ISO 8601, or a comparison with one; without an offset it is in UTC."""
    moment = _timestamp(value)
    operator = Op.EQ
    if moment is None:
        word, colon, operand = value.partition(":")
        moment = _timestamp(operand)
        if not colon or moment is None:
            raise Invalid(f"{name} must be a time in ISO 8601, such as 2026-01-31T12:00:00Z.")
        if word not in ("eq", "neq", "gt", "gte", "lt", "lte"):
            raise Invalid(f"{name}: '{word}' is no operator, use eq, neq, gt, gte, lt or lte.")
        operator = Op(word)
    return Condition(name, operator, moment)


def _timestamp(text: str) -> datetime | None:
    """The moment in UTC without zone; None if the text is none."""
    if _YEAR_OR_MONTH.fullmatch(text):
        text = (text + "-01-01")[:10]
    return moment_of(text)


def moment_of(text: str) -> datetime | None:
    """A time in ISO 8601 as UTC without zone; None if the text is none."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    except (ValueError, OverflowError):
        return None
