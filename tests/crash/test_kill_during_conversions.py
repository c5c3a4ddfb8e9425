"""``kill -9`` while qemu-img works: it dies too, leaves nothing, and the import is begun again."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import aiohttp

from tests.crash.test_kill_during_imports import ADMIN
from tests.served import serve
from tests.service.web import served_files
from tests.transfer.test_conversion import DISK, image, shim

__all__ = ["shim"]

OPTIONS = """
[image_import_opts]
image_import_plugins = [image_conversion]
[import_filtering_opts]
allowed_hosts = 127.0.0.1
allowed_ports = {port}
"""


async def test_in_the_middle(tmp_path: Path, shim: Any) -> None:
    data = await asyncio.to_thread(image, tmp_path, "qcow2")
    mark, directory = tmp_path / "pid", tmp_path / "service"
    shim(f'[ "$1" = info ] || {{ echo $$ > {mark}.new; mv {mark}.new {mark}; exec sleep 600; }}')
    async with served_files() as site:
        site.files["/image"] = data
        options = OPTIONS.format(port=site.port)
        with serve(directory, options=options) as served:
            made = await _import(served.url, site.url)
            async with asyncio.timeout(60):
                while not mark.exists():
                    await asyncio.sleep(0.02)
            await asyncio.to_thread(served.kill)
        converter = Path(f"/proc/{mark.read_text().strip()}")
        async with asyncio.timeout(30):
            while _lives(converter):
                await asyncio.sleep(0.02)
        work = directory / "conversion"
        assert [path.name for path in work.iterdir() if not path.name.startswith(".turn")] == []
        shim()
        with serve(directory, options=options) as served:
            async with aiohttp.ClientSession(served.url, headers=ADMIN) as client:
                async with asyncio.timeout(120):
                    while True:
                        async with client.get(f"/v2/images/{made}") as answer:
                            shown = await answer.json()
                        if shown["status"] == "active":
                            break
                        await asyncio.sleep(0.05)
            assert shown["os_hash_value"] == hashlib.sha512(DISK).hexdigest()
            assert shown["disk_format"] == "raw"
            assert {path.name for path in served.stores["file1"].iterdir()} == {made}


async def _import(url: str, site: str) -> str:
    async with aiohttp.ClientSession(url, headers=ADMIN) as client:
        draft = {"disk_format": "qcow2", "container_format": "bare"}
        async with client.post("/v2/images", json=draft) as answer:
            made = str((await answer.json())["id"])
        body = {"method": {"name": "web-download", "uri": f"{site}/image"}}
        async with client.post(f"/v2/images/{made}/import", json=body) as answer:
            assert answer.status == 202, await answer.text()
    return made


def _lives(process: Path) -> bool:
    try:
        return process.joinpath("stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
