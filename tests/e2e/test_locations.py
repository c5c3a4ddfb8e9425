"""Locations and usage through ``glance``, with a service that reads from a web server."""

from __future__ import annotations

import functools
import http.server
import json
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.e2e.conftest import Client
from tests.served import Served, serve
from tests.services.programs import BIN

DATA = b"served by a web server" * 100


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a web server that has ``one`` and ``two``, of the same bytes."""
    place = tmp_path_factory.mktemp("site")
    for name in ("one", "two"):
        (place / name).write_bytes(DATA)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=place)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, site: int) -> Iterator[Served]:
    options = (
        "[DEFAULT]\nshow_multiple_locations = true\nenabled_backends = file1:file, web:http\n"
        f"[import_filtering_opts]\nallowed_hosts = 127.0.0.1\nallowed_ports = {site}\n"
    )
    directory = tmp_path_factory.mktemp("locations")
    with serve(directory, flavor="", stores=("file1",), options=options) as served:
        yield served


@pytest.fixture
def glance(served: Served) -> Client:
    return Client((str(BIN / "glance"), "--os-image-url", served.url, "--os-auth-token", "x"))


def without_data(served: Served) -> str:
    """An image; ``glance image-create`` would upload what its standard input holds."""
    body = {"name": "linked", "disk_format": "raw", "container_format": "bare"}
    answer = requests.post(served.url + "/v2/images", json=body, timeout=60)
    answer.raise_for_status()
    made: str = answer.json()["id"]
    return made


def test_the_life_of_locations(glance: Client, served: Served, site: int, tmp_path: Path) -> None:
    image, one, two = (
        without_data(served),
        f"http://127.0.0.1:{site}/one",
        f"http://127.0.0.1:{site}/two",
    )
    assert "active" in glance("location-add", image, "--url", one)
    assert two in glance("location-add", image, "--url", two, "--metadata", json.dumps({"a": "b"}))
    assert "88mph" in glance(
        "location-update", image, "--url", one, "--metadata", json.dumps({"speed": "88mph"})
    )
    end = time.monotonic() + 60
    while "os_hash_value" not in glance("image-show", image) or re.search(
        r"os_hash_value +\| None", glance("image-show", image)
    ):
        assert time.monotonic() < end
    saved = tmp_path / "saved"
    glance("image-download", image, "--file", str(saved))
    assert saved.read_bytes() == DATA
    while "not verified yet" in glance.run("location-delete", image, "--url", one).stderr.decode():
        assert time.monotonic() < end
    assert one not in glance("image-show", image)
    refused = glance.run("location-add", image, "--url", "file:///etc/passwd")
    assert refused.returncode != 0
    glance("image-delete", image)


def test_usage(glance: Client) -> None:
    output = glance("usage")
    assert "Limit" in output
    assert "image_size_total" not in output
