"""Three nodes on PostgreSQL behind one address: each is drained and restarted, nobody notices."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.served import Served, free_port, serve
from tests.services import proxies
from tests.services.databases import Server, postgresql

from .load import Load

__all__ = ["postgresql"]

Proxy = proxies.HAProxy | proxies.Nginx

SECONDS = float(os.environ.get("NODES_SECONDS", "1"))
"""Of load before, between and after the restarts; ``make soak-nodes`` asks for more."""
LONG = "NODES_SECONDS" in os.environ

OPTIONS = """
[file1]
filesystem_store_datadir = {store}
[database]
connection = {database}
[oslo_middleware]
enable_proxy_headers_parsing = true
[healthcheck]
backends = disable_by_file
disable_by_file_path = {switch}
"""


class Node:
    """One of several, on the database and the store of all."""

    def __init__(self, place: Path, number: int, database: str) -> None:
        self.number = number
        self.port = free_port()
        self.switch = place / f"off{number}"
        self._directory = place / f"node{number}"
        self._options = OPTIONS.format(
            store=place / "shared", database=database, switch=self.switch
        )
        self._stack = contextlib.ExitStack()

    def start(self) -> Served:
        context = serve(
            self._directory,
            flavor="",
            stores=("file1",),
            options=self._options,
            port=self.port,
        )
        return self._stack.enter_context(context)

    def stop(self) -> None:
        self._stack.close()

    def restart(self, proxy: Proxy) -> None:
        """As docs/several-nodes.md has it."""
        self.switch.touch()
        proxy.drain(self.number)
        self.stop()
        self.switch.unlink()
        self.start()
        proxy.admit(self.number)


@pytest.fixture
def nodes(tmp_path: Path, postgresql: Server) -> Iterator[list[Node]]:
    database = postgresql.emptied()
    found = [Node(tmp_path, number, database) for number in range(3)]
    with contextlib.ExitStack() as stack:
        for node in found:
            node.start()
            stack.callback(node.stop)
        yield found


@pytest.mark.parametrize(("start", "keep"), [(proxies.haproxy, True), (proxies.nginx, False)])
async def test_drained_and_restarted_under_load(
    start: Callable[..., Proxy], keep: bool, nodes: list[Node], tmp_path: Path
) -> None:
    proxy = await asyncio.to_thread(start, tmp_path / "proxy", [node.port for node in nodes])
    load = Load(proxy.url, tmp_path, keep=keep)
    try:
        check_links(proxy.url)
        running = asyncio.create_task(load.run(clients=4))
        await asyncio.sleep(SECONDS)
        # Behind nginx one node is enough, when there is little time.
        for node in nodes if LONG or keep else nodes[:1]:
            await asyncio.to_thread(node.restart, proxy)
            await asyncio.sleep(SECONDS)
        load.end()
        result = await running
    finally:
        load.end()
        proxy.stop()
    print(f"{sum(result.requests.values())} requests, {result.bytes} bytes: {result.requests}")
    assert result.failures == []
    assert all(result.requests[what] for what in ("create", "upload", "download", "curl"))
    assert list((tmp_path / "shared").iterdir()) == []


def check_links(url: str) -> None:
    """Links name the proxy, whatever the client says that it is; a body may have any size."""
    forged = {"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example;proto=ftp"}
    headers = {**forged, "X-Forwarded-Prefix": "/evil", "X-Forwarded-Proto": "ftp"}
    answer = requests.get(f"{url}/versions", headers=headers, timeout=30)
    links = {link["href"] for version in answer.json()["versions"] for link in version["links"]}
    assert links == {f"{url}/v1/", f"{url}/v2/"}
    draft: dict[str, Any] = {"name": "x"}
    answer = requests.post(f"{url}/v2/images", json=draft, headers=headers, timeout=30)
    assert answer.headers["Location"].startswith(f"{url}/v2/images/")
    requests.delete(answer.headers["Location"], timeout=30)
    assert requests.get(f"{url}/readiness", timeout=30).status_code == 404
