"""What reads cost on MariaDB and PostgreSQL, and why the drivers are those that they are.

``python -m benchmarks.servers``: 10,000 images on a server of each kind; an image by id and a list
of 25 through imagestore's database room, one and sixteen at once, with the drivers that it uses and
with others; for each the time of this process and of the server, and until the answer.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.database import PAGE, USER, Action, fill, sample
from benchmarks.processes import ProcessTree
from imagestore.config import settings
from imagestore.database import images, urls
from imagestore.database.engine import Database
from tests.services import mariadb, postgresql

ROUNDS = 640
AT_ONCE = (1, 16)


@contextmanager
def driver(name: str) -> Iterator[None]:
    """Have URLs of its kind of server lead to another driver: ``mysql+aiomysql``."""
    backend = name.partition("+")[0]
    before = urls.DRIVERS[backend]
    urls.DRIVERS[backend] = name
    try:
        yield
    finally:
        urls.DRIVERS[backend] = before


async def measure(action: Action, server: ProcessTree, rounds: int, at_once: int) -> str:
    async def caller() -> None:
        for _ in range(rounds // at_once):
            await action()

    await asyncio.gather(*(caller() for _ in range(at_once)))
    ours, theirs, wall = time.process_time(), server.cpu(), time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(at_once)))
    spent = (time.process_time() - ours, server.cpu() - theirs, time.perf_counter() - wall)
    return "".join(f"{1000 * seconds / rounds:10.2f}" for seconds in spent)


async def run(url: str, name: str, server: ProcessTree, number: int) -> None:
    """Print a line for each operation. The first time the images are made."""
    chance = random.Random(number)
    many = [sample(one, chance) for one in range(number)]
    with driver(name):
        database = Database(settings.Database(url, auto_upgrade=True))
    await database.open()
    try:
        if await database.read(images.get, many[-1].id) is None:
            for first in range(0, number, 100):
                await database.write(fill, many[first : first + 100])
        ids = iter([image.id for image in many] * 100)
        actions: dict[str, Action] = {
            "image by id": lambda: database.select(images.get, next(ids), project_id="project"),
            "25 of all": lambda: database.read(images.select_page, USER, PAGE),
        }
        for operation, action in actions.items():
            for at_once in AT_ONCE:
                cells = await measure(action, server, ROUNDS, at_once)
                print(f"{name:22}{operation:12}{at_once:8}{cells}", flush=True)
    finally:
        await database.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--drivers", default="mysql+asyncmy,mysql+aiomysql,postgresql+asyncpg")
    given = parser.parse_args()
    print(f"{given.images} images; milliseconds an operation\n")
    print(f"{'':34}{'at once':>8}{'process':>10}{'server':>10}{'answer':>10}")
    with ExitStack() as stack:
        servers: dict[str, mariadb.MariaDB | postgresql.PostgreSQL] = {}
        for name in given.drivers.split(","):
            kind = name.partition("+")[0]
            if kind not in servers:
                start = mariadb.start if kind == "mysql" else postgresql.start
                directory = stack.enter_context(tempfile.TemporaryDirectory())
                Path(directory).chmod(0o755)
                servers[kind] = start(Path(directory))
                stack.callback(servers[kind].stop)
            server = servers[kind]
            asyncio.run(run(server.url, name, ProcessTree(server.pid), given.images))


if __name__ == "__main__":
    main()
