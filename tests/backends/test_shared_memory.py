"""Memory that another process sees: found again by its offset, and given back."""

from __future__ import annotations

import mmap
import os

import pytest

from imagestore.backends.shared_memory import SharedMemory, shared_memory


def resident(memory: SharedMemory) -> int:
    """Bytes that it takes."""
    return os.fstat(memory.descriptor).st_blocks * 512


def written(memory: SharedMemory) -> memoryview:
    block = memoryview(memory.allocate(mmap.PAGESIZE)).cast("B")
    block[:] = b"x" * mmap.PAGESIZE
    return block


def test_whoever_has_the_descriptor_sees_a_block_at_its_offset() -> None:
    memory = SharedMemory()
    memory.allocate(10)
    block = memoryview(memory.allocate(10_000)).cast("B")
    block[100:105] = b"bytes"
    for view in (block[100:105], block[100:].toreadonly()[:5]):
        offset = memory.offset(view)
        assert offset is not None
        assert os.pread(memory.descriptor, 5, offset) == b"bytes"


def test_what_lies_elsewhere_has_no_offset() -> None:
    assert SharedMemory().offset(b"bytes") is None


def test_only_what_is_in_use_takes_memory() -> None:
    memory = SharedMemory()
    assert resident(memory) == 0
    held = [written(memory) for _ in range(10)]
    assert resident(memory) == 10 * mmap.PAGESIZE
    view = held[3][5:6]
    held.clear()
    assert resident(memory) == mmap.PAGESIZE
    assert view == b"x"
    del view
    assert resident(memory) == 0
    places = [memory.offset(each) for each in [written(memory) for _ in range(10)]]
    assert {*places} == {*range(0, 10 * mmap.PAGESIZE, mmap.PAGESIZE)}


def test_there_is_an_end() -> None:
    memory = SharedMemory()
    with pytest.raises(MemoryError):
        memory.allocate(memory.size + 1)


def test_a_child_has_its_own_and_leaves_the_parents_alone() -> None:
    memory = shared_memory()
    block = written(memory)
    pid = os.fork()
    if not pid:
        del block
        os._exit(shared_memory() is memory)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert block == b"x" * mmap.PAGESIZE
