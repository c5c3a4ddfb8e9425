"""Small requests on single images: show, create, patch, delete, and a small upload."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from benchmarks import seed
from benchmarks.contenders.base import Contender
from benchmarks.contenders.nginx import DOCUMENT
from benchmarks.measures.base import Bench, Figures, Measure, requests

SERVICES = ("imagestore", "glance")
EVERY_DATABASE = ("imagestore", "imagestore-sqlite", "imagestore-postgresql", "glance")
CLIENTS = 16
SMALL = 65536
PATCH_TYPE = "application/openstack-images-v2.1-json-patch"
BARE = {"name": "created", "disk_format": "raw", "container_format": "bare"}
RICH = {
    **BARE,
    "tags": ["blue", "green"],
    **{f"property_{number}": f"value {number}" for number in range(5)},
}


class Show(Measure):
    """GET of one image after another, by 1 client and by 16."""

    name = "show"
    contenders = (*EVERY_DATABASE, "nginx")

    def run(self, bench: Bench, contender: Contender) -> Iterator[tuple[str, Figures]]:
        for clients in (1, CLIENTS):
            _, figures = requests(
                contender, flow=shows(contender), clients=clients, seconds=bench.scale.seconds
            )
            yield f"{self.name}-{clients}", figures


class Create(Measure):
    """POST of images without anything, and with five properties and two tags."""

    name = "create"
    contenders = EVERY_DATABASE

    def run(self, bench: Bench, contender: Contender) -> Iterator[tuple[str, Figures]]:
        created = bench.kept.setdefault((contender.name, "created"), [])
        for kind, image in (("bare", BARE), ("rich", RICH)):
            result, figures = requests(
                contender,
                flow=[{"method": "POST", "path": "/v2/images", "body": json.dumps(image)}],
                clients=CLIENTS,
                seconds=bench.scale.seconds,
            )
            created += result["locations"]
            yield f"{self.name}-{kind}", figures


class Patch(Measure):
    """PATCH that renames an image and adds a property, on the images of ``create``."""

    name = "patch"
    contenders = EVERY_DATABASE

    def run(self, bench: Bench, contender: Contender) -> Iterator[tuple[str, Figures]]:
        changes = [
            {"op": "replace", "path": "/name", "value": "patched"},
            {"op": "add", "path": "/patched_by", "value": "benchmark"},
        ]
        step = {"method": "PATCH", "body": json.dumps(changes), "type": PATCH_TYPE}
        _, figures = requests(
            contender,
            flow=[[{**step, "path": path}] for path in _created(bench, contender)],
            clients=CLIENTS,
            seconds=bench.scale.seconds,
        )
        yield self.name, figures


class Delete(Measure):
    """DELETE of the images of ``create``, each once."""

    name = "delete"
    contenders = EVERY_DATABASE

    def run(self, bench: Bench, contender: Contender) -> Iterator[tuple[str, Figures]]:
        paths = _created(bench, contender)
        _, figures = requests(
            contender,
            flow=[[{"method": "DELETE", "path": path}] for path in paths],
            clients=CLIENTS,
            count=len(paths),
            seconds=120,
        )
        paths.clear()
        yield self.name, figures


class SmallUpload(Measure):
    """Create an image and upload 64 KiB to it, by 8 clients."""

    name = "small-upload"
    contenders = EVERY_DATABASE

    def run(self, bench: Bench, contender: Contender) -> Iterator[tuple[str, Figures]]:
        yield self.name, small_uploads(bench, contender)


def small_uploads(bench: Bench, contender: Contender) -> Figures:
    """Create images and upload 64 KiB to each for the usual time."""
    put = {"method": "PUT", "path": "{location}/file", "size": SMALL}
    result, figures = requests(
        contender,
        flow=[
            {"method": "POST", "path": "/v2/images", "body": json.dumps(BARE)},
            {**put, "type": "application/octet-stream"},
        ],
        clients=8,
        seconds=bench.scale.seconds,
    )
    bench.kept.setdefault((contender.name, "created"), []).extend(result["locations"])
    return figures


def shows(contender: Contender) -> list[list[dict[str, Any]]]:
    """GETs of many images in turn; of one static document at a file server."""
    if contender.name == "nginx":
        return [[{"method": "GET", "path": DOCUMENT}]]
    return [
        [{"method": "GET", "path": f"/v2/images/{seed.identifier(number)}"}]
        for number in range(0, seed.COUNT, 20)
    ]


def _created(bench: Bench, contender: Contender) -> list[str]:
    """Paths of images that may be changed; some are made if ``create`` was not run."""
    created: list[str] = bench.kept.setdefault((contender.name, "created"), [])
    if not created:
        result, _ = requests(
            contender,
            flow=[{"method": "POST", "path": "/v2/images", "body": json.dumps(RICH)}],
            clients=4,
            count=50,
            seconds=30,
        )
        created += result["locations"]
    return created
