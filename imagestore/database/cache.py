"""What the nodes have in their caches, in Glance's tables: a row for each entry of each node.

The rows only tell of the entries, so that all nodes know them; what is in a cache is what lies
in its directory. To remove the row of another node is to ask it to remove the entry.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from imagestore.database.schema import cached_images, images, node_reference
from imagestore.model.image import ImageStatus

_AT_ONCE = 500
_USABLE = [ImageStatus.ACTIVE.value, ImageStatus.DEACTIVATED.value]


@dataclass(frozen=True, slots=True)
class Recorded:
    """A row: its number, how often the entry was read, the md5 of the image."""

    id: int
    hits: int
    checksum: str | None


EntryRow = tuple[str, datetime, datetime, int]
"""Image, last access, last change (UTC without zone), bytes."""


def node_id(conn: Connection, url: str) -> int:
    """The number of the node of that URL, which it is given if it has none."""
    url_column = node_reference.c.node_reference_url
    known = select(node_reference.c.node_reference_id).where(url_column == url)
    if (found := conn.scalar(known)) is not None:
        return int(found)
    try:
        with conn.begin_nested():
            conn.execute(insert(node_reference).values(node_reference_url=url))
    except IntegrityError:
        pass  # another process of the node was faster
    return int(conn.execute(known.with_for_update(read=True)).scalar_one())


def recorded(conn: Connection, url: str) -> dict[str, Recorded]:
    """What is recorded of the entries of the node of that URL."""
    columns = (cached_images.c[name] for name in ("image_id", "id", "hits", "checksum"))
    of_node = node_reference.c.node_reference_id == cached_images.c.node_reference_id
    statement = (
        select(*columns)
        .join(node_reference, of_node)
        .where(node_reference.c.node_reference_url == url)
    )
    return {image_id: Recorded(*rest) for image_id, *rest in conn.execute(statement)}


def record(conn: Connection, node: int, entries: Iterable[EntryRow]) -> None:
    """Tell of entries that have no row yet."""
    new = list(entries)
    known = images.c.id.in_([image_id for image_id, *_ in new])
    rows = conn.execute(select(images.c.id, images.c.checksum).where(known))
    checksums = {row.id: row.checksum for row in rows}
    names = ("image_id", "last_accessed", "last_modified", "size")
    for entry in new:
        more = {"hits": 0, "checksum": checksums.get(entry[0]), "node_reference_id": node}
        conn.execute(insert(cached_images), dict(zip(names, entry, strict=True)) | more)


def add_hits(conn: Connection, node: int, counts: Mapping[str, int], moment: datetime) -> set[str]:
    """Count reads of entries; the images for which there is a row."""
    counted = set()
    for image_id in sorted(counts):
        statement = (
            update(cached_images)
            .where(cached_images.c.node_reference_id == node, cached_images.c.image_id == image_id)
            .values(hits=cached_images.c.hits + counts[image_id], last_accessed=moment)
        )
        if conn.execute(statement).rowcount:
            counted.add(image_id)
    return counted


def remove(conn: Connection, node: int, image_ids: Collection[str]) -> None:
    """The node has these no more."""
    left = sorted(image_ids)
    while left:
        some, left = left[:_AT_ONCE], left[_AT_ONCE:]
        conn.execute(
            delete(cached_images).where(
                cached_images.c.node_reference_id == node, cached_images.c.image_id.in_(some)
            )
        )


def remove_everywhere(conn: Connection, image_id: str) -> int:
    """Ask every node to remove its entry of the image; how many had one."""
    return conn.execute(delete(cached_images).where(cached_images.c.image_id == image_id)).rowcount


def nodes(conn: Connection, image_id: str) -> list[str]:
    of_node = node_reference.c.node_reference_id == cached_images.c.node_reference_id
    statement = (
        select(node_reference.c.node_reference_url)
        .join(cached_images, of_node)
        .where(cached_images.c.image_id == image_id)
        .order_by(node_reference.c.node_reference_url)
    )
    return list(conn.scalars(statement))


def usable(conn: Connection, image_ids: Collection[str]) -> set[str]:
    """Those of them that are images with data, and not deleted."""
    left, found = sorted(image_ids), set[str]()
    while left:
        some, left = left[:_AT_ONCE], left[_AT_ONCE:]
        statement = select(images.c.id).where(
            images.c.id.in_(some), images.c.deleted.is_(False), images.c.status.in_(_USABLE)
        )
        found.update(conn.scalars(statement))
    return found
