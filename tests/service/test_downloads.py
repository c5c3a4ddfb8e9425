"""Downloads: the whole, a part, or a clear answer why not."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from imagestore.api import sendfile
from imagestore.config.settings import Server
from tests.service.conftest import Person, Service, Start
from tests.services.databases import url_of

DATA = os.urandom(3_000_000)


@pytest.fixture(params=["embedded"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Downloads ask the database for an image and no more: one kind is enough."""
    return url_of(request, request.param, tmp_path)


@pytest.fixture
async def image(alice: Person) -> str:
    created: str = (await alice.create(visibility="community"))["id"]
    assert await alice.upload(created, DATA) == 204
    return created


@pytest.mark.parametrize(
    ("asked", "first", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=100-199", 100, 200),
        ("bytes=2999999-", 2_999_999, 3_000_000),
        ("bytes=-5", 2_999_995, 3_000_000),
        ("bytes=-9999999", 0, 3_000_000),
        ("bytes=2999990-9999999", 2_999_990, 3_000_000),
    ],
)
async def test_a_range(alice: Person, image: str, asked: str, first: int, end: int) -> None:
    answer = await alice("GET", f"/v2/images/{image}/file", headers={"Range": asked})
    assert answer.status == 206
    assert answer.headers["Content-Range"] == f"bytes {first}-{end - 1}/{len(DATA)}"
    assert await answer.read() == DATA[first:end]
    assert ("Content-MD5" in answer.headers) is (end - first == len(DATA))


@pytest.mark.parametrize("asked", ["bytes=3000000-", "bytes=5-4", "lines=1-2", "bytes=x"])
async def test_a_range_that_is_not_there(alice: Person, image: str, asked: str) -> None:
    answer = await alice("GET", f"/v2/images/{image}/file", headers={"Range": asked})
    assert answer.status == 416
    assert answer.headers["Content-Range"] == f"bytes */{len(DATA)}"


async def test_conditions(alice: Person, image: str) -> None:
    path = f"/v2/images/{image}/file"
    whole = await alice("GET", path)
    etag = whole.headers["ETag"]
    assert etag == f'"{(await alice.show(image))["os_hash_value"]}"'
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert (await alice("GET", path, headers={"If-None-Match": etag})).status == 304
    assert (await alice("GET", path, headers={"If-Match": '"other"'})).status == 412
    part = {"Range": "bytes=0-9"}
    assert (await alice("GET", path, headers=part | {"If-Range": etag})).status == 206
    assert (await alice("GET", path, headers=part | {"If-Range": '"other"'})).status == 200


async def test_head(alice: Person, image: str) -> None:
    answer = await alice("HEAD", f"/v2/images/{image}/file")
    assert answer.status == 200
    assert int(answer.headers["Content-Length"]) == len(DATA)
    assert await answer.read() == b""


async def test_who_may_read(service: Service, alice: Person, bob: Person, image: str) -> None:
    path = f"/v2/images/{image}/file"
    assert await (await bob("GET", path)).read() == DATA
    assert (await service.person("blue", "reader")("GET", path)).status == 403
    private = (await alice.create(visibility="private"))["id"]
    assert (await bob("GET", f"/v2/images/{private}/file")).status == 404
    assert (await alice("GET", f"/v2/images/{private}/file")).status == 204


async def test_a_deactivated_image_is_for_administrators(
    alice: Person, admin: Person, image: str
) -> None:
    actions = f"/v2/images/{image}/actions"
    assert (await alice("POST", f"{actions}/deactivate")).status == 204
    assert (await alice("GET", f"/v2/images/{image}/file")).status == 403
    assert (await admin("GET", f"/v2/images/{image}/file")).status == 200
    assert (await alice("POST", f"{actions}/reactivate")).status == 204
    assert (await alice("GET", f"/v2/images/{image}/file")).status == 200


async def test_lost_data_is_not_no_data(service: Service, alice: Person, image: str) -> None:
    (service.settings.data_dir / "file1" / image).unlink()
    answer = await alice("GET", f"/v2/images/{image}/file")
    assert answer.status == 503
    assert str(service.settings.data_dir) not in await answer.text()


async def test_a_truncated_copy_is_not_served(service: Service, alice: Person, image: str) -> None:
    os.truncate(service.settings.data_dir / "file1" / image, 1000)
    assert (await alice("GET", f"/v2/images/{image}/file")).status == 503


async def test_what_is_not_in_the_page_cache_is_read_by_a_thread(
    service: Service, alice: Person, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    windows: list[int] = []
    bring_in = sendfile._bring_in

    def recorded(file: int, start: int, end: int) -> None:
        windows.append(start)
        bring_in(file, start, end)

    monkeypatch.setattr(sendfile, "_is_resident", lambda *_: False)
    monkeypatch.setattr(sendfile, "_bring_in", recorded)
    monkeypatch.setattr(sendfile, "WINDOW", 1 << 20)
    assert await (await alice("GET", f"/v2/images/{image}/file")).read() == DATA
    assert windows == [0, 1 << 20, 2 << 20]


async def test_a_reader_that_stalls_is_given_up(start: Start) -> None:
    alice = (await start()).person("red")
    image = (await alice.create())["id"]
    data = bytes(64 << 20)
    assert await alice.upload(image, data) == 204
    service = await start(server=Server(progress_timeout=0.3))
    reader, writer = await asyncio.open_connection(
        service.client.server.host, service.client.server.port, limit=1024
    )
    headers = {
        "Host": "x",
        "X-Identity-Status": "Confirmed",
        "X-Project-Id": "red",
        "X-Roles": "member,reader",
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"GET /v2/images/{image}/file HTTP/1.1\r\n{lines}\r\n".encode())
    await asyncio.sleep(1.5)
    got = 0
    with pytest.raises(ConnectionError):
        while piece := await reader.read(1 << 20):
            got += len(piece)
        raise ConnectionResetError
    assert got < len(data)
    writer.close()


async def test_prefer(alice: Person, image: str) -> None:
    path = f"/v2/images/{image}/file"
    assert (await alice("GET", f"{path}?prefer=file2,file1")).status == 200
    assert (await alice("GET", f"{path}?prefer=nowhere")).status == 400


async def test_a_body_is_refused(alice: Person, image: str) -> None:
    assert (await alice("GET", f"/v2/images/{image}/file", data=b"x")).status == 400
