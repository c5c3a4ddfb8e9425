"""How far addresses reach."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from imagestore.backends.http.addresses import Reach, plain, reach

from ...hostile_urls import ADDRESSES


@pytest.mark.parametrize("text", ADDRESSES)
def test_hostile_ones_are_not_public(text: str) -> None:
    assert reach(ip_address(text)) is not Reach.PUBLIC


@pytest.mark.parametrize(
    "text",
    [
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "128.0.0.1",
        "169.253.255.255",
        "172.15.255.255",
        "172.32.0.0",
        "192.167.255.255",
        "223.255.255.255",
        "2001:200::1",
        "2606:4700::1111",
        "2a00:1450::1",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
    ],
)
def test_public(text: str) -> None:
    assert reach(ip_address(text)) is Reach.PUBLIC


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("10.0.0.0", Reach.PRIVATE),
        ("10.255.255.255", Reach.PRIVATE),
        ("172.16.0.0", Reach.PRIVATE),
        ("192.168.255.255", Reach.PRIVATE),
        ("100.64.0.0", Reach.PRIVATE),
        ("fdff::1", Reach.PRIVATE),
        ("::ffff:10.0.0.1", Reach.PRIVATE),
        ("127.0.0.1", Reach.SPECIAL),
        ("::ffff:127.0.0.1", Reach.SPECIAL),
        # Within private ranges, and not to be reached although those may be.
        ("100.100.100.200", Reach.SPECIAL),
        ("fd00:ec2::254", Reach.SPECIAL),
    ],
)
def test_private_is_not_special(text: str, kind: Reach) -> None:
    assert reach(ip_address(text)) is kind


def test_an_address_within_another() -> None:
    assert plain(ip_address("::ffff:1.2.3.4")) == ip_address("1.2.3.4")
    assert plain(ip_address("64:ff9b::102:304")) == ip_address("1.2.3.4")
    assert plain(ip_address("2001:db8::1")) == ip_address("2001:db8::1")
