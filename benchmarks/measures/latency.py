"""How long a show takes while images move."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from benchmarks.contenders.base import BenchmarkError, Contender
from benchmarks.load.generator import Generator
from benchmarks.measures.base import Bench, Figures, Measure, requests
from benchmarks.measures.images import SERVICES, shows

RATE = 25
"""Shows a second, the same for all, so that they take little from the transfers."""
CLIENTS = 16
"""How many of them may be open at once."""
STREAMS = 4
LEAD = 0.5
"""Seconds that the transfers run before the shows begin, and after they end."""


class Latency(Measure):
    """p50 and p99 of show: alone, beside four uploads, beside four downloads."""

    name = "latency"
    contenders = SERVICES

    def run(self, bench: Bench, contender: Contender) -> Iterator[tuple[str, Figures]]:
        seconds = bench.scale.latency_seconds
        size = bench.scale.four_streams
        background: dict[str, dict[str, Any] | None] = {
            "alone": None,
            "uploads": {"body": str(bench.source(size))},
            "downloads": {"path": bench.stored(contender, bench.scale.one_stream)},
        }
        for kind, transfers in background.items():
            generator = None
            if transfers is not None:
                job = {"streams": STREAMS, "seconds": seconds + 2 * LEAD, **transfers}
                generator = Generator("bulk", {**contender.address(), **job})
                generator.go()
                time.sleep(LEAD)
            _, figures = requests(
                contender, flow=shows(contender), clients=CLIENTS, rate=RATE, seconds=seconds
            )
            if generator is not None:
                moved = generator.result()
                if moved["failures"]:
                    raise BenchmarkError(f"{contender.title}: {moved['failures']}")
                figures["transferred"] = moved["bytes"] / (1 << 20) / moved["elapsed"]
            for of_transfers_too in ("cpu", "database_cpu", "sum"):
                figures.pop(of_transfers_too, None)
            yield f"{self.name}-{kind}", figures
