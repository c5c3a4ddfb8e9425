"""From rows to the model: images with their properties, tags and locations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

import orjson
from sqlalchemy import (
    Connection,
    Integer,
    Select,
    String,
    Text,
    bindparam,
    case,
    false,
    func,
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

LOCATION = image_locations.c["id", "value", "meta_data", "status"]
"""The columns of a location, as :func:`to_location` takes them."""

_STATUSES = {status.value: status for status in ImageStatus}
_VISIBILITIES = {visibility.value: visibility for visibility in Visibility}

_PROPERTY, _TAG, _LOCATION, _MEMBERSHIP, _IMAGE = range(5)

_CHILD = ("id", "size", "name", "owner", "status")
"""The columns of an image in which a child stands that is read with it: as few as there are, for
each costs as much as a row."""
_AS_CHILD = itemgetter(0, *(1 + COLUMNS.index(images.c[name]) for name in _CHILD))

_SHORT = 1024
"""Length of a property's value that is read before it is known whether its image is shown."""
_TOGETHER = 100
"""Images of which children are read by one statement, where all of them may be too much."""
_LENGTH = func.length(image_properties.c.value)
_PROPERTIES = select(
    image_properties.c.image_id, image_properties.c.name, image_properties.c.value
).where(
    image_properties.c.image_id.in_(bindparam("ids", expanding=True, type_=String)),
    not_deleted(image_properties),
)


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
    """Fill in properties, tags and locations of all images by one statement, or two.

    With ``member``, a project id, its memberships come along: status by image id.
    """
    by_id = {image.id: image for image in found}
    memberships, long = _load(conn, by_id, member)
    _load_long(conn, by_id, long)
    return memberships


def load_whole(
    conn: Connection, image_id: str, *, member: str | None = None
) -> tuple[Image | None, MemberStatus | None]:
    """The image, if it is not marked as deleted, with its children, by one statement; and the
    status of the membership of ``member``, a project id."""
    parameters = {"id": image_id} if member is None else {"id": image_id, "member": member}
    image = None
    children = []
    for row in conn.execute(_whole(member is not None), parameters):
        if row[0] == _IMAGE:
            image = to_image(row[1:])
        else:
            children.append(_AS_CHILD(row))
    if image is None:
        return None, None
    memberships, _ = _fill({image.id: image}, children)
    return image, memberships.get(image.id)


def load_after(
    conn: Connection, image_id: str, statuses: Iterable[ImageStatus], limit: int
) -> list[Image]:
    """The images in these states that follow an id, in order of ids, with all they have."""
    asked = (
        images.c.id > image_id,
        images.c.deleted == false(),
        images.c.status.in_([status.value for status in statuses]),
    )
    statement = select(*COLUMNS).where(*asked).order_by(images.c.id).limit(limit)
    found = [to_image(row) for row in conn.execute(statement)]
    load_children(conn, found)
    return found


def load_children_within(conn: Connection, found: Sequence[Image], most: int) -> int:
    """Fill in the children of the first images, as many as have ``most`` characters of properties
    and locations between them; how many images that are, at least one."""
    number = 0
    for start in range(0, len(found), _TOGETHER):
        part = found[start : start + _TOGETHER]
        by_id = {image.id: image for image in part}
        _, long = _load(conn, by_id, None)
        for image in part:
            most -= long.get(image.id, 0) + _characters(image)
            if most < 0 and number:
                break
            number += 1
        shown = by_id.keys() & {image.id for image in found[start:number]}
        _load_long(conn, by_id, long.keys() & shown)
        if number < start + len(part):
            break
    return number


def _characters(image: Image) -> int:
    texts = (value for value in image.properties.values() if value)
    return sum(map(len, texts)) + sum(len(location.url) for location in image.locations)


def _load(
    conn: Connection, by_id: Mapping[str, Image], member: str | None
) -> tuple[Mapping[str, MemberStatus], Mapping[str, int]]:
    """Fill in the children, but of long values only their names; memberships as above, and how
    many characters of long values there are, by image id."""
    if not by_id:
        return {}, {}
    parameters: dict[str, Any] = {"ids": list(by_id)}
    if member is not None:
        parameters["member"] = member
    return _fill(by_id, conn.execute(_children(member is not None), parameters).all())


