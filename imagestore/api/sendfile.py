"""A part of a file leaves through a socket without passing through this process.

The kernel copies from the page cache to the socket. What is not in the page
cache is first brought there by a thread, so that a slow disk never holds up the
event loop and with it every other client.
"""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import Executor

from imagestore.api.outlet import Outlet

WINDOW = 4 << 20
"""Bytes that are made resident at a time, and sent by one system call at the most."""
_PROBE_STEP = 256 << 10
"""Distance of the bytes that are looked at to see whether a window is resident."""


class FileFault(Exception):
    """The file cannot be read on: it ended early, or its disk fails or does not answer.

    ``sent``: the bytes that are on their way to the peer.
    """

    def __init__(self, reason: str, sent: int) -> None:
        super().__init__(reason)
        self.sent = sent


async def send_file(
    outlet: Outlet,
    file: int,
    offset: int,
    count: int,
    *,
    patience: float,
    executor: Executor | None = None,
) -> None:
    """Send ``count`` bytes of the descriptor ``file`` from ``offset``.

    ``executor`` has the threads that wait for the disk. Raises ``TimeoutError`` when the
    peer takes nothing for ``patience`` seconds, ``ConnectionError`` when it is gone, and
    :class:`FileFault` when the fault is the file's; a disk has ``patience`` seconds too.
    """
    await _Sending(outlet, file, offset, offset + count, executor).run(patience)


class _Sending:
    """Sends whenever the socket takes more, from the event loop's own callback.

    A socket takes a few hundred KiB at a time, so waking a task for each would cost
    a third of the CPU of the whole transfer.
    """

    def __init__(
        self, outlet: Outlet, file: int, position: int, end: int, executor: Executor | None
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._executor = executor
        self._outlet = outlet
        self._file = file
        self._begin = position
        self._position = position
        self._end = end
        self._resident = position
        """Up to here the file is in the page cache."""
        self._reading: asyncio.Future[None] | None = None
        self._done: asyncio.Future[None] = self._loop.create_future()

    async def run(self, patience: float) -> None:
        self._outlet.on_room(self._send)
        try:
            before, reading_before = self._state(), None
            while not (await asyncio.wait((self._done,), timeout=patience))[0]:
                # A slow reader empties the kernel's buffer long before it is writable again.
                now = self._state()
                if self._reading is not None and self._reading is reading_before:
                    raise self._fault("the disk does not answer")
                if now == before and self._reading is None:
                    raise TimeoutError("the reader takes nothing")
                before, reading_before = now, self._reading
            self._done.result()
        finally:
            self._outlet.off()
            self._done.cancel()  # a thread that still reads has nobody to tell

    def _state(self) -> tuple[int, int]:
        return self._position, self._outlet.queued()

    def _send(self) -> None:
        """Called when the socket is writable: fill it, but leave a turn to others."""
        try:
            if self._position >= self._resident and not self._look_ahead():
                return
            # The window may be sent in one call, and in as many as it takes: never more a turn.
            while self._position < self._resident:
                sent = os.sendfile(
                    self._outlet.descriptor,
                    self._file,
                    self._position,
                    self._resident - self._position,
                )
                if not sent:
                    raise self._fault("the file is shorter than it was")
                self._position += sent
        except BlockingIOError:
            return
        except (ConnectionError, FileFault) as error:
            self._finish(error)
            return
        except OSError as error:
            self._finish(self._fault(str(error)))
            return
        if self._position >= self._end:
            self._finish(None)

    def _look_ahead(self) -> bool:
        """Whether the next window can be sent without waiting for a disk; if not, it is read."""
        end = min(self._position + WINDOW, self._end)
        if _is_resident(self._file, self._position, end):
            self._resident = end
            return True
        self._outlet.off()
        # A thread whose disk hangs outlives this transfer, and with it the descriptor.
        file = os.dup(self._file)
        self._reading = self._loop.run_in_executor(
            self._executor, _bring_in, file, self._position, end
        )
        self._reading.add_done_callback(lambda reading: self._was_read(reading, end))
        return False

    def _was_read(self, reading: asyncio.Future[None], end: int) -> None:
        self._reading = None
        if reading.cancelled():
            return
        error = reading.exception()
        if self._done.done() or self._loop.is_closed():
            return
        if error is not None:
            self._finish(self._fault(str(error)))
            return
        self._resident = end
        self._outlet.on_room(self._send)

    def _fault(self, reason: str) -> FileFault:
        return FileFault(reason, self._position - self._begin)

    def _finish(self, error: BaseException | None) -> None:
        self._outlet.off()
        if self._done.done():
            return
        if error is None:
            self._done.set_result(None)
        else:
            self._done.set_exception(error)


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
    """Have a window read; closes the descriptor."""
    try:
        # Twice the window: the disk goes on reading while the first half is being sent.
        os.posix_fadvise(file, start, 2 * (end - start), os.POSIX_FADV_WILLNEED)
        for position in (*range(start, end, _PROBE_STEP), end - 1):
            os.pread(file, 1, position)
    finally:
        os.close(file)
