"""What comes out of compressed streams, however they are cut."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import AsyncGenerator
from pathlib import Path

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


FIRST, SECOND = gzip.compress(DATA[:200_000]), gzip.compress(DATA[200_000:])
METADATA = bytes(8) + b'{"supported_devices": ["generic"], "version": {"dist": "OpenWrt"}}'


def _appended(data: bytes, *pieces: bytes) -> bytes:
    """As OpenWrt's fwtool appends metadata, and a signature: each CRC is of all before it."""
    for kind, piece in zip((1, 0), pieces, strict=False):
        data += piece
        crc = zlib.crc32(data) ^ 0xFFFFFFFF
        data += struct.pack(">4sIB3xI", b"FWx0", crc, kind, len(piece) + 16)
    return data


@pytest.mark.parametrize("step", [1, 7777, 1 << 20])
@pytest.mark.parametrize(
    "data",
    [
        FIRST + SECOND,
        FIRST + bytes(100_000) + SECOND + bytes(300_000),
        FIRST + bytes(1) + SECOND + bytes(1),
        _appended(FIRST + SECOND, METADATA),
        _appended(FIRST + SECOND, METADATA, b"untrusted comment: key\n" + bytes(100)),
        _appended(FIRST + SECOND + bytes(512), METADATA),
    ],
    ids=["members", "padded", "one-zero", "openwrt", "openwrt-signed", "openwrt-padded"],
)
async def test_what_may_stand_behind_a_member(data: bytes, step: int) -> None:
    if step == 1:  # cut everywhere where it matters
        start = len(FIRST) - 20
        pieces = [data[:start], *(data[at : at + 1] for at in range(start, start + 40))]
        pieces += [
            data[start + 40 : -200],
            *(data[at : at + 1] for at in range(-200, -1)),
            data[-1:],
        ]
    else:
        pieces = [data[at : at + step] for at in range(0, len(data), step)]

    async def source() -> AsyncGenerator[bytes, None]:
        for piece in pieces:
            yield piece

    assert b"".join([bytes(block) async for block in decompressed(source())]) == DATA


def _flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize("step", [7777, 1 << 20])
@pytest.mark.parametrize(
    "data",
    [
        *(FIRST + _flipped(SECOND, at) for at in (0, 1, 2, 2000, -6, -2)),
        FIRST + b"\0" + SECOND[1:],
        FIRST + SECOND[:1],
        FIRST + SECOND[:-1],
        FIRST + SECOND + b"garbage",
        FIRST + bytes(512) + b"garbage" + bytes(512),
        FIRST + os.urandom(200_000).replace(b"\x1f", b"."),
        _appended(FIRST + _flipped(SECOND, 0), METADATA),
        _appended(FIRST + _flipped(gzip.compress(b"end"), 0), METADATA),
        _appended(FIRST, METADATA)[:-1],
        _appended(FIRST, METADATA) + b"garbage",
        _appended(FIRST, METADATA) + bytes(16),
        FIRST + struct.pack(">4sIB3xI", b"FWx0", 0, 1, 0),
        FIRST + struct.pack(">4sIB3xI", b"FWx0", 0, 1, 1 << 31),
    ],
)
async def test_a_damaged_member_makes_no_shorter_image(data: bytes, step: int) -> None:
    with pytest.raises(Unsupported, match="damaged"):
        await _unpacked(data, step)


def _commented(data: bytes) -> bytes:
    target = io.BytesIO(data)
    with zipfile.ZipFile(target, "a") as file:
        file.comment = b"PK\x05\x06 and PK\x01\x02 " * 10
    return target.getvalue()


def _streamed(*entries: bytes) -> bytes:
    """Written to what cannot go back: size and CRC stand behind each entry."""

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: object) -> int:
            raise io.UnsupportedOperation

        def tell(self) -> int:
            raise io.UnsupportedOperation

    target = Pipe()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as file:
        for number, entry in enumerate(entries):
            file.writestr(f"disk{number}.img", entry)
    return target.getvalue()


@pytest.mark.parametrize("step", [7777, 1 << 20])
async def test_what_may_stand_behind_an_entry(step: int) -> None:
    for data in (_commented(_zipped(DATA)), _streamed(DATA), _zipped(DATA) + bytes(1000)):
        assert await _unpacked(data, step) == DATA


@pytest.mark.parametrize("packed", [_zipped(DATA), _streamed(DATA)], ids=["zip", "streamed"])
async def test_a_damaged_directory(packed: bytes) -> None:
    directory, end = packed.rindex(b"PK\x01\x02"), packed.rindex(b"PK\x05\x06")
    damaged = [
        *(
            _flipped(packed, at)
            for at in (directory, directory + 1, directory + 16, directory + 24)
        ),
        *(_flipped(packed, at) for at in (directory + 28, end, end + 3, end + 20)),
        packed[:end],
        packed[:-1],
        packed[:directory] + packed[end:],
        packed[:directory] + b"garbage" + packed[directory:],
        packed[:end] + b"garbage" + packed[end:],
        packed + b"garbage",
        packed + os.urandom(200_000),
        packed + packed,
    ]
    for number, data in enumerate(damaged):
        with pytest.raises(Unsupported, match="damaged"):
            pytest.fail(f"{number}: {len(await _unpacked(data))} bytes")


async def test_another_entry_is_told_by_name() -> None:
    for data in (
        _zipped(DATA, DATA),
        _zipped(DATA, b""),
        _streamed(DATA, b"x"),
        _streamed(b"", DATA),
    ):
        with pytest.raises(Unsupported, match="more than one entry"):
            await _unpacked(data)


TOOLS = {
    "gzip": ["gzip", "-c", "disk.img"],
    "pigz": ["pigz", "-c", "-b", "128", "disk.img"],
    "pigz-independent": ["pigz", "-ic", "disk.img"],
    "zip": ["zip", "-q", "-", "disk.img"],
    "zip-file": ["sh", "-c", "zip -q made.zip disk.img && cat made.zip"],
    "zip-stored": ["sh", "-c", "zip -q -0 made.zip disk.img && cat made.zip"],
    "python-gzip": [sys.executable, "-m", "gzip", "disk.img"],
    "python-zip": [sys.executable, "-m", "zipfile", "-c", "made", "disk.img"],
}


@pytest.mark.parametrize("tool", TOOLS)
async def test_what_real_tools_make(tmp_path: Path, tool: str) -> None:
    command = TOOLS[tool]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    (tmp_path / "disk.img").write_bytes(DATA)
    ran = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    files = [path for path in tmp_path.iterdir() if path.name in ("disk.img.gz", "made")]
    packed = ran.stdout or files[0].read_bytes()
    assert len(packed) < len(DATA) + 1000
    assert await _unpacked(packed) == DATA
    with pytest.raises(Unsupported):
        await _unpacked(packed[:-1])


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
