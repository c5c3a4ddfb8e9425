"""The HTTP driver on a real nginx: the read half of the contract, and what is its own."""

from __future__ import annotations

import gzip
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from imagestore.backends import errors
from imagestore.backends.base import Capability, Driver, Selective, Store
from imagestore.backends.http import HttpSettings, driver, reading
from imagestore.backends.http.store import HttpStore
from imagestore.backends.testing.contract import MIB, ReadContract, content, cut, new_id, read

from ...services import nginx
from .conftest import Web


async def started(web: Web, **options: Any) -> HttpStore:
    options.setdefault("http_store_allowed_hosts", ("127.0.0.1", "localhost"))
    options.setdefault("http_store_allowed_ports", ())
    options.setdefault("https_ca_certificates_file", str(web.certificate))
    store = HttpStore("web", HttpSettings(**options))
    await store.start()
    return store


class WebService:
    def __init__(self, store: Store, web: Web, base: str) -> None:
        self.store = store
        self.web = web
        self.base = base
        place = urlsplit(web.url).netloc
        self.invalid_urls = [
            "",
            "http://",
            "file:///etc/passwd",
            "swift+https://container/object",
            f"ftp://{place}/x",
            f"//{place}/x",
            f"http:{place}/x",
            f"http://user:secret@{place}/x",
            f"http://{place}/a b",
            f"http://{place}/a#b",
            f"http://{place}/a\r\nHost: b",
            "http://example.org/x",
            "http://127.1/x",
            "http://[::1]/x",
        ]

    def url(self, image_id: str) -> str:
        return f"{self.base}/{self.web.folder}/{image_id}"

    async def objects(self) -> set[str]:
        return {path.name for path in self.web.directory.iterdir()}


class TestContract(ReadContract):
    @pytest.fixture(params=["http", "https", "moved", "whole", "name"])
    async def service(self, request: pytest.FixtureRequest, web: Web) -> AsyncIterator[WebService]:
        bases = {
            "http": web.url,
            "https": web.tls_url,
            "moved": f"{web.url}/moved",
            "whole": f"{web.url}/whole",
            "name": web.tls_url.replace("127.0.0.1", "localhost"),
        }
        store = await started(web)
        yield WebService(store, web, bases[request.param])
        await store.stop()

    async def place(self, service: Any, data: bytes) -> str:
        return f"{service.base}/{service.web.put(data)}"

    @pytest.fixture
    def data(self, service: WebService, monkeypatch: pytest.MonkeyPatch) -> bytes:
        if service.base.endswith("/whole"):
            # The contract asks for a byte far behind the end.
            monkeypatch.setattr(reading, "SKIPPED", 1 << 50)
        return content(3 * MIB + 1000)


@pytest.fixture
async def store(web: Web) -> AsyncIterator[HttpStore]:
    store = await started(web)
    yield store
    await store.stop()


def test_is_found_as_a_driver() -> None:
    assert isinstance(driver, Driver)
    assert driver.schemes == ("http", "https")
    assert isinstance(driver.create("a", driver.settings()), Store)


async def test_is_never_written_to(store: HttpStore, web: Web) -> None:
    url = f"{web.url}/{web.put(b'x')}"
    assert Capability.WRITABLE not in store.capabilities
    for attempt in (store.add(new_id(), cut(b"y")), store.delete(url), store.discard(new_id())):
        with pytest.raises(errors.ReadOnly) as caught:
            await attempt
        assert caught.value.store == "web"
    assert await read(store, url) == b"x"


def test_what_is_its_own() -> None:
    one = HttpStore("a", HttpSettings(http_store_disallowed_hosts=("no.example",)))
    assert not one.places()
    assert isinstance(one, Selective)
    assert one.admits("https://example.org/x#label")
    assert not one.admits("https://no.example/x")
    assert not one.admits("https://192.168.0.1/x")
    assert one.owns("HTTPS://example.org/x")
    assert not one.owns("swift+https://example.org/x")
    assert not one.owns("file:///x")
    assert one.local_path("http://example.org/x") is None
    assert one.details() == {}


