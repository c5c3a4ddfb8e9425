"""Digests of one stream beside each other, in another process, equal to hashlib's."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import random
import signal
import socket
import threading

import pytest

from imagestore.backends.base import BLOCK_SIZE
from imagestore.backends.blocks import BlockPool
from imagestore.backends.in_flight import DIGESTED
from imagestore.model.errors import Unavailable
from imagestore.transfer import digest_process, digest_program
from imagestore.transfer.digest_program import ANSWER, BEGIN, BLOCK, FINISH, REQUEST
from imagestore.transfer.digests import Digests, computing_threads

ALGORITHMS = ("md5", "sha1", "sha256", "sha512", "sha3_512", "blake2b")


@pytest.mark.parametrize("shared", [False, True])
async def test_equal_hashlib(shared: bool) -> None:
    chance, pool = random.Random(1), BlockPool()
    expected = {name: hashlib.new(name) for name in ALGORITHMS}
    with contextlib.closing(Digests(ALGORITHMS)) as digests:
        for _ in range(50):
            data = chance.randbytes(chance.choice([1, 1000, 65_536, BLOCK_SIZE]))
            for each in expected.values():
                each.update(data)
            if shared:
                block = pool.take()
                start = chance.randrange(BLOCK_SIZE - len(data) + 1)
                block[start : start + len(data)] = data
                await digests.put(block[start : start + len(data)].toreadonly())
                del block
            else:
                await digests.put(data)
        found = await digests.finish()
    assert {name: each.value for name, each in found.items()} == {
        name: each.hexdigest() for name, each in expected.items()
    }


async def test_of_nothing() -> None:
    with contextlib.closing(Digests(["md5"])) as digests:
        await digests.put(b"")
        assert (await digests.finish())["md5"].value == "d41d8cd98f00b204e9800998ecf8427e"


async def test_none() -> None:
    with contextlib.closing(Digests([])) as digests:
        await digests.put(b"block")
        assert await digests.finish() == {}


async def test_of_an_unknown_algorithm() -> None:
    with pytest.raises(ValueError, match="rot13"):
        Digests(["rot13"])


async def test_many_streams_at_once() -> None:
    async def one(number: int) -> str:
        with contextlib.closing(Digests(["md5", "sha256"])) as digests:
            for _ in range(20):
                await digests.put(bytes([number]) * 100_000)
            return (await digests.finish())["sha256"].value

    found = await asyncio.gather(*map(one, range(40)))
    assert found == [hashlib.sha256(bytes([n]) * 2_000_000).hexdigest() for n in range(40)]


async def test_a_bounded_number_of_blocks_is_in_work() -> None:
    pool = BlockPool()
    with contextlib.closing(Digests(["md5"])) as digests:
        process = digest_process.digest_process()
        os.kill(process.pid, signal.SIGSTOP)
        try:
            for _ in range(DIGESTED):
                await digests.put(pool.take())
            more = asyncio.create_task(digests.put(pool.take()))
            await asyncio.sleep(0)
            assert not more.done()
        finally:
            os.kill(process.pid, signal.SIGCONT)
        await more


async def test_more_requests_than_the_socket_holds() -> None:
    """They wait, and nothing is lost."""
    process = digest_process.digest_process()
    os.kill(process.pid, signal.SIGSTOP)
    many = [Digests(["md5"]) for _ in range(400)]
    for each in many:
        await each.put(b"block")
    os.kill(process.pid, signal.SIGCONT)
    expected = hashlib.md5(b"block").hexdigest()
    for each in many:
        assert (await each.finish())["md5"].value == expected
        each.close()


async def test_a_process_that_ends_is_an_error_and_another_one_goes_on() -> None:
    with contextlib.closing(Digests(["md5"])) as digests:
        await digests.put(b"block")
        os.kill(digest_process.digest_process().pid, signal.SIGKILL)
        with pytest.raises(Unavailable):
            await digests.finish()
    with contextlib.closing(Digests(["md5"])) as digests:
        assert (await digests.finish())["md5"].value == hashlib.md5().hexdigest()


def test_a_loop_takes_over_from_one_that_ended() -> None:
    async def use(*, to_the_end: bool) -> int:
        digests = Digests(["md5"])
        await digests.put(b"block")
        if to_the_end:
            assert (await digests.finish())["md5"].value == hashlib.md5(b"block").hexdigest()
            digests.close()
        return digest_process.digest_process().pid

    assert len({asyncio.run(use(to_the_end=each)) for each in (True, False, True)}) == 1


def test_a_child_has_a_process_of_its_own() -> None:
    async def pid() -> int:
        with contextlib.closing(Digests(["md5"])) as digests:
            await digests.put(b"block")
            await digests.finish()
        return digest_process.digest_process().pid

    mine = asyncio.run(pid())
    child = os.fork()
    if not child:
        os._exit(asyncio.run(pid()) == mine)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert asyncio.run(pid()) == mine


async def test_it_steps_back_behind_the_event_loop() -> None:
    process = digest_process.digest_process()
    with contextlib.closing(Digests(["md5"])) as digests:
        await digests.finish()  # it runs
        threads = map(int, os.listdir(f"/proc/{process.pid}/task"))
        mine = os.getpriority(os.PRIO_PROCESS, 0)
        computing = [each for each in threads if each != process.pid]
        assert computing
        assert all(os.getpriority(os.PRIO_PROCESS, each) > mine for each in computing)


def test_it_ends_with_whoever_asks() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    memory = memoryview(b"one block, and more")
    program = threading.Thread(target=digest_program.Digests(theirs, memory).serve)
    program.start()
    with theirs:
        with ours:
            ours.send(REQUEST.pack(7, BEGIN, 0, 0) + b"md5,sha1")
            ours.send(REQUEST.pack(7, BLOCK, 4, 5))
            assert ANSWER.unpack(ours.recv(99)) == (7, 1)
            ours.send(REQUEST.pack(7, FINISH, 0, 0))
            digests = hashlib.md5(b"block").digest() + hashlib.sha1(b"block").digest()
            assert ours.recv(99) == ANSWER.pack(7, 0) + digests
        program.join(10)
        assert not program.is_alive()


def test_a_child_has_threads_of_its_own() -> None:
    computing_threads().submit(int).result()
    pid = os.fork()
    if not pid:
        # The threads of the parent are not here; its executor would wait for ever.
        os._exit(computing_threads().submit(lambda: 7).result(timeout=10))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
