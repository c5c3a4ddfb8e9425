"""Servers that stop, die, lie or have no room, in the middle of a transfer."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from imagestore.backends import errors
from imagestore.backends.base import Buffer, Stored
from imagestore.backends.s3.faults import translated
from imagestore.backends.s3.store import S3Store
from imagestore.backends.testing.contract import MIB, content, cut, new_id, read
from tests.services import ceph, radosgw
from tests.services.faultproxy import FaultProxy, Faults
from tests.services.radosgw import RadosGW

from .servers import S3Service, Server, service

PATIENT = 30.0
"""Seconds: the configured 3, and what taking back may need."""
SIZES = pytest.mark.parametrize("size", [4 * MIB, 24 * MIB], ids=["whole", "in parts"])


@pytest.fixture
def own_cluster(gateway: RadosGW, tmp_path: Path) -> Iterator[ceph.Ceph]:
    """A gateway that is away holds up the others of its cluster, so tests of that have their own.

    Depends on ``gateway`` for what must be installed.
    """
    cluster = ceph.start(tmp_path / "ceph")
    yield cluster
    cluster.stop()


@pytest.fixture
def own_gateway(own_cluster: ceph.Ceph, tmp_path: Path) -> Iterator[RadosGW]:
    own = radosgw.start(tmp_path / "gateway", own_cluster)
    yield own
    own.stop()


@pytest.fixture
async def made(own_gateway: RadosGW) -> AsyncIterator[S3Service]:
    async with impatient(own_gateway) as made:
        yield made


@pytest.fixture(scope="module")
def stoppable(gateway: RadosGW, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RadosGW]:
    """The only gateway of its cluster, for tests that stop it and let it go on."""
    directory = tmp_path_factory.mktemp("stoppable")
    cluster = ceph.start(directory / "ceph")
    own = radosgw.start(directory / "gateway", cluster)
    yield own
    own.stop()
    cluster.stop()


@pytest.fixture
async def stopped(stoppable: RadosGW) -> AsyncIterator[S3Service]:
    """A store on it."""
    async with impatient(stoppable) as made:
        yield made


def impatient(gateway: RadosGW) -> AbstractAsyncContextManager[S3Service]:
    server = Server(gateway.url, radosgw.ACCESS, radosgw.SECRET)
    return service(server, tidy=False, s3_store_timeout=3.0)


@pytest.fixture
async def proxied(ceph_http: Server) -> AsyncIterator[tuple[S3Service, FaultProxy]]:
    """A store that reaches the server through a proxy."""
    with FaultProxy(int(ceph_http.url.rpartition(":")[2])) as proxy:
        server = dataclasses.replace(ceph_http, url=f"http://127.0.0.1:{proxy.port}")
        async with service(server, s3_store_timeout=3.0) as made:
            yield made, proxy
            proxy.faults = Faults()


async def after(count: int, data: bytes, act: Callable[[], Any]) -> AsyncIterator[Buffer]:
    """``data`` in blocks; ``act`` is called once ``count`` bytes were taken."""
    done = 0
    async for block in cut(data):
        if done >= count:
            act()
            count = len(data) + 1
        yield block
        done += len(block)
    if count <= done:
        act()


@SIZES
async def test_stopped_in_an_upload(stopped: S3Service, stoppable: RadosGW, size: int) -> None:
    image_id, data = new_id(), content(size)
    source = after(size // 2, data, lambda: os.kill(stoppable.pid, signal.SIGSTOP))
    try:
        with pytest.raises(errors.Unavailable) as caught:
            await asyncio.wait_for(stopped.store.add(image_id, source), PATIENT)
    finally:
        os.kill(stoppable.pid, signal.SIGCONT)
    assert caught.value.store == "s3"
    stored = await _added_again(stopped, stopped.store, image_id, data)
    assert await read(stopped.store, stored.url) == data


async def test_stopped_in_a_download(stopped: S3Service, stoppable: RadosGW) -> None:
    data = content(48 * MIB)
    stored = await stopped.store.add(new_id(), cut(data))
    got = b""

    async def receive() -> None:
        nonlocal got
        async with stopped.store.open(stored.url) as blocks:
            async for block in blocks:
                got += block
                os.kill(stoppable.pid, signal.SIGSTOP)

    try:
        with pytest.raises(errors.Unavailable):
            await asyncio.wait_for(receive(), PATIENT)
    finally:
        os.kill(stoppable.pid, signal.SIGCONT)
    assert len(got) < len(data)
    assert data.startswith(got)
    assert await read(stopped.store, stored.url) == data


async def test_stopped_before_a_request(stopped: S3Service, stoppable: RadosGW) -> None:
    store, image_id = stopped.store, new_id()
    stored = await store.add(image_id, cut(b"x"))
    calls = {
        "size": store.size(stored.url),
        "exists": store.exists(stored.url),
        "delete": store.delete(stored.url),
        "open": read(store, stored.url),
        "discard": store.discard(image_id),
    }
    os.kill(stoppable.pid, signal.SIGSTOP)
    try:
        async with asyncio.timeout(PATIENT):
            results = await asyncio.gather(*calls.values(), return_exceptions=True)
    finally:
        os.kill(stoppable.pid, signal.SIGCONT)
    for name, result in zip(calls, results, strict=True):
        assert isinstance(result, errors.Unavailable), (name, result)


async def test_killed_in_an_upload(
    made: S3Service, own_gateway: RadosGW, own_cluster: ceph.Ceph, tmp_path: Path
) -> None:
    image_id, data = new_id(), content(24 * MIB)
    source = after(12 * MIB, data, lambda: os.kill(own_gateway.pid, signal.SIGKILL))
    with pytest.raises(errors.Unavailable):
        await asyncio.wait_for(made.store.add(image_id, source), PATIENT)
    successor = radosgw.start(tmp_path / "successor", own_cluster, user=False)
    try:
        made.server = dataclasses.replace(made.server, url=successor.url)
        made.settings = dataclasses.replace(made.settings, s3_store_host=successor.url)
        again = S3Store("s3", made.settings)
        await again.start()
        assert not await again.exists(made.url(image_id))
        stored = await _added_again(made, again, image_id, data)
        assert await read(again, stored.url) == data
        await again.stop()
    finally:
        successor.stop()


async def _added_again(made: S3Service, store: S3Store, image_id: str, data: bytes) -> Stored:
    """Once nothing is left of it. What the gateway had in its hands may come a moment later, even
    while the same is sent again."""
    for _ in range(50):
        await store.discard(image_id)
        if not await made.objects():
            with suppress(errors.Exists):
                return await store.add(image_id, cut(data))
        await asyncio.sleep(0.1)
    raise AssertionError(await made.objects())


async def test_killed_in_a_download(made: S3Service, own_gateway: RadosGW) -> None:
    data = content(48 * MIB)
    stored = await made.store.add(new_id(), cut(data))
    got = b""
    with pytest.raises(errors.Unavailable):
        async with made.store.open(stored.url) as blocks:
            async for block in blocks:
                got += block
                os.kill(own_gateway.pid, signal.SIGKILL)
    assert len(got) < len(data)
    assert data.startswith(got)


@SIZES
async def test_quota_that_is_used_up(ceph_http: Server, gateway: RadosGW, size: int) -> None:
    access = f"limited-{new_id()}"
    gateway.make_user(access, "limited", quota=2 * MIB)
    server = dataclasses.replace(ceph_http, access=access, secret="limited")
    async with service(server) as made:
        with pytest.raises(errors.Full) as caught:
            await made.store.add(new_id(), cut(content(size)))
        assert "QuotaExceeded" in caught.value.message
        assert await made.objects() == set()
        await made.store.add(new_id(), cut(b"what fits"))


async def test_download_that_ends_too_early(proxied: tuple[S3Service, FaultProxy]) -> None:
    made, proxy = proxied
    stored = await made.store.add(new_id(), cut(content(9 * MIB)))
    proxy.drop_all()
    proxy.faults = Faults(cut_after=2 * MIB)
    with pytest.raises(errors.Unavailable):
        await read(made.store, stored.url)


@SIZES
async def test_answer_that_is_lost(
    proxied: tuple[S3Service, FaultProxy], ceph_http: Server, size: int
) -> None:
    """The server has the bytes, the client does not know: the object must not stay."""
    made, proxy = proxied
    image_id = new_id()
    arrived = asyncio.Event()

    async def lose() -> None:
        while proxy.traffic.up < size:
            await asyncio.sleep(0.001)
        arrived.set()
        proxy.drop_all()

    losing = asyncio.create_task(lose())
    try:
        await made.store.add(image_id, cut(content(size)))
    except errors.StoreError as error:
        assert isinstance(error, errors.Unavailable)
        assert await made.objects() == set()
    else:  # the answer was faster
        await made.store.delete(made.url(image_id))
    await losing


def answered(code: str, status: int) -> ClientError:
    return ClientError(
        {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        "Operation",
    )


@pytest.mark.parametrize(
    ("code", "status", "reading", "writing"),
    [
        ("NoSuchKey", 404, errors.NotFound, errors.NotFound),
        ("404", 404, errors.NotFound, errors.NotFound),
        ("PreconditionFailed", 412, errors.Unavailable, errors.Exists),
        ("ConditionalRequestConflict", 409, errors.Unavailable, errors.Exists),
        ("OperationAborted", 409, errors.Unavailable, errors.Unavailable),
        ("QuotaExceeded", 403, errors.Full, errors.Full),
        ("EntityTooLarge", 413, errors.Full, errors.Full),
        ("507", 507, errors.Full, errors.Full),
        ("AccessDenied", 403, errors.Unavailable, errors.ReadOnly),
        ("BadDigest", 400, errors.Unavailable, errors.Unavailable),
        ("TooManyRequests", 429, errors.Unavailable, errors.Unavailable),
        ("InternalError", 500, errors.Unavailable, errors.Unavailable),
        ("SlowDown", 503, errors.Unavailable, errors.Unavailable),
    ],
)
def test_codes(
    code: str,
    status: int,
    reading: type[errors.StoreError],
    writing: type[errors.StoreError],
) -> None:
    """Those of servers that cannot be made to answer so here, and the others."""
    assert type(translated(answered(code, status), "s3")) is reading
    assert type(translated(answered(code, status), "s3", writing=True)) is writing
