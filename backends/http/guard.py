"""Decides whether a URL may be fetched, and to which addresses a connection may go."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

from imagestore.backends.errors import InvalidLocation, Unavailable
from imagestore.backends.http.addresses import Address, Reach, plain, reach
from imagestore.backends.http.lookup import Resolve, system_addresses
from imagestore.backends.http.rules import AddressRules
from imagestore.backends.http.target import Target, normal_host, shown

T = TypeVar("T")

SCHEMES = ("http", "https")
"""What can be fetched at all."""


class Guard:
    """The rules at work. ``store`` is who the errors say they come from."""

    def __init__(
        self, rules: AddressRules, *, store: str = "", resolve: Resolve = system_addresses
    ) -> None:
        self._store = store
        self._resolve = resolve
        self._schemes = _Lists(
            map(str.lower, rules.allowed_schemes), map(str.lower, rules.disallowed_schemes)
        )
        self._hosts = _Lists(
            map(normal_host, rules.allowed_hosts), map(normal_host, rules.disallowed_hosts)
        )
        self._ports = _Lists(rules.allowed_ports, rules.disallowed_ports)
        self._tolerated = {Reach.PUBLIC}
        if rules.allow_private_addresses:
            self._tolerated.add(Reach.PRIVATE)

    def check(self, url: str) -> Target:
        """What the URL asks for; :class:`InvalidLocation` if that is not allowed. No I/O.

        What a host name stands for is not known here: see :meth:`addresses`.
        """
        try:
            target = Target.parse(url)
        except ValueError as error:
            raise self._refusal(url, str(error)) from error
        if target.scheme not in SCHEMES or not self._schemes.allow(target.scheme):
            raise self._refusal(url, f"URLs of the scheme {target.scheme} are not allowed")
        if not self._hosts.allow(target.host):
            raise self._refusal(url, "this host is not allowed")
        if target.port is not None and not self._ports.allow(target.port):
            raise self._refusal(url, f"port {target.port} is not allowed")
        if target.port is None and self._ports.deny(443 if target.scheme == "https" else 80):
            raise self._refusal(url, f"the port of {target.scheme} is not allowed")
        if target.address is not None:
            self._check_addresses(target.host, [target.address])
        return target

    async def addresses(self, host: str) -> list[Address]:
        """All addresses of a host that :meth:`check` let pass, to connect to no others.

        :class:`InvalidLocation` if a single one of them is not allowed, for a name that stands
        for a good and a bad one is a trap; :class:`Unavailable` if the name has none.
        """
        try:
            found = list(dict.fromkeys(await self._resolve(host)))
        except OSError as error:
            raise Unavailable("the host name cannot be resolved", store=self._store) from error
        if not found:
            raise Unavailable("the host name has no address", store=self._store)
        self._check_addresses(host, found)
        return found

    async def admit(self, url: str) -> None:
        """Whether the URL may be fetched as things are now, without asking its server.

        For doors that only take note of a URL: they can refuse it at once. Whoever fetches it
        is checked anew.
        """
        target = self.check(url)
        if target.address is None:
            await self.addresses(target.host)

    def _check_addresses(self, host: str, addresses: Iterable[Address]) -> None:
        if host in self._hosts.allowed:
            return
        for address in addresses:
            if self._hosts.deny(str(plain(address))) or reach(address) not in self._tolerated:
                # Which address it is would tell an outsider about the inside.
                raise InvalidLocation(
                    "this host has an address that is not allowed", store=self._store
                )

    def _refusal(self, url: str, reason: str) -> InvalidLocation:
        return InvalidLocation(reason, store=self._store, url=shown(url))


class _Lists(Generic[T]):
    """An allow list and a deny list, of which the first switches off the second."""

    def __init__(self, allowed: Iterable[T], denied: Iterable[T]) -> None:
        self.allowed = frozenset(allowed)
        self._denied = frozenset(denied) if not self.allowed else frozenset()

    def allow(self, value: T) -> bool:
        return value in self.allowed if self.allowed else not self.deny(value)

    def deny(self, value: T) -> bool:
        """Whether the value is on a deny list that is in force."""
        return value in self._denied
