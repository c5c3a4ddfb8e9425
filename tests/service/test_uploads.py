"""Uploads end in a clean state, however they end."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientConnectionError

from imagestore.api.body import TAKE_OVER_FROM
from imagestore.config.settings import Server
from tests.images import converted
from tests.service.conftest import OCTETS, Person, Service, Start, small

SIZES = [0, 1, 65_536, (1 << 20) - 1, 1 << 20, TAKE_OVER_FROM - 1, TAKE_OVER_FROM, 9_000_001]


async def chunked(data: bytes, piece: int = 100_000) -> AsyncIterator[bytes]:
    for start in range(0, len(data), piece):
        yield data[start : start + piece]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("form", ["known length", "chunked"])
async def test_what_goes_in_comes_out(alice: Person, size: int, form: str) -> None:
    data = os.urandom(size)
    image = (await alice.create())["id"]
    assert await alice.upload(image, data if form == "known length" else chunked(data)) == 204
    shown = await alice.show(image)
    assert shown["status"] == "active"
    assert shown["size"] == size
    assert shown["virtual_size"] == (size or None)
    assert shown["checksum"] == hashlib.md5(data).hexdigest()
    assert (shown["os_hash_algo"], shown["os_hash_value"]) == (
        "sha512",
        hashlib.sha512(data).hexdigest(),
    )
    assert shown["stores"] == "file1"
    answer = await alice("GET", f"/v2/images/{image}/file")
    assert answer.status == 200
    assert int(answer.headers["Content-Length"]) == size
    assert await answer.read() == data


async def test_a_store_can_be_chosen(service: Service, alice: Person) -> None:
    image = (await alice.create())["id"]
    assert await alice.upload(image, b"x", **{"X-Image-Meta-Store": "nowhere"}) == 400
    assert await alice.upload(image, b"x", **{"X-Image-Meta-Store": "file2"}) == 204
    assert (await alice.show(image))["stores"] == "file2"
    assert (service.settings.data_dir / "file2" / image).read_bytes() == b"x"


@pytest.mark.every_database
async def test_of_two_uploads_one_wins(alice: Person) -> None:
    image = (await alice.create())["id"]
    data = [bytes([number]) * 3_000_000 for number in range(8)]
    statuses = await asyncio.gather(*(alice.upload(image, chunked(each)) for each in data))
    assert sorted(statuses) == [204] + [409] * 7
    answer = await alice("GET", f"/v2/images/{image}/file")
    assert await answer.read() == data[statuses.index(204)]


async def broken(data: bytes) -> AsyncIterator[bytes]:
    yield data
    raise RuntimeError("the client breaks off")


@pytest.mark.parametrize("length", [None, 2_000_000, 2 * TAKE_OVER_FROM])
async def test_a_client_that_goes_away_leaves_nothing(
    service: Service, alice: Person, length: int | None
) -> None:
    image = (await alice.create())["id"]
    headers = {"Content-Length": str(length)} if length else {}
    with pytest.raises((RuntimeError, ClientConnectionError)):
        await alice.upload(image, broken(os.urandom(1_500_000)), **headers)
    while (status := await alice.upload(image, b"again")) == 409:
        await asyncio.sleep(0.05)
    assert status == 204
    assert service.files() == {image}


async def _settled(person: Person, image: str) -> None:
    for _ in range(100):
        shown = await person.show(image)
        if shown["status"] == "queued":
            assert shown["size"] is None
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"stuck in {shown['status']}")


@pytest.mark.parametrize("length", [1_000_000, 2 * TAKE_OVER_FROM])
async def test_a_client_that_stalls_is_given_up(start: Start, length: int) -> None:
    service = await start(server=Server(progress_timeout=0.3))
    alice = service.person("red")
    image = (await alice.create())["id"]

    async def stalls() -> AsyncIterator[bytes]:
        yield b"x" * 1000
        await asyncio.sleep(5)

    headers = OCTETS | {"Content-Length": str(length)}
    try:
        answer = await alice("PUT", f"/v2/images/{image}/file", data=stalls(), headers=headers)
        assert answer.status == 408
    except ClientConnectionError:
        pass  # the connection was closed before the client had read the answer
    await _settled(alice, image)
    assert service.files() == set()


@pytest.mark.parametrize("size", [100, 2 * TAKE_OVER_FROM])
async def test_a_declared_size_must_be_right(service: Service, alice: Person, size: int) -> None:
    image = (await alice.create())["id"]
    for wrong in (str(size - 1), str(size + 1), "many", "-1", "1e3"):
        assert await alice.upload(image, bytes(size), **{"x-openstack-image-size": wrong}) == 400
        await _settled(alice, image)
        assert service.files() == set()
    assert await alice.upload(image, bytes(size), **{"x-openstack-image-size": str(size)}) == 204


@pytest.mark.every_database
async def test_limits_of_size_and_of_the_project(start: Start) -> None:
    service = await start(limits=small(image_size_cap=5000, user_storage_quota=8000))
    alice = service.person("red")
    first, second = (await alice.create())["id"], (await alice.create())["id"]
    assert await alice.upload(first, bytes(5001)) == 413
    assert await alice.upload(first, chunked(bytes(5001))) == 413
    await _settled(alice, first)
    assert await alice.upload(first, bytes(5000)) == 204
    assert await alice.upload(second, chunked(bytes(3001))) == 413
    assert service.files() == {first}
    assert await alice.upload(second, bytes(3000)) == 204
    assert await alice.upload((await alice.create())["id"], b"x") == 413
    assert await service.person("blue").create()


async def test_a_refused_format_leaves_nothing(
    service: Service, alice: Person, tmp_path: Path
) -> None:
    source = converted(tmp_path, "qcow2").read_bytes()
    image = (await alice.create(disk_format="vmdk"))["id"]
    assert await alice.upload(image, source) == 415
    shown = await alice.show(image)
    assert (shown["status"], shown["size"], shown["checksum"]) == ("queued", None, None)
    assert (shown["os_hash_value"], "stores" in shown) == (None, False)
    assert (await alice("GET", f"/v2/images/{image}/file")).status == 204
    assert service.files() == set()
    changed = await alice.patch(image, {"op": "replace", "path": "/disk_format", "value": "qcow2"})
    assert changed.status == 200
    assert await alice.upload(image, source) == 204


@pytest.mark.every_database
async def test_an_image_deleted_while_it_is_uploaded(service: Service, alice: Person) -> None:
    image = (await alice.create())["id"]
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"x" * 2_000_000
        begun.set()
        await go_on.wait()
        yield b"y"

    upload = asyncio.create_task(alice.upload(image, slow()))
    await begun.wait()
    while (await alice.show(image))["status"] != "saving":
        await asyncio.sleep(0.01)
    assert (await alice("DELETE", f"/v2/images/{image}")).status == 204
    go_on.set()
    assert await upload == 410
    assert service.files() == set()


async def test_requests_that_do_not_begin_an_upload(alice: Person, bob: Person) -> None:
    image = (await alice.create())["id"]
    path = f"/v2/images/{image}/file"
    assert (await alice("PUT", path, data=b"x", headers={"Content-Type": "text/x"})).status == 415
    assert await bob.upload(image, b"x") == 404
    public = (await alice.create(visibility="community"))["id"]
    assert await bob.upload(public, b"x") == 403
    bare = await alice("POST", "/v2/images", json={})
    assert await alice.upload((await bare.json())["id"], b"x") == 400
    assert await alice.upload("0" * 36, b"x") == 404
