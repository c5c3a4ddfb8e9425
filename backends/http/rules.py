"""Which URLs may be fetched, as an operator says it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AddressRules:
    """Names and meaning are those of Glance's ``[import_filtering_opts]``, and one of ours.

    A list of what is allowed, if it is not empty, switches off the list of what is not.
    """

    allowed_schemes: tuple[str, ...] = ("http", "https")
    disallowed_schemes: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    """Names or addresses, compared as a whole. A host listed here may have any address,
    loopback and private ones included."""
    disallowed_hosts: tuple[str, ...] = ()
    allowed_ports: tuple[int, ...] = (80, 443)
    """A URL that names no port passes."""
    disallowed_ports: tuple[int, ...] = ()
    allow_private_addresses: bool = False
    """Let hosts that are not listed be inside the organisation's own networks."""
