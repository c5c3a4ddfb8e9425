"""The files of the cache. Every function here may wait for the disk: call it on a thread.

==================  ==========================================================================
``ID``              the data of an image, whole and verified; the same name as in Glance's cache
``incomplete/``     ``ID.SIZE``: data that grows; what is in the file is the image's beginning
``verified/``       ``ID``: the digest that the data was found to have
``invalid/``        what did not have the digest of its image
``pinned/``         ``ID``: an empty file for each entry that is not evicted
``lock``            whose bytes are locked, see :mod:`imagestore.cache.locks`
``queue/``          ``ID``: an empty file for each image that Glance was to fetch, if it was here
==================  ==========================================================================

The time of the last access of a whole file is set by hand at each hit, so that it counts also
on a file system that does not keep it. A reader has a shared lock (``flock``) on its file;
whoever evicts needs an exclusive one.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import re
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from imagestore.backends import private
from imagestore.cache import locks
from imagestore.model.digest import Digest

_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,35}")
_INSIDE = ("incomplete", "invalid", "verified", "pinned")
_KEEP_SIZE = 1
_NO_FALLOCATE = (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)

_fallocate = ctypes.CDLL(None, use_errno=True).fallocate
_fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Data that may lie in the cache: of which image, how many bytes, and their digest."""

    image_id: str
    size: int
    digest: Digest

    @property
    def mark(self) -> str:
        return f"{self.digest.algorithm}:{self.digest.value}"


@dataclass(frozen=True, slots=True)
class Entry:
    """A whole file. Times in seconds since 1970, size in bytes."""

    image_id: str
    size: int
    accessed: float
    modified: float
    pinned: bool


@dataclass(frozen=True, slots=True)
class Partial:
    """A file that is being filled, or was, or is invalid: ``room`` is what it takes in the end."""

    path: Path
    image_id: str
    room: int
    modified: float


def is_id(name: str) -> bool:
    """Whether an image of that id can lie in the cache, under that name."""
    return _ID.fullmatch(name) is not None and name not in (*_INSIDE, "lock", "queue")


