"""Buffers come back by themselves, and never while someone looks at them."""

from __future__ import annotations

import mmap
import os
import random
import threading
from pathlib import Path

from imagestore.backends.base import BLOCK_SIZE
from imagestore.backends.blocks import BlockPool, give_back
from imagestore.backends.shared_memory import shared_memory


def address(view: memoryview) -> int:
    """What tells one buffer from another."""
    return id(view.obj)


def test_a_buffer_is_used_again_when_its_last_view_is_gone() -> None:
    pool = BlockPool()
    first = pool.take()
    assert len(first) == BLOCK_SIZE
    where = address(first)
    piece = first[10:20].toreadonly()[2:]
    del first
    second = pool.take()
    assert address(second) != where
    del piece
    third = pool.take()
    assert address(third) == where


def test_a_hundred_thousand_blocks_out_of_two_buffers() -> None:
    pool = BlockPool(block_size=mmap.PAGESIZE)
    seen = set()
    block = pool.take()
    for _ in range(1000):
        block = pool.take()
        seen.add(address(block))
    assert len(seen) == 2


def test_more_than_it_keeps() -> None:
    pool = BlockPool(block_size=mmap.PAGESIZE, kept=4)
    taken = [pool.take() for _ in range(20)]
    assert len({address(each) for each in taken}) == 20
    kept = {address(each) for each in taken[:4]}
    taken.clear()
    again = [pool.take() for _ in range(4)]
    assert {address(each) for each in again} == kept


def test_what_is_given_back_takes_no_memory_and_what_is_in_use_stays() -> None:
    pool = BlockPool(block_size=1 << 20, kept=8)
    taken = [pool.take() for _ in range(8)]
    for each in taken:
        each[:] = b"x" * len(each)
    before = shared_pages()
    kept = taken.pop()
    del each
    taken.clear()
    give_back()
    assert before - shared_pages() >= 7 << 20
    assert bytes(kept) == b"x" * len(kept)
    where = address(kept)
    del kept
    assert address(pool.take()) == where


def shared_pages() -> int:
    """Bytes that the memory for blocks takes."""
    return os.fstat(shared_memory().descriptor).st_blocks * 512


def test_nobody_ever_sees_the_bytes_of_another() -> None:
    pool = BlockPool(block_size=mmap.PAGESIZE, kept=6)
    wrong = []

    def use(seed: int) -> None:
        chance, held = random.Random(seed), []
        for count in range(2000):
            mark = bytes([seed, count % 256])
            block = pool.take()
            block[:2] = mark
            held.append((block[:2].toreadonly(), mark))
            del block
            if len(held) > chance.randrange(5):
                view, mark = held.pop(chance.randrange(len(held)))
                if view != mark:
                    wrong.append((view, mark))

    threads = [threading.Thread(target=use, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_is_good_for_direct_io(tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_TMPFILE | os.O_RDWR | os.O_DIRECT)
    try:
        block = BlockPool().take()
        block[:3] = b"abc"
        assert os.pwrite(fd, block, 0) == BLOCK_SIZE
    finally:
        os.close(fd)


def test_a_child_takes_memory_of_its_own() -> None:
    pool = BlockPool()
    pool.take()[0] = 1
    pid = os.fork()
    if not pid:
        block = pool.take()
        found, block[0] = block[0], 2
        os._exit(found)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert pool.take()[0] == 1
