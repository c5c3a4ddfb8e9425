"""A compressed stream taken apart while it passes by: gzip, or zip with a single entry.

The entry of a zip is deflated, or stored as it is, which is how Python's ``zipfile`` writes one
unless it is told otherwise.

Whatever is left behind the data has to be understood to its last byte: a damaged member, or a
damaged directory, would otherwise only make the image shorter. Zeros are padding.

Formats: RFC 1952 and APPNOTE.TXT 4.3 of PKWARE. What is neither passes as it is.
"""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import AsyncGenerator

from imagestore.backends.base import BLOCK_SIZE, Blocks, Buffer
from imagestore.model.errors import Unsupported

_HEAD = 64 << 10
"""Bytes in which the header of a zip entry, with its name, has to fit."""
_TAIL = 128 << 10
"""Bytes that may follow the entry of a zip: its directory, with a comment."""
_GZIP, _ZIP = b"\x1f\x8b\x08", b"PK\x03\x04"
_LOCAL = struct.Struct("<4sHHHHHIIIHH")
_ENTRY = struct.Struct("<4s12xIII3H12x")
"""An entry of the directory: CRC-32, packed and unpacked size, bytes of its three texts."""
_DESCRIPTORS = (12, 16, 20, 24)
"""Bytes that a descriptor of an entry can have: with a signature or not, of 32 or 64 bits."""
_END = struct.Struct("<4sHHHHIIH")
_FIRMWARE = struct.Struct(">4sIB3xI")
"""Behind each piece that OpenWrt's fwtool appends: FWx0, CRC-32, type, bytes with this."""
_APPENDED = 64 << 10
"""Bytes that fwtool may have appended: 30 KiB of metadata and a signature."""
_ENCRYPTED = 1
_DESCRIBED_BEHIND = 8
"""The flag of an entry whose size stands behind it."""
_STORED, _DEFLATED = 0, 8
_ZIP64 = 1
"""Of an extra field with sizes that 32 bits do not hold."""
_PIECE = 64 << 10
"""Bytes that are unpacked in one go: a member that ends copies what is left of them."""


async def decompressed(source: Blocks) -> AsyncGenerator[Buffer, None]:
    """The bytes inside of ``source``, in blocks of at most 1 MiB however well they are packed.

    Raises :class:`Unsupported` for what is damaged, encrypted, or a zip of several entries:
    in the end at the latest. Closing this leaves ``source`` open.
    """
    head = b""
    async for block in source:
        head += block
        if len(head) >= len(_ZIP) and not (head.startswith(_ZIP) and len(head) < _HEAD):
            break
    if head.startswith(_GZIP):
        async for block in _gzip(head, source):
            yield block
    elif head.startswith(_ZIP):
        async for block in _zip(head, source):
            yield block
    else:
        if head:
            yield head
        async for block in source:
            yield block
            del block


async def _gzip(head: bytes, source: Blocks) -> AsyncGenerator[Buffer, None]:
    inflater = zlib.decompressobj(wbits=31)
    zeros, tail = 0, b""
    async for piece in _pieces(head, source):
        data = piece
        while data:
            if inflater.eof:
                if not tail:
                    padded, data = len(data), data.lstrip(b"\0")
                    zeros += padded - len(data)
                if tail or not data.startswith(_GZIP[:1]):
                    tail += data
                    break
                inflater, zeros = zlib.decompressobj(wbits=31), 0
            block = await _inflated(inflater, data)
            if block:
                yield block
            data = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
        if len(tail) > _APPENDED:
            raise _damaged()
    if not inflater.eof or not _is_appended(tail, zeros):
        raise _damaged()


def _is_appended(tail: bytes, zeros: int) -> bool:
    """Whether ``tail``, after so many zeros, is nothing or what OpenWrt appends to its images.

    The first of its pieces begins with zeros of its own.
    """
    left = len(tail)
    while left > 0:
        if left < _FIRMWARE.size:
            return False
        magic, _, _, size = _FIRMWARE.unpack_from(tail, left - _FIRMWARE.size)
        if magic != b"FWx0" or size < _FIRMWARE.size:
            return False
        left -= size
    return left + zeros >= 0


