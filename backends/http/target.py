"""A URL taken apart so strictly that no two programs could read it differently."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import quote

from yarl import URL

from imagestore.backends.http.addresses import Address, plain

_LONGEST = 8000
"""Characters; servers refuse longer request lines."""
_URL = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<rest>.*)", re.I | re.S
)
_AUTHORITY = re.compile(r"(?P<host>[a-z0-9._-]+|\[[0-9a-f:.]+\])(:(?P<port>[0-9]{1,5}))?", re.I)
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_AS_THEY_ARE = "".join(chr(code) for code in range(0x21, 0x7F))
"""What of a path and query is sent as it came: all of ASCII, escapes included."""


@dataclass(frozen=True, slots=True)
class Target:
    """What to ask whom for.

    ``host`` is in lower case and without a dot at its end, an IPv6 address without brackets;
    ``path`` begins with a slash and includes the query.
    """

    scheme: str
    host: str
    port: int | None
    """None if the URL names none."""
    path: str

    @classmethod
    def parse(cls, text: str) -> Target:
        """Take a URL apart; ValueError with the reason if there is any doubt about it.

        Names of hosts in other scripts have to come in their ASCII form. Numbers that a
        system would take for an IPv4 address in disguise (``2130706433``, ``0x7f.1``,
        ``127.1``, ``0177.0.0.1``) are refused as the URL standard tells them: by their last
        label. So are IPv6 addresses that carry an IPv4 one.
        """
        if len(text) > _LONGEST:
            raise ValueError("the URL is too long")
        if any(not char.isprintable() or char.isspace() or char == "\\" for char in text):
            raise ValueError("the URL holds a space, a control character or a backslash")
        url = _URL.fullmatch(text)
        if url is None:
            raise ValueError("not of the form scheme://host/path")
        if "@" in url["authority"]:
            raise ValueError("the URL must not hold a user name or password")
        if "#" in url["rest"]:
            raise ValueError("the URL must not have a fragment (#)")
        authority = _AUTHORITY.fullmatch(url["authority"])
        if authority is None:
            raise ValueError("the URL does not name a host in the plain form of host or host:port")
        port = None if authority["port"] is None else int(authority["port"])
        if port is not None and not 0 < port < 65536:
            raise ValueError("there is no such port")
        rest = quote(url["rest"], safe=_AS_THEY_ARE)
        path = rest if rest.startswith("/") else f"/{rest}"
        return cls(url["scheme"].lower(), _host(authority["host"].lower()), port, path)

    @property
    def address(self) -> Address | None:
        """The address that the URL names in place of a host name."""
        return literal(self.host)

    @property
    def url(self) -> URL:
        """For the HTTP client, which must not change a byte of it: it may be signed."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        return URL(f"{self.scheme}://{host}{port}{self.path}", encoded=True)


def literal(host: str) -> Address | None:
    """The address that a host in normal form is; None for a name."""
    try:
        return IPv6Address(host) if ":" in host else IPv4Address(host)
    except AddressValueError:
        return None


def normal_host(text: str) -> str:
    """A host as an operator writes it, in the form of :attr:`Target.host`."""
    host = text.strip().lower().removeprefix("[").removesuffix("]").removesuffix(".")
    if not host.isascii():
        host = host.encode("idna").decode()
    address = literal(host)
    return host if address is None else str(address)


def shown(url: str) -> str:
    """A URL for messages and logs: nothing secret is left (credentials, signed queries)."""
    match = _URL.match(url)
    if match is None:
        return ""
    host = match["authority"].rpartition("@")[2]
    path = re.split(r"[?#]", match["rest"])[0]
    text = f"{match['scheme']}://{host}{path}"
    return "".join(char if char.isprintable() else "?" for char in text)[:200]


def _host(host: str) -> str:
    if host.startswith("["):
        try:
            address = IPv6Address(host[1:-1])
        except AddressValueError as error:
            raise ValueError("the IPv6 address is not valid") from error
        if plain(address) is not address:
            raise ValueError("write the IPv4 address in its usual form")
        return str(address)
    if literal(host) is not None:
        return host
    labels = host.removesuffix(".").split(".")
    if _NUMBER.fullmatch(labels[-1]):
        raise ValueError("write the IPv4 address in its usual form, as 192.0.2.1")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("the host name is not valid")
    return ".".join(labels)
