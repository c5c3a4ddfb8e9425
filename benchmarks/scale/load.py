"""Fills the tables of images by statements that make the rows within the database.

Everything follows from the number of an image, so all databases hold the same. Not all of it is
spread evenly, as in life it is not:

- one image in ten is of the project ``big``, the others of one project for each thousand images;
- one in a hundred is public, as many are community images, one in five is shared: 2,000 of
  these, or all, with the project ``friend``; the others are private;
- tag ``public-only`` is on public images alone, ``old`` on the oldest tenth alone; one of ten
  tags is on every image, and one of which there is one for each hundred images;
- fifty images are created in the same second, some have no name, some no size.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, text

from benchmarks import databases, seed
from imagestore.database.schema import indexes_for

PROPERTIES = 5
FRIENDS = 2000
"""Images that are shared with one project."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """Seconds that it took, and of it to make imagestore's own indexes."""

    seconds: float
    indexing: float


def fill(
    url: str, number: int, *, own_indexes: bool = True, place: str = "/var/lib/images"
) -> Loaded:
    """Write ``number`` images into a database that has Glance's tables and no image.

    ``own_indexes``: it has imagestore's as well; they are made when the rows are there, which
    takes a fraction of the time. ``place``: the directory that locations lead to.
    """
    begun = time.monotonic()
    if own_indexes:
        databases.run(url, _drop_indexes)
    databases.run(url, lambda conn: _insert(conn, number, place))
    indexing = time.monotonic()
    if own_indexes:
        databases.run(url, create_indexes)
    ended = time.monotonic()
    databases.run(url, seed.analyze, alone=True)
    return Loaded(time.monotonic() - begun, ended - indexing if own_indexes else 0.0)


def drop_indexes(url: str) -> None:
    """What is left are Glance's."""
    databases.run(url, _drop_indexes)


def _drop_indexes(conn: Connection) -> None:
    for index in indexes_for(conn.dialect.name):
        index.drop(conn)


def create_indexes(conn: Connection) -> None:
    """imagestore's own."""
    for index in indexes_for(conn.dialect.name):
        index.create(conn)


def _insert(conn: Connection, number: int, place: str) -> None:
    sql = _DIALECTS[conn.dialect.name](number, place)
    for statement in (*sql.settings, *sql.inserts()):
        conn.execute(text(statement))


