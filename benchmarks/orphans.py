"""What a search for orphans takes among a million objects: ``python -m benchmarks.orphans``.

A file store has as many files (empty ones, in memory) as there are images in the database, and a
thousand that belong to none. imagestore, which serves all the while with one worker, is told to
search twice, then the orphans are removed by the command line.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from sqlalchemy import text

from benchmarks import databases, seed
from benchmarks.contenders import imagestore
from benchmarks.measures.base import MIB, spent
from benchmarks.processes import MemoryWatch
from benchmarks.scale import load
from imagestore.database import orphans

LOOK = 0.5
"""Seconds between two looks at whether a search is over."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=1_000_000)
    parser.add_argument("--orphans", type=int, default=1000)
    parser.add_argument("--database", choices=databases.TITLES, default="mariadb")
    parser.add_argument("--memory", type=Path, default=Path("/dev/shm"), help="for the files")
    given = parser.parse_args()
    table = Table(
        "what",
        *("seconds", "CPU of the server, s", "of the database, s", "server grew by, MiB"),
        box=box.SIMPLE_HEAD,
        title=f"{given.objects:,} objects and {given.orphans:,} orphans, "
        f"{databases.TITLES[given.database]}",
    )
    with (
        tempfile.TemporaryDirectory() as name,
        tempfile.TemporaryDirectory(dir=given.memory) as memory,
        ExitStack() as running,
    ):
        directory, images = Path(name), Path(memory) / "images"
        directory.chmod(0o755)
        server = databases.start(given.database, directory / given.database)
        running.callback(server.stop)
        url, tree = server.database("imagestore")
        service = imagestore.start(
            directory / "imagestore",
            images,
            workers=1,
            database=(url, tree),
            populate=lambda url: _populate(url, images, given.objects, given.orphans),
            options={"imagestore": {"orphan_grace": "0"}},
        )
        running.callback(service.stop)
        service.warm_up()
        configuration = directory / "imagestore" / "imagestore.conf"

        def measure(what: str, action: Callable[[], None]) -> None:
            begun = time.monotonic()
            with spent(service) as cost, MemoryWatch(service.server) as memory:
                action()
            figures = (time.monotonic() - begun, cost.server, cost.database, memory.growth / MIB)
            cells = ("" if figure is None else f"{figure:,.1f}" for figure in figures)
            table.add_row(what, *cells)

        def search() -> None:
            before = _last_search(url)
            _command(configuration, "search")
            while _last_search(url) == before:
                time.sleep(LOOK)

        measure("the first search", search)
        measure("the second search", search)
        measure("removal by the command line", lambda: _remove(configuration, given.orphans))
    Console().print(table)


def _populate(url: str, images: Path, objects: int, unneeded: int) -> None:
    load.fill(url, objects, place=str(images))
    ids = databases.run(url, lambda conn: list(conn.scalars(text("SELECT id FROM images"))))
    for name in (*ids, *(str(uuid.uuid4()) for _ in range(unneeded))):
        (images / name).touch()


def _last_search(url: str) -> object:
    """When the last search of the store began that came to its end."""
    found = databases.run(url, orphans.searches).get(seed.STORE)
    return found and found.started_at


def _remove(configuration: Path, number: int) -> None:
    removed = _command(configuration, "delete", "--force").count(b" removed")
    if removed != number:
        raise RuntimeError(f"{removed} orphans were removed instead of {number}")


def _command(configuration: Path, *arguments: str) -> bytes:
    command = [sys.executable, "-m", "imagestore", "orphans", *arguments]
    given = ["--config-file", str(configuration), "--data-dir", str(configuration.parent)]
    return subprocess.run([*command, *given], check=True, capture_output=True).stdout


if __name__ == "__main__":
    main()
