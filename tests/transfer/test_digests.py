"""Digests beside each other, equal to hashlib's."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import threading

import pytest

from imagestore.transfer.digests import Hasher, computing_threads


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512", "sha3_512", "blake2b"])
async def test_equal_hashlib(algorithm: str) -> None:
    chance = random.Random(1)
    digest, expected = Hasher(algorithm), hashlib.new(algorithm)
    for _ in range(50):
        block = chance.randbytes(chance.choice([1, 1000, 65_536, 1 << 20]))
        expected.update(block)
        await digest.lane.put(memoryview(block))
    assert (await digest.digest()).value == expected.hexdigest()


async def test_of_nothing() -> None:
    assert (await Hasher("md5").digest()).value == "d41d8cd98f00b204e9800998ecf8427e"


def test_of_an_unknown_algorithm() -> None:
    async def make() -> Hasher:
        return Hasher("rot13")

    with pytest.raises(ValueError, match="rot13"):
        asyncio.run(make())


def test_threads_step_back_behind_the_event_loop() -> None:
    def niceness() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    mine = niceness()
    assert computing_threads().submit(niceness).result() > mine
    assert niceness() == mine


def test_a_child_has_threads_of_its_own() -> None:
    computing_threads().submit(int).result()
    pid = os.fork()
    if not pid:
        # The threads of the parent are not here; its executor would wait for ever.
        os._exit(computing_threads().submit(lambda: 7).result(timeout=10))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
