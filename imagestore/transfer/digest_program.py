"""The program that computes digests: it shares memory with the service, and no interpreter's lock.

``python digest_program.py SOCKET MEMORY``, both the numbers of inherited descriptors. It imports
only what a digest needs, so that it takes little memory and starts fast. It ends when the process
at the other end of the socket does.

A request names a stream of blocks. ``BEGIN`` is followed by the algorithms of its digests, and
``BLOCK`` tells where in the memory the next one lies. It is answered with the number of blocks
that are done in all digests, and ``FINISH`` with 0 and the digests, in the order asked for.
"""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
import signal
import socket
import struct
import sys
import threading
from collections import deque
from dataclasses import dataclass, field
from queue import SimpleQueue

REQUEST = struct.Struct("=IBQI")
"""Number of a stream, what to do, and of a block the offset and the length in bytes."""
ANSWER = struct.Struct("=IB")
LONGEST = 512
"""Bytes of a message of either side."""
BEGIN, BLOCK, FINISH, FORGET = range(4)

_NICENESS = 10
"""Added to that of the threads that compute, so that small requests go first."""
_TURN = 4
"""Blocks after which another digest has its turn."""

Block = tuple[int, int] | None
"""Offset and length; None after the last one."""


@dataclass(eq=False)
class _Digest:
    stream: _Stream
    algorithm: str
    waiting: deque[Block] = field(default_factory=deque)
    done: int = 0
    """Blocks, and the end of the stream, which counts as one."""
    in_work: bool = False

    def __post_init__(self) -> None:
        # Checksums that clients know, not a defence: md5 must work on FIPS hosts too.
        self.hash = hashlib.new(self.algorithm, usedforsecurity=False)


class _Stream:
    def __init__(self, number: int, algorithms: list[str]) -> None:
        self.number = number
        self.digests = [_Digest(self, algorithm) for algorithm in algorithms]
        self.blocks = self.told = 0


class Digests:
    """All digests that are computed, on as many threads as there are processors."""

    def __init__(self, connection: socket.socket, memory: memoryview) -> None:
        self._connection = connection
        self._memory = memory
        self._lock = threading.Lock()
        self._ready: SimpleQueue[_Digest] = SimpleQueue()

    def serve(self) -> None:
        """Do what is asked for until nobody asks any more."""
        for _ in os.sched_getaffinity(0):
            threading.Thread(target=self._work, daemon=True).start()
        streams: dict[int, _Stream] = {}
        while message := self._connection.recv(LONGEST):
            number, what, offset, length = REQUEST.unpack_from(message)
            if what == BEGIN:
                algorithms = message[REQUEST.size :].decode().split(",")
                streams[number] = _Stream(number, algorithms)
            elif what == FORGET:
                del streams[number]
            else:
                self._ask(streams[number], (offset, length) if what == BLOCK else None)

    def _ask(self, stream: _Stream, block: Block) -> None:
        with self._lock:
            stream.blocks += block is not None
            for digest in stream.digests:
                digest.waiting.append(block)
                if not digest.in_work:
                    digest.in_work = True
                    self._ready.put(digest)

    def _work(self) -> None:
        _step_back()
        while True:
            digest = self._ready.get()
            with self._lock:
                batch = [digest.waiting.popleft() for _ in range(min(_TURN, len(digest.waiting)))]
            for block in batch:
                if block is not None:
                    offset, length = block
                    digest.hash.update(self._memory[offset : offset + length])
            with self._lock:
                digest.done += len(batch)
                self._tell(digest.stream)
                digest.in_work = bool(digest.waiting)
                if digest.in_work:
                    self._ready.put(digest)

    def _tell(self, stream: _Stream) -> None:
        """Answer what is done in all digests of the stream. The lock is held."""
        done = min(digest.done for digest in stream.digests)
        if blocks := min(done, stream.blocks) - stream.told:
            stream.told += blocks
            self._connection.send(ANSWER.pack(stream.number, blocks))
        if done > stream.blocks:
            digests = b"".join(digest.hash.digest() for digest in stream.digests)
            self._connection.send(ANSWER.pack(stream.number, 0) + digests)


def _step_back() -> None:
    # On Linux, niceness belongs to each thread.
    thread = threading.get_native_id()
    with contextlib.suppress(OSError):
        nice = os.getpriority(os.PRIO_PROCESS, thread)
        os.setpriority(os.PRIO_PROCESS, thread, min(19, nice + _NICENESS))


def main() -> None:
    # Whoever ends the service lets it finish what is under way; this ends with it, not before.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    connection, memory = map(int, sys.argv[1:])
    mapped = mmap.mmap(memory, 0, access=mmap.ACCESS_READ)
    os.close(memory)
    with contextlib.suppress(ConnectionError):
        Digests(socket.socket(fileno=connection), memoryview(mapped)).serve()
    os._exit(0)  # whatever the threads are at


if __name__ == "__main__":
    main()
