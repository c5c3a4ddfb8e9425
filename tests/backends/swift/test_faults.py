"""Swift stopped, full, forgetful or half emptied, by real means."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from imagestore.backends import errors
from imagestore.backends.base import Buffer
from imagestore.backends.testing.contract import MIB, content, cut, new_id, read
from tests.services import forks, swift

from ..file.conftest import mounted
from . import writing
from .conftest import MB, USER, started

forks.preload(writing.__name__)

IMPATIENT = {"swift_store_timeout": 2.0, "swift_store_cleanup_timeout": 2.0}


async def interrupted(data: bytes, after: int, act: Callable[[], object]) -> AsyncIterator[Buffer]:
    """``data`` in blocks; ``act`` is called when ``after`` of them were taken."""
    count = 0
    async for block in cut(data):
        yield block
        count += 1
        if count == after:
            act()


@contextlib.contextmanager
def stopped(server: swift.Swift, kind: str) -> Iterator[None]:
    """One of its servers takes connections and does nothing."""
    os.kill(server.server(kind), signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.server(kind), signal.SIGCONT)


@pytest.mark.parametrize("kind", ["object", "proxy", "container"])
@pytest.mark.parametrize("large", [1, 1000], ids=["segmented", "single"])
async def test_stopped_during_an_upload(
    broken_swift: swift.Swift, container: str, kind: str, large: int
) -> None:
    """No request waits for ever; when the fault is gone, so are its traces, and service goes on."""
    image_id, data = new_id(), content(8 * MIB)
    async with started(
        broken_swift.url, container, swift_store_large_object_size=large, **IMPATIENT
    ) as store:
        with contextlib.ExitStack() as fault:
            stop = lambda: fault.enter_context(stopped(broken_swift, kind))  # noqa: E731
            source = interrupted(data, 4, stop)
            with pytest.raises(errors.Unavailable):
                await asyncio.wait_for(store.add(image_id, source, len(data)), 30)
        await asyncio.sleep(1)  # for what it was told before
        assert not await store.exists(f"swift+config://ref1/{container}/{image_id}")
        stored = await store.add(image_id, cut(data), len(data))
        assert await read(store, stored.url) == data
        await store.delete(stored.url)
        assert swift.account_of(broken_swift.url, USER).names(container) == []


async def test_stopped_while_idle(broken_swift: swift.Swift, container: str) -> None:
    async with started(broken_swift.url, container, **IMPATIENT) as store:
        stored = await store.add(new_id(), cut(content(3 * MB)))
        with stopped(broken_swift, "proxy"):
            for call in (
                store.exists(stored.url),
                store.size(stored.url),
                store.delete(stored.url),
                store.discard(new_id()),
                store.capacity(),
                store.add(new_id(), cut(b"x")),
                read(store, stored.url),
                store.start(),
            ):
                with pytest.raises(errors.Unavailable):
                    await asyncio.wait_for(call, 20)
        assert len(await read(store, stored.url)) == 3 * MB


async def test_stopped_during_a_download(broken_swift: swift.Swift, container: str) -> None:
    data = content(32 * MIB)
    async with started(broken_swift.url, container, **IMPATIENT) as store:
        stored = await store.add(new_id(), cut(data))
        got = 0
        with contextlib.ExitStack() as fault, pytest.raises(errors.Unavailable):
            async with asyncio.timeout(30), store.open(stored.url) as blocks:
                async for block in blocks:
                    if not got:
                        fault.enter_context(stopped(broken_swift, "object"))
                    assert block == data[got : got + len(block)]
                    got += len(block)
        assert 0 < got < len(data)
        assert await read(store, stored.url) == data


async def test_cancelled_while_stopped(broken_swift: swift.Swift, container: str) -> None:
    """The clean-up is bounded too."""
    async with started(broken_swift.url, container, **IMPATIENT) as store:
        with contextlib.ExitStack() as fault:
            reached = asyncio.Event()

            def act() -> None:
                fault.enter_context(stopped(broken_swift, "proxy"))
                reached.set()

            source = interrupted(content(8 * MIB), 4, act)
            task = asyncio.create_task(store.add(new_id(), source))
            await reached.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asyncio.wait_for(task, 10)


async def test_tokens_that_end_during_transfers(broken_swift: swift.Swift, container: str) -> None:
    """They live for three seconds; an upload and a download take longer."""
    data = content(8 * MIB)

    async def slowly() -> AsyncIterator[Buffer]:
        async for block in cut(data):
            yield block
            await asyncio.sleep(0.6)

    async with started(broken_swift.url, container) as store:
        stored = await store.add(new_id(), slowly(), len(data))
        single = await store.add(new_id(), cut(content(1000)), 1000)
        await asyncio.sleep(4)
        got = b""
        async with store.open(stored.url) as blocks:
            async for block in blocks:
                got += block
                await asyncio.sleep(1.5)
        assert got == data
        await asyncio.sleep(4)
        assert await store.size(single.url) == 1000


async def test_tokens_that_end_before_a_stream_begins(
    broken_swift: swift.Swift, container: str
) -> None:
    """The refusal must come before the source has lost a block, which is not to be had again."""
    data = content(8 * MIB)
    async with started(broken_swift.url, container, swift_store_large_object_size=1000) as store:
        await asyncio.sleep(4)
        stored = await store.add(new_id(), cut(data), len(data))
        assert await read(store, stored.url) == data


async def test_disk_full(tmp_path: Path, container: str) -> None:
    with mounted(tmp_path / "small", "-t", "tmpfs", "-o", "size=24m", "none") as devices:
        server = swift.start(tmp_path / "swift", devices=devices)
        try:
            account = swift.account_of(server.url, USER)
            async with started(server.url, container) as store:
                image_id = new_id()
                with pytest.raises((errors.Full, errors.Unavailable)):
                    await store.add(image_id, cut(content(40 * MIB)))
                # To remove an object takes room, too: what stays for want of it, recovery removes.
                await store.discard(image_id)
                assert account.names(container) == []
                stored = await store.add(image_id, cut(content(4 * MIB)))
                assert await read(store, stored.url) == content(4 * MIB)
        finally:
            server.stop()


@pytest.mark.parametrize("line", [2, 5, 9])
@pytest.mark.parametrize("large", [1, 1000], ids=["segmented", "single"])
async def test_killed(swift_url: str, line: int, large: int) -> None:
    """What a process left that was killed at any moment, ``discard`` finds."""
    container, image_id = f"killed-{line}-{large}", new_id()
    account = swift.account_of(swift_url, USER)
    async with started(swift_url, container) as store:
        reports, reporting = forks.context.Pipe(duplex=False)
        process = forks.context.Process(
            target=writing.run, args=(swift_url, container, image_id, large, reporting)
        )
        with reports, reporting:
            await asyncio.to_thread(process.start)
            for _ in range(line):
                assert await asyncio.to_thread(reports.recv) in ("block", "stored")
            process.kill()
            process.join()
        assert await store.exists(f"swift+config://ref1/{container}/{image_id}") is (line == 9)
        # A dead upload does not keep others from the image.
        if line < 9:
            stored = await store.add(image_id, cut(b"again"))
            assert await read(store, stored.url) == b"again"
        await store.discard(image_id)
        assert account.names(container) == []
