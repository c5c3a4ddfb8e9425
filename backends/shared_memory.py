"""Memory for blocks that a helper process sees as well, so that it can work on them uncopied.

One file in memory for the whole process, mapped once: a block is a range of it, and all that
the helper need be told is where it begins. Only the pages that were touched take memory.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
import os
import threading
import weakref
from collections import defaultdict

from imagestore.backends.base import Buffer

_HUGE = 1 << 40
"""Address space that is reserved at the most: what a machine has in memory."""


class SharedMemory:
    """``descriptor`` is the file, of ``size`` bytes; whoever has it can map it."""

    def __init__(self) -> None:
        pages = os.sysconf("SC_PHYS_PAGES") * mmap.PAGESIZE
        self.size = min(pages, _HUGE)
        self.descriptor = os.memfd_create("imagestore-blocks")
        os.ftruncate(self.descriptor, self.size)
        self._memory = mmap.mmap(self.descriptor, self.size)
        self._owner = os.getpid()
        self._begin = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        self._lock = threading.RLock()
        self._end = 0
        self._free: dict[int, list[int]] = defaultdict(list)

    def allocate(self, size: int) -> ctypes.Array[ctypes.c_char]:
        """That many bytes, aligned to pages; given back when nothing refers to them any more."""
        room = -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
        with self._lock:
            if free := self._free[room]:
                start = free.pop()
            elif self._end + room > self.size:
                raise MemoryError("no more memory for blocks")
            else:
                start, self._end = self._end, self._end + room
            buffer = (ctypes.c_char * size).from_buffer(self._memory, start)
        weakref.finalize(buffer, self._release, start, room).atexit = False
        return buffer

    def offset(self, block: Buffer) -> int | None:
        """Where in this memory a block begins; None if it lies elsewhere."""
        start = _address(block) - self._begin
        return start if 0 <= start < self.size else None

    def _release(self, start: int, room: int) -> None:
        if os.getpid() != self._owner:
            return  # after a fork these are still the parent's
        self._memory.madvise(mmap.MADV_REMOVE, start, room)
        with self._lock:
            self._free[room].append(start)


class _View(ctypes.Structure):
    """The beginning of CPython's ``Py_buffer``, and room for the rest."""

    _fields_ = (("address", ctypes.c_void_p), ("rest", ctypes.c_char * 256))


_get_buffer = ctypes.pythonapi.PyObject_GetBuffer
_get_buffer.argtypes = (ctypes.py_object, ctypes.POINTER(_View), ctypes.c_int)
_release_buffer = ctypes.pythonapi.PyBuffer_Release
_release_buffer.argtypes = (ctypes.POINTER(_View),)
_release_buffer.restype = None


def _address(block: Buffer) -> int:
    view = _View()
    _get_buffer(block, view, 0)
    try:
        return view.address or 0
    finally:
        _release_buffer(view)


@functools.cache
def shared_memory() -> SharedMemory:
    """This process's."""
    return SharedMemory()


os.register_at_fork(after_in_child=shared_memory.cache_clear)
