"""Room in the cache: counted, made by removing what was used longest ago, and taken, in one go."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass

from imagestore.cache import locks
from imagestore.cache.directory import Directory, Wanted
from imagestore.observing import metrics

_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(slots=True)
class Pruned:
    """What was removed: files, and their bytes."""

    files: int = 0
    bytes: int = 0


def reserve(directory: Directory, wanted: Wanted, limit: int) -> int | None:
    """A descriptor of the file to fill, for which there is room; None if none can be made.

    ``limit``: bytes that the cache may have. The caller has the lock of the fill. Waits for the
    disk, and for others who make room.
    """
    lock = locks.acquire(directory.lock_file, locks.ROOM, wait=True)
    assert lock is not None
    with lock:
        others = sum(
            each.room for each in directory.partials() if each.path != directory.partial(wanted)
        )
        if wanted.size > limit or _shrink(directory, limit - others - wanted.size) is None:
            return None
        fd = directory.open_partial(wanted, create=True)
        assert fd is not None
        try:
            while True:
                try:
                    directory.allocate(fd, wanted.size)
                    return fd
                except OSError as error:
                    if error.errno not in _FULL or not _evict_one(directory):
                        raise
        except BaseException:
            os.close(fd)
            directory.drop_partial(wanted)
            raise


def prune(directory: Directory, limit: int) -> Pruned:
    """Remove entries until all that there is fits into ``limit`` bytes, or nothing can go."""
    lock = locks.acquire(directory.lock_file, locks.ROOM, wait=True)
    assert lock is not None
    pruned = Pruned()
    with lock:
        partials = sum(each.room for each in directory.partials())
        _shrink(directory, limit - partials, pruned)
    return pruned


def _shrink(directory: Directory, limit: int, pruned: Pruned | None = None) -> Pruned | None:
    """Evict until the entries have at most ``limit`` bytes; None if that cannot be done.

    What is invalid counts, and goes before any entry. With ``pruned`` what can go goes in any
    case; else nothing does where it is known to be in vain.
    """
    entries, invalid = directory.entries(), directory.invalid()
    apart = sum(one.room for one in invalid)
    excess = sum(entry.size for entry in entries) + apart - limit
    free = [entry for entry in entries if not entry.pinned]
    if pruned is None:
        pruned = Pruned()
        if excess > sum(entry.size for entry in free) + apart:
            return None
    for one in invalid:
        if excess <= 0:
            break
        one.path.unlink(missing_ok=True)
        excess -= one.room
    for entry in free:
        if excess <= 0:
            break
        if directory.evict(entry.image_id):
            excess -= entry.size
            pruned.files += 1
            pruned.bytes += entry.size
            metrics.CACHE_EVICTIONS.inc()
    return pruned if excess <= 0 else None


def _evict_one(directory: Directory) -> bool:
    if invalid := directory.invalid():
        invalid[0].path.unlink(missing_ok=True)
        return True
    for entry in directory.entries():
        if not entry.pinned and directory.evict(entry.image_id):
            metrics.CACHE_EVICTIONS.inc()
            return True
    return False