class Directory:
    """``root`` is the directory of the node; it is made when it is missing."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lock_file = root / "lock"
        self._device: int | None = None

    def make(self) -> None:
        """Make what is missing. ``OSError`` where that would be on another disk than before:
        the cache's own is not mounted, and its place must not fill the disk below."""
        existing = next(place for place in (self.root, *self.root.parents) if place.exists())
        if self._device not in (None, existing.stat().st_dev):
            raise OSError(errno.ENODEV, f"{self.root} is not on the disk where it was")
        for place in (self.root, *(self.root / name for name in _INSIDE)):
            private.make_directory(place)
        self._device = self.root.stat().st_dev

    def entries(self) -> list[Entry]:
        """Every whole file, the one used longest ago first."""
        pinned = self.pinned()
        found = [
            Entry(one.name, status.st_size, status.st_atime, status.st_mtime, one.name in pinned)
            for one, status in _files(self.root)
            if is_id(one.name)
        ]
        return sorted(found, key=lambda entry: entry.accessed)

    def invalid(self) -> list[Partial]:
        """What was kept apart, the oldest first."""
        found = [
            Partial(Path(one.path), one.name, status.st_size, status.st_mtime)
            for one, status in _files(self.root / "invalid")
        ]
        return sorted(found, key=lambda one: one.modified)

    def partials(self) -> list[Partial]:
        found = []
        for one, status in _files(self.root / "incomplete"):
            image_id, _, size = one.name.partition(".")
            room = int(size) if size.isdecimal() else status.st_size
            found.append(Partial(Path(one.path), image_id, room, status.st_mtime))
        return found

    def open_whole(self, wanted: Wanted) -> int | None:
        """A descriptor of the data, locked against eviction; None if it is not there, whole.

        What has another digest than the image has now is removed.
        """
        path = self._whole(wanted.image_id)
        try:
            fd = _open(path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            if self._is(fd, path, wanted):
                status = os.fstat(fd)
                # May fail on a file of somebody else: then it is evicted a little early.
                with contextlib.suppress(PermissionError):
                    os.utime(fd, ns=(time.time_ns(), status.st_mtime_ns))
                return fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)
        return None

    def _is(self, fd: int, path: Path, wanted: Wanted) -> bool:
        """Whether the open file is what is wanted; else it is removed, or put to be verified."""
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False  # it is just being evicted
        status = os.fstat(fd)
        if not status.st_nlink:
            return False  # it has just been evicted: its room is another's
        size = status.st_size
        mark = self._mark(wanted.image_id)
        if size == wanted.size and mark == wanted.mark:
            return True
        with contextlib.suppress(FileNotFoundError):
            if size == wanted.size and mark is None:
                # Of Glance, say: verified once, like anything that was just fetched; however
                # old it is, it was whole in Glance's eyes.
                with contextlib.suppress(PermissionError):
                    os.utime(fd)
                path.rename(self.partial(wanted))
            else:
                path.unlink()
                self._forget(wanted.image_id)
        return False

    def open_partial(self, wanted: Wanted, *, create: bool = False) -> int | None:
        """A descriptor of what there is; None if there is nothing. Only who has the lock of
        the fill may ``create``, and then has room for the whole."""
        path = self.partial(wanted)
        flags = os.O_RDWR | (os.O_CREAT if create else 0)
        try:
            fd = _open(path, flags)
        except FileNotFoundError:
            return None
        status = os.fstat(fd)
        # After a power cut a file may hold other bytes than were written.
        if create and (status.st_mtime < _booted() or status.st_size > wanted.size):
            os.ftruncate(fd, 0)
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return fd

    def allocate(self, fd: int, size: int) -> None:
        """Have the file system keep room for ``size`` bytes; ``OSError`` if it has none."""
        if size and _fallocate(fd, _KEEP_SIZE, 0, size):
            number = ctypes.get_errno()
            if number not in _NO_FALLOCATE:
                raise OSError(number, os.strerror(number))

    def complete(self, fd: int, wanted: Wanted) -> None:
        """What the descriptor holds is the image: make it last, and let it count."""
        os.fdatasync(fd)
        mark = self.root / "verified" / wanted.image_id
        fresh = mark.with_suffix(".new")
        fresh.write_text(wanted.mark)
        fresh.replace(mark)
        moment = time.time_ns()
        os.utime(fd, ns=(moment, moment))
        self.partial(wanted).rename(self._whole(wanted.image_id))

    def open_unverified(self, wanted: Wanted) -> int | None:
        """A descriptor of what is there to the last byte, and has only to be verified."""
        fd = self.open_partial(wanted)
        if fd is not None:
            status = os.fstat(fd)
            if status.st_size == wanted.size and status.st_mtime >= _booted():
                return fd
            os.close(fd)
        return None

    def is_growing(self, fd: int, wanted: Wanted) -> bool:
        """Whether the open file is still the one that is filled."""
        return _same(fd, self.partial(wanted))

    def reject(self, wanted: Wanted) -> None:
        """What was filled is not the image: keep it apart, to be looked at."""
        self.partial(wanted).replace(self.root / "invalid" / wanted.image_id)

    def drop_partial(self, wanted: Wanted) -> None:
        self.partial(wanted).unlink(missing_ok=True)

    def drop(self, image_id: str) -> int | None:
        """Remove all that there is of an image; bytes of its entry, None if it had none.

        Who reads it goes on to the end.
        """
        for partial in self.partials():
            if partial.image_id == image_id:
                partial.path.unlink(missing_ok=True)
        path = self._whole(image_id)
        try:
            size = path.stat().st_size
            path.unlink()
        except FileNotFoundError:
            size = None
        self._forget(image_id)
        self.unpin(image_id)
        return size

    def evict(self, image_id: str) -> bool:
        """Remove an entry, unless somebody reads it; whether it is gone."""
        path = self._whole(image_id)
        try:
            fd = _open(path, os.O_RDONLY)
        except FileNotFoundError:
            return True
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
        except BlockingIOError:
            return False
        finally:
            os.close(fd)
        self._forget(image_id)
        return True

    def clean(self, stalled_before: float, invalid_before: float) -> int:
        """Remove what is invalid, and what nobody fills, if it was last filled before a time."""
        old = [one for one in self.invalid() if one.modified < invalid_before]
        for one in old:
            one.path.unlink(missing_ok=True)
        removed = len(old)
        for partial in self.partials():
            if partial.modified >= stalled_before:
                continue
            with contextlib.ExitStack() as held:
                lock = locks.acquire(self.lock_file, locks.fill_of(partial.image_id))
                if lock is not None:
                    held.enter_context(lock)
                    partial.path.unlink(missing_ok=True)
                    removed += 1
        return removed

    def pinned(self) -> set[str]:
        return {one.name for one, _ in _files(self.root / "pinned")}

    def pin(self, image_id: str) -> None:
        (self.root / "pinned" / image_id).touch(mode=0o640)

    def unpin(self, image_id: str) -> None:
        (self.root / "pinned" / image_id).unlink(missing_ok=True)

    def left_queued(self) -> list[str]:
        """The ids that Glance has left in its queue, in its order."""
        found = [
            (status.st_mtime, one.name)
            for one, status in _files(self.root / "queue")
            if is_id(one.name)
        ]
        return [name for _, name in sorted(found)]

    def take_over(self, image_id: str) -> None:
        """It is queued elsewhere now."""
        (self.root / "queue" / image_id).unlink(missing_ok=True)

    def partial(self, wanted: Wanted) -> Path:
        return self.root / "incomplete" / f"{wanted.image_id}.{wanted.size}"

    def _whole(self, image_id: str) -> Path:
        return self.root / image_id

    def _mark(self, image_id: str) -> str | None:
        try:
            return (self.root / "verified" / image_id).read_text()
        except FileNotFoundError:
            return None

    def _forget(self, image_id: str) -> None:
        (self.root / "verified" / image_id).unlink(missing_ok=True)


def _open(path: Path, flags: int) -> int:
    fd = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o640)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, f"{path} is no file")
    return fd


def _same(fd: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    here = os.fstat(fd)
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)


def _booted() -> float:
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)


def _files(place: Path) -> Iterator[tuple[os.DirEntry[str], os.stat_result]]:
    try:
        scanned = os.scandir(place)
    except FileNotFoundError:
        return
    with scanned as found:
        for one in found:
            with contextlib.suppress(FileNotFoundError):
                if one.is_file(follow_symlinks=False):
                    yield one, one.stat(follow_symlinks=False)
