"""From rows to the model: images with their properties, tags and locations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import (
    Connection,
    Integer,
    Select,
    String,
    Text,
    bindparam,
    literal_column,
    null,
    select,
    type_coerce,
    union_all,
)
from sqlalchemy.sql.selectable import CompoundSelect

from imagestore.database.expressions import exact, not_deleted
from imagestore.database.schema import (
    image_locations,
    image_members,
    image_properties,
    image_tags,
    images,
)
from imagestore.model.image import Image, ImageStatus, Location, MemberStatus, Visibility

COLUMNS = tuple(
    images.c[name]
    for name in (
        "id", "created_at", "updated_at", "status", "visibility", "name", "owner",
        "protected", "os_hidden", "checksum", "os_hash_algo", "os_hash_value", "size",
        "virtual_size", "container_format", "disk_format", "min_disk", "min_ram",
    )
)  # fmt: skip
"""The columns of an image, in the order of the fields of :class:`Image`."""

_STATUSES = {status.value: status for status in ImageStatus}
_VISIBILITIES = {visibility.value: visibility for visibility in Visibility}

_PROPERTY, _TAG, _LOCATION, _MEMBERSHIP = range(4)


def to_image(row: Sequence[Any]) -> Image:
    """An image of a row of :data:`COLUMNS`, without children."""
    id_, created_at, updated_at, status, visibility, *rest = row
    return Image(
        id_,
        created_at,
        # Null in rows that an old release of the peer wrote and nobody has touched since.
        updated_at or created_at,
        _STATUSES[status],
        _VISIBILITIES[visibility],
        *rest,
    )


def to_location(id_: int, url: str, metadata: str | None, status: str) -> Location:
    return Location(url, orjson.loads(metadata) if metadata else {}, status, id_)


def load_children(
    conn: Connection, found: Iterable[Image], *, member: str | None = None
) -> Mapping[str, MemberStatus]:
    """Fill in properties, tags and locations of all images by one statement.

    With ``member``, a project id, its memberships come along: status by image id.
    """
    by_id = {image.id: image for image in found}
    memberships: dict[str, MemberStatus] = {}
    if not by_id:
        return memberships
    parameters: dict[str, Any] = {"ids": list(by_id)}
    if member is not None:
        parameters["member"] = member
    tags: dict[str, list[tuple[int, str]]] = {}
    locations: dict[str, list[Location]] = {}
    rows = conn.execute(_children(member is not None), parameters).all()
    for kind, image_id, id_, first, second, third in rows:
        if kind == _PROPERTY:
            by_id[image_id].properties[first] = second
        elif kind == _TAG:
            tags.setdefault(image_id, []).append((id_, first))
        elif kind == _LOCATION:
            locations.setdefault(image_id, []).append(to_location(id_, first, second, third))
        else:
            memberships[image_id] = MemberStatus(third)
    for image_id, pairs in tags.items():
        by_id[image_id].tags = tuple(dict.fromkeys(value for _, value in sorted(pairs)))
    for image_id, places in locations.items():
        places.sort(key=_location_id)
        by_id[image_id].locations = tuple(places)
    return memberships


def _location_id(location: Location) -> int:
    assert location.id is not None
    return location.id


@lru_cache(maxsize=2)
def _children(with_membership: bool) -> CompoundSelect[Any]:
    """kind, image_id, id, and three texts whose meaning depends on the kind."""
    ids = bindparam("ids", expanding=True, type_=String)
    nothing = type_coerce(null(), Text)

    def branch(kind: int, table: Any, *texts: Any) -> Select[Any]:
        return select(
            literal_column(str(kind), Integer), table.c.image_id, table.c.id, *texts
        ).where(table.c.image_id.in_(ids), not_deleted(table))

    branches = [
        branch(_PROPERTY, image_properties, image_properties.c.name, image_properties.c.value,
               nothing),
        branch(_TAG, image_tags, image_tags.c.value, nothing, nothing),
        branch(_LOCATION, image_locations, image_locations.c.value, image_locations.c.meta_data,
               image_locations.c.status),
    ]  # fmt: skip
    if with_membership:
        memberships = branch(
            _MEMBERSHIP, image_members, image_members.c.member, nothing, image_members.c.status
        )
        branches.append(memberships.where(exact(image_members.c.member, bindparam("member"))))
    return union_all(*branches)
