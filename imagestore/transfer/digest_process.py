"""The process in which digests are computed, as this one sees it.

Threads would share the interpreter's lock with the event loop: one that takes it between two
blocks, and is put aside just then because it has a lower priority, holds up every request.
"""

from __future__ import annotations

import asyncio
import atexit
import itertools
import os
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable

from imagestore.backends.shared_memory import shared_memory
from imagestore.model.errors import Unavailable
from imagestore.transfer import digest_program
from imagestore.transfer.digest_program import ANSWER, BEGIN, BLOCK, FINISH, FORGET, REQUEST

Answered = Callable[[int, bytes], object]
"""Is told how many blocks are done; 0 with the digests at the end, or -1: the process is gone."""


class DigestProcess:
    """Takes requests of one event loop at a time. It is started at once."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.setblocking(False)
        self._numbers = itertools.count(1)
        self._streams: dict[int, Answered] = {}
        self._unsent: deque[bytes] = deque()
        self._is_full = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self.ended = False
        memory = shared_memory().descriptor
        program = [sys.executable, "-I", "-S", digest_program.__file__]
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - nothing comes from a stranger
                [*program, str(theirs.fileno()), str(memory)],
                pass_fds=(theirs.fileno(), memory),
                stdin=subprocess.DEVNULL,
            )
        atexit.register(self._end)

    @property
    def pid(self) -> int:
        return self._process.pid

    def takes(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether requests can be made of it on that loop, which is its own from then on."""
        if self.ended or self._loop is loop:
            return not self.ended
        if self._loop is not None and not self._loop.is_closed():
            return False
        self._loop = loop
        loop.add_reader(self._socket, self._receive)
        self._flush()
        for number in list(self._streams):
            self.forget(number)  # their loop has ended before they did
        return True

    def begin(self, algorithms: str, answered: Answered) -> int:
        """A stream with digests by the algorithms, in a row with commas; its number."""
        number = next(self._numbers)
        self._streams[number] = answered
        self._send(REQUEST.pack(number, BEGIN, 0, 0) + algorithms.encode())
        return number

    def update(self, number: int, offset: int, length: int) -> None:
        """The next block of the stream lies there in the shared memory."""
        self._send(REQUEST.pack(number, BLOCK, offset, length))

    def finish(self, number: int) -> None:
        """The stream has ended."""
        self._send(REQUEST.pack(number, FINISH, 0, 0))

    def forget(self, number: int) -> None:
        """Nobody asks for the stream any more."""
        if self._streams.pop(number, None) is not None:
            self._send(REQUEST.pack(number, FORGET, 0, 0))

    def _send(self, message: bytes) -> None:
        if self.ended:
            raise Unavailable("The process that computes digests has ended.")
        self._unsent.append(message)
        if len(self._unsent) == 1:
            self._flush()

    def _flush(self) -> None:
        assert self._loop is not None
        try:
            while self._unsent:
                self._socket.send(self._unsent[0])
                self._unsent.popleft()
            if self._is_full:
                self._loop.remove_writer(self._socket)
        except BlockingIOError:
            self._loop.add_writer(self._socket, self._flush)
            self._is_full = True
        except ConnectionError:
            self._end()
        else:
            self._is_full = False

    def _receive(self) -> None:
        try:
            while message := self._socket.recv(digest_program.LONGEST):
                number, done = ANSWER.unpack_from(message)
                if (answered := self._streams.get(number)) is not None:
                    answered(done, message[ANSWER.size :])
        except BlockingIOError:
            return
        except ConnectionError:
            pass
        self._end()

    def _end(self) -> None:
        if self.ended:
            return
        self.ended = True
        atexit.unregister(self._end)
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
        self._socket.close()
        self._process.kill()
        self._process.wait()
        for answered in self._streams.values():
            answered(-1, b"")


_started: list[DigestProcess] = []


def _leave_to_the_parent() -> None:
    for process in _started:
        process.ended = True
    _started.clear()


os.register_at_fork(after_in_child=_leave_to_the_parent)


def digest_process() -> DigestProcess:
    """One that takes requests on the running loop; it is started if there is none."""
    loop = asyncio.get_running_loop()
    for process in list(_started):
        if process.ended:
            _started.remove(process)
        elif process.takes(loop):
            return process
    process = DigestProcess()
    process.takes(loop)
    _started.append(process)
    return process
