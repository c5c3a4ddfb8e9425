"""What the guard lets pass, and what it does not."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import ip_address

import pytest

from imagestore.backends.errors import InvalidLocation, Unavailable
from imagestore.backends.http.addresses import Address
from imagestore.backends.http.guard import Guard
from imagestore.backends.http.lookup import Resolve
from imagestore.backends.http.rules import AddressRules

from ...hostile_urls import ADDRESSES, ANYWHERE, NAMES


def answering(*answers: str) -> Resolve:
    async def resolve(host: str) -> Iterable[Address]:
        return [ip_address(text) for text in answers]

    return resolve


async def nobody_asks(host: str) -> Iterable[Address]:
    raise AssertionError(f"{host} was looked up")


def test_there_are_enough() -> None:
    assert len(set(ANYWHERE)) == len(ANYWHERE) >= 40


@pytest.mark.parametrize("url", ANYWHERE)
async def test_hostile_by_their_text(url: str) -> None:
    guard = Guard(AddressRules(), store="web", resolve=nobody_asks)
    with pytest.raises(InvalidLocation) as caught:
        guard.check(url)
    with pytest.raises(InvalidLocation):
        await guard.admit(url)
    assert caught.value.store == "web"
    assert "secret" not in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("among", [False, True], ids=["alone", "among others"])
async def test_hostile_by_what_they_lead_to(address: str, among: bool) -> None:
    answers = ["8.8.8.8", address, "2606:4700::1111"] if among else [address]
    guard = Guard(AddressRules(), resolve=answering(*answers))
    for url in NAMES:
        with pytest.raises(InvalidLocation) as caught:
            await guard.admit(url)
        assert address not in str(caught.value)


async def test_ordinary_urls() -> None:
    guard = Guard(AddressRules(), resolve=answering("8.8.8.8", "2606:4700::1111", "8.8.8.8"))
    for url in ("http://example.org/x", "https://example.org:443/", "http://8.8.8.8/", *NAMES):
        await guard.admit(url)
    # The port that goes with the other scheme is one of the allowed ones.
    await guard.admit("http://example.org:443/")
    assert await guard.addresses("example.org") == [
        ip_address("8.8.8.8"),
        ip_address("2606:4700::1111"),
    ]


async def test_names_without_addresses() -> None:
    async def fails(host: str) -> Iterable[Address]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    for resolve in (fails, answering()):
        with pytest.raises(Unavailable):
            await Guard(AddressRules(), resolve=resolve).admit("http://example.org/")


def test_what_has_to_be_changed_is_said() -> None:
    guard = Guard(AddressRules())
    for url, reason in {
        "http://user:secret@example.org/": "user name",
        "http://example.org:22/": "port 22",
        "ftp://example.org/": "scheme ftp",
        "http://127.1/": "usual form",
        "http://example.org/#x": "fragment",
        "http://10.0.0.1/": "address that is not allowed",
    }.items():
        with pytest.raises(InvalidLocation, match=reason):
            guard.check(url)


class TestLists:
    """An allow list switches its deny list off, as with Glance."""

    def passes(self, url: str, **rules: object) -> bool:
        try:
            Guard(AddressRules(**rules)).check(url)  # type: ignore[arg-type]
        except InvalidLocation:
            return False
        return True

    def test_schemes(self) -> None:
        assert not self.passes("http://h/", allowed_schemes=("https",))
        assert self.passes("HTTPS://h/", allowed_schemes=("Https",))
        assert not self.passes("http://h/", allowed_schemes=(), disallowed_schemes=("http",))
        assert self.passes("https://h/", allowed_schemes=(), disallowed_schemes=("http",))
        assert self.passes("http://h/", disallowed_schemes=("http",))
        # Whatever the lists say, nothing else can be fetched.
        assert not self.passes("ftp://h/", allowed_schemes=("ftp",))
        assert not self.passes("file:///x", allowed_schemes=())

    def test_hosts(self) -> None:
        assert self.passes("http://a/", allowed_hosts=("A", "b."), disallowed_hosts=("a",))
        assert not self.passes("http://c/", allowed_hosts=("a", "b"))
        assert not self.passes("http://a.b/", allowed_hosts=("b",))
        assert not self.passes("http://A./", disallowed_hosts=("a",))
        assert self.passes("http://b/", disallowed_hosts=("a",))
        assert not self.passes("http://8.8.8.8/", disallowed_hosts=("8.8.8.8",))
        assert not self.passes("http://[2606::1]/", disallowed_hosts=("2606:0::1",))

    def test_ports(self) -> None:
        assert self.passes("http://h:8080/", allowed_ports=(8080,), disallowed_ports=(8080,))
        assert not self.passes("http://h:80/", allowed_ports=(8080,))
        assert self.passes("http://h/", allowed_ports=(8080,))
        assert self.passes("http://h:22/", allowed_ports=())
        assert not self.passes("http://h:22/", allowed_ports=(), disallowed_ports=(22,))
        assert not self.passes("http://h/", allowed_ports=(), disallowed_ports=(80,))
        assert self.passes("https://h/", allowed_ports=(), disallowed_ports=(80,))

    async def test_a_denied_address_is_denied_by_any_name(self) -> None:
        rules = AddressRules(disallowed_hosts=("8.8.8.8",))
        for answer in ("8.8.8.8", "::ffff:8.8.8.8", "64:ff9b::808:808"):
            with pytest.raises(InvalidLocation):
                await Guard(rules, resolve=answering(answer)).admit("http://h/")
        await Guard(rules, resolve=answering("8.8.4.4")).admit("http://h/")

    async def test_a_host_that_is_listed_may_be_anywhere(self) -> None:
        rules = AddressRules(allowed_hosts=("mirror", "127.0.0.1", "::1"))
        guard = Guard(rules, resolve=answering("127.0.0.1", "10.0.0.1"))
        for url in ("http://mirror/", "http://127.0.0.1/", "http://[::1]/"):
            await guard.admit(url)
        for url in ("http://127.0.0.2/", "http://127.1/", "http://[::ffff:127.0.0.1]/"):
            with pytest.raises(InvalidLocation):
                guard.check(url)

    async def test_private_networks(self) -> None:
        rules = AddressRules(allow_private_addresses=True)
        for answer in ("10.0.0.1", "fd12::1", "100.64.0.1", "8.8.8.8"):
            await Guard(rules, resolve=answering(answer)).admit("http://h/")
        for answer in ("127.0.0.1", "169.254.169.254", "100.100.100.200", "fd00:ec2::254"):
            with pytest.raises(InvalidLocation):
                await Guard(rules, resolve=answering("10.0.0.1", answer)).admit("http://h/")


async def test_the_systems_resolver() -> None:
    with pytest.raises(InvalidLocation):
        await Guard(AddressRules()).admit("http://localhost/")
    await Guard(AddressRules(allowed_hosts=("localhost",))).admit("http://localhost/")
