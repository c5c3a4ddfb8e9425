"""What lies at a location is judged before it is an image's: as an upload of the same bytes is."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from imagestore.api import keys as app_keys
from imagestore.config.settings import Jobs, Limits, Signatures
from imagestore.model.job import JobState
from tests.service.conftest import Person, Service, Start, settings_in
from tests.service.test_locations import add, data_of, only_task, settings, settled
from tests.service.test_locations import hashes as hashes_of
from tests.service.test_signatures import certificates, signed
from tests.service.test_signatures import keys as keys
from tests.service.v1.conftest import meta
from tests.transfer import samples

__all__ = ["certificates", "keys"]

MIB = 1 << 20
DATA = b"the bytes of an image" * 1000
FALSE = {"checksum": "1" * 32, "os_hash_value": "deadbeef" * 16, "os_hash_algo": "sha512"}
DANGEROUS = {
    "qcow2-backing": ("qcow2", "raw", "ami"),
    "qcow2-data-file": ("qcow2", "raw"),
    "vmdk-flat": ("vmdk", "raw"),
    "vmdk-foreign": ("vmdk", "raw"),
    "qed": ("raw",),
}
"""Samples → as what they may be declared, in vain."""


def dangerous(directory: Path, name: str) -> bytes:
    if name == "vmdk-foreign":
        data = samples.make(directory, "vmdk-sparse").read_bytes()
        assert data.count(b'"vmdk-sparse"') == 1
        return data.replace(b'"vmdk-sparse"', b'"/etc/passwd"')
    return samples.make(directory, name).read_bytes()


pytestmark = pytest.mark.parametrize("url", ["embedded"], indirect=True)


@dataclass
class Site:
    """A web server with files of these names, which can send parts. ``asked``: what for."""

    port: int = 0
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    sent: int = 0
    """Bytes of bodies."""
    waiting: asyncio.Event | None = None
    """Answers come when it is set."""

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/{name}"

    async def answer(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        self.asked.append(f"{request.method} {name}")
        if self.waiting is not None:
            await self.waiting.wait()
        if name.startswith("endless"):
            response = web.StreamResponse()
            response.enable_chunked_encoding()
            await response.prepare(request)
            if request.method == "GET":
                await response.write(DATA)
            return response
        data = self.files.get(name)
        if data is None:
            return web.Response(status=404)
        span = request.http_range
        if span.start is None:
            self.sent += len(data) if request.method == "GET" else 0
            return web.Response(body=data)
        part = data[span]
        self.sent += len(part)
        place = f"bytes {span.start}-{span.start + len(part) - 1}/{len(data)}"
        return web.Response(status=206, body=part, headers={"Content-Range": place})


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site(files={"data": DATA, "again": DATA})
    app = web.Application()
    app.router.add_get("/{name}", site.answer)
    server = TestServer(app)
    await server.start_server()
    assert server.port is not None
    site.port = server.port
    yield site
    await server.close()


@pytest.fixture
def serve(start: Start, site: Site, tmp_path: Path) -> Callable[..., Awaitable[Service]]:
    """Start a service that has a store for the site, and shows locations."""

    async def starter(*, images: dict[str, Any] | None = None, **more: Any) -> Service:
        shown = {"show_multiple_locations": True, **(images or {})}
        reaching: Any = site
        return await start(**settings(settings_in(tmp_path), reaching, **shown), **more)

    return starter


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("samples")


async def v1_location(person: Person, url: str, disk_format: str = "raw") -> Any:
    headers = meta(name="x", container_format="bare", disk_format=disk_format, location=url)
    return await person("POST", "/v1/images", headers=headers)


@pytest.mark.parametrize(
    ("name", "disk_format"), [(name, each) for name, many in DANGEROUS.items() for each in many]
)
async def test_dangerous_content_is_refused_at_every_door(
    serve: Any, site: Site, directory: Path, name: str, disk_format: str
) -> None:
    served = await serve()
    alice = served.person("red")
    site.files["bad"] = dangerous(directory, name)
    draft = {
        "disk_format": disk_format,
        "container_format": disk_format if disk_format == "ami" else "bare",
    }
    image = (await alice.create(**draft))["id"]
    headers = {"Content-Type": "application/octet-stream"}
    answer = await alice("PUT", f"/v2/images/{image}/file", data=site.files["bad"], headers=headers)
    refusal = (answer.status, await answer.text())
    assert answer.status == 415
    message = refusal[1].partition("<br /><br />")[2].partition("<")[0].strip() or refusal[1]

    answer = await alice.patch(image, add(site.url("bad")))
    assert (answer.status, await answer.text()) == refusal
    whole = {"op": "replace", "path": "/locations"}
    answer = await alice.patch(image, whole | {"value": [{"url": site.url("bad"), "metadata": {}}]})
    assert answer.status == 415

    if disk_format != "ami":
        answer = await v1_location(alice, site.url("bad"), disk_format)
        assert answer.status == 415, await answer.text()

    for validation in ({}, {"validation_data": hashes_of(site.files["bad"])}):
        image = (await alice.create(**draft))["id"]
        body = {"url": site.url("bad")} | validation
        assert (await alice("POST", f"/v2/images/{image}/locations", json=body)).status == 202
        assert await settled(served, image) == [JobState.FAILED]
        shown = await alice.show(image)
        assert (shown["status"], shown["locations"]) == ("queued", [])
        assert (await only_task(alice, image))["message"] in message
    assert not served.files()


async def test_a_further_location_is_judged_too(serve: Any, site: Site, directory: Path) -> None:
    served = await serve()
    alice = served.person("red")
    bad = samples.make(directory, "qcow2-backing").read_bytes()
    site.files |= {"good": bytes(len(bad)), "bad": bad}
    image = (await alice.create())["id"]
    assert (await alice.patch(image, add(site.url("good")))).status == 200
    assert (await alice.patch(image, add(site.url("bad")))).status == 415
    two = [{"url": site.url(name), "metadata": {}} for name in ("good", "bad")]
    image = (await alice.create())["id"]
    answer = await alice.patch(image, {"op": "replace", "path": "/locations", "value": two})
    assert answer.status == 415
    assert (await alice.show(image))["status"] == "queued"


async def test_formats_given_along_count(serve: Any, site: Site, directory: Path) -> None:
    served = await serve()
    alice = served.person("red")
    site.files["disk"] = samples.make(directory, "qcow2-v3").read_bytes()
    image = (await alice.create())["id"]
    change = {"op": "replace", "path": "/disk_format", "value": "qcow2"}
    assert (await alice.patch(image, add(site.url("data")), change)).status == 415
    answer = await alice.patch(image, add(site.url("disk")), change)
    assert answer.status == 200, await answer.text()
    assert (await answer.json())["virtual_size"] == samples.DISK


async def test_little_is_read(serve: Any, site: Site) -> None:
    served = await serve(jobs=Jobs(workers=0))
    alice = served.person("red")
    site.files["large"] = random.Random(1).randbytes(64 * MIB)
    image = (await alice.create())["id"]
    assert (await alice.patch(image, add(site.url("large")))).status == 200
    assert site.sent <= 2 * MIB


async def test_a_server_that_sends_other_bytes_later(
    serve: Any, site: Site, directory: Path
) -> None:
    """Neither a copy nor a reader gets them."""
    served = await serve(images={"enabled_import_methods": ("copy-image",)}, jobs=Jobs(workers=0))
    alice, admin = served.person("red"), served.person("ops", "admin,member,reader")
    bad = samples.make(directory, "qcow2-backing").read_bytes().ljust(MIB, b"\0")
    site.files["bad"] = bytes(len(bad))
    copied, hashed = [(await alice.create())["id"] for _ in range(2)]
    for image in (copied, hashed):
        assert (await alice.patch(image, add(site.url("bad")))).status == 200
    site.files["bad"] = bad
    copy = {"method": {"name": "copy-image"}, "stores": ["file1"]}
    answer = await admin("POST", f"/v2/images/{copied}/import", json=copy)
    assert answer.status == 202, await answer.text()
    later = await serve(images={"enabled_import_methods": ("copy-image",)})
    assert JobState.FAILED in await settled(later, copied)
    await settled(later, hashed)
    assert not later.files()
    answer = await later.person("red")("GET", f"/v2/images/{hashed}/file")
    assert answer.status == 410
    shown = await later.person("red").show(hashed)
    assert (shown["os_hash_value"], shown["checksum"]) == (None, None)


async def test_the_size_cap(serve: Any, site: Site) -> None:
    served = await serve(limits=Limits(image_size_cap=len(DATA) - 1))
    alice = served.person("red")
    image = (await alice.create())["id"]
    for answer in (
        await alice.patch(image, add(site.url("data"))),
        await v1_location(alice, site.url("data")),
    ):
        assert (answer.status, f"{len(DATA) - 1} bytes" in await answer.text()) == (413, True)
    body = {"url": site.url("data")}
    assert (await alice("POST", f"/v2/images/{image}/locations", json=body)).status == 202
    assert await settled(served, image) == [JobState.FAILED]
    assert (await alice.show(image))["status"] == "queued"
    assert f"{len(DATA) - 1} bytes" in (await only_task(alice, image))["message"]
    larger = await serve(limits=Limits(image_size_cap=len(DATA)))
    assert (await larger.person("red").patch(image, add(site.url("data")))).status == 200


async def test_the_signature(
    serve: Any, site: Site, certificates: Path, keys: Any, tmp_path: Path
) -> None:
    account = tmp_path / "account.conf"
    account.write_text("[key_manager]\nauth_type = token\ntoken = token-of-the-caller\n")
    manager = Signatures("tests.key_manager.FileKeyManager", (account,))
    served = await serve(signatures=manager)
    alice = served.person("red")
    properties = signed(keys, DATA)
    for name, data, status in (("right", DATA, "active"), ("wrong", DATA[::-1], "queued")):
        site.files[name] = data
        image = (await alice.create(**properties))["id"]
        answer = await alice.patch(image, add(site.url(name)))
        assert (answer.status, "signed" in await answer.text()) == (400, True)
        body: dict[str, Any] = {"url": site.url(name)}
        assert (await alice("POST", f"/v2/images/{image}/locations", json=body)).status == 202
        await settled(served, image)
        shown = await alice.show(image)
        assert shown["status"] == status
    # A location with the verified bytes is as good as any other of an image.
    right = (await alice.create(**properties))["id"]
    body = {"url": site.url("right"), "validation_data": hashes_of(DATA)}
    assert (await alice("POST", f"/v2/images/{right}/locations", json=body)).status == 202
    await settled(served, right)
    assert (await alice.patch(right, add(site.url("again")))).status == 200


async def test_a_hash_by_patch_is_compared_at_once_where_that_is_quick(
    serve: Any, site: Site
) -> None:
    served = await serve(jobs=Jobs(workers=0))
    alice = served.person("red")
    image = (await alice.create())["id"]
    said = hashes_of(DATA)
    said["os_hash_value"] = said["os_hash_value"].upper()
    answer = await alice.patch(image, add(site.url("data"), validation_data=said))
    shown = await answer.json()
    assert (shown["status"], shown["os_hash_value"]) == ("active", hashes_of()["os_hash_value"])
    assert shown["checksum"] == hashlib.md5(DATA).hexdigest()
    read = await alice("GET", f"/v2/images/{image}/file")
    assert (await read.read(), read.headers["ETag"]) == (DATA, f'"{shown["os_hash_value"]}"')
    assert await jobs_of(served, image) == []


async def jobs_of(service: Service, image: str) -> list[JobState]:
    jobs = service.client.app[app_keys.catalog].jobs
    return [job.state for job in await jobs.list(image_id=image)]


@pytest.mark.parametrize("false", ["os_hash_value", "checksum"])
async def test_a_false_hash_by_patch_is_served_to_nobody(
    serve: Any, site: Site, false: str
) -> None:
    idle = await serve(jobs=Jobs(workers=0))
    alice = idle.person("red")
    said = hashes_of(DATA) | {"checksum": hashlib.md5(DATA).hexdigest(), false: FALSE[false]}
    image = (await alice.create())["id"]
    answer = await alice.patch(image, add(site.url("data"), validation_data=said))
    # As Glance answers, whose clients look at once.
    assert (await answer.json())["status"] == "active"
    assert (await alice.show(image))[false] == FALSE[false]
    read = await alice("GET", f"/v2/images/{image}/file")
    assert read.status == 503
    assert not {"ETag", "Content-MD5"} & read.headers.keys()
    # What says the same may be added, what says another thing not.
    more = add(site.url("again"), validation_data=said)
    assert (await alice.patch(image, more)).status == 200
    other = add(site.url("data2"), validation_data=hashes_of(DATA[1:]))
    site.files["data2"] = DATA
    assert (await alice.patch(image, other)).status == 409

    served = await serve()
    alice = served.person("red")
    assert JobState.DONE not in await settled(served, image)
    shown = await alice.show(image)
    assert (shown["status"], shown["size"], shown["locations"]) == ("queued", None, [])
    assert (shown["checksum"], shown["os_hash_algo"], shown["os_hash_value"]) == (None,) * 3
    assert shown["stores"] == "web"
    # It takes the right data, as if it were new.
    right = add(site.url("data"), validation_data=hashes_of(DATA))
    assert (await alice.patch(image, right)).status == 200
    assert await data_of(alice, image) == DATA


@pytest.mark.parametrize("right", [True, False])
async def test_an_md5_that_is_said_is_compared_though_none_is_asked_for(
    serve: Any, site: Site, right: bool
) -> None:
    served = await serve(images={"md5_checksum": False})
    alice = served.person("red")
    md5 = hashlib.md5(DATA).hexdigest() if right else FALSE["checksum"]
    image, other = [(await alice.create())["id"] for _ in range(2)]
    said = add(site.url("data"), validation_data=hashes_of(DATA) | {"checksum": md5})
    await alice.patch(image, said)
    await settled(served, image)
    shown = await alice.show(image)
    if right:
        assert (shown["status"], shown["checksum"]) == ("active", md5)
    else:
        assert (shown["status"], shown["checksum"]) == ("queued", None)
    await alice.patch(other, add(site.url("again"), validation_data=hashes_of(DATA)))
    await settled(served, other)
    shown = await alice.show(other)
    assert (shown["status"], shown["checksum"]) == ("active", None)
    assert shown["os_hash_value"] == hashes_of(DATA)["os_hash_value"]


async def test_a_hash_of_much_is_compared_by_a_job(
    serve: Any, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from imagestore.catalog.locations import changes

    monkeypatch.setattr(changes, "_COMPARED_AT_ONCE", 0)
    served = await serve(jobs=Jobs(workers=0))
    alice = served.person("red")
    image = (await alice.create())["id"]
    right = add(site.url("data"), validation_data=hashes_of(DATA))
    answer = await alice.patch(image, right)
    assert (await answer.json())["os_hash_value"] == hashes_of()["os_hash_value"]
    assert (await alice("GET", f"/v2/images/{image}/file")).status == 503
    served = await serve()
    assert await settled(served, image) == [JobState.DONE]
    alice = served.person("red")
    read = await alice("GET", f"/v2/images/{image}/file")
    assert (await read.read(), read.headers["ETag"]) == (
        DATA,
        f'"{hashes_of()["os_hash_value"]}"',
    )
    assert (await alice.show(image))["checksum"] == hashlib.md5(DATA).hexdigest()


async def test_where_nothing_is_hashed_nothing_is_believed(serve: Any, site: Site) -> None:
    """What was said is shown, as with Glance, and not concluded from."""
    served = await serve(images={"do_secure_hash": False})
    alice = served.person("red")
    by_patch, by_post = [(await alice.create())["id"] for _ in range(2)]
    answer = await alice.patch(by_patch, add(site.url("data"), validation_data=FALSE))
    assert answer.status == 200
    said = {name: value for name, value in FALSE.items() if name != "checksum"}
    body = {"url": site.url("data"), "validation_data": said}
    assert (await alice("POST", f"/v2/images/{by_post}/locations", json=body)).status == 202
    await settled(served, by_post)
    for image in (by_patch, by_post):
        shown = await alice.show(image)
        assert (shown["status"], shown["os_hash_value"]) == ("active", FALSE["os_hash_value"])
        read = await alice("GET", f"/v2/images/{image}/file")
        assert await read.read() == DATA
        assert not {"ETag", "Content-MD5"} & read.headers.keys()


async def test_too_many_locations_are_refused_before_anybody_is_asked(
    serve: Any, site: Site
) -> None:
    served = await serve(limits=Limits(image_location_quota=3))
    alice = served.person("red")
    image = (await alice.create())["id"]
    many = [add(site.url(f"{number}")) for number in range(2000)]
    assert (await alice.patch(image, *many)).status == 413
    whole = {"op": "replace", "path": "/locations", "value": [each["value"] for each in many]}
    assert (await alice.patch(image, whole)).status == 413
    assert (await alice.patch(image, *[add(site.url("data"))] * 2)).status == 400
    # One that may not be named keeps the others from being asked for.
    answer = await alice.patch(image, add(site.url("data")), add("file:///etc/passwd"))
    assert answer.status == 400
    assert site.asked == []
    assert (await alice.patch(image, add(site.url("data")))).status == 200
    site.asked.clear()
    assert (await alice.patch(image, whole)).status == 400  # it has others
    assert site.asked == []


async def test_nobody_is_asked_for_a_caller_who_has_left(serve: Any, site: Site) -> None:
    served = await serve(limits=Limits(image_location_quota=-1))
    alice = served.person("red")
    image = (await alice.create())["id"]
    names = [f"copy{number}" for number in range(50)]
    site.files |= dict.fromkeys(names, DATA)
    site.waiting = asyncio.Event()
    call = asyncio.create_task(alice.patch(image, *(add(site.url(name)) for name in names)))
    while not site.asked:
        await asyncio.sleep(0.01)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    await asyncio.sleep(0.2)  # the server learns of it
    site.waiting.set()
    other = (await alice.create())["id"]
    assert (await alice.patch(other, add(site.url("again")))).status == 200
    assert {asked.split()[1] for asked in site.asked} == {"copy0", "again"}
    assert (await alice.show(image))["status"] == "queued"


async def test_a_server_that_tells_no_length(serve: Any, site: Site) -> None:
    served = await serve()
    alice = served.person("red")
    image = (await alice.create())["id"]
    for answer in (
        await alice.patch(image, add(site.url("endless"))),
        await v1_location(alice, site.url("endless")),
    ):
        assert (answer.status, "how large" in await answer.text()) == (400, True)
    body = {"url": site.url("endless")}
    assert (await alice("POST", f"/v2/images/{image}/locations", json=body)).status == 202
    assert await settled(served, image) == [JobState.FAILED]
    assert "how large" in (await only_task(alice, image))["message"]
