"""The plug-in image_conversion, through the API: what is stored is what qemu-img has made."""

from __future__ import annotations

import gzip
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from imagestore.config.settings import Imports, Limits
from tests.backends.file.conftest import small_disk
from tests.images import GRUB_ISO, package_file
from tests.service.conftest import Person, Service, Start
from tests.service.test_imports import (
    assert_active,
    assert_put_back,
    fetching,
    stage,
    start_import,
    until_nothing_is_staged,
    web_download,
)
from tests.service.web import Web, served_files
from tests.transfer import samples
from tests.transfer.test_conversion import DISK, image, shim

__all__ = ["shim", "small_disk"]


@pytest.fixture
async def site() -> AsyncIterator[Web]:
    async with served_files() as running:
        yield running


def converting(directory: Path, *more: str, **changes: Any) -> dict[str, Any]:
    plugins = (*more, "image_conversion")
    work_dir = changes.pop("work_dir", directory / "conversion")
    return {"imports": Imports(image_import_plugins=plugins, work_dir=work_dir, **changes)}


def left(service: Service) -> set[str]:
    """Files of conversions."""
    directory = service.settings.imports.work_dir
    assert directory is not None
    return {path.name for path in directory.iterdir() if not path.name.startswith(".turn")}


async def test_into_all_stores(start: Start, site: Web, tmp_path: Path) -> None:
    service = await start(**fetching(site), **converting(tmp_path, "image_decompression"))
    alice = service.person("red")
    site.files["/qcow2"] = image(tmp_path, "qcow2", "-c")
    site.files["/packed"] = gzip.compress(image(tmp_path, "vdi"))
    for path, disk_format in (("/qcow2", "qcow2"), ("/packed", "vdi")):
        made = (await alice.create(disk_format=disk_format, container_format="ovf"))["id"]
        assert await start_import(alice, made, web_download(site, path, all_stores=True)) == 202
        await assert_active(alice, made, DISK, "file1,file2")
        shown = await alice.show(made)
        assert (shown["disk_format"], shown["container_format"]) == ("raw", "bare")
        assert shown["virtual_size"] == shown["size"] == len(DISK)
    assert left(service) == set()


@pytest.mark.parametrize("url", ["embedded"], indirect=True)
async def test_to_qcow2_from_staged_data(start: Start, tmp_path: Path) -> None:
    service = await start(**converting(tmp_path, output_format="qcow2"))
    alice = service.person("red")
    made = (await alice.create())["id"]
    assert await stage(alice, made, DISK) == 204
    assert await start_import(alice, made, {"method": {"name": "glance-direct"}}) == 202
    data = await data_of_active(alice, made)
    await assert_active(alice, made, data, "file1")
    shown = await alice.show(made)
    assert (shown["disk_format"], shown["virtual_size"]) == ("qcow2", len(DISK))
    assert shown["size"] == len(data) < len(DISK)
    await until_nothing_is_staged(service)


async def data_of_active(person: Person, made: str) -> bytes:
    from tests.service.test_imports import ended

    assert (await ended(person, made))["status"] == "active"
    return await (await person("GET", f"/v2/images/{made}/file")).read()


@pytest.mark.parametrize("url", ["embedded"], indirect=True)
async def test_what_is_not_converted(start: Start, site: Web, tmp_path: Path, shim: Any) -> None:
    """CDs, and what is of the format already; but nothing that only says so."""
    calls = shim()
    service = await start(**fetching(site), **converting(tmp_path))
    alice = service.person("red")
    site.files["/cd"] = package_file(GRUB_ISO).read_bytes()
    site.files["/raw"] = DISK
    for path, disk_format in (("/cd", "iso"), ("/raw", "raw")):
        kept = (await alice.create(disk_format=disk_format))["id"]
        assert await start_import(alice, kept, web_download(site, path)) == 202
        await assert_active(alice, kept, site.files[path], "file1")
        assert (await alice.show(kept))["disk_format"] == disk_format
    assert calls.read_text() == ""
    site.files["/qcow2"] = image(tmp_path, "qcow2")
    calls.write_text("")
    for path in ("/qcow2", "/cd"):
        refused = (await alice.create(disk_format="raw"))["id"]
        assert await start_import(alice, refused, web_download(site, path)) == 202
        await assert_put_back(alice, refused, "does not match")
    assert calls.read_text() == ""


@pytest.mark.parametrize("url", ["embedded"], indirect=True)
async def test_what_is_refused(start: Start, site: Web, tmp_path: Path) -> None:
    limits = Limits(image_size_cap=4 << 20)
    service = await start(**fetching(site), **converting(tmp_path), limits=limits)
    alice = service.person("red")
    site.files["/backing"] = samples.make(tmp_path, "qcow2-backing").read_bytes()
    site.files["/bomb"] = image(tmp_path, "qcow2", data=bytes(5 << 20))
    whole = image(tmp_path, "qcow2")
    site.files["/cut"] = whole[: len(whole) // 2]
    reasons = (("/backing", "not safe"), ("/bomb", "As raw"), ("/cut", "its end is missing"))
    for path, reason in reasons:
        refused = (await alice.create(disk_format="qcow2"))["id"]
        body = web_download(site, path, all_stores=True)
        assert await start_import(alice, refused, body) == 202
        await assert_put_back(alice, refused, reason, "file1,file2")
        assert (await alice.show(refused))["disk_format"] == "qcow2"
    assert service.files() == left(service) == set()


@pytest.mark.parametrize("url", ["embedded"], indirect=True)
async def test_no_room(start: Start, site: Web, tmp_path: Path, small_disk: Path) -> None:
    work_dir = small_disk / "work"
    service = await start(**fetching(site), **converting(tmp_path, work_dir=work_dir))
    alice = service.person("red")
    site.files["/large"] = image(tmp_path, "qcow2", data=os.urandom(5 << 20))
    site.files["/small"] = image(tmp_path, "qcow2", data=DISK[: 1 << 20])
    refused = (await alice.create(disk_format="qcow2"))["id"]
    assert await start_import(alice, refused, web_download(site, "/large")) == 202
    await assert_put_back(alice, refused, "no room")
    assert service.files() == left(service) == set()
    assert await start_import(alice, refused, web_download(site, "/small")) == 202
    await assert_active(alice, refused, DISK[: 1 << 20], "file1")


@pytest.mark.parametrize("url", ["embedded"], indirect=True)
async def test_qemu_img_is_killed_once(start: Start, site: Web, tmp_path: Path, shim: Any) -> None:
    site.files["/qcow2"] = image(tmp_path, "qcow2")
    shim(f'if [ "$1" = convert ] && mkdir {tmp_path}/once 2>/dev/null; then kill -9 $$; fi')
    service = await start(**fetching(site), **converting(tmp_path))
    alice = service.person("red")
    made = (await alice.create(disk_format="qcow2"))["id"]
    assert await start_import(alice, made, web_download(site, "/qcow2")) == 202
    await assert_active(alice, made, DISK, "file1")
    assert (tmp_path / "once").exists()
