"""What a list request asks for, in the model's words. Pure data.

``api`` builds an :class:`ImageQuery` from a query string, ``catalog`` narrows it
to what the caller may see, ``database`` turns it into SQL.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from imagestore.model.image import MemberStatus, Visibility

SORT_KEYS = frozenset(
    {
        "name", "status", "container_format", "disk_format",
        "size", "id", "created_at", "updated_at",
    }
)  # fmt: skip


class Op(StrEnum):
    EQ = "eq"
    NEQ = "neq"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    IN = "in"


class Direction(StrEnum):
    ASC = "asc"
    DESC = "desc"


@dataclass(frozen=True, slots=True)
class Condition:
    """``column op value`` on a column of the image itself; for ``IN`` a tuple of values."""

    column: str
    op: Op
    value: Any


@dataclass(frozen=True, slots=True)
class Sort:
    key: str
    direction: Direction = Direction.DESC


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose eyes the list is seen with."""

    project_id: str | None
    is_admin: bool = False


@dataclass(frozen=True, slots=True)
class ImageQuery:
    """One page of images.

    ``visibility``: one of the four, or None for the default set; ``all_visibilities``
    adds foreign community images to the default set.
    ``member_status``: which *shared-with-me* images show; None for all of them.
    ``conditions`` and ``properties`` (name, value) and ``tags`` all have to hold.
    ``deleted``: whether images that are gone are listed: False: no; True: only those; None:
    among the others. They have no properties, tags and locations any more.
    ``as_user``: an administrator's project is shown what it would be without him.
    ``marker``: the id of the last image of the previous page.
    Ties are broken by created_at and id, in the direction of the last sort key.
    Nulls count as smallest.
    """

    limit: int
    marker: str | None = None
    sort: tuple[Sort, ...] = (Sort("created_at"), Sort("id"))
    visibility: Visibility | None = None
    all_visibilities: bool = False
    member_status: MemberStatus | None = MemberStatus.ACCEPTED
    os_hidden: bool = False
    deleted: bool | None = False
    as_user: bool = False
    conditions: tuple[Condition, ...] = ()
    properties: tuple[tuple[str, str], ...] = ()
    tags: tuple[str, ...] = ()
