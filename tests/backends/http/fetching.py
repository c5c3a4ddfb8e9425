"""A fetcher as the tests of it use it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable
from ipaddress import ip_address
from typing import Any

import pytest

from imagestore.backends import errors
from imagestore.backends.http import AddressRules
from imagestore.backends.http.addresses import Address
from imagestore.backends.http.connections import Connections
from imagestore.backends.http.fetch import Fetcher
from imagestore.backends.http.guard import Guard
from imagestore.backends.http.lookup import Resolve, system_addresses
from imagestore.backends.http.transport import Transport

from .raw_server import Answer, RawServer, serving

LOCAL = AddressRules(allowed_hosts=("127.0.0.1", "mirror.example"), allowed_ports=())
"""Rules under which servers of a test can be reached."""


class Names:
    """A resolver whose answers a test writes; each look-up takes the next, the last one stays."""

    def __init__(self, *answers: Iterable[str]) -> None:
        self._answers = [list(answer) for answer in answers]
        self.asked: list[str] = []

    async def __call__(self, host: str) -> list[Address]:
        self.asked.append(host)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [ip_address(text) for text in answer]


@contextlib.asynccontextmanager
async def fetcher(
    rules: AddressRules = LOCAL,
    *,
    resolve: Resolve = system_addresses,
    transport: Transport | None = None,
    **options: Any,
) -> AsyncIterator[Fetcher]:
    guard = Guard(rules, store="web", resolve=resolve)
    connections = Connections(guard, transport or Transport(connect_timeout=5), store="web")
    await connections.start()
    options = {"answer_timeout": 10, "progress_timeout": 10} | options
    try:
        yield Fetcher(guard, connections, store="web", **options)
    finally:
        await connections.stop()


async def fetched(fetch: Fetcher, url: str, *args: Any, **options: Any) -> bytes:
    async with fetch.open(url, *args, **options) as opened:
        return b"".join([bytes(block) async for block in opened.blocks])


async def fails(answer: Answer, match: str, *args: int, **options: float) -> RawServer:
    """A fetch of that answer is ``Unavailable`` or ``Unusable`` with that message."""
    async with serving(answer) as server, fetcher(**options) as fetch:
        with pytest.raises((errors.Unavailable, errors.Unusable), match=match or None) as caught:
            await fetched(fetch, server.url, *args)
        assert caught.value.store == "web"
        assert "127.0.0.1" not in caught.value.message
    return server
