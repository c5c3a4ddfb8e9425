"""Mixed load from real clients, each of which checks every answer that it gets."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

PATCH = "application/openstack-images-v2.1-json-patch"
OCTETS = {"Content-Type": "application/octet-stream"}
LARGEST = 4 << 20


@dataclass
class Result:
    requests: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    bytes: int = 0


class Load:
    """``keep``: whether the clients keep their connections for further requests."""

    def __init__(self, url: str, directory: Path, *, keep: bool) -> None:
        self._url = f"{url}/v2/images"
        self._directory = directory
        self._keep = keep
        self._ending = False
        self.result = Result()

    async def run(self, clients: int) -> Result:
        """Until :meth:`end` is called, and what is under way has ended."""
        work = [self._client(seed) for seed in range(clients)]
        await asyncio.gather(*work, self._curl())
        return self.result

    def end(self) -> None:
        self._ending = True

    async def _client(self, seed: int) -> None:
        chance = random.Random(seed)
        connector = aiohttp.TCPConnector(force_close=not self._keep)
        timeout = aiohttp.ClientTimeout(total=120)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            while not self._ending:
                try:
                    await self._life(session, chance)
                except (aiohttp.ClientError, OSError, AssertionError, TimeoutError) as error:
                    self.result.failures.append(repr(error))

    async def _life(self, session: aiohttp.ClientSession, chance: random.Random) -> None:
        """An image from its beginning to its end."""
        data = chance.randbytes(chance.choice((0, 1000, 100_000, LARGEST)))
        draft = {"disk_format": "raw", "container_format": "bare", "name": "load"}
        async with session.post(self._url, json=draft) as answer:
            image = (await self._checked(answer, 201, "create")).decode()
        place = f"{self._url}/{image[image.index('/v2/images/') + 11 :][:36]}"
        slowly = chance.random() < 0.5
        body = _pieces(data) if slowly else data
        async with session.put(f"{place}/file", data=body, headers=OCTETS) as answer:
            await self._checked(answer, 204, "upload")
        async with session.get(f"{self._url}?limit=20") as answer:
            await self._checked(answer, 200, "list")
        change = [{"op": "add", "path": "/mark", "value": "x"}]
        async with session.patch(place, json=change, headers={"Content-Type": PATCH}) as answer:
            await self._checked(answer, 200, "change")
        async with session.get(place) as answer:
            shown = await self._checked(answer, 200, "show")
        assert hashlib.md5(data).hexdigest().encode() in shown
        async with session.get(f"{place}/file") as answer:
            assert await self._checked(answer, 200, "download") == data, "wrong bytes"
        if len(data) > 500:
            async with session.get(f"{place}/file", headers={"Range": "bytes=100-499"}) as answer:
                assert await self._checked(answer, 206, "range") == data[100:500], "wrong bytes"
        async with session.delete(place) as answer:
            await self._checked(answer, 204, "delete")

    async def _checked(self, answer: aiohttp.ClientResponse, status: int, what: str) -> bytes:
        body = await answer.read()
        self.result.requests[what] += 1
        self.result.bytes += len(body)
        assert answer.status == status, f"{what}: {answer.status} {body[:300]!r}"
        return body

    async def _curl(self) -> None:
        """Large images by curl, which waits for 100 Continue before it sends one."""
        data = random.Random(99).randbytes(16 << 20)
        file, copy = self._directory / "large", self._directory / "copy"
        file.write_bytes(data)
        draft = {"disk_format": "raw", "container_format": "bare"}
        while not self._ending:
            async with aiohttp.ClientSession() as session:
                async with session.post(self._url, json=draft) as answer:
                    place = f"{self._url}/{(await answer.json())['id']}"
                sent = await self._run(
                    *("-T", str(file), "-H", "Content-Type: application/octet-stream"),
                    *("--limit-rate", "16M", f"{place}/file"),
                )
                got = await self._run("-o", str(copy), "--limit-rate", "16M", f"{place}/file")
                if (sent, got) != (0, 0) or copy.read_bytes() != data:
                    self.result.failures.append(f"curl: {sent}, {got}, or wrong bytes")
                async with session.delete(place) as answer:
                    await self._checked(answer, 204, "delete")

    async def _run(self, *arguments: str) -> int:
        process = await asyncio.create_subprocess_exec(
            "curl", "--silent", "--show-error", "--fail", "--noproxy", "*", *arguments
        )
        self.result.requests["curl"] += 1
        return await process.wait()


async def _pieces(data: bytes) -> AsyncIterator[bytes]:
    """Without a length told before, and not all at once."""
    for start in range(0, len(data), 1 << 20):
        yield data[start : start + (1 << 20)]
        await asyncio.sleep(0.05)
