"""The same ten thousand images for every contender, written into its database in bulk.

Both services have the same tables, so one set of rows serves both: active raw images
of one project, each with five properties, two tags and a location. Property ``os_distro``
selects one image in five, ``build_id`` a single one, the second tag one in ten.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, DateTime, TableClause, column, table, text

from benchmarks import databases
from benchmarks.contenders.base import OWNER

COUNT = 10_000
BEGINNING = datetime(2025, 1, 1, tzinfo=UTC).replace(tzinfo=None)
STORE = "file1"
TABLES = ("images", "image_properties", "image_tags", "image_locations")
BATCH = 1000

Row = dict[str, Any]


def identifier(number: int) -> str:
    """The id of an image."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"imagestore-benchmark-{number}"))


def title(number: int) -> str:
    """The name of an image; no two have the same."""
    return f"image-{number:05}"


def distribution(number: int) -> str:
    """The property ``os_distro``: a fifth of the images share one."""
    return ("debian", "ubuntu", "fedora", "rocky", "alpine")[number % 5]


def build(number: int) -> str:
    """The property ``build_id``: no two images share one."""
    return uuid.uuid5(uuid.NAMESPACE_URL, str(number)).hex


def team(number: int) -> str:
    """The second tag: a tenth of the images share one."""
    return f"team-{number * 3 % 10}"


def populate(url: str, count: int = COUNT) -> None:
    """Insert the images into the database at ``url`` and refresh its statistics."""

    def insert(connection: Connection) -> None:
        for first in range(0, count, BATCH):
            numbers = range(first, min(first + BATCH, count))
            for name, rows in _rows(numbers).items():
                connection.execute(_table(name, rows[0]).insert(), rows)

    databases.run(url, insert)
    databases.run(url, analyze, alone=True)


def analyze(connection: Connection) -> None:
    """Refresh the statistics of a database of images."""
    verb = "ANALYZE TABLE" if connection.dialect.name == "mysql" else "ANALYZE"
    for name in TABLES:
        connection.execute(text(f"{verb} {name}"))


def _table(name: str, row: Row) -> TableClause:
    """The columns of a table that the rows fill, whatever others it has."""
    times = {"created_at", "updated_at"}
    return table(name, *(column(key, DateTime() if key in times else None) for key in row))


def document(number: int) -> Row:
    """An image about as the services show it, for a server of static files."""
    shown = {key: str(value) for key, value in _image(number, {"created_at": BEGINNING}).items()}
    return {**shown, **dict(_properties(number)), "tags": [team(number)]}


def _rows(numbers: range) -> dict[str, list[Row]]:
    rows: dict[str, list[Row]] = {name: [] for name in TABLES}
    for number in numbers:
        # not in the order of their numbers, as no index should be luckily sorted
        created = BEGINNING + timedelta(seconds=number * 7919 % COUNT)
        stamps = {"created_at": created, "updated_at": created, "deleted": False}
        of_image = {"image_id": identifier(number), **stamps}
        rows["images"].append(_image(number, stamps))
        rows["image_properties"] += [
            {**of_image, "name": key, "value": value} for key, value in _properties(number)
        ]
        rows["image_tags"] += [
            {**of_image, "value": value} for value in (f"build-{number % 100}", team(number))
        ]
        rows["image_locations"].append(
            {
                **of_image,
                "value": f"file:///var/lib/images/{identifier(number)}",
                "meta_data": json.dumps({"store": STORE}),
                "status": "active",
            }
        )
    return rows


def _image(number: int, stamps: Row) -> Row:
    digest = hashlib.sha512(str(number).encode()).hexdigest()
    size = (1 << 20) + number * 6007 % COUNT * 4096
    return {
        "id": identifier(number),
        "name": title(number),
        "size": size,
        "virtual_size": size,
        "status": "active",
        "disk_format": "raw",
        "container_format": "bare",
        "checksum": digest[:32],
        "owner": OWNER,
        "min_disk": 0,
        "min_ram": 0,
        "protected": False,
        "visibility": "private" if number % 2 else "shared",
        "os_hidden": False,
        "os_hash_algo": "sha512",
        "os_hash_value": digest,
        **stamps,
    }


def _properties(number: int) -> Iterator[tuple[str, str]]:
    yield "architecture", ("x86_64", "aarch64")[number % 2]
    yield "build_id", build(number)
    yield "hw_disk_bus", ("virtio", "scsi", "ide")[number % 3]
    yield "os_distro", distribution(number)
    yield "os_version", f"{number * 7 % 100}.04"
