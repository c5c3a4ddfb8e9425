"""A part of a file leaves through a socket without passing through this process.

The kernel copies from the page cache to the socket. What is not in the page
cache is first brought there by a thread, so that a slow disk never holds up the
event loop and with it every other client.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
import struct
import termios

WINDOW = 4 << 20
"""Bytes that are made resident at a time, and sent by one system call at the most."""
_PROBE_STEP = 256 << 10
"""Distance of the bytes that are looked at to see whether a window is resident."""


async def send_file(
    transport: asyncio.Transport, file: int, offset: int, count: int, *, patience: float
) -> None:
    """Send ``count`` bytes of the descriptor ``file`` from ``offset``.

    Raises ``TimeoutError`` when the peer takes nothing for ``patience`` seconds,
    ``ConnectionError`` when it is gone, ``EOFError`` when the file ends early.
    """
    while transport.get_write_buffer_size():  # noqa: ASYNC110
        # The headers, on a socket whose buffer is still full of the last response. Nothing
        # tells when the transport is empty, and it is a matter of a moment.
        await asyncio.sleep(0.001)
    connection: socket.socket = transport.get_extra_info("socket")
    # The loop guards the descriptors of its transports; a duplicate may be watched freely.
    out = os.dup(connection.fileno())
    try:
        await _copy(out, file, offset, offset + count, patience)
    finally:
        os.close(out)


async def _copy(out: int, file: int, position: int, end: int, patience: float) -> None:
    resident = position
    while position < end:
        if position >= resident:
            resident = min(position + WINDOW, end)
            if not _is_resident(file, position, resident):
                await asyncio.to_thread(_bring_in, file, position, resident)
        try:
            sent = os.sendfile(out, file, position, resident - position)
        except BlockingIOError:
            await _writable(out, patience)
            continue
        if not sent:
            raise EOFError("the file is shorter than it was")
        position += sent


def _is_resident(file: int, start: int, end: int) -> bool:
    """Whether ``start`` to ``end`` seems to be in the page cache (a sample; no disk is read)."""
    byte = bytearray(1)
    try:
        for position in (*range(start, end, _PROBE_STEP), end - 1):
            os.preadv(file, [byte], position, os.RWF_NOWAIT)
    except BlockingIOError:
        return False
    except OSError:
        # The file system cannot tell: let the kernel read when it sends.
        return True
    return True


def _bring_in(file: int, start: int, end: int) -> None:
    # Twice the window: the disk goes on reading while the first half is being sent.
    os.posix_fadvise(file, start, 2 * (end - start), os.POSIX_FADV_WILLNEED)
    for position in (*range(start, end, _PROBE_STEP), end - 1):
        os.pread(file, 1, position)


async def _writable(out: int, patience: float) -> None:
    """Wait until the socket takes more; give up when it drains nothing for ``patience``."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_writer(out, ready.set)
    try:
        queued = _queued(out)
        while True:
            try:
                async with asyncio.timeout(patience):
                    await ready.wait()
                return
            except TimeoutError:
                # A slow reader empties the kernel's buffer long before it is writable again.
                if (left := _queued(out)) >= queued:
                    raise
                queued = left
    finally:
        loop.remove_writer(out)


def _queued(out: int) -> int:
    """Bytes that the kernel holds for the peer."""
    (count,) = struct.unpack("i", fcntl.ioctl(out, termios.TIOCOUTQ, b"\0\0\0\0"))
    return int(count)