def _fill(
    by_id: Mapping[str, Image], rows: Iterable[Sequence[Any]]
) -> tuple[Mapping[str, MemberStatus], Mapping[str, int]]:
    memberships: dict[str, MemberStatus] = {}
    long: dict[str, int] = {}
    tags: dict[str, list[tuple[int, str]]] = {}
    locations: dict[str, list[Location]] = {}
    for kind, image_id, number, first, second, third in rows:
        if kind == _PROPERTY:
            by_id[image_id].properties[first] = second
            if number is not None and number > _SHORT:
                long[image_id] = long.get(image_id, 0) + number
        elif kind == _TAG:
            tags.setdefault(image_id, []).append((number, first))
        elif kind == _LOCATION:
            locations.setdefault(image_id, []).append(to_location(number, first, second, third))
        else:
            memberships[image_id] = MemberStatus(third)
    for image_id, pairs in tags.items():
        by_id[image_id].tags = tuple(dict.fromkeys(value for _, value in sorted(pairs)))
    for image_id, places in locations.items():
        places.sort(key=_location_id)
        by_id[image_id].locations = tuple(places)
    return memberships, long


def _load_long(conn: Connection, by_id: Mapping[str, Image], ids: Iterable[str]) -> None:
    """Fill in all properties of images with long values, which may have changed meanwhile."""
    if parameters := list(ids):
        for image_id in parameters:
            by_id[image_id].properties.clear()
        for image_id, name, value in conn.execute(_PROPERTIES, {"ids": parameters}):
            by_id[image_id].properties[name] = value


def _location_id(location: Location) -> int:
    assert location.id is not None
    return location.id


@lru_cache(maxsize=2)
def _children(with_membership: bool) -> CompoundSelect[Any]:
    """Of several images; of long values of properties only how long they are."""
    ids = bindparam("ids", expanding=True, type_=String)
    short = case((_LENGTH <= _SHORT, image_properties.c.value))
    return union_all(*_branches(with_membership, lambda column: column.in_(ids), _LENGTH, short))


@lru_cache(maxsize=2)
def _whole(with_membership: bool) -> CompoundSelect[Any]:
    """One image and its children, which stand in columns of the image, see :data:`_CHILD`. The
    image comes first, or PostgreSQL would not know of which type its columns are."""
    image = select(literal_column(str(_IMAGE), Integer), *COLUMNS).where(
        exact(images.c.id, bindparam("id")), images.c.deleted == false()
    )
    children = _branches(
        with_membership,
        lambda column: column == bindparam("id"),
        literal_column("0", Integer),
        image_properties.c.value,
    )
    together = [image]
    for child in children:
        kind, *own = child.selected_columns
        held = dict(zip(_CHILD, own, strict=True))
        rest = (held.get(column.name, null()) for column in COLUMNS)
        together.append(child.with_only_columns(kind, *rest))
    return union_all(*together)


def _branches(
    with_membership: bool, of: Callable[[Any], Any], length: Any, value: Any
) -> list[Select[Any]]:
    """kind, image_id, id (of a property: its length), and three texts that depend on the kind."""
    nothing = type_coerce(null(), Text)

    def branch(kind: int, table: Any, number: Any, *texts: Any) -> Select[Any]:
        return select(literal_column(str(kind), Integer), table.c.image_id, number, *texts).where(
            of(table.c.image_id), not_deleted(table)
        )

    branches = [
        branch(_PROPERTY, image_properties, length, image_properties.c.name, value, nothing),
        branch(_TAG, image_tags, image_tags.c.id, image_tags.c.value, nothing, nothing),
        branch(_LOCATION, image_locations, image_locations.c.id, image_locations.c.value,
               image_locations.c.meta_data, image_locations.c.status),
    ]  # fmt: skip
    if with_membership:
        memberships = branch(
            _MEMBERSHIP, image_members, image_members.c.id, image_members.c.member, nothing,
            image_members.c.status,
        )  # fmt: skip
        branches.append(memberships.where(exact(image_members.c.member, bindparam("member"))))
    return branches
