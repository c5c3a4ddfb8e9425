"""Digests of a stream, each computed beside the others on threads of lower priority."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import threading
from concurrent.futures import Executor, ThreadPoolExecutor

from imagestore.backends.base import Buffer
from imagestore.backends.lane import Lane
from imagestore.config.settings import Images
from imagestore.model.digest import CHECKSUM, Digest

_NICENESS = 10
"""Added to the niceness of threads that compute, so that small requests go first."""


@functools.cache
def computing_threads() -> Executor:
    """The process's threads for work that needs a processor: as many as it may use."""
    return ThreadPoolExecutor(len(os.sched_getaffinity(0)), "compute", initializer=_step_back)


os.register_at_fork(after_in_child=computing_threads.cache_clear)


def _step_back() -> None:
    # On Linux, niceness belongs to each thread.
    thread = threading.get_native_id()
    with contextlib.suppress(OSError):
        nice = os.getpriority(os.PRIO_PROCESS, thread)
        os.setpriority(os.PRIO_PROCESS, thread, min(19, nice + _NICENESS))


def algorithms(settings: Images, os_hash: str = "") -> frozenset[str]:
    """Of the digests that are computed of data that comes in, whichever way it comes.

    ``os_hash``: the one for ``os_hash_value``, if that is not the configuration's to choose.
    """
    found = frozenset({os_hash or settings.hashing_algorithm})
    return found | {CHECKSUM} if settings.md5_checksum else found


class Hasher:
    """One digest of a stream of blocks. Any algorithm of :mod:`hashlib` with a fixed length."""

    def __init__(self, algorithm: str) -> None:
        self._algorithm = algorithm
        # Checksums that clients know, not a defence: md5 must work on FIPS hosts too.
        self._hash = hashlib.new(algorithm, usedforsecurity=False)
        self.lane = Lane(computing_threads(), self._update)

    def _update(self, blocks: list[Buffer]) -> None:
        for block in blocks:
            self._hash.update(block)

    async def digest(self) -> Digest:
        """What all blocks come to, when they are computed."""
        return Digest(self._algorithm, await self.lane.finish(self._hash.hexdigest))
