"""The verdict on content: of a stream, and of what lies in a store, of which little is read."""

from __future__ import annotations

import struct
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from imagestore.backends.base import Blocks, Buffer, Capability, Store
from imagestore.backends.errors import WrongSize
from imagestore.config.settings import Images
from imagestore.model.errors import OverLimit, Unsupported
from imagestore.transfer.inspection import Inspection
from imagestore.transfer.judgement import Judgement, examine, judged
from tests.transfer import samples
from tests.transfer.test_inspection import ACCEPTED, FORMATS, vmdk_with_footer

MIB = 1 << 20


class Shelf:
    """One object, and which parts of it were read."""

    name = "shelf"

    def __init__(self, data: bytes, *, ranged: bool = True, step: int = 100_000) -> None:
        self.capabilities = Capability.RANGED if ranged else Capability.NONE
        self.read: list[tuple[int, int]] = []
        self._data = data
        self._step = step

    @asynccontextmanager
    async def open(
        self, url: str, offset: int = 0, length: int | None = None
    ) -> AsyncIterator[Blocks]:
        end = len(self._data) if length is None else min(offset + length, len(self._data))
        self.read.append((offset, offset))

        async def blocks() -> AsyncGenerator[Buffer, None]:
            for start in range(offset, end, self._step):
                stop = min(start + self._step, end)
                self.read[-1] = (offset, stop)
                yield self._data[start:stop]

        yield blocks()


async def examined(shelf: Shelf, size: int, inspection: Inspection) -> int | None:
    return await examine(cast(Store, shelf), "x://y", size, inspection)


async def stream(data: bytes) -> AsyncGenerator[Buffer, None]:
    for start in range(0, len(data), 100_000):
        yield data[start : start + 100_000]


async def verdict_on(data: bytes, inspection: Inspection) -> object:
    """What an upload would be told."""
    judgement = Judgement(inspection)
    try:
        async for _ in judged(stream(data), judgement):
            pass
    except Unsupported as error:
        return error.message
    return judgement.virtual_size


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("samples")


@pytest.mark.slow
@pytest.mark.parametrize("ranged", [True, False], ids=["ranged", "whole"])
@pytest.mark.parametrize("name", ACCEPTED)
async def test_the_same_verdict_as_on_an_upload(directory: Path, name: str, ranged: bool) -> None:
    data = samples.make(directory, name).read_bytes()
    for disk_format in FORMATS:
        inspections = [Inspection(disk_format, "bare", Images()) for _ in range(2)]
        try:
            found: object = await examined(Shelf(data, ranged=ranged), len(data), inspections[0])
        except Unsupported as error:
            found = error.message
        assert found == await verdict_on(data, inspections[1]), disk_format


async def test_a_disk_is_told_by_its_first_mebibyte(directory: Path) -> None:
    data = samples.make(directory, "qcow2-v3").read_bytes().ljust(40 * MIB, b"\0")
    shelf = Shelf(data)
    assert await examined(shelf, len(data), Inspection("qcow2", "bare", Images())) == samples.DISK
    assert shelf.read == [(0, MIB)]
    # Also where a store cannot begin in the middle, or end there.
    shelf = Shelf(data, ranged=False)
    assert await examined(shelf, len(data), Inspection("qcow2", "bare", Images())) == samples.DISK
    assert shelf.read == [(0, 1_100_000)]


@pytest.mark.parametrize("declared", ["vmdk", "raw"])
async def test_of_a_stream_optimised_vmdk_the_end_is_read_and_nothing_between(
    directory: Path, declared: str
) -> None:
    plain = bytes(vmdk_with_footer(directory))
    footer = plain[-1536:]
    data = plain[:-1536].ljust(40 * MIB, b"\0") + footer
    shelf = Shelf(data)
    inside = await examined(shelf, len(data), Inspection(declared, "bare", Images()))
    assert inside == (samples.DISK if declared == "vmdk" else len(data))
    assert shelf.read == [(0, MIB), (len(data) - 1536, len(data))]
    # A footer that leads to another descriptor than the one that was looked at.
    wrong = bytearray(data)
    struct.pack_into("<Q", wrong, len(data) - 1024 + 28, 77)
    with pytest.raises(Unsupported, match="footer"):
        await examined(Shelf(bytes(wrong)), len(data), Inspection(declared, "bare", Images()))


async def test_what_lies_far_inside_counts_as_not_there(directory: Path) -> None:
    """A header that points far into the file does not have it read, and the end is not taken for
    what it points to."""
    data = bytearray(samples.make(directory, "vhdx").read_bytes())
    regions = 192 * 1024
    metadata = bytes.fromhex("06a27c8b904c9043f25f4bb1a1ea7e22")
    found = data.find(bytes.fromhex("06a27c8b90479a4bb8fe575f050f886e"), regions)
    assert found > 0, metadata
    struct.pack_into("<Q", data, found + 16, 60 * MIB)
    data = data.ljust(64 * MIB, b"\0")
    shelf = Shelf(bytes(data))
    with pytest.raises(Unsupported):
        await examined(shelf, len(data), Inspection("vhdx", "bare", Images()))
    assert max(end for _, end in shelf.read) <= 16 * MIB


async def test_fewer_bytes_than_were_said(directory: Path) -> None:
    data = samples.make(directory, "zeros").read_bytes()[:1000]
    with pytest.raises(WrongSize):
        await examined(Shelf(data), 1001, Inspection("raw", "bare", Images()))


async def test_the_boot_sector_of_a_guest_is_its_own_affair() -> None:
    """But nothing else is that could be dangerous to whoever opens the file."""
    odd = bytes(446) + b"\x55" * 64 + b"\x55\xaa" + bytes(MIB)
    strict, lenient = (
        Inspection("raw", "bare", Images(gpt_safety_checks_nonfatal=()), of_a_guest=each)
        for each in (False, True)
    )
    with pytest.raises(Unsupported, match="gpt"):
        await examined(Shelf(odd), len(odd), strict)
    assert await examined(Shelf(odd), len(odd), lenient) == len(odd)


@pytest.mark.parametrize("name", ["qcow2-backing", "qcow2-data-file", "vmdk-flat"])
async def test_a_raw_disk_that_refers_to_other_files(directory: Path, name: str) -> None:
    data = samples.make(directory, name).read_bytes()
    inspection = Inspection("raw", "bare", Images(), of_a_guest=True)
    with pytest.raises(Unsupported, match="not safe"):
        await examined(Shelf(data), len(data), inspection)


class Seal:
    """A verification of one byte at the end."""

    def __init__(self) -> None:
        self.seen = b""

    def feed(self, blocks: Iterable[Buffer]) -> None:
        self.seen = b"".join([self.seen, *blocks])

    def finish(self) -> None:
        if not self.seen.endswith(b"!"):
            raise OverLimit("no seal")


async def test_size_and_signature_of_a_stream() -> None:
    async def end(data: bytes, size_cap: int) -> int:
        judgement = Judgement(
            Inspection("raw", "bare", Images()), size_cap=size_cap, verification=Seal()
        )
        async for _ in judged(stream(data), judgement):
            pass
        return judgement.size

    data = bytes(250_000) + b"!"
    assert await end(data, 250_001) == 250_001
    with pytest.raises(OverLimit, match="250000 bytes at most"):
        await end(data, 250_000)
    with pytest.raises(OverLimit, match="no seal"):
        await end(data[:-1], 250_001)
