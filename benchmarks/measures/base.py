"""What a measure is, how much of it is done, and what it may use."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from benchmarks.contenders.base import BenchmarkError, Contender
from benchmarks.load.generator import Generator, Result

MIB = 1 << 20
GIB = 1 << 30
CHUNK = 65536
"""Bytes in a chunk of a chunked upload, as python-glanceclient sends them."""

Figures = dict[str, float]
"""What one run of one measure found, by metric."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is done; sizes in bytes."""

    rounds: int
    one_stream: int
    """Size of an upload, and of the image that is downloaded."""
    four_streams: int
    """Size of each of four uploads at once."""
    download_repeats: int
    seconds: float
    """Of each run of small requests."""
    latency_seconds: float
    slow_clients: int
    slow_seconds: float
    memory_upload: int
    thorough: bool
    """Whether also what only confirms other figures is measured."""


FULL = Scale(
    rounds=3,
    one_stream=GIB,
    four_streams=GIB // 2,
    download_repeats=8,
    seconds=4,
    latency_seconds=20,
    slow_clients=500,
    slow_seconds=20,
    memory_upload=4 * GIB,
    thorough=True,
)
QUICK = Scale(
    rounds=1,
    one_stream=GIB // 4,
    four_streams=GIB // 8,
    download_repeats=8,
    seconds=0.8,
    latency_seconds=2.5,
    slow_clients=500,
    slow_seconds=3,
    memory_upload=GIB // 4,
    thorough=False,
)


@dataclass(slots=True)
class Bench:
    """The run that a measure is part of."""

    scale: Scale
    directory: Path
    kept: dict[tuple[str, str], Any] = field(default_factory=dict)
    """What measures leave for each other, by contender and name: paths of images."""
    notes: list[str] = field(default_factory=list)
    """What a reader of the figures has to know, one sentence each."""

    def source(self, size: int, *, chunked: bool = False) -> Path:
        """A file of random bytes in the page cache; framed in chunks if ``chunked``."""
        path = self.directory / f"source-{size}{'-chunked' if chunked else ''}"
        if not path.exists():
            with path.open("wb") as target:
                for _ in range(size // MIB):
                    block = os.urandom(MIB)
                    if chunked:
                        parts = (block[at : at + CHUNK] for at in range(0, MIB, CHUNK))
                        block = b"".join(b"%x\r\n%b\r\n" % (CHUNK, part) for part in parts)
                    target.write(block)
        return path

    def stored(self, contender: Contender, size: int) -> str:
        """The path of ``size`` random bytes at a contender, put there once."""
        key = (contender.name, f"stored-{size}")
        if key not in self.kept:
            path = contender.new_upload()
            kind = "application/octet-stream"
            contender.call("PUT", path, self.source(size), kind)
            self.kept[key] = path
        return str(self.kept[key])


class Measure(ABC):
    """One row or more of the table: a kind of work that each server is given in turn."""

    name: ClassVar[str]
    """As chosen on the command line."""
    contenders: ClassVar[Sequence[str]] = ("imagestore", "glance", "nginx")
    """Who takes part, by name."""
    once: ClassVar[bool] = False
    """Whether it is run in the first round only."""

    @abstractmethod
    def run(self, bench: Bench, contender: Contender) -> Iterator[tuple[str, Figures]]:
        """Do the work; yields figures under the key of each row that they belong to."""


class Limit(ABC):
    """Something that the machine does without any server."""

    name: ClassVar[str]

    @abstractmethod
    def run(self, bench: Bench) -> Iterator[tuple[str, Figures]]:
        """Do it; yields figures under the key of each row that they belong to."""


@dataclass(slots=True)
class Cost:
    """CPU seconds of server and database during a ``with`` block of :func:`spent`."""

    server: float = 0.0
    database: float | None = None

    def per(self, units: float) -> Figures:
        """As metrics ``cpu``, ``database_cpu`` and the ``sum`` of both, per unit."""
        if not units:
            return {}
        found = {"cpu": self.server / units, "sum": (self.server + (self.database or 0)) / units}
        if self.database is not None:
            found["database_cpu"] = self.database / units
        return found


@contextmanager
def spent(contender: Contender) -> Iterator[Cost]:
    """Count the CPU of a contender; filled in when the block ends."""
    cost = Cost()
    before = contender.server.cpu()
    database = contender.database.cpu() if contender.database else 0.0
    yield cost
    cost.server = contender.server.cpu() - before
    if contender.database:
        cost.database = contender.database.cpu() - database


def settle() -> None:
    """Let the disk take all that was written, so that nobody pays for another's bytes."""
    os.sync()


def requests(contender: Contender, **job: Any) -> tuple[Result, Figures]:
    """Run small requests; the generator's result, and the figures of a row of them.

    Raises :class:`BenchmarkError` if any was refused.
    """
    generator = Generator("requests", {**contender.address(), **job})
    with spent(contender) as cost:
        result = generator.run()
    check(contender, result)
    if not result["units"]:
        raise BenchmarkError(f"{contender.title}: nothing was answered in {job['seconds']} s")
    units = result["units"]
    figures = {"rate": units / result["elapsed"], "client_cpu": result["client_cpu"] / units}
    figures |= {key: result[key] for key in ("p50", "p99") if result[key] is not None}
    return result, figures | cost.per(units)


def check(contender: Contender, result: Mapping[str, Any]) -> None:
    """Raise :class:`BenchmarkError` if a generator counted failures."""
    if result["failures"]:
        raise BenchmarkError(f"{contender.title}: failures {result['failures']}")
