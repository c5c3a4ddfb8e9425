"""Names looked up by the system."""

from __future__ import annotations

import asyncio
import socket
import threading
from ipaddress import ip_address
from typing import Any

import pytest

from imagestore.backends.http import lookup
from imagestore.backends.http.lookup import system_addresses


async def test_all_addresses() -> None:
    assert ip_address("127.0.0.1") in await system_addresses("localhost")


async def test_a_name_server_that_does_not_answer_holds_up_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A real resolver takes a time-out of its own; this one takes until the test is over."""
    over = threading.Event()

    def hangs(*args: Any, **more: Any) -> Any:
        over.wait(30)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(lookup, "LOOKUP_TIMEOUT", 0.3)
    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    look_ups = [asyncio.create_task(system_addresses("slow.example")) for _ in range(50)]
    try:
        await asyncio.sleep(0.05)
        assert await asyncio.wait_for(asyncio.to_thread(lambda: "free"), 10) == "free"
        results = await asyncio.wait_for(asyncio.gather(*look_ups, return_exceptions=True), 10)
        assert {type(each) for each in results} == {TimeoutError}
    finally:
        over.set()
