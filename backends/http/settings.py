"""The options of an HTTP store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from imagestore.backends.base import option
from imagestore.backends.http.guard import Guard
from imagestore.backends.http.rules import AddressRules
from imagestore.backends.http.transport import Transport
from imagestore.backends.least_rate import GRACE, MIN_RATE

_FILTER = "import_filtering_opts"
"""A location has to obey what holds for it when it is added, unless its store says otherwise."""


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """Options in a store's section; names and meaning are Glance's where Glance has them."""

    # One line for what an option is, and then what it means to whoever sets it.
    # fmt: off
    https_ca_certificates_file: str | None = option(None, help=
        "Authorities (PEM) that servers' certificates must come from. Unset: the system's.")
    https_insecure: bool = option(False, help=
        "Believe any certificate. Glance's default is true; it is of no effect together with "
        "https_ca_certificates_file.")
    http_proxy_information: tuple[str, ...] = option((), secret=True, help=
        "Proxies as scheme:host:port, by the scheme of what is fetched. Addresses behind host "
        "names are then the proxy's to refuse. Proxies of the environment are not used.")
    http_store_allowed_hosts: tuple[str, ...] = option(
        (), inherits=(_FILTER, "allowed_hosts"), help=
        "Hosts from which images are read, and no others; they may have any address, private ones "
        "included. Unset, here as below: what [import_filtering_opts] says.")
    http_store_disallowed_hosts: tuple[str, ...] = option(
        (), inherits=(_FILTER, "disallowed_hosts"), help=
        "Hosts from which no images are read; only without a list of allowed ones.")
    http_store_allowed_ports: tuple[str, ...] = option(
        ("80", "443"), inherits=(_FILTER, "allowed_ports"), help=
        "Ports that a URL may name; one without a port passes.")
    http_store_disallowed_ports: tuple[str, ...] = option(
        (), inherits=(_FILTER, "disallowed_ports"), help=
        "Ports that a URL may not name; only without a list of allowed ones.")
    http_store_allow_private_addresses: bool = option(
        False, inherits=(_FILTER, "allow_private_addresses"), help=
        "Read also from hosts with addresses in private networks.")
    http_store_connect_timeout: float = option(30.0, minimum=1, unit="seconds", help=
        "Seconds after which an address of a server counts as out of reach.")
    http_store_progress_timeout: float = option(60.0, minimum=1, unit="seconds", help=
        "Seconds within which a server has to answer, and then to send at least 64 KiB each time.")
    http_store_min_rate: int = option(
        MIN_RATE, inherits=("imagestore", "fetch_min_rate"), minimum=0, unit="bytes", help=
        "Bytes a second that have to come on average, once http_store_grace is over. 0: any. "
        "Unset, here as below: what [imagestore] fetch_min_rate and fetch_grace say.")
    http_store_grace: float = option(
        GRACE, inherits=("imagestore", "fetch_grace"), minimum=1, unit="seconds", help=
        "Seconds that a transfer may take beyond that.")

    # fmt: on

    def __post_init__(self) -> None:
        """ValueError names the option that cannot be understood."""
        Guard(self.rules())
        self.transport()

    def rules(self) -> AddressRules:
        """What a location must obey."""
        return AddressRules(
            allowed_hosts=self.http_store_allowed_hosts,
            disallowed_hosts=self.http_store_disallowed_hosts,
            allowed_ports=_ports("http_store_allowed_ports", self.http_store_allowed_ports),
            disallowed_ports=_ports(
                "http_store_disallowed_ports", self.http_store_disallowed_ports
            ),
            allow_private_addresses=self.http_store_allow_private_addresses,
        )

    def transport(self) -> Transport:
        """How servers are reached."""
        ca_file = self.https_ca_certificates_file
        return Transport(
            ca_file=Path(ca_file) if ca_file else None,
            insecure=self.https_insecure,
            proxies=dict(_proxy(text) for text in self.http_proxy_information),
            connect_timeout=self.http_store_connect_timeout,
        )


def _ports(name: str, texts: tuple[str, ...]) -> tuple[int, ...]:
    for text in texts:
        if not text.isdecimal() or not 0 < int(text) < 65536:
            raise ValueError(f"{name}: {text!r} is not a port.")
    return tuple(int(text) for text in texts)


def _proxy(text: str) -> tuple[str, str]:
    """``http:host:port`` or ``http:http://host:port`` as scheme and URL of the proxy."""
    scheme, _, place = text.partition(":")
    if scheme not in ("http", "https") or not place:
        raise ValueError("http_proxy_information: not of the form http:host:port, https:host:port.")
    return scheme, place if "://" in place else f"http://{place}"
