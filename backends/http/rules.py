"""Which URLs may be fetched, as an operator says it."""

from __future__ import annotations

from dataclasses import dataclass

from imagestore.backends.base import option

# One line for what an option is, and then what it means to whoever sets it.
# fmt: off


@dataclass(frozen=True, slots=True)
class AddressRules:
    """Names and meaning are those of Glance's ``[import_filtering_opts]``, and one of ours.

    A list of what is allowed, if it is not empty, switches off the list of what is not.
    """

    allowed_schemes: tuple[str, ...] = option(("http", "https"), help=
        "Schemes that a URL may have; of others than http and https none can be fetched.")
    disallowed_schemes: tuple[str, ...] = option((), help=
        "Schemes that a URL may not have; only without a list of allowed ones.")
    allowed_hosts: tuple[str, ...] = option((), help=
        "Names or addresses of the only hosts that may be fetched from. These may have any "
        "address, loopback included. Empty: all hosts with public addresses.")
    disallowed_hosts: tuple[str, ...] = option((), help=
        "Names or addresses of hosts that may not be fetched from; only without a list of "
        "allowed ones.")
    allowed_ports: tuple[int, ...] = option((80, 443), help=
        "Ports that a URL may name; one without a port passes.")
    disallowed_ports: tuple[int, ...] = option((), help=
        "Ports that a URL may not name; only without a list of allowed ones.")
    allow_private_addresses: bool = option(False, help=
        "Fetch also from hosts in private networks (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, "
        "100.64.0.0/10, fc00::/7). Whoever may import can then read what is served there.")
