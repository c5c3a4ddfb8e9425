"""``kill -9`` during imports, again and again: active and right, or as before and told why."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
from pathlib import Path
from typing import Any

import aiohttp

from tests.crash.test_kill_during_uploads import HEADERS
from tests.served import Served, serve
from tests.service.web import Web, served_files

KILLS = int(os.environ.get("IMAGESTORE_TEST_KILLS", "3"))
"""How often after the first time; make kills sets it to 19."""
IMAGES = 24
ADMIN = HEADERS | {"X-Roles": "admin,member,reader"}
OCTETS = {"Content-Type": "application/octet-stream"}


async def test_kills_at_random_moments(tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    async with served_files() as site:
        site.pause = 0.02
        options = (
            "[import_filtering_opts]\nallowed_hosts = 127.0.0.1\n"
            f"allowed_ports = {site.port}\n[imagestore]\njob_workers = 8\n"
        )
        wanted = await _prepare(tmp_path, options, site, rng)
        for _ in range(KILLS):
            with serve(tmp_path, workers=2, options=options) as served:
                await asyncio.sleep(rng.uniform(0.2, 1.5))
                await asyncio.to_thread(served.kill)
        site.pause = 0
        with serve(tmp_path, workers=2, options=options) as served:
            await _assert_settled(served, wanted)


async def _prepare(
    directory: Path, options: str, site: Web, rng: random.Random
) -> dict[str, tuple[bytes, str]]:
    """Imports of three kinds under way when the service is killed; bytes and method by image."""
    wanted = {}
    with serve(directory, workers=2, options=options) as served:
        async with aiohttp.ClientSession(served.url, headers=ADMIN) as client:
            for number in range(IMAGES):
                data = rng.randbytes(rng.choice([0, 1, 70_000, 1 << 20, 3 << 20]))
                draft = {"disk_format": "raw", "container_format": "bare"}
                async with client.post("/v2/images", json=draft) as answer:
                    image = (await answer.json())["id"]
                method = ("web-download", "glance-direct", "copy-image")[number % 3]
                body: dict[str, Any] = {"method": {"name": method}, "all_stores": True}
                body["all_stores_must_succeed"] = method == "copy-image" or number % 2 == 0
                if method == "web-download":
                    site.files[f"/{image}"] = data
                    body["method"]["uri"] = f"{site.url}/{image}"
                else:
                    door = "stage" if method == "glance-direct" else "file"
                    path = f"/v2/images/{image}/{door}"
                    async with client.put(path, data=data, headers=OCTETS) as answer:
                        assert answer.status == 204
                async with client.post(f"/v2/images/{image}/import", json=body) as answer:
                    assert answer.status == 202, await answer.text()
                wanted[image] = (data, method)
            await asyncio.sleep(rng.uniform(0, 0.3))
            await asyncio.to_thread(served.kill)
    return wanted


async def _assert_settled(served: Served, wanted: dict[str, tuple[bytes, str]]) -> None:
    async with aiohttp.ClientSession(served.url, headers=ADMIN) as client:
        images = await _settled(client)
        files = {name: {path.name for path in place.iterdir()} for name, place in
                 served.stores.items()}  # fmt: skip
        succeeded = 0
        for image, (data, method) in wanted.items():
            async with client.get(f"/v2/images/{image}/tasks") as answer:
                (task,) = (await answer.json())["tasks"]
            shown = images[image]
            present = {name for name, found in files.items() if image in found}
            if task["status"] == "success":
                succeeded += 1
                failed = {*shown["os_glance_failed_import"].split(",")} - {""}
                assert shown["stores"].split(",") == sorted(present)
                # One is enough for some; it is told where the data is not.
                assert present | failed == set(files), (image, method)
                assert present, (image, method)
                assert not failed or "failed" in task["message"], (image, method, task)
            else:
                assert task["status"] == "failure"
                assert task["message"]
                former = {"file1"} if method == "copy-image" else set()
                assert present == former, (image, method, task)
            has_data = task["status"] == "success" or method == "copy-image"
            assert shown["status"] == ("active" if has_data else "queued"), (image, method)
            if has_data:
                assert shown["os_hash_value"] == hashlib.sha512(data).hexdigest()
                async with client.get(f"/v2/images/{image}/file") as answer:
                    assert await answer.read() == data
        print(f"{succeeded} of {len(wanted)} imports succeeded")
        assert not [path for name in files for path in served.stores[name].glob(".*")]
        async with asyncio.timeout(60):
            while any((served.directory / "staging").iterdir()):
                await asyncio.sleep(0.1)


async def _settled(client: aiohttp.ClientSession) -> dict[str, dict[str, str]]:
    """All images when no import goes on any more, and nothing is left to be cleaned up."""
    async with asyncio.timeout(240):
        while True:
            async with client.get("/v2/images?limit=1000") as answer:
                images: list[dict[str, str]] = (await answer.json())["images"]
            if not any("os_glance_import_task" in image for image in images):
                break
            await asyncio.sleep(0.2)
    return {image["id"]: image for image in images}
