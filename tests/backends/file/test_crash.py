"""kill -9 in the middle of writing: nothing is left, or nothing that ``discard`` does not find."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .test_store import files, started

SIZE = 8 << 20
WRITE = """
import asyncio, os, sys
from imagestore.backends.file import FileSettings
from imagestore.backends.file.store import FileStore

async def source(pause):
    for _ in range(8):
        yield b"x" * (1 << 20)
        print("block", flush=True)
        await asyncio.sleep(pause)

async def main(directory, pause):
    store = FileStore("files", FileSettings(filesystem_store_datadir=directory))
    await store.start()
    await store.add("a", source(pause))
    print("stored", flush=True)

if sys.argv[3] == "named":
    system_open = os.open
    def no_tmpfile(path, flags, *rest, **named):
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(95, "Operation not supported")
        return system_open(path, flags, *rest, **named)
    os.open = no_tmpfile
asyncio.run(main(sys.argv[1], float(sys.argv[2])))
"""


def writing(directory: Path, pause: float, kind: str = "nameless") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITE, str(directory), str(pause), kind],
        stdout=subprocess.PIPE,
        text=True,
    )


def kill_at_block(process: subprocess.Popen[str], block: int) -> None:
    assert process.stdout is not None
    for _ in range(block):
        assert process.stdout.readline() == "block\n"
    process.kill()
    process.communicate()


@pytest.mark.parametrize("block", [1, 4])
def test_nothing_is_left(tmp_path: Path, block: int) -> None:
    kill_at_block(writing(tmp_path, pause=0.05), block)
    assert files(tmp_path) == set()


async def test_what_has_a_temporary_name_is_found(tmp_path: Path) -> None:
    kill_at_block(writing(tmp_path, 0.05, "named"), 4)
    (left,) = files(tmp_path)
    assert left.startswith(".a.")
    store = await started(tmp_path)
    assert not await store.exists(f"file://{tmp_path}/a")
    await store.discard("a")
    await store.stop()
    assert files(tmp_path) == set()


def test_whole_or_not_at_all(tmp_path: Path) -> None:
    chance = random.Random(3)
    for attempt in range(5):
        directory = tmp_path / str(attempt)
        process = writing(directory, pause=0)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(chance.uniform(0, 0.02))
        process.kill()
        process.communicate()
        assert files(directory) <= {"a"}
        if files(directory):
            assert (directory / "a").stat().st_size == SIZE
