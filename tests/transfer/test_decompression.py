"""What comes out of compressed streams, however they are cut."""

from __future__ import annotations

import gzip
import io
import os
import zipfile
from collections.abc import AsyncGenerator

import pytest

from imagestore.model.errors import Unsupported
from imagestore.transfer.decompression import decompressed

DATA = os.urandom(300_000) + bytes(3 << 20) + b"end"


async def _cut(data: bytes, step: int) -> AsyncGenerator[bytes, None]:
    for start in range(0, len(data), step):
        yield data[start : start + step]


async def _unpacked(data: bytes, step: int = 1 << 20) -> bytes:
    blocks = [bytes(block) async for block in decompressed(_cut(data, step))]
    assert all(0 < len(block) <= max(1 << 20, step + 4) for block in blocks)
    return b"".join(blocks)


def _zipped(*entries: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as file:
        for number, entry in enumerate(entries):
            file.writestr(f"disk{number}.img", entry)
    return target.getvalue()


@pytest.mark.parametrize("step", [7777, 1 << 20])
async def test_what_is_packed(step: int) -> None:
    assert await _unpacked(gzip.compress(DATA), step) == DATA
    assert await _unpacked(gzip.compress(DATA) + gzip.compress(b"more"), step) == DATA + b"more"
    assert await _unpacked(_zipped(DATA), step) == DATA
    assert await _unpacked(_zipped(DATA, method=zipfile.ZIP_STORED), step) == DATA
    assert await _unpacked(_zipped(b"", method=zipfile.ZIP_STORED), step) == b""


async def test_an_entry_of_which_the_size_needs_64_bits() -> None:
    target = io.BytesIO()
    with (
        zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as file,
        file.open("disk.img", "w", force_zip64=True) as entry,
    ):
        entry.write(DATA)
    assert await _unpacked(target.getvalue()) == DATA


async def test_a_block_is_unpacked_piece_by_piece() -> None:
    """Each member that ends copies what is left of its piece: of 4 MiB of empty ones, 400 GiB."""
    assert await _unpacked(gzip.compress(b"") * 5000 + gzip.compress(b"end")) == b"end"
    packed = _zipped(DATA, method=zipfile.ZIP_STORED)
    blocks = [bytes(block) async for block in decompressed(_cut(packed, len(packed)))]
    assert max(map(len, blocks)) <= 64 << 10


@pytest.mark.parametrize("data", [b"", b"\x1f", b"PK", b"plain", DATA], ids=range(5))
async def test_what_is_not_packed(data: bytes) -> None:
    assert await _unpacked(data, 3 if len(data) < 10 else 1 << 20) == data


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(DATA)[:-5],
        gzip.compress(DATA)[:1000],
        gzip.compress(DATA)[:-8] + b"\0\0\0\0" + gzip.compress(DATA)[-4:],
        _zipped(DATA)[:-30],
        _zipped(DATA)[:20],
        _zipped(DATA, b"second"),
        _zipped(DATA, DATA),
        _zipped(DATA, method=zipfile.ZIP_LZMA),
        _zipped(DATA, method=zipfile.ZIP_STORED)[:-30],
        _zipped(DATA, method=zipfile.ZIP_STORED)[:1000],
        _zipped(DATA, b"", method=zipfile.ZIP_STORED),
        _zipped(DATA, method=zipfile.ZIP_STORED).replace(b"end", b"ene"),
        b"\x1f\x8b\x08" + bytes(100),
        b"PK\x03\x04" + bytes(100),
    ],
    ids=range(14),
)
async def test_what_cannot_be_unpacked(data: bytes) -> None:
    with pytest.raises(Unsupported):
        await _unpacked(data)
