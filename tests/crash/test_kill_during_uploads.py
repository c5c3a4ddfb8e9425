"""``kill -9`` during many uploads: nothing is wrong, stuck or orphaned after the next start."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
from pathlib import Path

import aiohttp

from tests.served import Served, serve

UPLOADS = 50
HEADERS = {
    "X-Identity-Status": "Confirmed",
    "X-User-Id": "alice",
    "X-Project-Id": "red",
    "X-Roles": "member,reader",
}


async def test_fifty_uploads_at_random_moments(tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    sizes = [rng.choice([0, 1, 70_000, 3 << 20, 9 << 20]) for _ in range(UPLOADS)]
    bodies = [os.urandom(size) for size in sizes]
    digests = {}
    acknowledged: set[str] = set()

    with serve(tmp_path, workers=2) as served:
        async with aiohttp.ClientSession(served.url, headers=HEADERS) as client:
            ids = [await _create(client) for _ in bodies]
            digests = {i: hashlib.sha512(b).hexdigest() for i, b in zip(ids, bodies, strict=True)}
            uploads = [
                asyncio.create_task(_upload(client, image, body, rng.uniform(0, 1.5), acknowledged))
                for image, body in zip(ids, bodies, strict=True)
            ]
            await asyncio.sleep(rng.uniform(0.5, 1.2))
            await asyncio.to_thread(served.kill)
            await asyncio.gather(*uploads)

    with serve(tmp_path, workers=2) as served:
        async with aiohttp.ClientSession(served.url, headers=HEADERS) as client:
            images = await _settled(client)
            assert {image["id"] for image in images} == set(ids)
            for image in images:
                if image["status"] == "active":
                    body = await _download(client, image["id"])
                    assert hashlib.sha512(body).hexdigest() == digests[image["id"]]
                    assert image["os_hash_value"] == digests[image["id"]]
                else:
                    assert image["id"] not in acknowledged, "an accepted upload was lost"
                    assert (image["status"], image["size"]) == ("queued", None)
            active = {image["id"] for image in images if image["status"] == "active"}
            assert _files(served) == active
            print(f"{len(active)} active, {UPLOADS - len(active)} back in queued")
            # What went back to queued is as good as new.
            for image in images:
                if image["status"] == "queued":
                    await _upload(client, image["id"], b"again", 0, acknowledged)
            assert all(image["status"] == "active" for image in await _settled(client))


async def _create(client: aiohttp.ClientSession) -> str:
    draft = {"disk_format": "raw", "container_format": "bare"}
    async with client.post("/v2/images", json=draft) as answer:
        assert answer.status == 201
        return str((await answer.json())["id"])


async def _upload(
    client: aiohttp.ClientSession, image: str, body: bytes, delay: float, acknowledged: set[str]
) -> None:
    await asyncio.sleep(delay)

    async def pieces():  # type: ignore[no-untyped-def]
        for start in range(0, len(body), 256 << 10):
            yield body[start : start + (256 << 10)]
            await asyncio.sleep(0.01)

    headers = {"Content-Type": "application/octet-stream", "Content-Length": str(len(body))}
    try:
        async with client.put(f"/v2/images/{image}/file", data=pieces(), headers=headers) as answer:
            if answer.status == 204:
                acknowledged.add(image)
    except aiohttp.ClientError:
        pass


async def _settled(client: aiohttp.ClientSession) -> list[dict[str, str]]:
    for _ in range(100):
        async with client.get("/v2/images?limit=1000") as answer:
            images: list[dict[str, str]] = (await answer.json())["images"]
        if all(image["status"] in ("active", "queued") for image in images):
            return images
        await asyncio.sleep(0.1)
    raise AssertionError(f"stuck: {[(i['id'], i['status']) for i in images]}")


async def _download(client: aiohttp.ClientSession, image: str) -> bytes:
    async with client.get(f"/v2/images/{image}/file") as answer:
        return await answer.read()


def _files(served: Served) -> set[str]:
    return {path.name for place in served.stores.values() for path in place.iterdir()}
