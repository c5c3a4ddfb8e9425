"""The addresses of a host name, by the system's resolver."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import ip_address

from imagestore.backends.http.addresses import Address

Resolve = Callable[[str], Awaitable[Iterable[Address]]]
"""The addresses of a host name; OSError if there are none."""

LOOKUP_TIMEOUT = 20.0
"""Seconds for one look-up, the wait for its turn included."""

_THREADS = ThreadPoolExecutor(8, "lookup")
"""Their own: whoever runs a name server that does not answer holds up look-ups and no more."""


async def system_addresses(host: str) -> list[Address]:
    """All addresses that the system finds for a name; OSError if there are none in time."""
    # Only here: configuration is checked with these rules where no event loop runs.
    import asyncio

    look_up = partial(socket.getaddrinfo, host, None, type=socket.SOCK_STREAM)
    async with asyncio.timeout(LOOKUP_TIMEOUT):
        found = await asyncio.get_running_loop().run_in_executor(_THREADS, look_up)
    return [ip_address(str(sockaddr[0]).partition("%")[0]) for *_, sockaddr in found]
