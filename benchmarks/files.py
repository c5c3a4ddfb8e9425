"""What it costs to write and read a file from the event loop, in each of the ways there are.

``python -m benchmarks.files``: 128 MiB in blocks, with aiofiles, with a thread for each call,
and within one thread as the physical limit. In memory (tmpfs) if there is one, so that the disk
does not blur it. The file store is none of these: it has threads of its own and writes past the
page cache (backends/file/writer.py).
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiofiles

TOTAL = 128 << 20
BLOCKS = {"4 KiB": 4 << 10, "64 KiB": 64 << 10, "1 MiB": 1 << 20}
ROUNDS = 3

Action = Callable[[Path, int], Awaitable[None]]


async def write_aiofiles(path: Path, size: int) -> None:
    block = bytes(size)
    async with aiofiles.open(path, "wb") as file:
        for _ in range(TOTAL // size):
            await file.write(block)


async def read_aiofiles(path: Path, size: int) -> None:
    async with aiofiles.open(path, "rb") as file:
        while await file.read(size):
            pass


async def write_to_thread(path: Path, size: int) -> None:
    block = bytes(size)
    with await asyncio.to_thread(path.open, "wb") as file:
        for _ in range(TOTAL // size):
            await asyncio.to_thread(file.write, block)


async def read_to_thread(path: Path, size: int) -> None:
    with await asyncio.to_thread(path.open, "rb") as file:
        while await asyncio.to_thread(file.read, size):
            pass


async def write_one_thread(path: Path, size: int) -> None:
    def write() -> None:
        block = bytes(size)
        with path.open("wb") as file:
            for _ in range(TOTAL // size):
                file.write(block)

    await asyncio.to_thread(write)


async def read_one_thread(path: Path, size: int) -> None:
    def read() -> None:
        with path.open("rb") as file:
            while file.read(size):
                pass

    await asyncio.to_thread(read)


WAYS: dict[str, tuple[Action, Action]] = {
    "aiofiles": (write_aiofiles, read_aiofiles),
    "to_thread": (write_to_thread, read_to_thread),
    "one thread": (write_one_thread, read_one_thread),
}


def cost(action: Action, path: Path, size: int) -> float:
    """The least of some rounds: microseconds of the processor for each block."""
    least = float("inf")
    for _ in range(ROUNDS):
        begin = time.process_time()
        asyncio.run(action(path, size))
        least = min(least, time.process_time() - begin)
    return least / (TOTAL // size) * 1e6


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as directory:
        path = Path(directory) / "file"
        print("microseconds of the processor for each block\n")
        print(f"{'':18}" + "".join(f"{way:>14}" for way in WAYS))
        for name, size in BLOCKS.items():
            for number, verb in enumerate(("write", "read")):
                cells = "".join(
                    f"{cost(actions[number], path, size):14.1f}" for actions in WAYS.values()
                )
                print(f"{verb + ' ' + name:18}{cells}")


if __name__ == "__main__":
    main()
