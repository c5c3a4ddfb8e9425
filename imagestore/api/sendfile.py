"""A part of a file leaves through a socket without passing through this process.

The kernel copies from the page cache to the socket. What is not in the page
cache is first brought there by a thread, so that a slow disk never holds up the
event loop and with it every other client.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import Executor

from imagestore.api.outlet import Outlet
from imagestore.cache import growing as growth
from imagestore.cache.growing import Growing

WINDOW = 4 << 20
"""Bytes that are made resident at a time, and sent by one system call at the most."""
_PROBE_STEP = 256 << 10
"""Distance of the bytes that are looked at to see whether a window is resident."""
_NEARLY = 0.99
"""A timer may be early by the resolution of the clock."""


class FileFault(Exception):
    """The file cannot be read on: it ended early, or its disk fails or does not answer."""


async def send_file(
    outlet: Outlet,
    file: int,
    offset: int,
    count: int,
    *,
    patience: float,
    executor: Executor | None = None,
    growing: Growing | None = None,
    sent: Callable[[int], object] | None = None,
) -> None:
    """Send ``count`` bytes of the descriptor ``file`` from ``offset``, as they come in.

    ``executor`` has the threads that wait for the disk. Raises ``TimeoutError`` when the
    peer takes nothing for ``patience`` seconds, ``ConnectionError`` when it is gone, and
    :class:`FileFault` when the fault is the file's; a disk has ``patience`` seconds too.
    However it ends, ``sent`` is told how many bytes are on their way to the peer.
    """
    sending = _Sending(outlet, file, offset, offset + count, executor, growing)
    try:
        await sending.run(patience)
    finally:
        if sent is not None:
            sent(sending.position - offset)


class _Sending:
    """Sends whenever the socket takes more, from the event loop's own callback.

    A socket takes a few hundred KiB at a time, so waking a task for each would cost
    a third of the CPU of the whole transfer. The same goes for what a file grows by.
    """

    def __init__(
        self,
        outlet: Outlet,
        file: int,
        position: int,
        end: int,
        executor: Executor | None,
        growing: Growing | None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._executor = executor
        self._outlet = outlet
        self._file = file
        self._growing = growing
        self.position = position
        self._end = end
        self._resident = position
        """Up to here the file is in the page cache."""
        self._hungry_since: float | None = None
        """Since when there has been nothing more to send."""
        self._reading: asyncio.Future[None] | None = None
        self._done: asyncio.Future[None] = self._loop.create_future()

    async def run(self, patience: float) -> None:
        step = patience if self._growing is None else min(patience, growth.STILL)
        self._outlet.on_room(self._send)
        try:
            before, since = self._state(), self._loop.time()
            while not (await asyncio.wait((self._done,), timeout=step))[0]:
                now, moment = self._state(), self._loop.time()
                if now != before:
                    before, since = now, moment
                elif self._hungry_since is not None:
                    if moment - self._hungry_since >= _NEARLY * growth.STILL:
                        raise FileFault("nothing comes in")
                elif moment - since >= _NEARLY * patience:
                    if self._reading is not None:
                        raise FileFault("the disk does not answer")
                    raise TimeoutError("the reader takes nothing")
            self._done.result()
        finally:
            self._outlet.off()
            self._done.cancel()  # a thread that still reads has nobody to tell

    def _state(self) -> tuple[object, ...]:
        # A slow reader empties the kernel's buffer long before it is writable again.
        return self.position, self._outlet.queued(), self._reading

    def _send(self) -> None:
        """Called when the socket is writable: fill it, but leave a turn to others."""
        try:
            if self.position >= self._resident and not self._look_ahead():
                return
            # The window may be sent in one call, and in as many as it takes: never more a turn.
            while self.position < self._resident:
                sent = os.sendfile(
                    self._outlet.descriptor,
                    self._file,
                    self.position,
                    self._resident - self.position,
                )
                if not sent:
                    raise FileFault("the file is shorter than it was")
                self.position += sent
        except BlockingIOError:
            return
        except (ConnectionError, FileFault) as error:
            self._finish(error)
            return
        except OSError as error:
            self._finish(FileFault(str(error)))
            return
        if self.position >= self._end:
            self._finish(None)

    def _look_ahead(self) -> bool:
        """Whether the next window is there, and can be sent without waiting for a disk; if not,
        it is read, or waited for."""
        end = min(self.position + WINDOW, self._end)
        if self._growing is not None and end > self._growing.have:
            end = self._growing.have
            if end <= self.position:
                self._wait_for_growth(self._growing)
                return False
        if _is_resident(self._file, self.position, end):
            self._resident = end
            return True
        self._outlet.off()
        # A thread whose disk hangs outlives this transfer, and with it the descriptor.
        file = os.dup(self._file)
        self._reading = self._loop.run_in_executor(
            self._executor, _bring_in, file, self.position, end
        )
        self._reading.add_done_callback(lambda reading: self._was_read(reading, end))
        return False

    def _wait_for_growth(self, growing: Growing) -> None:
        self._outlet.off()
        if growing.failed:
            self._finish(FileFault("no more comes in"))
            return
        self._hungry_since = self._loop.time()
        growing.on_growth(self._grown)

    def _grown(self) -> None:
        if self._done.done() or self._loop.is_closed():
            return
        self._hungry_since = None
        # The socket has most probably room by now; each follower has its turn.
        self._outlet.on_room(self._send)

    def _was_read(self, reading: asyncio.Future[None], end: int) -> None:
        self._reading = None
        if reading.cancelled():
            return
        error = reading.exception()
        if self._done.done() or self._loop.is_closed():
            return
        if error is not None:
            self._finish(FileFault(str(error)))
            return
        self._resident = end
        self._outlet.on_room(self._send)

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
