"""Ten thousand connections that want little, and uploads that hardly move."""

from __future__ import annotations

import contextlib
import resource
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.contenders.base import BenchmarkError, Contender
from benchmarks.load.generator import Generator
from benchmarks.measures.base import GIB, MIB, Bench, Figures, Measure, requests
from benchmarks.measures.images import small_uploads
from benchmarks.processes import MemoryWatch

CLIENTS = 10_000
"""Downloads, and as many connections that idle."""
DOWNLOAD_RATE = 8 << 10
"""Bytes a second of each download."""
PARTS = 5
"""In each tenth of a second a fifth of the crowd reads: clients do not all read at once."""
FILES_OF_A_PAIR = 4
"""That the server opens for a download and a connection that idles: two sockets, one of them
twice, and the image."""
TRICKLES = 1000
TRICKLE_RATE = 1 << 10
LONGEST_BEGINNING = 30.0
"""Seconds that the trickles go on; half of that they have to begin."""
VERSIONS = [{"method": "GET", "path": "/versions"}]
VERSIONS_RATE = 20


class Crowd(Measure):
    """10,000 downloads of 8 KiB/s, 10,000 connections that idle, and GET /versions beside them."""

    name = "crowd"
    once = True
    contenders = ("imagestore",)

    def run(self, bench: Bench, contender: Contender) -> Iterator[tuple[str, Figures]]:
        path, seconds = bench.stored(contender, bench.scale.one_stream), bench.scale.slow_seconds
        clients = min(CLIENTS, _may_be_open(contender) // FILES_OF_A_PAIR)
        if clients < CLIENTS:
            bench.notes.append(
                f"a crowd of {clients:,} downloads and as many idle connections instead of "
                f"{CLIENTS:,}: the system lets no process open more files (LimitNOFILE)"
            )
        many = {**contender.address(), "clients": clients}
        before, kernel = contender.server.pss(), _kernel_memory()
        idle = Generator("idle", {**many, "path": "/versions"})
        downloads = Generator(
            "slow",
            {
                **many,
                "path": path,
                "rate": DOWNLOAD_RATE,
                "every": PARTS,
                "patience": 60,
                "seconds": seconds + 8,
            },
        )
        downloads.go()
        _, figures = requests(
            contender,
            flow=VERSIONS,
            clients=64,
            rate=VERSIONS_RATE,
            delay=2,  # what the kernel had taken in advance is read by then
            seconds=seconds,
        )
        memory, in_kernel = contender.server.pss() - before, _kernel_memory() - kernel
        moved = downloads.result()
        kept = idle.run()
        connections = kept["connected"] + moved["connected"]
        for what, found in (("downloads", moved), ("idle connections", kept)):
            if found["stopped_by"]:
                count = f"{found['connected']:,} {what} of {clients:,}"
                bench.notes.append(f"there were {count}; then {found['stopped_by']}")
        yield (
            self.name,
            {
                "connections": float(connections),
                "downloads": float(moved["connected"]),
                "idle": float(kept["connected"]),
                "advancing": float(moved["advancing"]),
                "kept": float(kept["kept"]),
                "p50": figures["p50"],
                "p99": figures["p99"],
                "each": memory / 1024 / connections,
                "kernel": in_kernel / 1024 / connections,
            },
        )


class Trickles(Measure):
    """1,000 uploads of 1 KiB/s, and small uploads beside them and alone."""

    name = "trickles"
    once = True
    contenders = ("imagestore",)

    def run(self, bench: Bench, contender: Contender) -> Iterator[tuple[str, Figures]]:
        alone = small_uploads(bench, contender)
        paths = [contender.new_upload() for _ in range(TRICKLES)]
        with MemoryWatch(contender.server) as memory:
            trickles = Generator(
                "slow",
                {
                    **contender.address(),
                    "clients": TRICKLES,
                    "upload": paths,
                    "size": GIB,
                    "rate": TRICKLE_RATE,
                    "every": PARTS,
                    "seconds": LONGEST_BEGINNING,
                },
            )
            trickles.go()
            _wait_until_saving(contender)
            beside = small_uploads(bench, contender)
            found = trickles.result()
        yield (
            self.name,
            {
                "rate": beside["rate"],
                "p99": beside["p99"],
                "alone_rate": alone["rate"],
                "advancing": float(found["advancing"]),
                "memory": memory.growth / MIB,
            },
        )
        with contextlib.ExitStack() as stack:  # all, whatever one says: lists come next
            for path in paths:
                stack.callback(contender.remove_upload, path)


def _wait_until_saving(contender: Contender) -> None:
    """Until all of the trickles have begun, which takes some milliseconds of the server each."""
    end = time.monotonic() + LONGEST_BEGINNING / 2
    while len(contender.fetch(f"/v2/images?status=saving&limit={TRICKLES}")["images"]) < TRICKLES:
        if time.monotonic() > end:
            raise BenchmarkError(f"{contender.title}: {TRICKLES} uploads do not begin")
        time.sleep(0.5)


def _may_be_open(contender: Contender) -> int:
    """Files that all workers together may open, but for some hundred that they need themselves,
    and for the chance that the kernel gives one of them more connections than the others."""
    parent, *workers = contender.server.pids()
    limits = [resource.prlimit(pid, resource.RLIMIT_NOFILE)[0] for pid in workers or [parent]]
    return int(len(limits) * (min(limits) - 300) * 0.97)


def _kernel_memory() -> int:
    """Bytes that the buffers of all TCP sockets of this machine take, clients' as well."""
    for line in Path("/proc/net/sockstat").read_text().splitlines():
        if line.startswith("TCP:"):
            return int(line.split()[-1]) * 4096
    return 0
