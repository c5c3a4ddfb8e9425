"""How much of one transfer may be in memory at a time: decided here, for each of its stages.

A transfer takes at most the sum of the stages that it passes, however large the image is:

======================  ======================================================  ==========
who holds               what                                                    MiB
======================  ======================================================  ==========
an upload's socket      ``BLOCKS`` that have come and were not fetched          4
digests, inspection,    ``DIGESTED``: ``BLOCKS`` that wait and as many in work; 8
writing to a file       all of them look at the same ones
each of several stores  ``BEHIND`` blocks                                       2
read from a file        ``BLOCKS``, of another size if an option says so         4
read from RBD           ``RBD``                                                 8
read from S3 or Swift   ``OBJECT``                                              32
write to RBD            ``RBD_WRITES`` and one that is gathered                 20
write to S3             ``PARTS``, with the one that is gathered                64
write to Swift          ``STREAMED``, and as much in digests and sockets        96
======================  ======================================================  ==========
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any, NamedTuple, TypeVar

from imagestore.backends.base import Buffer
from imagestore.backends.read_ahead import read_ahead

B = TypeVar("B", bound=Buffer)

BLOCKS = 4
"""Blocks of ``BLOCK_SIZE`` that may wait between two who work on a stream."""
DIGESTED = 2 * BLOCKS
"""Blocks of a stream that wait for its digests or are in work there."""
BEHIND = 2
"""Blocks that a store may lag behind the fastest one before the source is kept waiting."""
PARTS = 64 << 20
"""Bytes of parts of one upload that are held, as long as one part is at most half of that."""
STREAMED = 48 << 20
"""Bytes of segments of one upload that wait to be sent."""
RBD_WRITES = 4
"""Writes of one upload under way."""


class Window(NamedTuple):
    """Reads ahead by ``depth`` requests of ``step`` bytes; the ``first`` may be smaller."""

    step: int
    depth: int
    first: int | None = None

    def read(
        self, fetch: Callable[[int, int], Coroutine[Any, Any, B]], offset: int, end: int
    ) -> AsyncGenerator[B, None]:
        """See :func:`imagestore.backends.read_ahead.read_ahead`."""
        return read_ahead(fetch, offset, end, step=self.step, depth=self.depth, first=self.first)


RBD = Window(2 << 20, 4)
"""With 4 MiB a transfer is no faster, and malloc keeps half as much again."""
OBJECT = Window(16 << 20, 2, first=2 << 20)
"""The larger a request, the less it costs the servers; but all of its bytes are there before any
is handed on, so the first one is small."""
