"""Where the fetcher and the driver must not be led: by URLs, by redirects, by names."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiohappyeyeballs
import pytest

from imagestore.backends import errors
from imagestore.backends.http import AddressRules, HttpSettings, guard
from imagestore.backends.http.addresses import Address, Reach, reach
from imagestore.backends.http.store import HttpStore
from imagestore.backends.http.transport import Transport
from imagestore.backends.testing.contract import read

from ...hostile_urls import ADDRESSES, ANYWHERE, NAMES
from .fetching import LOCAL, Names, fetched, fetcher
from .raw_server import RawServer, Request, saying, serving

OUTSIDE = "127.0.0.200"
"""An address of this machine that plays a public one."""
MIRROR = "mirror.example"
HELLO = saying("HTTP/1.1 200 OK\nContent-Length: 5", b"hello")


@pytest.fixture(autouse=True)
def connected_to(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every address to which anybody tries to connect."""
    addresses: list[str] = []
    connect = aiohappyeyeballs.start_connection

    async def spy(addr_infos: Any, **more: Any) -> Any:
        addresses.extend(info[4][0] for info in addr_infos)
        return await connect(addr_infos, **more)

    monkeypatch.setattr(aiohappyeyeballs, "start_connection", spy)
    return addresses


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take :data:`OUTSIDE`, and nothing else, for a public address."""

    def reaches(address: Address) -> Reach:
        return Reach.PUBLIC if str(address) == OUTSIDE else reach(address)

    monkeypatch.setattr(guard, "reach", reaches)


async def elsewhere(host: str) -> Iterable[Address]:
    """The mirror is outside, every other name stands for this machine."""
    return [ip_address(OUTSIDE if host == MIRROR else "127.0.0.1")]


def mirror(server: RawServer, path: str = "/") -> str:
    return f"http://{MIRROR}:{server.port}{path}"


async def test_urls_through_the_fetcher(connected_to: list[str]) -> None:
    names = Names(["8.8.8.8"])
    async with fetcher(AddressRules(), resolve=names) as fetch:
        for url in ANYWHERE:
            for call in (fetched(fetch, url), fetch.head(url)):
                with pytest.raises(errors.InvalidLocation):
                    await call
    assert names.asked == connected_to == []


async def test_urls_through_the_driver(connected_to: list[str]) -> None:
    names = Names(["8.8.8.8"])
    store = HttpStore("web", HttpSettings(), resolve=names)
    await store.start()
    for url in ANYWHERE:
        for call in (read(store, url), store.size(url), store.exists(url)):
            with pytest.raises(errors.InvalidLocation) as caught:
                await call
            assert caught.value.store == "web"
    assert names.asked == connected_to == []
    await store.stop()


@pytest.mark.parametrize("address", ADDRESSES)
async def test_names_through_the_driver(address: str, connected_to: list[str]) -> None:
    store = HttpStore("web", HttpSettings(), resolve=Names([address], ["8.8.8.8", address]))
    await store.start()
    for url in NAMES:
        for call in (read(store, url), store.size(url)):
            with pytest.raises(errors.InvalidLocation) as caught:
                await call
            assert address not in caught.value.message
            assert caught.value.url
    assert connected_to == []
    await store.stop()


@pytest.mark.usefixtures("outside")
class TestRedirects:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    async def test_to_everything_hostile(self, status: int, connected_to: list[str]) -> None:
        target = ""

        async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
            lines = f"HTTP/1.1 {status} x\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n"
            writer.write(lines.encode("utf-8", "surrogateescape"))

        tried = 0
        async with serving(answer, OUTSIDE) as server:
            rules = AddressRules(allowed_ports=(80, 443, server.port))
            async with fetcher(rules, resolve=elsewhere) as fetch:
                for target in (*ANYWHERE, *NAMES):
                    if stays(mirror(server), target):
                        continue
                    for call in (fetched(fetch, mirror(server)), fetch.head(mirror(server))):
                        server.requests.clear()
                        with pytest.raises((errors.InvalidLocation, errors.Unavailable)) as caught:
                            await call
                        # Broken lines are not followed either; all others are told to be wrong.
                        if target.isprintable() and len(target) < 8000:
                            assert isinstance(caught.value, errors.InvalidLocation), target
                        assert caught.value.url == mirror(server)
                        assert "127.0.0" not in caught.value.message
                        assert {request.target for request in server.requests} == {"/"}
                    tried += 1
        assert tried > 140
        assert set(connected_to) == {OUTSIDE}

    async def test_to_a_name_that_changes(self, connected_to: list[str]) -> None:
        """The second look-up of the same host, for a further connection, is checked as well."""
        answer = saying("HTTP/1.1 302 x\nLocation: /again\nContent-Length: 0\nConnection: close")
        names = Names([OUTSIDE], ["127.0.0.1"])
        async with serving(answer, OUTSIDE) as server:
            rules = AddressRules(allowed_ports=(server.port,))
            async with fetcher(rules, resolve=names) as fetch:
                with pytest.raises(errors.InvalidLocation):
                    await fetched(fetch, mirror(server))
        assert names.asked == [MIRROR, MIRROR]
        assert connected_to == [OUTSIDE]

    async def test_that_are_harmless(self) -> None:
        async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
            moved = {"/a/b": "c?d", "/a/c?d": f"//{MIRROR}:{server.port}/e#part", "/e": "/f"}
            target = moved.get(request.target)
            if target is None:
                return await HELLO(request, writer)
            return await saying(f"HTTP/1.1 301 x\nLocation: {target}\nContent-Length: 0")(
                request, writer
            )

        async with (
            serving(answer, OUTSIDE) as server,
            fetcher(AddressRules(allowed_ports=(server.port,)), resolve=elsewhere) as fetch,
        ):
            assert await fetched(fetch, mirror(server, "/a/b")) == b"hello"
            targets = [request.target for request in server.requests]
            assert targets == ["/a/b", "/a/c?d", "/e", "/f"]

    async def test_from_https_to_http(self, web: Any) -> None:
        """nginx redirects to the scheme of the request, so this location names the other."""
        transport = Transport(ca_file=web.certificate)
        path = web.put(b"x")
        async with fetcher(transport=transport) as fetch:
            assert await fetched(fetch, f"{web.tls_url}/moved/{path}") == b"x"
            assert await fetched(fetch, f"{web.url}/upgraded/{path}") == b"x"
            with pytest.raises(errors.InvalidLocation, match="https to http"):
                await fetched(fetch, f"{web.tls_url}/downgraded/{path}")

    async def test_without_a_target(self) -> None:
        async with (
            serving(saying("HTTP/1.1 302 x\nContent-Length: 0")) as server,
            fetcher() as fetch,
        ):
            with pytest.raises(errors.Unavailable):
                await fetched(fetch, server.url)
            assert len(server.requests) == 1


def stays(base: str, target: str) -> bool:
    """Whether a redirect to ``target`` is one to the same server, which is no escape.

    A header ends with its line.
    """
    try:
        return urlsplit(urljoin(base, target.partition("\n")[0])).netloc == urlsplit(base).netloc
    except ValueError:
        return False


class TestNames:
    """A name is looked up once for a connection, which goes to what was checked."""

    async def test_that_change_between_door_and_connection(self, connected_to: list[str]) -> None:
        names = Names(["8.8.8.8"], ["127.0.0.1"])
        async with serving(HELLO) as server:
            rules = AddressRules(allowed_ports=(server.port,))
            await guard.Guard(rules, resolve=names).admit(mirror(server))
            async with fetcher(rules, resolve=names) as fetch:
                with pytest.raises(errors.InvalidLocation):
                    await fetched(fetch, mirror(server))
            assert server.connections == 0
        assert connected_to == []

    @pytest.mark.usefixtures("outside")
    async def test_that_change_after_the_check(self, connected_to: list[str]) -> None:
        names = Names([OUTSIDE], ["127.0.0.1"])
        async with (
            serving(HELLO, OUTSIDE) as server,
            fetcher(AddressRules(allowed_ports=(server.port,)), resolve=names) as fetch,
        ):
            assert await fetched(fetch, mirror(server)) == b"hello"
        assert names.asked == [MIRROR]
        assert connected_to == [OUTSIDE]

    async def test_with_several_addresses_of_which_one_answers(self) -> None:
        async with serving(HELLO) as server:
            async with fetcher(resolve=Names(["127.0.0.7", "::1", "127.0.0.1"])) as fetch:
                assert await fetched(fetch, mirror(server)) == b"hello"
            assert server.requests[0].headers["host"] == f"{MIRROR}:{server.port}"

    async def test_that_nobody_has(self) -> None:
        async with fetcher(LOCAL, resolve=Names([])) as fetch:
            with pytest.raises(errors.Unavailable, match="host name"):
                await fetched(fetch, f"http://{MIRROR}/")


class TestProxies:
    async def test_of_the_environment_are_not_used(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async with serving(HELLO) as server, serving(HELLO) as proxy:
            for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
                monkeypatch.setenv(name, proxy.url)
            monkeypatch.delenv("no_proxy", raising=False)
            async with fetcher() as fetch:
                assert await fetched(fetch, server.url) == b"hello"
            assert (server.connections, proxy.connections) == (1, 0)

    async def test_of_the_configuration_are(self) -> None:
        """The proxy may be anywhere, and looks names up; the other rules stay in force."""
        async with serving(HELLO) as proxy:
            rules = AddressRules(disallowed_hosts=("bad.example",))
            transport = Transport(proxies={"http": proxy.url})
            async with fetcher(rules, resolve=Names([]), transport=transport) as fetch:
                assert await fetched(fetch, "http://image.example/x?y") == b"hello"
                assert proxy.requests[0].target == "http://image.example/x?y"
                for url in ("http://bad.example/", "http://127.0.0.1/", "http://h:22/"):
                    with pytest.raises(errors.InvalidLocation):
                        await fetched(fetch, url)
                assert len(proxy.requests) == 1


async def test_secrets_are_sent_where_no_redirect_leads() -> None:
    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        await saying("HTTP/1.1 302 x\nLocation: /other\nContent-Length: 0")(request, writer)

    async with (
        serving(answer) as server,
        fetcher(headers={"X-Auth-Token": "secret"}, redirects=0) as fetch,
    ):
        with pytest.raises(errors.Unavailable, match="redirects"):
            await fetched(fetch, server.url)
        (request,) = server.requests
        assert request.headers["x-auth-token"] == "secret"