async def _zip(head: bytes, source: Blocks) -> AsyncGenerator[Buffer, None]:
    if len(head) < _LOCAL.size:
        raise _damaged()
    _, _, flags, method, _, _, _, packed, size, name, extra = _LOCAL.unpack_from(head)
    start = _LOCAL.size + name + extra
    if flags & _ENCRYPTED or method not in (_STORED, _DEFLATED) or start > len(head):
        raise _unknown()
    inflater: zlib._Decompress | _Stored
    if method == _DEFLATED:
        inflater = zlib.decompressobj(wbits=-15)
    else:
        if packed == size == 0xFFFFFFFF:
            size = _large_size(head[start - extra : start])
        elif packed != size or flags & _DESCRIBED_BEHIND:
            raise _unknown()
        inflater = _Stored(size)
    tail = bytearray()
    checksum = count = 0
    async for piece in _pieces(head[start:], source):
        data = piece
        while data and not inflater.eof:
            block = await _inflated(inflater, data)
            if block:
                checksum, count = zlib.crc32(block, checksum), count + len(block)
                yield block
            data = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
        if inflater.eof:
            tail += data
        if len(tail) > _TAIL:
            break
    described = bool(flags & _DESCRIBED_BEHIND)
    if not inflater.eof or not _is_whole(bytes(tail), described, checksum, count):
        raise _damaged()


def _is_whole(tail: bytes, described: bool, checksum: int, count: int) -> bool:
    """Whether what follows the entry is a directory of it alone, with that CRC-32 and size."""
    at = 0
    if described:
        starts = [at for at in _DESCRIPTORS if tail[at : at + 4] in (b"PK\x01\x02", _ZIP)]
        at = starts[0] if starts else len(tail)
    _refuse_another(tail, at)
    if len(tail) < at + _ENTRY.size:
        return False
    kind, recorded, _, size, *texts = _ENTRY.unpack_from(tail, at)
    if (kind, recorded) != (b"PK\x01\x02", checksum) or size not in (count, 0xFFFFFFFF):
        return False
    at += _ENTRY.size + sum(texts)
    _refuse_another(tail, at, b"PK\x01\x02")
    # The end in 64 bits, and its locator.
    if tail.startswith(b"PK\x06\x06", at) and len(tail) > at + 12:
        at += 12 + int.from_bytes(tail[at + 4 : at + 12], "little") + 20
    if len(tail) < at + _END.size or not tail.startswith(b"PK\x05\x06", at):
        return False
    *_, comment = _END.unpack_from(tail, at)
    rest = tail[at + _END.size :]
    return len(rest) >= comment and not rest[comment:].strip(b"\0")


def _refuse_another(tail: bytes, at: int, kind: bytes = _ZIP) -> None:
    if tail.startswith(kind, at):
        raise Unsupported("The zip file has more than one entry.")


class _Stored:
    """The bytes of an entry that is not packed, taken off as :mod:`zlib` would unpack them."""

    unconsumed_tail = b""

    def __init__(self, size: int) -> None:
        self._left = size
        self.unused_data = b""

    @property
    def eof(self) -> bool:
        return not self._left

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        taken = data[: min(self._left, max_length)]
        self._left -= len(taken)
        rest = data[len(taken) :]
        self.unused_data, self.unconsumed_tail = (b"", rest) if self._left else (rest, b"")
        return taken


def _large_size(extra: bytes) -> int:
    """The size that a ZIP64 field tells. Raises :class:`Unsupported` if there is none."""
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<HH", extra)
        if kind == _ZIP64 and length >= 16 and len(extra) >= 20:
            size, packed = struct.unpack_from("<QQ", extra, 4)
            if size == packed:
                return int(size)
        extra = extra[4 + length :]
    raise _unknown()


async def _pieces(head: bytes, source: Blocks) -> AsyncGenerator[bytes, None]:
    for start in range(0, len(head), _PIECE):
        yield head[start : start + _PIECE]
    async for block in source:
        view = memoryview(block)
        for start in range(0, len(view), _PIECE):
            yield bytes(view[start : start + _PIECE])
        del block, view


async def _inflated(inflater: zlib._Decompress | _Stored, data: bytes) -> bytes:
    try:
        return await asyncio.to_thread(inflater.decompress, data, BLOCK_SIZE)
    except zlib.error as error:
        raise _damaged() from error


def _unknown() -> Unsupported:
    return Unsupported("The zip file is packed in a way that cannot be unpacked here.")


def _damaged() -> Unsupported:
    return Unsupported("The compressed data is damaged.")
