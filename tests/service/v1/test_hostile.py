"""No header, no query and no body makes v1 fail, or say what it should not."""

from __future__ import annotations

import asyncio
import random
from urllib.parse import quote

import pytest

from tests.hostile_urls import ANYWHERE
from tests.service.conftest import Person, Service
from tests.service.v1.conftest import ON_ONE, RAW, head, listed, made

pytestmark = ON_ONE

NAMES = (
    "x-image-meta-name", "x-image-meta-id", "x-image-meta-size", "x-image-meta-checksum",
    "x-image-meta-is_public", "x-image-meta-min_ram", "x-image-meta-owner", "x-image-meta-store",
    "x-image-meta-disk_format", "x-image-meta-location", "x-image-meta-property-x",
    "x-image-meta-property-kernel_id", "x-image-meta-property-", "x-image-meta-", "x-image-meta",
    "x-image-meta-property-%00", "x-image-meta-property-%0d%0aa", "x-image-meta-property-%ff",
    "x-image-meta-property-a%20b", "x-image-meta-property-%F0%9F%98%80", "x-image-meta-%6eame",
    "x-glance-api-copy-from", "x-glance-registry-purge-props", "Content-Type", "Expect",
    "x-image-meta-property-" + "y" * 300,
)  # fmt: skip
VALUES = (
    b"", b"None", b"0", b"-1", b"1e9", b"9" * 40, b"True", b"a%20b", b"a%0d%0aSet-Cookie:%20x=1",
    b"%00", b"%ff", b"\xff\xfe", "é".encode(), "😀".encode(), b"%F0%9F%98%80", b"x" * 8000,
    b"' or 1=1 --", b"${jndi:ldap://x}", b"../../etc/passwd", b"\x07", b"100%", b"application/json",
    b"application/octet-stream", b"100-continue", b"http://example.org:99999/", b"http://[::1",
    b"file:///etc/passwd", b"11111111-2222-4333-8444-555555555555",
)  # fmt: skip


async def raw(service: Service, request: bytes) -> bytes:
    """What is answered to these bytes."""
    server = service.client.server
    reader, writer = await asyncio.open_connection(server.host, server.port)
    try:
        writer.write(request)
        async with asyncio.timeout(30):
            answer = await reader.readuntil(b"\r\n\r\n")
            if answer.startswith(b"HTTP/1.1 100"):
                answer = await reader.readuntil(b"\r\n\r\n")
            return answer
    finally:
        writer.close()


def request(method: str, path: str, *headers: tuple[str, bytes]) -> bytes:
    lines = [
        f"{method} {path} HTTP/1.1".encode(), b"Host: x", b"Connection: close",
        b"X-Identity-Status: Confirmed", b"X-Project-Id: red", b"X-User-Id: u",
        b"X-Roles: member,reader",
        *(name.encode() + b": " + value for name, value in headers),
    ]  # fmt: skip
    return b"\r\n".join(lines) + b"\r\n\r\n"


async def test_no_header_is_a_failure(service: Service, alice: Person) -> None:
    dice = random.Random(11)
    image = (await made(alice))["id"]
    single = [[(name, value)] for name in NAMES for value in VALUES]
    several = [
        [(dice.choice(NAMES), dice.choice(VALUES)) for _ in range(dice.randint(2, 6))]
        for _ in range(150)
    ]
    for headers in dice.sample(single, 300) + several:
        formats = [(name, text.encode()) for name, text in RAW.items()]
        for method, path in (("POST", "/v1/images"), ("PUT", f"/v1/images/{image}")):
            answer = await raw(service, request(method, path, *formats, *headers))
            status = int(answer.split()[1])
            assert status in (200, 201, 400, 403, 404, 409, 413, 415, 417), (headers, answer)
            assert b"set-cookie" not in answer.lower(), headers
    # Whatever was recorded can be shown.
    for one in (await (await alice("GET", "/v1/images/detail?limit=1000")).json())["images"]:
        shown = await head(alice, one["id"])
        assert "set-cookie" not in shown
        assert (await alice("GET", f"/v2/images/{one['id']}")).status == 200


async def test_a_name_with_a_line_break_is_no_header(alice: Person) -> None:
    """Names and values of v2 may hold what no header can."""
    texts = ["a\r\nSet-Cookie: x=1", "\x01\x7f\t", "\u2028", " ", "%0d%0a", "é" * 200, "x" * 7_000]
    properties = {f"p{number}": text for number, text in enumerate(texts)}
    properties |= {text[:40]: "1" for text in texts if text.strip()}
    image = (await alice.create(name=texts[0], **properties))["id"]
    for method in ("HEAD", "GET"):
        if method == "GET":
            assert await alice.upload(image, b"x") == 204
        answer = await alice(method, f"/v1/images/{image}")
        assert answer.status == 200
        assert "Set-Cookie" not in answer.headers
        assert answer.headers["x-image-meta-name"] == "a%0D%0ASet-Cookie: x=1"
    detail = (await (await alice("GET", "/v1/images/detail")).json())["images"]
    assert detail[0]["properties"] == properties


@pytest.mark.parametrize("through", ["x-glance-api-copy-from", "x-image-meta-location"])
async def test_no_url_leads_inside(alice: Person, service: Service, through: str) -> None:
    for url in ANYWHERE:
        for text in {url, quote(url, safe="/:", errors="surrogateescape")}:
            if not text.isprintable():
                continue
            try:
                answer = await alice("POST", "/v1/images", headers=RAW | {through: text})
            except ValueError:
                continue  # not to be sent by a client at all
            if answer.status != 201:
                assert answer.status in (400, 403), (url, await answer.text())
                continue
            image = (await answer.json())["image"]
            # A name that was not known at once: the worker looks again.
            assert image["status"] in ("saving", "killed"), url
    assert await listed(alice, "status=active") == []
    assert not service.files()


async def test_odd_paths_and_queries(alice: Person) -> None:
    for path in (
        "/v1/images/%00", "/v1/images/%F0%9F%98%80", "/v1/images/x%2Fy", "/v1/images/" + "x" * 2000,
        "/v1/images/x/members", "/v1/shared-images/%F0%9F%98%80", "/v1/images/detail/x",
        "/v1/images?" + "a=1&" * 500, "/v1/images?property-=&name=%00&property-%00=x",
        "/v1/images?changes-since=0001-01-01T00:00:00%2B23:59",
        "/v1/images?changes-since=9999-12-31T23:59:59-23:59", "/v1/images?limit=" + "9" * 5000,
        "/v1/images?name=%ff",
    ):  # fmt: skip
        for method in ("GET", "HEAD", "PUT", "DELETE"):
            answer = await alice(method, path)
            assert answer.status < 500, (method, path, await answer.text())
