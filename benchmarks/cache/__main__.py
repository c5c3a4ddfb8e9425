"""The command line: ``python -m benchmarks.cache``.

An S3 store (Ceph's gateway) behind a line of 100 MiB a second for all connections together.
An image that is not cached is fetched by one client, another one by 64 at once; then hits are
measured, in turns with the file store of imagestore. Each service has its cache in memory.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from benchmarks import databases
from benchmarks.cache import report
from benchmarks.cache.measure import MIB, Bench, Fill
from benchmarks.contenders import glance, imagestore
from benchmarks.contenders.base import HOST, BenchmarkError, ImageService
from benchmarks.databases import DatabaseServer
from benchmarks.run import WORKERS
from benchmarks.stores.places import Place, Places
from tests.services.faultproxy import FaultProxy

RATE = 100 * MIB
CLIENTS = 64
NAMES = ("imagestore", "glance")


@dataclass(frozen=True, slots=True)
class Run:
    """``directory`` has what the services keep; ``memory`` the images and the caches."""

    directory: Path
    memory: Path
    place: Place
    options: dict[str, str]
    """Of the store, behind the line."""
    server: DatabaseServer

    def start(self, name: str) -> ImageService:
        """The service of that name, with its cache on."""
        if name == "imagestore":
            return imagestore.start(
                self.directory / name,
                self.directory / "none",
                workers=WORKERS,
                database=self.server.database(name),
                store=(self.place.type, self.options),
                cache=self.memory / "cache-imagestore",
            )
        return glance.start(
            self.directory / name,
            self.server.database(name),
            name="glance",
            title="Glance",
            chunk_size=65536,
            workers=WORKERS,
            store=(self.place.type, self.options),
            cache=self.memory / "cache-glance",
        )

    def files(self, beside: str) -> ImageService:
        """imagestore with a file store and no cache."""
        name = f"files-{beside}"
        return imagestore.start(self.directory / name, self.memory / name, workers=WORKERS)


def main() -> int:
    """Measure and print. 1 if a service failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cache", description=__doc__)
    parser.add_argument("--size", type=int, default=1024, metavar="MIB", help="of an image")
    parser.add_argument("--clients", type=int, default=CLIENTS, help="at once")
    parser.add_argument("--only", choices=NAMES, help="one service")
    parser.add_argument("--quick", action="store_true", help="images of 128 MiB")
    parser.add_argument("--memory", type=Path, default=Path("/dev/shm"), help="for the caches")
    given = parser.parse_args()
    size = 128 * MIB if given.quick else given.size * MIB
    console = Console(width=None if sys.stdout.isatty() else 140)
    fills: dict[str, tuple[Fill, Fill]] = {}
    hits: dict[str, list[float]] = {}
    failed = False
    with (
        tempfile.TemporaryDirectory(prefix="cache-") as directory,
        tempfile.TemporaryDirectory(prefix="cache-", dir=given.memory) as memory,
        ExitStack() as running,
    ):
        place = Places(Path(directory), Path(memory), running, 8 * size).start("s3")
        line = running.enter_context(FaultProxy(int(place.options["s3_store_host"].split(":")[-1])))
        body = Path(memory) / "body"
        with body.open("wb") as file:
            for _ in range(size // MIB):
                file.write(os.urandom(MIB))
        options = {**place.options, "s3_store_host": f"http://{HOST}:{line.port}"}
        server = databases.start("mariadb", Path(directory) / "mariadb")
        running.callback(server.stop)
        run = Run(Path(directory), Path(memory), place, options, server)
        bench = Bench(body, place, line, RATE)
        for name in NAMES if given.only is None else (given.only,):
            try:
                with _started(lambda name=name: run.start(name)) as service:  # type: ignore[misc]
                    fills[name] = bench.fill(service, 1), bench.fill(service, given.clients)
                    with _started(lambda name=name: run.files(name)) as files:  # type: ignore[misc]
                        services = ((service, bench.cached(service)), (files, bench.upload(files)))
                        hits[name], hits[f"{name}: file store"] = bench.hits(services)
            except (BenchmarkError, RuntimeError, OSError) as error:
                console.print(f"{name} failed: {error}")
                failed = True
    report.show(console, size, RATE, fills, hits)
    return 1 if failed else 0


@contextlib.contextmanager
def _started(start: Callable[[], ImageService]) -> Iterator[ImageService]:
    service = start()
    try:
        service.warm_up()
        yield service
    finally:
        service.stop()


if __name__ == "__main__":
    sys.exit(main())
