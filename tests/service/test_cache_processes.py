"""Worker processes that share a cache, in front of a real store behind a slow line."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession, TCPConnector

from tests.backends.s3.conftest import swift_server, swift_url
from tests.backends.s3.servers import Server
from tests.served import Served, serve
from tests.services.faultproxy import FaultProxy, Faults

__all__ = ["swift_server", "swift_url"]

MIB = 1 << 20
SIZE = 8 * MIB
RATE = 3 * MIB
FLAVOR = "trusted-headers+cachemanagement"
CALLER = {
    "X-Identity-Status": "Confirmed",
    "X-User-Id": "u",
    "X-Project-Id": "red",
    "X-Roles": "member,reader,admin",
}


@dataclass
class Node:
    """``place`` and ``options``: how to serve it again."""

    served: Served
    cache: Path
    line: FaultProxy
    place: Path
    options: str

    def open_files(self) -> dict[int, Counter[str]]:
        """By worker, which files below the cache it has open, and how often."""
        found = {}
        for pid in self.served.workers():
            names: Counter[str] = Counter()
            for link in Path(f"/proc/{pid}/fd").iterdir():
                try:
                    target = link.readlink()
                except OSError:
                    continue
                if target.is_relative_to(self.cache):
                    names[str(target.relative_to(self.cache))] += 1
            found[pid] = names
        return found


@pytest.fixture
def node(tmp_path: Path, swift_server: Server) -> Iterator[Node]:
    with FaultProxy(int(swift_server.url.rpartition(":")[2])) as line:
        cache = tmp_path / "cache"
        options = (
            f"[DEFAULT]\nenabled_backends = slow:s3\nimage_cache_dir = {cache}\n"
            f"[glance_store]\ndefault_backend = slow\n[slow]\n"
            f"s3_store_host = http://127.0.0.1:{line.port}\n"
            f"s3_store_access_key = {swift_server.access}\n"
            f"s3_store_secret_key = {swift_server.secret}\n"
            f"s3_store_bucket = cache-{os.urandom(6).hex()}\n"
            "s3_store_create_bucket_on_put = true\ns3_store_bucket_url_format = path\n"
            "s3_store_large_object_size = 100\n"
        )
        place = tmp_path / "node"
        with serve(place, flavor=FLAVOR, workers=2, options=options) as served:
            yield Node(served, cache, line, place, options)


class Client:
    def __init__(self, node: Node, session: ClientSession) -> None:
        self.node = node
        self.session = session

    async def image(self, data: bytes) -> str:
        draft = {"disk_format": "raw", "container_format": "bare"}
        url = self.node.served.url + "/v2/images"
        async with self.session.post(url, json=draft) as answer:
            image = str((await answer.json())["id"])
        kind = {"Content-Type": "application/octet-stream"}
        async with self.session.put(f"{url}/{image}/file", data=data, headers=kind) as answer:
            assert answer.status == 204, await answer.text()
        return image

    async def get(self, image: str) -> bytes:
        async with self.session.get(f"{self.node.served.url}/v2/images/{image}/file") as answer:
            assert answer.status == 200
            assert answer.headers["Content-Length"] == str(SIZE)
            return await answer.read()


async def until(holds: Any) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


def session() -> ClientSession:
    return ClientSession(headers=CALLER, connector=TCPConnector(limit=0, force_close=True))


async def test_two_processes_read_the_store_once(node: Node) -> None:
    data = os.urandom(SIZE)
    async with session() as http:
        client = Client(node, http)
        image = await client.image(data)
        node.line.faults = Faults(rate=RATE)
        before = node.line.traffic.down
        for read in await asyncio.gather(*(client.get(image) for _ in range(32))):
            assert read == data
        assert SIZE <= node.line.traffic.down - before < SIZE + MIB
        await until((node.cache / image).exists)
        assert await client.get(image) == data
        assert node.line.traffic.down - before < SIZE + MIB


async def test_the_process_that_fills_is_killed_and_another_goes_on(node: Node) -> None:
    data = os.urandom(SIZE)
    async with session() as http:
        client = Client(node, http)
        image = await client.image(data)
        partial = f"incomplete/{image}.{SIZE}"
        # The second worker comes up a while after the first.
        await until(lambda: "with 2 worker(s)" in node.served.log)
        locks = {pid: files["lock"] for pid, files in node.open_files().items()}
        assert len(locks) == 2
        node.line.faults = Faults(rate=RATE)
        before = node.line.traffic.down
        readers = [asyncio.create_task(client.get(image))]

        async def until_both_have_readers() -> None:
            while not all(files[partial] for files in node.open_files().values()):
                assert not readers[0].done()
                readers.append(asyncio.create_task(client.get(image)))
                await asyncio.sleep(0.05)

        await until_both_have_readers()
        await until(lambda: (node.cache / partial).stat().st_size > MIB)
        (filler,) = [
            pid for pid, files in node.open_files().items() if files["lock"] > locks.get(pid, 0)
        ]
        os.kill(filler, signal.SIGKILL)
        read = await asyncio.gather(*readers, return_exceptions=True)
        whole = [each for each in read if isinstance(each, bytes)]
        broken = [each for each in read if not isinstance(each, bytes)]
        # Those of the dead process are cut off; nobody else is, and nobody is told wrong bytes.
        assert whole
        assert all(each == data for each in whole)
        assert all(isinstance(each, (ClientError, OSError)) for each in broken)
        await until((node.cache / image).exists)
        assert (node.cache / image).read_bytes() == data
        # What was there was not fetched again; what was under way in the dead process was lost.
        assert node.line.traffic.down - before < 2 * SIZE - MIB


async def test_what_is_queued_outlives_the_node(node: Node) -> None:
    """``kill -9`` while the first of three is fetched; the node that comes back goes on."""
    data = [os.urandom(SIZE) for _ in range(3)]
    async with session() as http:
        client = Client(node, http)
        images = [await client.image(each) for each in data]
        node.line.faults = Faults(total=RATE)
        for image in images:
            async with http.put(f"{node.served.url}/v2/cache/{image}") as answer:
                assert answer.status == 202
        incomplete = node.cache / "incomplete"
        await until(lambda: any(file.stat().st_size > MIB for file in incomplete.iterdir()))
        node.served.kill()
        assert not all((node.cache / image).exists() for image in images)
        node.line.faults = Faults()
        port = node.served.port  # a part of the node's name
        # As if the minute had gone by for which what was killed still has the jobs.
        with contextlib.closing(sqlite3.connect(node.served.database)) as database, database:
            database.execute("UPDATE imagestore_jobs SET lease_until = '2020-01-01 00:00:00'")
        with serve(node.place, flavor=FLAVOR, options=node.options, port=port):
            await until(lambda: all((node.cache / image).exists() for image in images))
            for image, each in zip(images, data, strict=True):
                assert (node.cache / image).read_bytes() == each
