"""What the machine itself can do: digests alone, and its disk."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from benchmarks.load.generator import Generator
from benchmarks.measures.base import GIB, MIB, Bench, Figures, Limit, settle


class Digests(Limit):
    """Each alone on a core, and the two of the default configuration at once."""

    name = "digests"

    def run(self, bench: Bench) -> Iterator[tuple[str, Figures]]:
        size = bench.scale.one_stream
        for algorithms in (["md5"], ["sha256"], ["sha512"], ["md5", "sha512"]):
            result = Generator("digests", {"size": size, "algorithms": algorithms}).run()
            yield (
                "+".join(algorithms),
                {
                    "rate": size / MIB / result["elapsed"],
                    "cpu": result["client_cpu"] / (size / GIB),
                },
            )


class Disk(Limit):
    """Writing a file of one upload's size and flushing it, as a durable store has to."""

    name = "disk"

    def run(self, bench: Bench) -> Iterator[tuple[str, Figures]]:
        size = bench.scale.one_stream
        source, target = bench.source(size), bench.directory / "disk-limit"
        settle()
        with source.open("rb") as reader, target.open("wb", buffering=0) as writer:
            begun = time.perf_counter()
            while os.sendfile(writer.fileno(), reader.fileno(), None, 4 * MIB):
                pass
            os.fsync(writer.fileno())
            elapsed = time.perf_counter() - begun
        target.unlink()
        yield "disk", {"rate": size / MIB / elapsed}
