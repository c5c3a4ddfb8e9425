"""Locations of objects, as Glance writes them, and which account they mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from imagestore.backends.errors import InvalidLocation
from imagestore.backends.swift.credentials import Credentials

_TRICKS = re.compile(r"[\x00-\x20?#\\\x7f]")


@dataclass(frozen=True, slots=True)
class SwiftLocation:
    """Where an object is. One of ``reference``, ``credentials`` and ``base`` tells the account."""

    container: str
    name: str
    reference: str | None = None
    credentials: Credentials | None = None
    """Of an old location that names its user."""
    base: str | None = None
    """The URL of the account, which the default credentials may use."""

    @property
    def url(self) -> str:
        """As Glance writes it, where no credentials tell the account: none are shown."""
        account = f"config://{self.reference}" if self.base is None else self.base
        return f"swift+{account}/{quote(self.container)}/{quote(self.name)}"


def parse(url: str, references: Mapping[str, Credentials], *, store: str) -> SwiftLocation:
    """Where a location points.

    Three kinds: ``swift+config://reference/container/name``; the old
    ``swift+https://project:user:key@keystone/v3/container/name`` (``swift+http``, and ``swift``
    for https), whose Keystone must be that of a reference, so that a location cannot
    send us elsewhere; and with the account's URL instead, in a multi-tenant store.
    Raises :class:`InvalidLocation`, with nothing of the URL in it, which may hold a key.
    """

    def invalid(reason: str) -> InvalidLocation:
        return InvalidLocation(reason, store=store)

    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises for one that is no number
    except ValueError as error:
        raise invalid("not a URL") from error
    if _TRICKS.search(url) or url.count("://") != 1:
        raise invalid("not a location of Swift")
    *address, container, name = ["", "", *(unquote(step) for step in parts.path.split("/")[1:])]
    if not _is_name(container) or not _is_name(name) or "" in address[2:]:
        raise invalid("does not end with a container and an object")
    if parts.scheme == "swift+config":
        if address[2:] or parts.netloc not in references:
            raise invalid("no such reference is configured")
        return SwiftLocation(container, name, reference=parts.netloc)
    schemes = {"swift": "https", "swift+https": "https", "swift+http": "http"}
    if parts.scheme not in schemes:
        raise invalid("not a location of Swift")
    login, at, host = parts.netloc.rpartition("@")
    base = "/".join([f"{schemes[parts.scheme]}://{host}", *map(quote, address[2:])])
    if not host:
        raise invalid("names no host")
    if not at:
        return SwiftLocation(container, name, base=base)
    user, colon, key = unquote(login).rpartition(":")
    if not colon or ":" not in user or not key:
        raise invalid("does not name project, user and key")
    matching = [ref for ref, known in references.items() if _same(known.auth_address, base)]
    if not matching:
        raise invalid("names a Keystone that no reference has")
    for reference in matching:
        if references[reference].user == user:
            return SwiftLocation(container, name, reference=reference)  # its key may be newer
    return SwiftLocation(container, name, credentials=references[matching[0]].as_user(user, key))


def _is_name(name: str) -> bool:
    return name not in ("", ".", "..") and "/" not in name and not _TRICKS.search(name)


def _same(address: str, other: str) -> bool:
    return address.rstrip("/").lower() == other.rstrip("/").lower()
