"""Memory: idle, during a large upload, and with hundreds of slow downloads; and the start."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from benchmarks.contenders.base import Contender
from benchmarks.load.generator import Generator
from benchmarks.measures.base import GIB, MIB, Bench, Figures, Measure, check
from benchmarks.measures.images import SERVICES
from benchmarks.processes import MemoryWatch

SLOW_RATE = 32 * 1024
"""Bytes a second of each slow download."""
VERSIONS_RATE = 20
REST = 22.0
"""Seconds until a service that has nothing to do has tidied up."""
PIECE = 256 * MIB
"""A large upload is this many bytes over and over: no large file is needed."""


class Resident(Measure):
    """Memory of all server processes: ``idle`` before all else, ``after`` it, and ``rested``."""

    name = "rss"
    once = True
    contenders = ("imagestore", "glance", "glance-1m")

    def __init__(self, when: str) -> None:
        self._when = when
        self._begun = 0.0

    def run(self, bench: Bench, contender: Contender) -> Iterator[tuple[str, Figures]]:
        if self._when == "rested":
            self._begun = self._begun or time.monotonic()  # all of them rest at once
            time.sleep(max(0.0, self._begun + REST - time.monotonic()))
        resident = contender.server.rss()
        bench.kept.setdefault((contender.name, "idle"), resident)
        yield f"rss-{self._when}", {"memory": resident / MIB, "pss": contender.server.pss() / MIB}


class Start(Measure):
    """How long it takes until the service is ready, and until the command line answers."""

    name = "start"
    contenders = ("imagestore",)
    COMMANDS: ClassVar[Mapping[str, str]] = {"version": "version", "help": "--help"}

    def run(self, bench: Bench, contender: Contender) -> Iterator[tuple[str, Figures]]:
        program = str(Path(sys.executable).with_name("imagestore"))
        figures = {}
        for name, argument in self.COMMANDS.items():
            took = []
            for _ in range(5):
                begun = time.perf_counter()
                subprocess.run([program, argument], check=True, stdout=subprocess.DEVNULL)
                took.append(time.perf_counter() - begun)
            figures[name] = statistics.median(took)
        if contender.started_in is not None:
            figures["ready"] = contender.started_in
        yield self.name, figures


class SlowDownloads(Measure):
    """500 downloads of 32 KiB/s each, and GET /versions beside them."""

    name = "slow"
    once = True
    contenders = SERVICES

    def run(self, bench: Bench, contender: Contender) -> Iterator[tuple[str, Figures]]:
        scale = bench.scale
        path = bench.stored(contender, scale.one_stream)
        lead = 1.5  # what came at once is read by then
        versions = Generator(
            "requests",
            {
                **contender.address(),
                "flow": [{"method": "GET", "path": "/versions"}],
                "clients": 64,
                "rate": VERSIONS_RATE,
                "delay": lead,
                "seconds": scale.slow_seconds,
                "grace": 1.0,
            },
        )
        with MemoryWatch(contender.server) as memory:
            downloads = Generator(
                "slow",
                {
                    **contender.address(),
                    "path": path,
                    "clients": scale.slow_clients,
                    "rate": SLOW_RATE,
                    "seconds": scale.slow_seconds + lead,
                },
            )
            downloads.go()
            versions.go()
            answered = versions.result()
            slow = downloads.result()
        unanswered = answered["unanswered"] + sum(answered["failures"].values())
        idle = bench.kept.get((contender.name, "idle"), memory.before)
        figures = {
            "advancing": float(slow["advancing"]),
            "memory": (memory.peak - idle) / MIB,
            "unanswered": float(unanswered),
        }
        if not unanswered:
            figures |= {"p50": answered["p50"], "p99": answered["p99"]}
        yield self.name, figures


class LargeUpload(Measure):
    """How far memory grows while one large image of unknown length is uploaded."""

    name = "memory"
    once = True
    contenders = SERVICES

    def run(self, bench: Bench, contender: Contender) -> Iterator[tuple[str, Figures]]:
        size = bench.scale.memory_upload
        path = contender.new_upload()
        generator = Generator(
            "bulk",
            {
                **contender.address(),
                "upload": [path],
                "body": str(bench.source(PIECE, chunked=True)),
                "chunked": True,
                "size": size,
                "repeat": size // PIECE,
            },
        )
        with MemoryWatch(contender.server) as memory:
            result = generator.run()
        check(contender, result)
        contender.remove_upload(path)
        yield (
            self.name,
            {
                "memory": memory.growth / MIB,
                "rate": size / MIB / result["elapsed"],
                "size": size / GIB,
            },
        )
