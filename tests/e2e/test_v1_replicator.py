"""Glance's own replicator, which speaks v1, which its own server does not serve any more."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.served import Served, serve
from tests.services import glance

DATA = {"one": os.urandom(200_000), "two": b"zwei" * 1000}


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Served]]:
    directory = tmp_path_factory.mktemp("replicator")
    with serve(directory / "a", flavor="") as one, serve(directory / "b", flavor="") as other:
        yield one, other


def replicator(*arguments: str) -> str:
    """What it printed and logged."""
    program = glance.venv() / "bin" / "glance-replicator"
    result = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


def address(site: Served) -> str:
    return f"127.0.0.1:{site.port}"


def add(site: Served, name: str) -> dict[str, Any]:
    headers = {
        "x-image-meta-name": name, "x-image-meta-disk_format": "raw",
        "x-image-meta-container_format": "bare", "x-image-meta-owner": "red",
        "x-image-meta-property-os_version": "12", "Content-Type": "application/octet-stream",
    }  # fmt: skip
    answer = requests.post(f"{site.url}/v1/images", data=DATA[name], headers=headers, timeout=60)
    assert answer.status_code == 201, answer.text
    image: dict[str, Any] = answer.json()["image"]
    return image


def test_size_dump_compare_livecopy(sites: tuple[Served, Served], tmp_path: Path) -> None:
    here, there = sites
    images = [add(here, name) for name in DATA]
    total = sum(len(data) for data in DATA.values())
    assert f"{total} bytes" in replicator("size", address(here))

    replicator("dump", address(here), str(tmp_path))
    for image in images:
        assert json.loads((tmp_path / image["id"]).read_text()) == image
        assert (tmp_path / f"{image['id']}.img").read_bytes() == DATA[image["name"]]

    compared = replicator("compare", address(here), address(there))
    assert compared.count("entirely missing") == 2
    for _ in range(2):
        replicator("livecopy", address(here), address(there))
        for image in images:
            copy = requests.get(f"{there.url}/v1/images/{image['id']}", timeout=60)
            assert copy.content == DATA[image["name"]]
            found = requests.get(f"{there.url}/v1/images/detail?is_public=None", timeout=60)
            (shown,) = [one for one in found.json()["images"] if one["id"] == image["id"]]
            times = {"created_at": shown["created_at"], "updated_at": shown["updated_at"]}
            assert shown == image | times
    assert "entirely missing" not in replicator("compare", address(here), address(there))
