"""One pass over an image with several copies: every byte once, or an error."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from imagestore.backends.base import BLOCK_SIZE, Blocks, Buffer, Capability
from imagestore.backends.file import FileSettings
from imagestore.backends.file.store import FileStore
from imagestore.backends.testing.contract import content, cut
from imagestore.backends.wrappers.forwarding import ForwardingStore
from imagestore.model.errors import Unavailable
from imagestore.transfer.local_files import LocalFiles
from imagestore.transfer.reading import Copy, Reading

DATA = content(3 * BLOCK_SIZE + 7)


class WholeStore(ForwardingStore):
    """Reads whole objects only; ``given`` is what it gives of each, by its own count of bytes."""

    given: int | None = None
    opened = 0

    def open(
        self, url: str, offset: int = 0, length: int | None = None
    ) -> AbstractAsyncContextManager[Blocks]:
        assert (offset, length) == (0, None)
        return self._whole(url)

    @asynccontextmanager
    async def _whole(self, url: str) -> AsyncIterator[Blocks]:
        self.opened += 1
        async with self.store.open(url) as blocks:
            yield self._cut(blocks)

    async def _cut(self, blocks: Blocks) -> AsyncIterator[Buffer]:
        left = self.given if self.given is not None else 1 << 60
        async for block in blocks:
            if not left:
                return
            yield memoryview(block)[:left]
            left -= min(left, len(block))


async def copies(directory: Path, *given: int | None) -> list[Copy]:
    """A copy for each of ``given``, in a store that gives so many bytes without an error."""
    found = []
    for number, count in enumerate(given):
        settings = FileSettings(filesystem_store_datadir=str(directory / str(number)))
        store = WholeStore(FileStore(f"store{number}", settings))
        store.capabilities = Capability.WRITABLE
        store.given = count
        await store.start()
        found.append(Copy(store, (await store.add("a", cut(DATA))).url))
    return found


def reading(found: list[Copy], offset: int = 0, length: int = len(DATA)) -> Reading:
    return Reading(
        found, len(DATA), offset, length, files=LocalFiles({}), judge=lambda name, error: None
    )


async def everything(pass_: Reading) -> bytes:
    return b"".join([bytes(block) async for block in pass_.blocks()])


@pytest.mark.parametrize(
    ("offset", "length"),
    [(0, len(DATA)), (0, 1), (5, BLOCK_SIZE), (BLOCK_SIZE, 1), (len(DATA) - 1, 1), (7, 0)],
)
async def test_a_store_without_ranges(tmp_path: Path, offset: int, length: int) -> None:
    found = await copies(tmp_path, None)
    assert await everything(reading(found, offset, length)) == DATA[offset : offset + length]


@pytest.mark.parametrize("given", [0, 1, BLOCK_SIZE, BLOCK_SIZE + 1, len(DATA) - 1])
async def test_one_that_ends_early_without_a_word(tmp_path: Path, given: int) -> None:
    found = await copies(tmp_path, given, None)
    assert await everything(reading(found)) == DATA


async def test_none_that_is_whole(tmp_path: Path) -> None:
    found = await copies(tmp_path, BLOCK_SIZE, 2 * BLOCK_SIZE, 0)
    got = []
    with pytest.raises(Unavailable):
        async for block in reading(found).blocks():
            got.append(bytes(block))
    assert b"".join(got) == DATA[: 2 * BLOCK_SIZE]
    assert sum(copy.store.opened for copy in found) <= 6  # type: ignore[attr-defined]


async def test_without_copies() -> None:
    assert await reading([]).file() is None
    with pytest.raises(Unavailable):
        await everything(reading([]))
