"""Put and get of whole images, by a service and by the store's own tool."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.contenders.base import ImageService
from benchmarks.load.generator import Generator
from benchmarks.measures.base import GIB, MIB, Figures
from benchmarks.measures.transfer import transfer
from benchmarks.processes import MemoryWatch
from benchmarks.stores.places import Place

STREAMS = (1, 4)


def through(service: ImageService, place: Place, body: Path) -> Iterator[tuple[str, Figures]]:
    """Upload ``body`` as 1 and 4 images at once, download them, delete them.

    ``rate`` in MiB/s; in seconds per GiB ``cpu`` of the service, of it ``loop_cpu``,
    ``digests_cpu`` and ``other_cpu``, and ``store_cpu`` and ``client_cpu``; ``memory``: MiB by
    which the service grew for each transfer under way.
    """
    size = body.stat().st_size
    for streams in STREAMS:
        paths = [service.new_upload() for _ in range(streams)]
        jobs: dict[str, dict[str, object]] = {
            "put": {"upload": paths, "body": str(body), "size": size},
            "get": {"download": paths},
        }
        for action, job in jobs.items():
            before, work_before = place.cpu(), service.server.cpu_by_work()
            with MemoryWatch(service.server) as memory:
                figures = transfer(service, job)
            moved = streams * size / GIB
            figures["store_cpu"] = (place.cpu() - before) / moved
            for work, used in service.server.cpu_by_work().items():
                figures[f"{work}_cpu"] = (used - work_before[work]) / moved
            figures["memory"] = memory.growth / MIB / streams
            yield f"{place.name}-{action}-{streams}", figures
        for path in paths:
            service.remove_upload(path)


def by_tool(place: Place, body: Path) -> Iterator[tuple[str, Figures]]:
    """The same by the store's own tool, one process a stream."""
    size = body.stat().st_size
    for streams in STREAMS:
        names = [f"tool-{uuid.uuid4()}" for _ in range(streams)]
        for action in ("put", "get"):
            before = place.cpu()
            begun, results = _run(place, action, names, body)
            elapsed = time.perf_counter() - begun
            moved = sum(result["bytes"] for result in results)
            if moved != streams * size:
                raise RuntimeError(f"{place.tool}: {moved} bytes moved instead of {streams * size}")
            store = (place.cpu() - before) / (moved / GIB)
            tool = sum(result["client_cpu"] for result in results) / (moved / GIB)
            yield (
                f"{place.name}-{action}-{streams}",
                {
                    "rate": moved / MIB / elapsed,
                    "cpu": tool + store,
                    "client_cpu": tool,
                    "store_cpu": store,
                },
            )
        # The stores keep everything in memory.
        _run(place, "delete", names, body)


def _run(
    place: Place, action: str, names: list[str], body: Path
) -> tuple[float, list[dict[str, Any]]]:
    """Have a process each do that with its object; when they began, and their results."""
    generators = [
        Generator(
            "tools",
            {
                "store": place.type,
                "options": dict(place.tool_options),
                "action": action,
                "name": name,
                "body": str(body),
            },
        )
        for name in names
    ]
    begun = time.perf_counter()
    for generator in generators:
        generator.go()
    return begun, [generator.result() for generator in generators]
