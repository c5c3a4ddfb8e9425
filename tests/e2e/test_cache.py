"""The cache through ``glance cache-…`` and ``openstack cached image …``, on two nodes of one
database; and a node in the place of the real Glance, with the cache that this has left."""

from __future__ import annotations

import json
import os
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Client
from tests.served import Served, free_port, serve
from tests.services import glance
from tests.services.databases import mariadb, url_of
from tests.services.programs import BIN

__all__ = ["mariadb"]

SIZE = 1 << 20
FLAVOR = "cachemanagement"
"""Every caller is an administrator."""


def until(holds: Callable[[], Any]) -> None:
    end = time.monotonic() + 90
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def call(url: str, method: str, path: str, body: Any = None, **headers: str) -> Any:
    if isinstance(body, bytes):
        headers["Content-Type"] = "application/octet-stream"
    elif body is not None:
        body, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
    request = urllib.request.Request(url + path, body, headers, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        content = answer.read()
    is_json = answer.headers.get("Content-Type", "").startswith("application/json")
    return json.loads(content) if is_json else content


def image(url: str, data: bytes, **headers: str) -> str:
    draft = {"disk_format": "raw", "container_format": "bare"}
    created = str(call(url, "POST", "/v2/images", draft, **headers)["id"])
    call(url, "PUT", f"/v2/images/{created}/file", data, **headers)
    return created


class Node:
    def __init__(self, served: Served, cache: Path) -> None:
        self.served = served
        self.cache = cache
        self.glance = Client(
            (str(BIN / "glance"), "--os-image-url", served.url, "--os-auth-token", "any")
        )
        none = ("--os-auth-type", "none", "--os-endpoint", served.url)
        self.openstack = Client((str(BIN / "openstack"), *none), ("-f", "json"))

    def has(self, *images: str) -> bool:
        """Whether these are its entries, and no others."""
        return sorted(images) == sorted(
            path.name for path in self.cache.iterdir() if path.is_file() and path.name != "lock"
        )


@pytest.fixture
def nodes(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[Node]]:
    database = url_of(request, "mariadb", tmp_path)
    started, running = [], []
    try:
        for name in ("one", "two"):
            port = free_port()
            options = (
                f"[DEFAULT]\nimage_cache_dir = {tmp_path / name / 'cache'}\n"
                f"worker_self_reference_url = http://127.0.0.1:{port}\n"
                f"[database]\nconnection = {database}\n"
                f"[file1]\nfilesystem_store_datadir = {tmp_path / 'images'}\n"
                "[imagestore]\ncache_sync_interval = 0.5\n"
            )
            context = serve(tmp_path / name, flavor=FLAVOR, options=options, port=port)
            started.append(context)
            running.append(Node(context.__enter__(), tmp_path / name / "cache"))
        yield running
    finally:
        for context in started[: len(running)]:
            context.__exit__(None, None, None)


def test_two_nodes(nodes: list[Node]) -> None:
    one, two = nodes
    first, second = (image(one.served.url, os.urandom(SIZE)) for _ in range(2))
    one.glance("cache-queue", first)
    two.openstack("cached", "image", "queue", first)
    two.openstack("cached", "image", "queue", second)
    until(lambda: one.has(first) and two.has(first, second))

    def known() -> bool:
        paths = [f"/v2/cache/nodes/{each}" for each in (first, second)]
        answers = [sorted(call(two.served.url, "GET", path)) for path in paths]
        return answers == [sorted(node.served.url for node in nodes), [two.served.url]]

    until(known)
    assert first in one.glance("cache-list")
    listed = two.openstack.json("cached", "image", "list")
    assert {entry["ID"]: entry["State"] for entry in listed} == {first: "cached", second: "cached"}

    # The removal of one image reaches all nodes, a clearing the one that is asked.
    one.glance("cache-delete", first)
    until(lambda: one.has() and two.has(second))
    one.glance("cache-queue", second)
    until(lambda: one.has(second))
    two.openstack("cached", "image", "clear", "--cache")
    until(two.has)
    assert one.has(second)
    one.glance("cache-clear")
    until(one.has)
    assert second not in one.glance("cache-list")


@pytest.mark.parametrize("driver", ["sqlite", "centralized_db"])
def test_in_the_place_of_glance(tmp_path: Path, driver: str) -> None:
    """What Glance had cached is used, what it had queued is fetched, the rest is left alone."""
    place, cache = tmp_path / "glance", tmp_path / "cache"
    options = {
        "DEFAULT": {"image_cache_dir": str(cache), "image_cache_driver": driver},
        "paste_deploy": {"flavor": "tokens+cachemanagement"},
    }
    peer = glance.start(place, options=options)
    try:
        token = {"X-Auth-Token": "u:p:admin,member,reader"}
        data = [os.urandom(SIZE) for _ in range(2)]
        cached, queued = (image(peer.url, each, **token) for each in data)
        assert call(peer.url, "GET", f"/v2/images/{cached}/file", **token) == data[0]
        until((cache / cached).exists)
        call(peer.url, "PUT", f"/v2/queued_images/{queued}", **token)
        assert (cache / "queue" / queued).exists()
        node = peer.url
    finally:
        peer.stop()
    (cache / "incomplete" / queued).write_bytes(data[1][:1000])
    left = {path.relative_to(cache) for path in cache.rglob("*.db")}

    settings = (
        f"[DEFAULT]\nimage_cache_dir = {cache}\nimage_cache_driver = {driver}\n"
        f"worker_self_reference_url = {node}\n"
        f"[database]\nconnection = sqlite:///{place / 'glance.sqlite'}\n"
        f"[file1]\nfilesystem_store_datadir = {place / 'file1'}\n"
        f"[file2]\nfilesystem_store_datadir = {place / 'file2'}\n"
        "[imagestore]\ncache_sync_interval = 0.5\n"
    )
    with serve(tmp_path / "node", flavor=FLAVOR, options=settings) as served:
        until((cache / queued).exists)
        assert (cache / queued).read_bytes() == data[1]
        until(lambda: not list((cache / "queue").iterdir()))
        # It is from the cache that it comes.
        (place / "file1" / cached).write_bytes(os.urandom(SIZE))
        assert call(served.url, "GET", f"/v2/images/{cached}/file") == data[0]
        until((cache / "verified" / cached).exists)
        until((cache / cached).exists)

        def listed() -> set[str]:
            found = call(served.url, "GET", "/v2/cache")["cached_images"]
            return {entry["image_id"] for entry in found}

        assert listed() == {cached, queued}
        assert {path.relative_to(cache) for path in cache.rglob("*.db")} == left
        if driver == "centralized_db":
            assert call(served.url, "GET", f"/v2/cache/nodes/{cached}") == [node]
        assert "Traceback" not in served.log