class TestServers:
    """What nginx can be like."""

    async def test_no_more_redirects_than_five(self, store: HttpStore, web: Web) -> None:
        path = web.put(b"moved about")
        assert await read(store, f"{web.url}/hop5/{path}") == b"moved about"
        assert await store.size(f"{web.url}/hop5/{path}") == 11
        for url in (f"{web.url}/hop6/{path}", f"{web.url}/loop/"):
            with pytest.raises(errors.Unavailable, match="redirects"):
                await read(store, url)

    async def test_one_that_is_too_slow_on_the_whole(self, web: Web) -> None:
        """It sends enough each time to go on for ever."""
        store = await started(web, http_store_min_rate=1 << 30, http_store_grace=0.5)
        url = f"{web.url}/slow/{web.put(content(8 * MIB, seed=8))}"
        with pytest.raises(errors.Unavailable, match="less than the 1073741824 a second") as caught:
            await read(store, url)
        assert caught.value.store == "web"
        await store.stop()

    @pytest.mark.parametrize("place", ["marked", "packed"])
    async def test_what_is_labelled_as_encoded(
        self, store: HttpStore, web: Web, place: str
    ) -> None:
        """The bytes as they are, never unpacked; nothing is asked for in another encoding."""
        data = gzip.compress(content(MIB, seed=7))
        url = f"{web.url}/{place}/{web.put(data)}"
        assert await read(store, url) == data
        assert await read(store, url, 1000, 500) == data[1000:1500]
        assert await store.size(url) == len(data)

    @pytest.mark.parametrize(
        ("place", "kind"),
        [
            ("gone", errors.NotFound),
            ("private", errors.Unusable),
            ("ill", errors.Unavailable),
        ],
    )
    async def test_refusals(
        self, store: HttpStore, web: Web, place: str, kind: type[errors.StoreError]
    ) -> None:
        url = f"{web.url}/{place}/{web.put(b'x')}"
        for call in (read(store, url), read(store, url, 0, 1), store.size(url)):
            with pytest.raises(kind) as caught:
                await call
            assert type(caught.value) is not errors.InvalidLocation
            assert (caught.value.store, caught.value.url) == ("web", url)

    async def test_nothing_is_packed_on_the_way(self, store: HttpStore, web: Web) -> None:
        data = b"a" * 100_000
        assert await read(store, f"{web.url}/packed/{web.put(data)}") == data

    async def test_a_server_that_allows_get_alone(self, store: HttpStore, web: Web) -> None:
        url = f"{web.url}/getonly/{web.put(b'12345')}"
        assert await store.size(url) == 5
        assert await store.exists(url)

    async def test_far_ranges_of_a_server_without_ranges(
        self, store: HttpStore, web: Web, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        url = f"{web.url}/whole/{web.put(content(3000))}"
        monkeypatch.setattr(reading, "SKIPPED", 1000)
        assert await read(store, url, 1000, 5) == content(3000)[1000:1005]
        with pytest.raises(errors.Unusable, match="cannot send a part"):
            await read(store, url, 1001, 5)

    async def test_a_slow_server_is_waited_for(self, web: Web) -> None:
        # Five seconds for all of it; nginx sends once in one or two.
        store = await started(web, http_store_progress_timeout=3.5)
        data = content(5 * MIB // 2)
        assert await read(store, f"{web.url}/slow/{web.put(data)}") == data
        await store.stop()

    async def test_names_that_need_escapes(self, store: HttpStore, web: Web) -> None:
        path = web.put(b"odd", "ü %25?#.img")
        escaped = f"{web.url}/{web.folder}/%C3%BC%20%2525%3f%23.img"
        assert await read(store, escaped) == b"odd"
        assert await read(store, escaped.replace("%C3%BC", "ü") + "?signature=a%2Fb+c") == b"odd"
        assert path


class TestTls:
    async def test_certificates_are_verified(self, web: Web) -> None:
        url = f"{web.tls_url}/{web.put(b'x')}"
        store = await started(web, https_ca_certificates_file=None)
        with pytest.raises(errors.Unavailable, match="certificate"):
            await read(store, url)
        await store.stop()

    async def test_also_the_name_in_them(self, web: Web) -> None:
        path = web.put(b"x")
        store = await started(web, http_store_allowed_hosts=("127.0.0.2", "ip6-localhost"))
        with pytest.raises(errors.Unavailable):
            await read(store, f"{web.tls_url.replace('127.0.0.1', 'ip6-localhost')}/{path}")
        await store.stop()

    async def test_unless_it_is_said(self, web: Web) -> None:
        url = f"{web.tls_url}/{web.put(b'x')}"
        store = await started(web, https_ca_certificates_file=None, https_insecure=True)
        assert await read(store, url) == b"x"
        await store.stop()

    async def test_own_authorities_win(self, web: Web, tmp_path: Path) -> None:
        store = await started(web, https_insecure=True)
        assert await read(store, f"{web.tls_url}/{web.put(b'x')}") == b"x"
        await store.stop()
        for text in (None, "no certificate"):
            file = tmp_path / "ca.pem"
            if text is not None:
                file.write_text(text)
            with pytest.raises(errors.Misconfigured, match="https_ca_certificates_file"):
                await started(web, https_ca_certificates_file=str(file))


@pytest.mark.parametrize(
    "options",
    [
        {"http_store_allowed_ports": ("http",)},
        {"http_store_disallowed_ports": ("70000",)},
        {"http_proxy_information": ("proxy:3128",)},
        {"http_proxy_information": ("ftp:proxy:3128",)},
        {"http_store_allowed_hosts": ("ü" * 70,)},
    ],
)
def test_options_that_cannot_be_understood(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        HttpSettings(**options)


async def test_is_not_to_be_used_before_its_start(web: Web) -> None:
    store = HttpStore(
        "web", HttpSettings(http_store_allowed_hosts=("127.0.0.1",), http_store_allowed_ports=())
    )
    with pytest.raises(errors.Unavailable):
        await read(store, f"{web.url}/x")


class TestServersThatDie:
    @pytest.fixture
    async def mortal(self, tmp_path: Path) -> AsyncIterator[tuple[HttpStore, nginx.Nginx, str]]:
        """A store and an nginx with one large object, for this test alone."""
        server = nginx.start(tmp_path / "nginx", writable=False)
        (server.root / "large").write_bytes(bytes(64 * MIB))
        settings = HttpSettings(
            http_store_allowed_hosts=("127.0.0.1",),
            http_store_allowed_ports=(),
            http_store_connect_timeout=1,
            http_store_progress_timeout=1,
        )
        store = HttpStore("web", settings)
        await store.start()
        yield store, server, f"{server.url}/large"
        await store.stop()
        server.stop()

    async def test_in_the_middle(self, mortal: tuple[HttpStore, nginx.Nginx, str]) -> None:
        store, server, url = mortal
        with pytest.raises(errors.Unavailable):
            async with store.open(url) as blocks:
                async for _ in blocks:
                    server.stop()
        for call in (read(store, url), store.size(url), store.exists(url)):
            with pytest.raises(errors.Unavailable):
                await call

    async def test_that_hang(self, mortal: tuple[HttpStore, nginx.Nginx, str]) -> None:
        store, server, url = mortal
        try:
            with pytest.raises(errors.Unavailable, match="next to nothing"):
                async with store.open(url) as blocks:
                    async for _ in blocks:
                        os.killpg(server.pid, signal.SIGSTOP)
            for call in (read(store, url), store.size(url), store.exists(url)):
                with pytest.raises(errors.Unavailable, match="in time"):
                    await call
        finally:
            os.killpg(server.pid, signal.SIGCONT)
        assert await store.size(url) == 64 * MIB
