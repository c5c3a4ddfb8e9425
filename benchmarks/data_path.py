"""What an upload costs inside the process, part by part: MiB/s, and CPU seconds per GiB.

The source is one random block, copied into fresh blocks of the pool as a socket would
fill them; what that copy costs is printed as well. Run it as

    python -m benchmarks.data_path [--size MIB] [--directory DIR]

Figures of different moments are not comparable; those of one run are. "over digests"
is the CPU above that of both digests alone, the least that any server has to spend.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime

from imagestore.backends.base import Blocks, Stored
from imagestore.backends.blocks import BlockPool
from imagestore.backends.file import FileSettings
from imagestore.backends.file.store import FileStore
from imagestore.config.settings import Images
from imagestore.model.image import Image
from imagestore.transfer.digests import Digests
from imagestore.transfer.receive import receive

MIB = 1 << 20
DIGESTS = ("md5", "sha512")


class Nowhere(FileStore):
    """A store that costs nothing: what is measured is the rest."""

    async def add(
        self,
        image_id: str,
        blocks: Blocks,
        size: int | None = None,
        *,
        owner: str | None = None,
    ) -> Stored:
        count = 0
        async for block in blocks:
            count += len(block)
        return Stored("file:///dev/null", count)


class Bench:
    def __init__(self, size: int, block_size: int, directory: str) -> None:
        self.size = size
        self.pool = BlockPool(block_size=block_size)
        self.random = os.urandom(block_size)
        settings = FileSettings(filesystem_store_datadir=directory)
        self.file = FileStore("file", settings)
        self.nowhere = Nowhere("nowhere", settings)
        self.made = 0

    async def source(self) -> AsyncIterator[memoryview]:
        for _ in range(self.size // len(self.random)):
            block = self.pool.take()
            block[:] = self.random
            yield block.toreadonly()

    async def copying(self) -> None:
        async for _ in self.source():
            pass

    async def plain(self, *algorithms: str) -> None:
        """The digests as such: one thread each, the same block over and over."""

        def run(algorithm: str) -> None:
            digest = hashlib.new(algorithm)
            for _ in range(self.size // len(self.random)):
                digest.update(self.random)

        threads = [threading.Thread(target=run, args=(each,)) for each in algorithms]
        for thread in threads:
            thread.start()
        for thread in threads:
            await asyncio.to_thread(thread.join)

    async def digests(self) -> None:
        digests = Digests(DIGESTS)
        async for block in self.source():
            await digests.put(block)
        await digests.finish()
        digests.close()

    async def receiving(self, store: FileStore) -> None:
        self.made += 1
        now = datetime.now()
        image = Image(f"bench-{self.made}", now, now, disk_format="raw", container_format="bare")
        received = await receive(store, image, self.source(), settings=Images(), size=self.size)
        assert received.size == self.size
        if store is self.file:
            await store.delete(received.url)

    async def writing(self) -> None:
        self.made += 1
        stored = await self.file.add(f"bench-{self.made}", self.source(), self.size)
        await self.file.delete(stored.url)

    async def everything(self) -> None:
        await self.receiving(self.file)

    async def four(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(self.everything())


async def latency(work: Awaitable[None]) -> list[float]:
    """Lateness in seconds of a 5 ms timer while ``work`` goes on: what a small request feels."""
    late = []
    task = asyncio.ensure_future(work)
    while not task.done():
        before = time.perf_counter()
        await asyncio.sleep(0.005)
        late.append(time.perf_counter() - before - 0.005)
    await task
    return sorted(late)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1024, help="MiB per transfer (1024)")
    parser.add_argument("--block", type=int, default=1, help="MiB per block (1)")
    parser.add_argument("--directory", help="where to write (a temporary directory)")
    arguments = parser.parse_args()
    directory = tempfile.mkdtemp(prefix="data-path-", dir=arguments.directory)
    bench = Bench(arguments.size * MIB, arguments.block * MIB, directory)
    await bench.file.start()
    parts: list[tuple[str, int, Callable[[], Awaitable[None]]]] = [
        ("source alone (one copy)", 1, bench.copying),
        ("md5 alone", 1, lambda: bench.plain("md5")),
        ("sha512 alone", 1, lambda: bench.plain("sha512")),
        ("both digests, a thread each", 1, lambda: bench.plain(*DIGESTS)),
        ("source + file store", 1, bench.writing),
        ("source + digests", 1, bench.digests),
        ("source + digests + inspection", 1, lambda: bench.receiving(bench.nowhere)),
        ("source + all + file store", 1, bench.everything),
        ("the same, 4 at once", 4, bench.four),
    ]
    whole = (bench.everything, bench.four)
    gib = bench.size / (1 << 30)
    least = 0.0
    print(f"{'':32}{'MiB/s':>8}{'CPU-s/GiB':>11}{'over digests':>14}{'loop late p99/max, ms':>24}")
    try:
        await bench.everything()  # to have threads and memory in place
        for name, streams, part in parts:
            cpu, clock = time.process_time(), time.perf_counter()
            late = await latency(part())
            clock, cpu = time.perf_counter() - clock, time.process_time() - cpu
            cpu /= gib * streams
            if name.startswith("both"):
                least = cpu
            over = f"{cpu - least:14.2f}" if part in whole else ""
            p99 = late[int(len(late) * 0.99)] * 1e3
            print(
                f"{name:32}{bench.size / MIB * streams / clock:8.0f}{cpu:11.2f}{over:14}"
                f"{p99:14.1f} / {late[-1] * 1e3:.1f}",
                flush=True,
            )
        print(f"blocks in the pool: {len(bench.pool._buffers)}")
    finally:
        await bench.file.stop()
        shutil.rmtree(directory)


if __name__ == "__main__":
    asyncio.run(main())
