"""What is measured of a cache: a fill that one client and that many follow, and hits."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contenders.base import BenchmarkError, ImageService
from benchmarks.load.generator import Generator, Job, Result
from benchmarks.stores.places import Place
from tests.services.faultproxy import FaultProxy, Faults

MIB = 1 << 20
COMPARED = 16
"""Of that many pieces of the image a client of a crowd compares one with the image."""
STREAMS = (1, 4)
"""Clients at once that read a hit."""
ROUNDS = 7
"""Of hits; the median counts."""
SETTLED = 60.0
"""Seconds in which what one client has fetched must have become an entry of the cache."""


@dataclass(frozen=True, slots=True)
class Fill:
    """What it took until ``clients`` had an image that was in no cache. Times in seconds."""

    clients: int
    first: float
    last: float
    times_read: float
    """Bytes that came from the store, divided by those of the image."""
    compared: float
    """Bytes that were compared with the image, divided by those of the image."""
    cpu: Mapping[str, float]
    """Seconds of CPU by who used them."""


class Bench:
    """One image, a store behind a line, and the clients."""

    def __init__(self, body: Path, place: Place, line: FaultProxy, rate: int) -> None:
        self.body = body
        self.size = body.stat().st_size
        self._place = place
        self._line = line
        self._rate = rate

    def upload(self, service: ImageService) -> str:
        """A new image with the body, over a fast line; its path."""
        self._line.faults = Faults()
        path = service.new_upload()
        _run(service, "bulk", {"upload": [path], "body": str(self.body), "size": self.size})
        return path

    def fill(self, service: ImageService, clients: int) -> Fill:
        """Have so many fetch a new image over the slow line."""
        path = self.upload(service)
        self._line.faults = Faults(total=self._rate)
        before, down = self._used(service), self._line.traffic.down
        job = {"path": path, "clients": clients, "body": str(self.body)}
        result = _run(service, "crowd", {**job, "every": min(COMPARED, clients)})
        used = {name: value - before[name] for name, value in self._used(service).items()}
        used["clients"] = result["client_cpu"]
        fill = Fill(
            clients,
            result["first"],
            result["elapsed"],
            (self._line.traffic.down - down) / self.size,
            result["compared"] / self.size,
            used,
        )
        self._line.faults = Faults()
        return fill

    def cached(self, service: ImageService) -> str:
        """The path of a new image that the cache has."""
        path = self.upload(service)
        end = time.monotonic() + SETTLED
        while time.monotonic() < end:
            before = self._line.traffic.down
            _run(service, "bulk", {"download": [path]})
            if self._line.traffic.down - before < self.size // 2:
                return path
        raise BenchmarkError(f"{service.title} does not cache the image")

    def hits(self, services: Sequence[tuple[ImageService, str]]) -> list[list[float]]:
        """MiB/s of each service for each of ``STREAMS``, measured in turns."""
        rates: list[list[list[float]]] = [[[] for _ in STREAMS] for _ in services]
        for _ in range(ROUNDS):
            for (service, path), found in zip(services, rates, strict=True):
                for streams, values in zip(STREAMS, found, strict=True):
                    result = _run(service, "bulk", {"download": [path] * streams})
                    values.append(result["bytes"] / MIB / result["elapsed"])
        return [[statistics.median(values) for values in found] for found in rates]

    def _used(self, service: ImageService) -> dict[str, float]:
        database = service.database.cpu() if service.database else 0.0
        return {
            **service.server.cpu_by_work(),
            "database": database,
            "store": self._place.cpu(),
            "line": time.process_time(),
        }


def _run(service: ImageService, module: str, job: Job) -> Result:
    result = Generator(module, {**service.address(), **job}).run()
    if result["failures"]:
        raise BenchmarkError(f"{service.title}: {result['failures'][0]}")
    return result