class _Sql:
    """The statements, in words that all databases know; the methods are what they differ in."""

    settings: tuple[str, ...] = ()
    false = "0"

    def __init__(self, number: int, place: str) -> None:
        self.number = number
        self.place = place

    def numbers(self) -> str:
        """A table ``s`` with a column ``i`` from 0."""
        raise NotImplementedError

    def hexadecimal(self, value: str) -> str:
        """Of 8 digits."""
        raise NotImplementedError

    def seconds(self, value: str) -> str:
        """A time so many seconds after the beginning."""
        raise NotImplementedError

    def join(self, *parts: str) -> str:
        return " || ".join(parts)

    def rest(self, value: str, divisor: int) -> str:
        return f"mod({value}, {divisor})"

    def string(self, value: str) -> str:
        return f"CAST({value} AS CHAR(20))"

    def visibility(self, value: str) -> str:
        return value

    def numbered(self, prefix: str, divisor: int) -> str:
        """A name and the number, or its rest."""
        return self.join(f"'{prefix}'", self.string(self.rest("i", divisor)))

    def inserts(self) -> Iterator[str]:
        """One for each table: MariaDB sorts what comes into an empty table at once."""
        number = self.number
        scattered = self.hexadecimal(self.rest("i * 2654435761", 2**32))
        image_id = self.join(scattered, "'-5ca1-4000-8000-0000'", self.hexadecimal("i"))
        created = self.seconds("floor(i / 50)")
        changed = self.seconds(f"floor(i / 50) + {self.rest('i', 7)}")
        stamps = f"{created}, {changed}, {self.false}"
        of_image = f"{image_id}, {stamps}"
        is_rest = lambda rest, divisor: f"{self.rest('i', divisor)} = {rest}"  # noqa: E731
        project = self.numbered("project-", max(1, number // 1000))
        owner = f"CASE WHEN {is_rest(0, 10)} THEN 'big' ELSE {project} END"
        visibility = self.visibility(
            f"CASE WHEN {is_rest(1, 100)} THEN 'public' WHEN {is_rest(2, 100)} THEN 'community' "
            f"WHEN {is_rest(3, 5)} THEN 'shared' ELSE 'private' END"
        )
        name = f"CASE WHEN {is_rest(4, 30)} THEN NULL ELSE {self.numbered('img-', number // 2)} END"
        size = f"CASE WHEN {is_rest(7, 40)} THEN NULL ELSE {self.rest('i * 7919', 99991)} END"
        checksum = self.join(self.hexadecimal("i"), "'00000000000000000000ffff'")
        digest = self.join(self.hexadecimal("i"), f"'{'a' * 120}'")
        disk_format = f"CASE WHEN {is_rest(5, 50)} THEN 'vhd' ELSE 'qcow2' END"
        yield (
            "INSERT INTO images (id, created_at, updated_at, deleted, name, size, virtual_size, "
            "status, disk_format, container_format, checksum, owner, min_disk, min_ram, "
            "protected, visibility, os_hidden, os_hash_algo, os_hash_value) "
            f"SELECT {of_image}, {name}, {size}, {size}, 'active', {disk_format}, 'bare', "
            f"{checksum}, {owner}, {self.rest('i', 4)}, {self.rest('i', 1000)}, {self.false}, "
            f"{visibility}, {self.false}, 'sha512', {digest} FROM {self.numbers()}"
        )
        properties = {
            "os_distro": self.numbered("distro-", 8),
            "os_version": self.string(self.rest("i", 20)),
            "hw_disk_bus": self.numbered("bus-", 3),
            "architecture": self.numbered("arch-", 2),
            "serial": self.numbered("serial-", number),
        }
        yield (
            "INSERT INTO image_properties (image_id, created_at, updated_at, deleted, name, value) "
        ) + " UNION ALL ".join(
            f"SELECT {of_image}, '{key}', {value} FROM {self.numbers()}"
            for key, value in properties.items()
        )
        tags = (
            (self.numbered("tag-", 10), "1 = 1"),
            (self.numbered("set-", max(1, number // 100)), "1 = 1"),
            ("'public-only'", is_rest(1, 100)),
            ("'old'", f"i < {number // 10}"),
        )
        yield (
            "INSERT INTO image_tags (image_id, created_at, updated_at, deleted, value) "
        ) + " UNION ALL ".join(
            f"SELECT {of_image}, {value} FROM {self.numbers()} WHERE {where}"
            for value, where in tags
        )
        url = self.join(f"'file://{self.place}/'", image_id)
        yield (
            "INSERT INTO image_locations (image_id, created_at, updated_at, deleted, value, "
            f"meta_data, status) SELECT {of_image}, {url}, '{{}}', 'active' FROM {self.numbers()}"
        )
        every = 5 * max(1, number // 5 // FRIENDS)
        yield (
            "INSERT INTO image_members (image_id, created_at, updated_at, deleted, member, "
            f"can_share, status) SELECT {of_image}, 'friend', {self.false}, 'accepted' "
            f"FROM {self.numbers()} WHERE {is_rest(3, every)}"
        )


class _MariaDB(_Sql):
    settings = ("SET SESSION unique_checks = 0", "SET SESSION foreign_key_checks = 0")

    def numbers(self) -> str:
        return f"(SELECT seq AS i FROM seq_0_to_{self.number - 1}) AS s"

    def hexadecimal(self, value: str) -> str:
        return f"lpad(lower(hex({value})), 8, '0')"

    def seconds(self, value: str) -> str:
        return f"timestampadd(SECOND, {value}, '2025-01-01')"

    def join(self, *parts: str) -> str:
        return f"concat({', '.join(parts)})"


class _PostgreSQL(_Sql):
    false = "false"

    def numbers(self) -> str:
        return f"generate_series(CAST(0 AS bigint), {self.number - 1}) AS s(i)"

    def hexadecimal(self, value: str) -> str:
        return f"lpad(to_hex({value}), 8, '0')"

    def seconds(self, value: str) -> str:
        return f"timestamp '2025-01-01' + ({value}) * interval '1 second'"

    def string(self, value: str) -> str:
        return f"CAST({value} AS text)"

    def visibility(self, value: str) -> str:
        return f"CAST({value} AS image_visibility)"


class _SQLite(_Sql):
    settings = ("PRAGMA synchronous = OFF", "PRAGMA cache_size = -1000000")

    def numbers(self) -> str:
        last = self.number - 1
        return (
            "(WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM c "
            f"WHERE i < {last}) SELECT i FROM c) AS s"
        )

    def hexadecimal(self, value: str) -> str:
        return f"printf('%08x', {value})"

    def seconds(self, value: str) -> str:
        whole = f"CAST({value} AS INTEGER)"
        return f"datetime('2025-01-01', '+' || {whole} || ' seconds') || '.000000'"

    def rest(self, value: str, divisor: int) -> str:
        return f"(({value}) % {divisor})"

    def string(self, value: str) -> str:
        return f"CAST({value} AS TEXT)"


_DIALECTS: dict[str, type[_Sql]] = {
    "mysql": _MariaDB,
    "postgresql": _PostgreSQL,
    "sqlite": _SQLite,
}
