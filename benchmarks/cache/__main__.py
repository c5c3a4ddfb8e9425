"""The command line: ``python -m benchmarks.cache``.

An S3 store (Ceph's gateway) behind a line of 100 MiB a second for all connections together.
An image that is not cached is fetched by one client, another one by 64 at once; then the hits
are measured, beside the file store of imagestore. Each service has its cache in memory.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.contenders import glance, imagestore
from benchmarks.contenders.base import HOST, BenchmarkError, ImageService
from benchmarks.load.generator import Generator
from benchmarks.run import WORKERS
from benchmarks.stores.places import Place, Places
from tests.services import mariadb
from tests.services.faultproxy import FaultProxy, Faults

MIB = 1 << 20
RATE = 100 * MIB
CLIENTS = 64
HITS = 4


def main() -> int:
    """Measure and print. 1 if a service failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cache", description=__doc__)
    parser.add_argument("--size", type=int, default=1024, metavar="MIB", help="of an image")
    parser.add_argument("--clients", type=int, default=CLIENTS, help="at once")
    parser.add_argument("--only", choices=["imagestore", "glance"], help="one service")
    parser.add_argument("--quick", action="store_true", help="images of 128 MiB")
    parser.add_argument("--memory", type=Path, default=Path("/dev/shm"), help="for the caches")
    given = parser.parse_args()
    size = 128 * MIB if given.quick else given.size * MIB
    console = Console(width=None if sys.stdout.isatty() else 140)
    table = Table(
        *("service", "1 client, s", f"{given.clients} clients, s", "last / one"),
        *("read from the store", "hits, MiB/s"),
        title=f"An image of {size // MIB} MiB, from S3 at {RATE // MIB} MiB/s",
    )
    failed = False
    with (
        tempfile.TemporaryDirectory(prefix="cache-") as directory,
        tempfile.TemporaryDirectory(prefix="cache-", dir=given.memory) as memory,
        ExitStack() as running,
    ):
        place = Places(Path(directory), Path(memory), running, 8 * size).start("s3")
        line = running.enter_context(FaultProxy(int(place.options["s3_store_host"].split(":")[-1])))
        body = Path(memory) / "body"
        body.write_bytes(bytes(range(256)) * (size // 256))
        options = {**place.options, "s3_store_host": f"http://{HOST}:{line.port}"}
        starters: dict[str, Callable[[], ImageService]] = {
            "imagestore": lambda: imagestore.start(
                Path(directory) / "imagestore",
                Path(directory) / "none",
                workers=WORKERS,
                store=("s3", options),
                cache=Path(memory) / "cache-imagestore",
            ),
            "glance": lambda: _glance(Path(directory), Path(memory), place, options, running),
        }
        for name, start in starters.items():
            if given.only in (None, name):
                try:
                    with _started(start) as service:
                        table.add_row(name, *_measure(service, line, body, given.clients))
                except (BenchmarkError, RuntimeError, OSError) as error:
                    console.print(f"{name} failed: {error}")
                    failed = True
        with _started(
            lambda: imagestore.start(
                Path(directory) / "files", Path(memory) / "files", workers=WORKERS
            )
        ) as service:
            path = service.new_upload()
            _upload(service, path, body)
            table.add_row("imagestore, file store", "", "", "", "", f"{_hits(service, path):,.0f}")
    console.print(table)
    return 1 if failed else 0


@contextlib.contextmanager
def _started(start: Callable[[], ImageService]):  # type: ignore[no-untyped-def]
    service = start()
    try:
        service.warm_up()
        yield service
    finally:
        service.stop()


def _glance(
    directory: Path, memory: Path, place: Place, options: dict[str, str], running: ExitStack
) -> ImageService:
    database = mariadb.start(directory / "mariadb")
    running.callback(database.stop)
    return glance.start(
        directory / "glance",
        database,
        name="glance",
        title="Glance",
        chunk_size=65536,
        workers=WORKERS,
        store=(place.type, options),
        cache=memory / "cache-glance",
    )


def _measure(service: ImageService, line: FaultProxy, body: Path, clients: int) -> list[str]:
    size = body.stat().st_size
    line.faults = Faults()
    paths = [service.new_upload() for _ in range(2)]
    for path in paths:
        _upload(service, path, body)
    line.faults = Faults(total=RATE)
    one = _download(service, paths[0], 1)
    before = line.traffic.down
    many = _download(service, paths[1], clients)
    times = (line.traffic.down - before) / size
    line.faults = Faults()
    hits = _hits(service, paths[0])
    ratio = many / one
    return [f"{one:.1f}", f"{many:.1f}", f"{ratio:.2f}", f"{times:.2f} times", f"{hits:,.0f}"]


def _hits(service: ImageService, path: str) -> float:
    """MiB/s of a client that has the image to itself; the median."""
    size = 0
    rates = []
    for _ in range(HITS):
        result = _run(service, {"download": [path]})
        size = result["bytes"]
        rates.append(size / MIB / result["elapsed"])
    return statistics.median(rates)


def _download(service: ImageService, path: str, clients: int) -> float:
    """Seconds until the last client has the image."""
    return float(_run(service, {"download": [path] * clients})["elapsed"])


def _upload(service: ImageService, path: str, body: Path) -> None:
    _run(service, {"upload": [path], "body": str(body), "size": body.stat().st_size})


def _run(service: ImageService, job: dict[str, object]) -> dict[str, float]:
    common = {"host": HOST, "port": service.port, "headers": service.headers}
    result = Generator("bulk", {**common, **job}).run()
    if result["failures"]:
        raise BenchmarkError(f"{service.title}: {result['failures'][0]}")
    return result


if __name__ == "__main__":
    sys.exit(main())
