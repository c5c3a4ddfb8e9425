"""What clients do while everything fails: upload, tag, download, delete."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import aiohttp

from tests.soak.nodes import Node

GOLDEN = "golden"
_HEADERS = {
    "X-Identity-Status": "Confirmed",
    "X-User-Id": "soaker",
    "X-Project-Id": "red",
    "X-Roles": "admin,member,reader",
}
_TIMEOUT = aiohttp.ClientTimeout(total=60)


@dataclass
class Known:
    """An image as its client knows it. ``tagged``: None where an answer did not come."""

    id: str
    seed: int
    size: int
    store: str
    tagged: bool
    deleted: bool = False

    def data(self) -> bytes:
        return random.Random(self.seed).randbytes(self.size)

    def digest(self) -> str:
        return hashlib.sha512(self.data()).hexdigest()


@dataclass
class Clients:
    """One loop of requests at random, to nodes at random."""

    nodes: Sequence[Node]
    stores: Sequence[str]
    chance: random.Random
    images: dict[str, Known] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    async def upload_all(self, number: int, sizes: Sequence[int], at_once: int = 4) -> None:
        """Create and upload images until there are so many, whatever fails meanwhile."""
        gate = asyncio.Semaphore(at_once)

        async def one(seed: int) -> None:
            async with gate:
                await self._upload(seed, self.chance.choice(sizes))

        await asyncio.gather(*(one(self.chance.randrange(1 << 32)) for _ in range(number)))

    async def play(self, until: asyncio.Event) -> None:
        """Download, tag, untag and delete at random until told to end."""
        actions = [self._download] * 30 + [self._tag] * 12 + [self._delete]
        while not until.is_set():
            present = [each for each in self.images.values() if not each.deleted]
            if present:
                await self.chance.choice(actions)(self.chance.choice(present))
            await asyncio.sleep(self.chance.uniform(0, 0.2))

    async def settle(self) -> None:
        """Say once more what was said when no answer came."""
        for image in self.images.values():
            if image.deleted:
                await self._insist("DELETE", f"/v2/images/{image.id}", ok={204, 404})
                continue
            path = f"/v2/images/{image.id}/tags/{GOLDEN}"
            await self._insist("PUT" if image.tagged else "DELETE", path, ok={204, 404})

    async def download_all(self) -> None:
        for image in self.images.values():
            if not image.deleted:
                async with asyncio.timeout(120):
                    while not await self._download(image):
                        await asyncio.sleep(0.5)

    async def _upload(self, seed: int, size: int) -> None:
        store = self.chance.choice(self.stores)
        tagged = self.chance.random() < 0.6
        draft = {"disk_format": "raw", "container_format": "bare", "name": f"soak-{seed}"}
        image = Known("", seed, size, store, tagged)
        while True:
            body = draft | {"tags": [GOLDEN] if tagged else []}
            status, answer = await self._ask("POST", "/v2/images", json=body)
            if status == 201:
                break
            await asyncio.sleep(0.5)
        image.id = answer["id"]
        headers = {
            "Content-Type": "application/octet-stream",
            "X-Image-Meta-Store": store,
        }
        while True:
            path = f"/v2/images/{image.id}/file"
            status, _ = await self._ask("PUT", path, data=image.data(), headers=headers)
            shown, document = await self._ask("GET", f"/v2/images/{image.id}")
            if shown == 200 and document["status"] == "active":
                break
            self.counts["upload repeated"] += 1
            await asyncio.sleep(1)
        self.counts["upload"] += 1
        self.images[image.id] = image

    async def _download(self, image: Known) -> bool:
        try:
            async with self._session() as session:
                path = f"/v2/images/{image.id}/file"
                async with session.get(self._url() + path) as answer:
                    data = await answer.read()
                    self._judge(f"GET {path}", answer)
                    if answer.status != 200:
                        self.counts[f"download answered {answer.status}"] += 1
                        return False
        except (aiohttp.ClientError, TimeoutError):
            self.counts["download cut off"] += 1
            return False
        if hashlib.sha512(data).hexdigest() != image.digest():
            self.wrong.append(image.id)
        self.counts["download"] += 1
        return True

    async def _tag(self, image: Known) -> None:
        image.tagged = not image.tagged
        path = f"/v2/images/{image.id}/tags/{GOLDEN}"
        await self._ask("PUT" if image.tagged else "DELETE", path)
        self.counts["tag changed"] += 1

    async def _delete(self, image: Known) -> None:
        image.deleted = True
        await self._ask("DELETE", f"/v2/images/{image.id}")
        self.counts["delete"] += 1

    async def _insist(self, method: str, path: str, ok: set[int]) -> None:
        async with asyncio.timeout(120):
            while (await self._ask(method, path))[0] not in ok:
                await asyncio.sleep(0.5)

    async def _ask(self, method: str, path: str, **more: object) -> tuple[int, dict[str, str]]:
        """Status and document; (0, {}) if there was no answer."""
        try:
            async with (
                self._session() as session,
                session.request(method, self._url() + path, **more) as answer,  # type: ignore[arg-type]
            ):
                body = await answer.read()
                document = await answer.json() if body[:1] == b"{" else {}
                self._judge(f"{method} {path}", answer)
                return answer.status, document
        except (aiohttp.ClientError, TimeoutError):
            return 0, {}

    def _judge(self, request: str, answer: aiohttp.ClientResponse) -> None:
        """Whatever fails, a client hears when to come again, and of no fault inside."""
        if answer.status == 500 or (answer.status == 503 and "Retry-After" not in answer.headers):
            self.wrong.append(f"{request} was answered {answer.status}")
        if answer.status == 503:
            self.counts["answered 503"] += 1

    def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(headers=_HEADERS, timeout=_TIMEOUT)

    def _url(self) -> str:
        # Who is connected to a node that freezes has to wait; hardly anybody comes later.
        up = [node for node in self.nodes if node.up and not node.frozen] or list(self.nodes)
        return self.chance.choice(up).url
