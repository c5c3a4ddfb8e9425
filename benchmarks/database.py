"""What operations on the database cost, and why the embedded one has threads of its own.

``python -m benchmarks.database``: 10,000 images with 5 properties, 2 tags and a
location each in an SQLite file; every operation in this process, once as imagestore
runs it on its embedded database and once through the asynchronous driver aiosqlite.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection

from imagestore.config import settings
from imagestore.database import images
from imagestore.database.engine import Database
from imagestore.model.image import Image, ImageStatus, Location, Visibility
from imagestore.model.query import Condition, ImageQuery, Op, Scope, Sort

START = datetime(2026, 1, 1)
USER = Scope("project")
PAGE = ImageQuery(25)
ROUNDS = 200
AT_ONCE = 16
DRIVERS = {"embedded": "sqlite", "aiosqlite": "sqlite+aiosqlite"}

Action = Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class Cost:
    """Milliseconds of one operation: of the processor, and until the caller has the answer."""

    processor: float
    wall: float


def sample(number: int, chance: random.Random) -> Image:
    """One image in ten is public, the others belong to one project."""
    moment = START + timedelta(seconds=number, microseconds=chance.randrange(10**6))
    return Image(
        str(uuid.UUID(int=chance.getrandbits(128))),
        moment,
        moment,
        status=ImageStatus.ACTIVE,
        owner=USER.project_id if number % 10 else "another",
        visibility=Visibility.SHARED if number % 10 else Visibility.PUBLIC,
        name=f"image-{number:05}",
        size=chance.randrange(10**10),
        disk_format="qcow2",
        container_format="bare",
        tags=(f"group-{number % 100}", "even" if number % 2 else "odd"),
        properties={
            "os_distro": "debian",
            "architecture": ("x86_64", "aarch64")[number % 2],
            "team": f"team-{number % 50}",
            "build": str(number),
            "description": "x" * 60,
        },
        locations=(Location(f"file:///var/lib/images/{number}", {"store": "file"}),),
    )


def fill(conn: Connection, many: list[Image]) -> None:
    for image in many:
        images.insert(conn, image)


def reads(database: Database, many: list[Image]) -> Iterator[tuple[str, Action]]:
    ids = iter([image.id for image in many] * 100)
    yield "image by id", lambda: database.read(images.get, next(ids), project_id="project")
    deep = many[len(many) // 2].id
    lists = {
        "25 of all": PAGE,
        "25 from the middle": replace(PAGE, marker=deep),
        "by name": replace(PAGE, conditions=(Condition("name", Op.EQ, many[7].name),)),
        "by a property, 1": replace(PAGE, properties=(("build", "77"),)),
        "by a property, 2 %": replace(PAGE, properties=(("team", "team-7"),)),
        "by a property, all": replace(PAGE, properties=(("os_distro", "debian"),)),
        "by a tag, 1 %": replace(PAGE, tags=("group-7",)),
        "by a tag, 50 %": replace(PAGE, tags=("even",)),
        "sorted by size": replace(PAGE, sort=(Sort("size"),)),
        "1000 of all": ImageQuery(1000),
    }
    for name, query in lists.items():
        yield name, lambda query=query: database.read(images.select_page, USER, query)  # type: ignore[misc]


def writes(database: Database, chance: random.Random) -> Iterator[tuple[str, Action]]:
    def create() -> Awaitable[object]:
        return database.write(images.insert, replace(sample(1, chance), locations=()))

    yield "create", create
    swapped = sample(1, chance)

    async def swap() -> None:
        before, after = ImageStatus.ACTIVE, ImageStatus.DEACTIVATED
        values = {"updated_at": START, "status": after}
        await database.write(images.update, swapped.id, values, only_if_status={before, after})

    yield "change of status", swap


async def measure(action: Action, rounds: int, at_once: int = 1) -> Cost:
    async def caller() -> None:
        for _ in range(rounds // at_once):
            await action()

    await action()
    processor, wall = time.process_time(), time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(at_once)))
    done = rounds // at_once * at_once
    return Cost(
        (time.process_time() - processor) / done * 1000, (time.perf_counter() - wall) / done * 1000
    )


async def run(connection: str, number: int) -> dict[str, Cost]:
    """All operations on a new database of that many images."""
    chance = random.Random(number)
    many = [sample(one, chance) for one in range(number)]
    database = Database(settings.Database(connection, auto_upgrade=True))
    await database.open()
    try:
        for first in range(0, number, 1000):
            await database.write(fill, many[first : first + 1000])
        costs = {}
        for name, action in reads(database, many):
            costs[name] = await measure(action, ROUNDS // 10 if "1000" in name else ROUNDS)
        for name, action in writes(database, chance):
            costs[name] = await measure(action, ROUNDS)
            costs[f"{name}, {AT_ONCE} at once"] = await measure(action, ROUNDS, AT_ONCE)
        return costs
    finally:
        await database.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=10_000)
    number = parser.parse_args().images
    found = {}
    for name, driver in DRIVERS.items():
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "images.sqlite"
            found[name] = asyncio.run(run(f"{driver}:///{path}", number))
    print(f"{number} images; milliseconds of the processor (and until the answer) an operation\n")
    print(f"{'':28}{'embedded':>18}{'aiosqlite':>18}{'ratio':>12}")
    for operation, ours in found["embedded"].items():
        other = found["aiosqlite"][operation]
        cells = "".join(
            f"{f'{cost.processor:.2f} ({cost.wall:.2f})':>18}" for cost in (ours, other)
        )
        print(f"{operation:28}{cells}{other.processor / ours.processor:11.1f}x")


if __name__ == "__main__":
    main()
