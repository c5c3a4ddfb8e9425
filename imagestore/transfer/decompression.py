"""A compressed stream taken apart while it passes by: gzip, or zip with a single entry.

Formats: RFC 1952 and APPNOTE.TXT 4.3 of PKWARE. What is neither passes as it is.
"""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import AsyncGenerator

from imagestore.backends.base import BLOCK_SIZE, Blocks, Buffer
from imagestore.errors import Unsupported

_HEAD = 64 << 10
"""Bytes in which the header of a zip entry, with its name, has to fit."""
_TAIL = 128 << 10
"""Bytes that may follow the entry of a zip: its directory, with a comment."""
_GZIP, _ZIP = b"\x1f\x8b\x08", b"PK\x03\x04"
_LOCAL = struct.Struct("<4sHHHHHIIIHH")
_END = struct.Struct("<4sHHHHIIH")
_ENCRYPTED = 1
_DEFLATED = 8


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
    started = True
    async for piece in _pieces(head, source):
        data = piece
        while data:
            if inflater.eof:
                # Members may follow each other; what follows that is none is padding.
                if not data.startswith(_GZIP[:1]):
                    break
                inflater, started = zlib.decompressobj(wbits=31), True
            block = await _inflated(inflater, data)
            if block:
                yield block
            data = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
    if started and not inflater.eof:
        raise _damaged()


async def _zip(head: bytes, source: Blocks) -> AsyncGenerator[Buffer, None]:
    if len(head) < _LOCAL.size:
        raise _damaged()
    _, _, flags, method, *_, name, extra = _LOCAL.unpack_from(head)
    start = _LOCAL.size + name + extra
    if flags & _ENCRYPTED or method != _DEFLATED or start > len(head):
        raise Unsupported("The zip file is packed in a way that cannot be unpacked here.")
    inflater = zlib.decompressobj(wbits=-15)
    tail = bytearray()
    checksum = 0
    async for piece in _pieces(head[start:], source):
        data = piece
        while data and not inflater.eof:
            block = await _inflated(inflater, data)
            if block:
                checksum = zlib.crc32(block, checksum)
                yield block
            data = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
        if inflater.eof:
            tail += data
        if len(tail) > _TAIL:
            raise Unsupported("The zip file has more than one entry.")
    if not inflater.eof or not _is_whole(bytes(tail), checksum):
        raise _damaged()


def _is_whole(tail: bytes, checksum: int) -> bool:
    """Whether the directory at the end knows one entry alone, of that CRC-32."""
    at = tail.rfind(b"PK\x05\x06")
    directory = tail.find(b"PK\x01\x02")
    if at < 0 or directory < 0 or at + _END.size > len(tail):
        return False
    entries = _END.unpack_from(tail, at)[4]
    if entries != 1:
        raise Unsupported("The zip file has more than one entry.")
    (recorded,) = struct.unpack_from("<I", tail, directory + 16)
    return bool(recorded == checksum)


async def _pieces(head: bytes, source: Blocks) -> AsyncGenerator[bytes, None]:
    if head:
        yield head
    async for block in source:
        yield bytes(block)
        del block


async def _inflated(inflater: zlib._Decompress, data: bytes) -> bytes:
    try:
        return await asyncio.to_thread(inflater.decompress, data, BLOCK_SIZE)
    except zlib.error as error:
        raise _damaged() from error


def _damaged() -> Unsupported:
    return Unsupported("The compressed data is damaged.")
