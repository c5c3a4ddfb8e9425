"""One open RBD image."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

from imagestore.backends.base import Buffer
from imagestore.backends.errors import Unavailable
from imagestore.backends.rbd.calls import ClusterCalls
from imagestore.backends.rbd.connection import Connection

_ZEROS = bytes(64 << 10)

_LINGER = 1.0
"""Seconds that an image stays open at least. librbd says that it is open before it is done with
opening: a thread of its own takes a lock of the image once more. If the image is closed and freed
by then, the process aborts, or that thread hangs and all calls with it. Nothing tells when it is
safe. Seen within minutes, under load, where images were opened only to be closed.
"""


class OpenImage:
    """An image that is open until ``close``, and until what is under way on it has ended.

    Making one opens it, which blocks. Without ``snapshot`` it can be written to.
    """

    def __init__(
        self,
        connection: Connection,
        calls: ClusterCalls,
        pool: str,
        url: str,
        *,
        name: str,
        snapshot: str | None = None,
    ) -> None:
        self._connection = connection
        self._calls = calls
        self._url = url
        self._lock = threading.Lock()
        self._under_way = 0
        self._closing = False
        # An image that can be written to cannot be removed while it is open, so that is not kept
        # open for longer than needed; between its opening and its closing there is always work.
        self._lingers = snapshot is not None
        self.closed: Future[None] = Future()
        """Done when it is closed; with the error, if closing failed."""
        connection.hold()
        try:
            with connection.errors(url):
                self.image: Any = connection.rbd.Image(
                    connection.pool(pool),
                    name,
                    snapshot=snapshot,
                    # Of a snapshot there is nothing to be told. Otherwise this registers us
                    # with the image, and RBD does not remove what someone has open.
                    read_only=snapshot is not None,
                )
        except BaseException:
            connection.release()
            raise
        self._opened = time.monotonic()

    async def read(self, offset: int, length: int) -> bytes:
        """The bytes from ``offset``; fewer than ``length`` only at the end of the image."""
        data: bytes = await self._operate(
            lambda completed: self.image.aio_read(offset, length, completed)
        )
        return data

    async def write(self, part: list[Buffer], offset: int, *, thin: bool) -> None:
        """Write the buffers one after the other; with ``thin`` not where they are all zeros.

        ``part`` is ours from now on. The image must be so large already, and never have been
        written to where there is such a hole.
        """

        def begin(completed: Callable[..., None]) -> None:
            data = b"".join(part)
            part.clear()  # once in memory is enough
            if thin and are_zeros(data, 0, len(data)):
                completed(_Nothing())
            else:
                # librbd does not copy what it writes: the callback keeps it until it has.
                self.image.aio_write(data, offset, partial(_pass, completed, data))

        await self._operate(begin)

    async def _operate(self, begin: Callable[[Callable[..., None]], object]) -> Any:
        def counted(completed: Callable[..., None]) -> None:
            def done(completion: Any, *result: Any) -> None:
                completed(completion, *result)
                self._end()

            self._start()
            try:
                begin(done)
            except BaseException:
                self._end()
                raise

        with self._connection.errors(self._url):
            return await self._calls.complete(counted)

    def _start(self) -> None:
        with self._lock:
            if self._closing:
                raise Unavailable("closed", url=self._url)
            self._under_way += 1

    def _end(self) -> None:
        with self._lock:
            self._under_way -= 1
            last = self._closing and not self._under_way
        if last:
            # Not here: this is librbd's own thread, and closing waits for it.
            self._submit_close()

    def close(self) -> Future[None]:
        """Close it when nothing is under way any more. Does not block; may be called again."""
        with self._lock:
            first, self._closing = not self._closing, True
            unused = not self._under_way
        if first and unused:
            self._submit_close()
        return self.closed

    def _submit_close(self) -> None:
        threads = self._connection.closers if self._lingers else self._calls.threads
        threads.submit(self._close)

    def _close(self) -> None:
        if self._lingers:
            time.sleep(max(0.0, self._opened + _LINGER - time.monotonic()))
        try:
            self.image.close()
        except BaseException as error:
            self.closed.set_exception(error)
        else:
            self.closed.set_result(None)
        finally:
            self._connection.release()


def _pass(completed: Callable[..., None], data: bytes, completion: Any) -> None:
    completed(completion)


class _Nothing:
    """The completion of an operation that had nothing to do."""

    def get_return_value(self) -> int:
        return 0


def are_zeros(data: bytes, start: int, end: int) -> bool:
    """Whether ``data[start:end]`` has zeros only, which is what a hole reads as.

    Copies nothing, and mostly ends at once. A comparison of memory views goes byte by byte;
    this one is the C library's.
    """
    while start < end:
        count = min(len(_ZEROS), end - start)
        if not data.startswith(_ZEROS[:count], start):
            return False
        start += count
    return True
