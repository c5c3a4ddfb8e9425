"""Connections to servers, only ever to addresses that the guard has checked."""

from __future__ import annotations

import asyncio
import functools
import socket
import ssl
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from ipaddress import IPv6Address

from aiohttp import ClientResponse, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult

from imagestore.backends.base import BLOCK_SIZE
from imagestore.backends.errors import Misconfigured, Unavailable
from imagestore.backends.http.guard import Guard
from imagestore.backends.http.target import Target
from imagestore.backends.http.transport import Transport


class Connections:
    """Open connections by server. Closed ones and those never asked for cost nothing."""

    def __init__(self, guard: Guard, transport: Transport, *, store: str = "") -> None:
        self._guard = guard
        self._transport = transport
        self._store = store
        self._direct: ClientSession | None = None
        self._proxied: ClientSession | None = None

    async def start(self) -> None:
        """Read the certificates; nobody is connected to. :class:`Misconfigured` without them."""
        if self._direct is not None:
            return
        try:
            tls = await asyncio.to_thread(_context, self._transport)
        except (OSError, ssl.SSLError) as error:
            raise Misconfigured(
                f"https_ca_certificates_file: {self._transport.ca_file} cannot be used: {error}",
                store=self._store,
            ) from error
        if self._direct is None:  # nobody else has started it meanwhile
            self._direct = self._session(tls, _Resolver(self._guard))
            self._proxied = self._session(tls, None)

    async def stop(self) -> None:
        """Close every connection, those in use as well."""
        sessions, self._direct, self._proxied = (self._direct, self._proxied), None, None
        for session in sessions:
            if session is not None:
                await session.close()

    def request(
        self, method: str, target: Target, headers: Mapping[str, str]
    ) -> AbstractAsyncContextManager[ClientResponse]:
        """Ask for a target that the guard has checked. Redirects are not followed."""
        proxy = self._transport.proxies.get(target.scheme)
        session = self._proxied if proxy else self._direct
        if session is None:
            raise Unavailable("not started", store=self._store)
        return session.request(
            method, target.url, headers=headers, proxy=proxy, allow_redirects=False
        )

    def _session(self, tls: ssl.SSLContext, resolver: AbstractResolver | None) -> ClientSession:
        return ClientSession(
            # An address is looked up for each connection: what was checked is what is used.
            connector=TCPConnector(limit=0, ssl=tls, resolver=resolver, use_dns_cache=False),
            cookie_jar=DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            read_bufsize=4 * BLOCK_SIZE,
            timeout=ClientTimeout(total=None, sock_connect=self._transport.connect_timeout),
            headers={"User-Agent": "imagestore", "Accept-Encoding": "identity"},
        )


class _Resolver(AbstractResolver):
    """Gives the connector the checked addresses of a name, and no others."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=socket.AF_INET6 if isinstance(address, IPv6Address) else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in await self._guard.addresses(host)
        ]

    async def close(self) -> None:
        """There is nothing to close."""


def _context(transport: Transport) -> ssl.SSLContext:
    if transport.ca_file is not None:
        return ssl.create_default_context(cafile=transport.ca_file)
    return _of_the_system(transport.insecure)


@functools.cache
def _of_the_system(insecure: bool) -> ssl.SSLContext:
    """One for all fetchers of a process: reading the authorities takes a third of a start."""
    context = ssl.create_default_context()
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
