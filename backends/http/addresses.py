"""How far an IP address reaches: who could be behind it."""

from __future__ import annotations

from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address


class Reach(Enum):
    """Where packets to an address end up."""

    PUBLIC = "public"
    PRIVATE = "private"
    """Inside the organisation: RFC 1918, shared space (RFC 6598), unique local (RFC 4193)."""
    SPECIAL = "special"
    """This machine, its link, a group, an instance's metadata service, a tunnel, nobody."""


def reach(address: Address) -> Reach:
    """What kind of address it is; one that carries another is what the other is.

    By the IANA registries of special-purpose addresses (RFC 6890) as of 2025. The library's
    ``is_global`` is not used: its tables differ between the versions of Python that we support.
    """
    address = plain(address)
    if address in _METADATA:
        return Reach.SPECIAL
    if isinstance(address, IPv4Address):
        return _reach(address, _SPECIAL_4, _PRIVATE_4)
    if address not in _GLOBAL_UNICAST:
        return Reach.PRIVATE if any(address in net for net in _PRIVATE_6) else Reach.SPECIAL
    return _reach(address, _SPECIAL_6, ())


def plain(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for (mapped, NAT64), else itself."""
    if isinstance(address, IPv6Address) and any(address in net for net in _CARRYING):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def _reach(address: Address, special: _Networks, private: _Networks) -> Reach:
    if any(address in net for net in special):
        return Reach.SPECIAL
    return Reach.PRIVATE if any(address in net for net in private) else Reach.PUBLIC


_Networks = tuple[IPv4Network | IPv6Network, ...]


def _networks(*texts: str) -> _Networks:
    return tuple(ip_network(text) for text in texts)


_PRIVATE_4 = _networks("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
_SPECIAL_4 = _networks(
    "0.0.0.0/8",  # this network; 0.0.0.0 is this machine
    "127.0.0.0/8",
    "169.254.0.0/16",  # link-local, where clouds keep instance metadata
    "192.0.0.0/24",
    "192.0.2.0/24",  # documentation, as the two below
    "192.88.99.0/24",  # 6to4 relays
    "198.18.0.0/15",  # benchmarks
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",  # multicast
    "240.0.0.0/4",  # reserved, and broadcast
)

_CARRYING = _networks("::ffff:0:0/96", "64:ff9b::/96")
"""Mapped, and NAT64's own prefix, which a DNS64 resolver hands out for public addresses."""
_GLOBAL_UNICAST = IPv6Network("2000::/3")
"""Outside of it are ::, ::1, compatible forms, link-local, site-local, multicast, and more."""
_PRIVATE_6 = _networks("fc00::/7")
_SPECIAL_6 = _networks(
    "2001::/23",  # protocols: Teredo, benchmarks, ORCHID
    "2001:db8::/32",  # documentation, as the last
    "2002::/16",  # 6to4
    "3fff::/20",
)

_METADATA = frozenset(
    {
        IPv4Address("168.63.129.16"),  # Azure
        IPv4Address("100.100.100.200"),  # Alibaba
        IPv6Address("fd00:ec2::254"),  # AWS
        IPv6Address("fd20:ce::254"),  # Google
    }
)
"""Services that give credentials to whoever asks, at addresses that look like any other."""
