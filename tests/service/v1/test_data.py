"""Data by v1: sent along, copied from a URL, referred to by a location; and what goes wrong."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from imagestore.backends import errors as store_errors
from imagestore.backends.testing.faulty import raising
from imagestore.config import drivers
from imagestore.config.settings import Images, Limits, Notifications
from tests.service.conftest import OCTETS, Person, Service, Start, settings_in, small
from tests.service.faults import faulty_driver, inner, stores_in
from tests.service.v1.conftest import (
    ON_ONE,
    RAW,
    head,
    listed,
    made,
    meta,
    post,
    put,
    reaching,
    settled,
)
from tests.service.web import Web

DATA = b"some bytes " * 1000
MD5 = hashlib.md5(DATA, usedforsecurity=False).hexdigest()
ID = "11111111-2222-4333-8444-555555555555"


async def chunked(data: bytes) -> AsyncIterator[bytes]:
    yield data


@ON_ONE
@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"checksum": "0" * 32}, MD5),
        ({"size": len(DATA) - 1}, "long"),
        ({"size": len(DATA) + 1}, "long"),
    ],
)
async def test_data_that_is_not_as_said_kills(
    alice: Person, service: Service, said: dict[str, Any], message: str
) -> None:
    for known in (True, False):
        image = ID if known else (await made(alice))["id"]
        if known:
            answer = await post(alice, chunked(DATA), id=ID, **said)
        else:
            answer = await put(alice, image, chunked(DATA), **said)
        assert (answer.status, message in await answer.text()) == (400, True)
        assert (await head(alice, image))["x-image-meta-status"] == "killed"
        assert (await alice("GET", f"/v1/images/{image}")).status == 404
        assert (await put(alice, image, DATA)).status == 409
        assert await alice.upload(image, DATA) == 409
        assert await listed(alice) == []
        assert (await alice("DELETE", f"/v1/images/{image}")).status == 200
    assert not service.files()


@ON_ONE
async def test_data_that_is_as_said(alice: Person) -> None:
    for said in ({"checksum": MD5.upper()}, {"size": len(DATA), "checksum": MD5}, {}):
        image = await made(alice, chunked(DATA), **said)
        assert (image["status"], image["checksum"]) == ("active", MD5)


@ON_ONE
async def test_what_can_be_refused_leaves_no_image(alice: Person, service: Service) -> None:
    octets = OCTETS | RAW
    for headers, status in (
        (octets | meta(location="http://example.org/x"), 400),
        (octets | {"x-glance-api-copy-from": "http://example.org/x"}, 400),
        (RAW | meta(location="http://a") | {"x-glance-api-copy-from": "http://b"}, 400),
        (RAW | {"Content-Type": "text/plain"}, 400),
        (octets | meta(size="-1"), 400),
        (octets | meta(size="9" * 19), 400),
        (octets | meta(size="9" * 5000), 400),
        (octets | meta(size="1.0"), 400),
        (octets | meta(min_ram=2**31), 400),
        (octets | meta(min_disk="x"), 400),
        (octets | meta(checksum="x"), 400),
        (octets | meta(disk_format="none"), 400),
        (octets | meta(container_format=""), 400),
        (octets | meta(store="nowhere"), 400),
        (octets | meta(name="x" * 256), 400),
        (octets | meta(colour="red"), 400),
        (octets | meta(property_status="x"), 403),
        (OCTETS | meta(disk_format="raw"), 400),
        (octets | meta(is_public="True"), 403),
    ):
        data = None if "Content-Type" not in headers else DATA
        answer = await alice("POST", "/v1/images", headers=headers, data=data)
        assert answer.status == status, headers
    for headers in (
        {"x-glance-api-copy-from": ""},
        {"x-glance-api-copy-from": "file:///etc/passwd"},
        {"x-glance-api-copy-from": "http://127.0.0.1/x"},
        {"x-glance-api-copy-from": "http://169.254.169.254/latest"},
        meta(location=""),
        meta(location="file:///etc/passwd"),
        meta(location=f"file://{service.settings.data_dir}/file1/{ID}"),
        meta(location="swift+config://ref1/container/x"),
        meta(location="http://127.0.0.1/x"),
        meta(location="rbd://pool/x"),
    ):
        answer = await alice("POST", "/v1/images", headers=RAW | headers)
        assert answer.status == 400, headers
    assert await listed(alice, "changes-since=1999-01-01") == []
    assert not service.files()


@ON_ONE
async def test_failures_on_the_way_kill(start: Start, tmp_path: Path) -> None:
    served = await start(limits=small(image_size_cap=50))
    alice = served.person("red")
    assert (await post(alice, DATA, id=ID)).status == 413
    assert (await head(alice, ID))["x-image-meta-status"] == "killed"
    other = ID.replace("1", "a")
    assert (await post(alice, chunked(DATA), id=other)).status == 413
    assert (await head(alice, other))["x-image-meta-status"] == "killed"
    queued = (await made(alice))["id"]
    assert (await put(alice, queued, b"MZ" * 20, disk_format="qcow2")).status == 415
    assert (await head(alice, queued))["x-image-meta-status"] == "killed"
    assert not served.files()


async def test_a_client_that_goes_away_leaves_it_killed(alice: Person, service: Service) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1000
            await asyncio.sleep(0.01)

    async def becomes(wanted: str) -> None:
        async with asyncio.timeout(60):
            while True:
                answer = await alice("HEAD", f"/v1/images/{ID}")
                if answer.headers.get("x-image-meta-status") == wanted:
                    return
                await asyncio.sleep(0.05)

    sending = asyncio.create_task(post(alice, endless(), id=ID))
    await becomes("saving")
    sending.cancel()
    await becomes("killed")
    async with asyncio.timeout(60):
        while service.files():
            await asyncio.sleep(0.05)


@ON_ONE
async def test_a_store_by_its_name_or_type(alice: Person, service: Service) -> None:
    for name, where in (("file2", "file2"), ("file", "file1"), ("filesystem", "file1")):
        image = await made(alice, DATA, store=name)
        assert (service.settings.data_dir / where / image["id"]).read_bytes() == DATA
    assert (await post(alice, DATA, store="swift")).status == 400


async def test_copies_from_a_url(start: Start, tmp_path: Path, site: Web) -> None:
    served = await start(**reaching(site, settings_in(tmp_path)))
    alice = served.person("red")
    source = {"x-glance-api-copy-from": f"{site.url}/image"}
    site.gate = asyncio.Event()
    site.labels["Content-Encoding"] = "gzip"  # which is only a label
    answer = await alice("POST", "/v1/images", headers=RAW | source | meta(name="c", store="file2"))
    image = (await answer.json())["image"]
    assert (answer.status, image["status"], image["size"]) == (201, "saving", 0)
    assert await listed(alice, "status=saving") == ["c"]
    assert (await alice("GET", f"/v1/images/{image['id']}")).status == 404
    assert (await put(alice, image["id"], DATA)).status == 409
    assert not [name for name in await head(alice, image["id"]) if "os_glance" in name]
    site.gate.set()
    assert await settled(alice, image["id"]) == "active"
    got = await alice("GET", f"/v1/images/{image['id']}")
    assert await got.read() == site.files["/image"]
    assert (tmp_path / "file2" / image["id"]).exists()

    queued = (await made(alice, name="q"))["id"]
    answer = await alice("PUT", f"/v1/images/{queued}", headers=source)
    assert (await answer.json())["image"]["status"] == "saving"
    assert await settled(alice, queued) == "active"
    assert (await alice("PUT", f"/v1/images/{queued}", headers=source)).status == 409


@ON_ONE
async def test_a_copy_that_fails_is_killed(start: Start, tmp_path: Path, site: Web) -> None:
    served = await start(**reaching(site, settings_in(tmp_path)))
    alice = served.person("red")
    for path, said in (
        ("nothing", {}),
        ("image", {"size": 5}),
        ("image", {"checksum": "0" * 32}),
    ):
        headers = RAW | {"x-glance-api-copy-from": f"{site.url}/{path}"} | meta(**said)
        image = (await (await alice("POST", "/v1/images", headers=headers)).json())["image"]
        assert await settled(alice, image["id"]) == "killed", (path, said)
        assert (await alice("DELETE", f"/v1/images/{image['id']}")).status == 200
    assert not served.files()
    data = site.files["/image"]
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
    headers = RAW | {"x-glance-api-copy-from": f"{site.url}/image"}
    headers |= meta(size=len(data), checksum=md5)
    image = (await (await alice("POST", "/v1/images", headers=headers)).json())["image"]
    assert await settled(alice, image["id"]) == "active"


async def test_locations(start: Start, tmp_path: Path, site: Web) -> None:
    served = await start(**reaching(site, settings_in(tmp_path)))
    alice = served.person("red")
    data = site.files["/image"]
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
    url = f"{site.url}/image?a=1%202"

    async def ask(method: str, path: str, **fields: Any) -> Any:
        return await alice(method, f"/v1/images{path}", headers=RAW | meta(**fields))

    answer = await ask("POST", "", name="there", location=url, size=len(data))
    image = (await answer.json())["image"]
    assert (answer.status, image["status"], image["size"]) == (201, "active", len(data))
    assert "location" not in image
    assert site.url not in repr(await head(alice, image["id"]))
    got = await alice("GET", f"/v1/images/{image['id']}")
    assert await got.read() == data
    assert site.url not in repr(got.headers)
    assert not served.files()

    assert (await ask("POST", "", location=url, size=1)).status == 409
    assert (await ask("POST", "", location=f"{site.url}/nothing")).status == 400
    assert (await ask("PUT", f"/{image['id']}", location=url)).status == 400
    answer = await ask("POST", "", id=ID, location=url, checksum="0" * 32)
    assert (answer.status, "hash" in await answer.text()) == (400, True)
    assert (await head(alice, ID))["x-image-meta-status"] == "killed"
    queued = (await made(alice))["id"]
    answer = await ask("PUT", f"/{queued}", location=url, checksum=md5)
    image = (await answer.json())["image"]
    assert (answer.status, image["status"], image["checksum"]) == (200, "active", md5)


@ON_ONE
async def test_what_is_switched_off_stays_off(start: Start, tmp_path: Path, site: Web) -> None:
    """Imports from URLs may not be on offer: neither are copies."""
    images = Images(enabled_import_methods=("glance-direct",))
    served = await start(**reaching(site, settings_in(tmp_path)), images=images)
    source = {"x-glance-api-copy-from": f"{site.url}/image"}
    answer = await served.person("red")("POST", "/v1/images", headers=RAW | source)
    assert answer.status == 403
    assert not site.asked


@ON_ONE
async def test_a_store_that_fails_kills_and_keeps_nothing(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drivers, "get", faulty_driver)
    served = await start(stores=stores_in(tmp_path))
    alice = served.person("red")
    for error, status in ((store_errors.Full, 413), (store_errors.Unavailable, 503)):
        image = (await made(alice))["id"]
        inner(served, "file1").fail({"write": [raising(error("no", store="file1"))]})
        assert (await put(alice, image, DATA)).status == status
        assert (await head(alice, image))["x-image-meta-status"] == "killed"
    assert not served.files()


@ON_ONE
async def test_quotas(start: Start) -> None:
    limits = Limits(image_property_quota=1, image_member_quota=1, user_storage_quota=20_000)
    served = await start(limits=limits)
    alice = served.person("red")
    assert (await post(alice, property_a="1", property_b="2")).status == 413
    image = (await made(alice, DATA, property_a="1"))["id"]
    assert (await put(alice, image, property_b="2")).status == 413
    assert (await post(alice, DATA)).status == 413
    assert (await alice("PUT", f"/v1/images/{image}/members/blue")).status == 204
    assert (await alice("PUT", f"/v1/images/{image}/members/green")).status == 413
    many = {"memberships": [{"member_id": "a"}, {"member_id": "b"}]}
    assert (await alice("PUT", f"/v1/images/{image}/members", json=many)).status == 413
    found = await (await alice("GET", f"/v1/images/{image}/members")).json()
    assert [member["member_id"] for member in found["members"]] == ["blue"]


@ON_ONE
async def test_the_events_of_an_upload_are_those_of_v2(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    served = await start(notifications=Notifications(driver=("log",)))
    with caplog.at_level("INFO"):
        await made(served.person("red"), DATA)
        async with asyncio.timeout(60):
            while "image.activate" not in caplog.text:
                await asyncio.sleep(0.05)
    for event in ("image.create", "image.prepare", "image.upload", "image.activate"):
        assert event in caplog.text
