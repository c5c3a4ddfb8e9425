"""Whole images up and down, and parts of them."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.contenders.base import Contender
from benchmarks.load.generator import Generator
from benchmarks.measures.base import (
    GIB,
    MIB,
    Bench,
    Figures,
    Measure,
    check,
    requests,
    settle,
    spent,
)

STREAMS = (1, 4)
ALL = ("imagestore", "imagestore-sha256", "glance", "glance-1m", "nginx")


class Upload(Measure):
    """PUT of new images with a known length, one stream and four."""

    name = "upload"
    contenders = ALL
    chunked = False

    def run(self, bench: Bench, contender: Contender) -> Iterator[tuple[str, Figures]]:
        for streams in STREAMS if bench.scale.thorough or not self.chunked else (1,):
            size = bench.scale.one_stream if streams == 1 else bench.scale.four_streams
            paths = [contender.new_upload() for _ in range(streams)]
            job = {
                "upload": paths,
                "body": str(bench.source(size, chunked=self.chunked)),
                "size": size,
                "chunked": self.chunked,
                "flush": [file for path in paths if (file := contender.file_of(path))],
            }
            yield f"{self.name}-{streams}", transfer(contender, job)
            for path in paths:
                contender.remove_upload(path)


class ChunkedUpload(Upload):
    """The same without a known length, in chunks of 64 KiB."""

    name = "chunked-upload"
    contenders = ("imagestore", "glance", "glance-1m")
    chunked = True


class Download(Measure):
    """GET of a whole image out of the page cache."""

    name = "download"
    contenders = ("imagestore", "glance", "glance-1m", "nginx")

    def run(self, bench: Bench, contender: Contender) -> Iterator[tuple[str, Figures]]:
        path = bench.stored(contender, bench.scale.one_stream)
        for streams in STREAMS:
            repeat = max(1, bench.scale.download_repeats // streams)
            job = {"download": [path] * streams, "repeat": repeat}
            yield f"{self.name}-{streams}", transfer(contender, job)


class Range(Measure):
    """GET of 1 MiB at the places of an image in turn."""

    name = "range"

    def run(self, bench: Bench, contender: Contender) -> Iterator[tuple[str, Figures]]:
        size = bench.scale.one_stream
        path = bench.stored(contender, size)
        steps = [
            [{"method": "GET", "path": path, "headers": {"Range": f"bytes={at}-{at + MIB - 1}"}}]
            for at in range(0, size, size // 64)
        ]
        for clients in STREAMS:
            _, figures = requests(
                contender, flow=steps, clients=clients, seconds=bench.scale.seconds
            )
            yield f"{self.name}-{clients}", figures


def transfer(contender: Contender, job: dict[str, object]) -> Figures:
    """Run a bulk job: ``rate`` in MiB/s, ``cpu`` and ``client_cpu`` in seconds per GiB.

    ``durable_rate``: with the flushing of the job's files after it.
    """
    generator = Generator("bulk", {**contender.address(), **job})
    settle()
    with spent(contender) as cost:
        result = generator.run()
    check(contender, result)
    moved = result["bytes"]
    figures = {
        "rate": moved / MIB / result["elapsed"],
        "client_cpu": result["client_cpu"] / (moved / GIB),
        **cost.per(moved / GIB),
    }
    if job.get("flush"):
        figures["durable_rate"] = moved / MIB / result["flushed"]
    return figures
