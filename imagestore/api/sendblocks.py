"""Blocks leave through a socket as they are, without a copy in a transport's buffer."""

from __future__ import annotations

import asyncio
import os

from imagestore.api.outlet import Outlet
from imagestore.backends.base import Buffer

_TURN = 1 << 20
"""Bytes that are written before other connections have their turn."""


class BlockSender:
    """Writes one block after the other to an outlet.

    A socket takes a few hundred KiB at a time: the event loop's own callback goes on with a
    block, and a task is woken only at its end.
    """

    def __init__(self, outlet: Outlet, *, patience: float) -> None:
        self._outlet = outlet
        self._patience = patience
        self._view = memoryview(b"")

    async def send(self, block: Buffer) -> None:
        """Return when the kernel has all of the block, which may then be used again.

        Raises ``TimeoutError`` when the peer takes nothing for ``patience`` seconds, and
        ``ConnectionError`` when it is gone.
        """
        self._view = memoryview(block).cast("B")
        try:
            if not self._write():
                await self._rest()
        finally:
            self._view = memoryview(b"")

    async def _rest(self) -> None:
        done = asyncio.get_running_loop().create_future()

        def go_on() -> None:
            try:
                if self._write() and not done.done():
                    done.set_result(None)
            except OSError as error:
                if not done.done():
                    done.set_exception(error)

        self._outlet.on_room(go_on)
        try:
            before = self._state()
            while not (await asyncio.wait((done,), timeout=self._patience))[0]:
                # A slow reader empties the kernel's buffer long before it is writable again.
                now = self._state()
                if now == before:
                    raise TimeoutError("the reader takes nothing")
                before = now
            done.result()
        finally:
            self._outlet.off()

    def _state(self) -> tuple[int, int]:
        return len(self._view), self._outlet.queued()

    def _write(self) -> bool:
        """Write what the socket takes now, at most a turn; whether the block is at its end."""
        written = 0
        try:
            while self._view and written < _TURN:
                count = os.write(self._outlet.descriptor, self._view[: _TURN - written])
                self._view = self._view[count:]
                written += count
        except BlockingIOError:
            pass
        return not self._view
