"""A whole installation of Glance changes hands: its configuration file, database and images.

The real Glance 33 serves, stops, and imagestore goes on with the very same files; then back.
"""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from tests.conformance.client import Client
from tests.conformance.normalise import Answer
from tests.served import free_port
from tests.services import glance, process

# With the roles that Keystone adds to a role, as these imply one another there.
OWNER, OTHER = "ann:p1:member,reader", "bob:p2:member,reader"
ADMIN = "root:p0:admin,member,reader"
JSON = {"Content-Type": "application/json"}
PATCH = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
BYTES = {"Content-Type": "application/octet-stream"}


class Service:
    """Glance or imagestore, asked by callers of the form ``user:project:role``."""

    def __init__(self, connection: Client) -> None:
        self._connection = connection
        self.url = connection.host

    def __call__(
        self,
        method: str,
        path: str,
        *,
        caller: str = OWNER,
        body: bytes | object | None = None,
        headers: Mapping[str, str] = JSON,
    ) -> Answer:
        user, project, role = caller.split(":")
        trusted = {
            "X-Auth-Token": caller,  # Glance's test filter reads this one
            "X-Identity-Status": "Confirmed",
            "X-User-Id": user,
            "X-Project-Id": project,
            "X-Roles": role,
        }
        data = body if isinstance(body, bytes) or body is None else orjson.dumps(body)
        answer = self._connection.ask(method, path, {**trusted, **headers}, data)
        assert answer.status < 300, (method, path, answer)
        return answer

    def json(self, path: str, caller: str = OWNER) -> Any:
        return orjson.loads(self("GET", path, caller=caller).body)

    def image(self, data: bytes | None = None, caller: str = OWNER, **fields: Any) -> str:
        fields = {"disk_format": "raw", "container_format": "bare", **fields}
        made = orjson.loads(self("POST", "/v2/images", caller=caller, body=fields).body)
        if data is not None:
            path = f"/v2/images/{made['id']}/file"
            self("PUT", path, caller=caller, body=data, headers=BYTES)
        identifier: str = made["id"]
        return identifier


@contextmanager
def run_glance(directory: Path) -> Iterator[Service]:
    running = glance.start(directory)
    try:
        with Client(running.url) as connection:
            yield Service(connection)
    finally:
        running.stop()


@contextmanager
def run_imagestore(
    directory: Path, site: str = "[paste_deploy]\nflavor = trusted-headers\n", port: int = 0
) -> Iterator[Service]:
    """It gets Glance's own file; what a second file adds is what stands for Keystone here."""
    port = port or free_port()
    added, log = directory / f"site-{port}.conf", directory / "log" / f"imagestore-{port}.log"
    added.write_text(site)
    chosen = ["--config-file", str(directory / "etc/glance-api.conf"), "--config-file", str(added)]
    imagestore = [sys.executable, "-m", "imagestore"]
    subprocess.run([*imagestore, "db", "upgrade", *chosen], check=True, capture_output=True)
    listening = ["--port", str(port), "--data-dir", str(directory / f"own-{port}")]
    running = process.spawn([*imagestore, "serve", *chosen, *listening], log)
    url = f"http://127.0.0.1:{port}"
    try:
        process.wait_until(lambda: process.answers(f"{url}/readiness"), running, log)
        with Client(url) as connection:
            yield Service(connection)
    finally:
        process.stop(running.pid)


def everything(service: Service, data: Mapping[str, bytes]) -> dict[str, Any]:
    """All that callers see: lists, images, members, definitions; and the bytes are right."""
    for identifier, stored in data.items():
        got = service("GET", f"/v2/images/{identifier}/file", caller=ADMIN)
        assert got.body == stored, identifier
    images = service.json("/v2/images?limit=100", ADMIN)["images"]
    images += service.json("/v2/images?limit=100&os_hidden=true", ADMIN)["images"]
    return {
        # Tags are a set: Glance gives them in any order.
        "images": {each["id"]: {**each, "tags": sorted(each["tags"])} for each in images},
        "owner's": [each["id"] for each in service.json("/v2/images")["images"]],
        "other's": [each["id"] for each in service.json("/v2/images", OTHER)["images"]],
        "members": {
            each["id"]: service.json(f"/v2/images/{each['id']}/members", ADMIN)["members"]
            for each in images
            if each["visibility"] == "shared"
        },
        "namespace": service.json("/v2/metadefs/namespaces/Site::Racks", ADMIN),
    }


def fill(service: Service, mark: str) -> dict[str, bytes]:
    """One image of each kind that there is; the data by image."""
    large, small = secrets.token_bytes(3 << 20), secrets.token_bytes(1000)
    plain = service.image(
        large,
        name=f"{mark} größer",
        tags=["old", "tête"],
        min_disk=7,
        min_ram=512,
        hw_disk_bus="scsi",
        os_distro="debian",
        description="two\nlines",
    )
    public = service.image(small, caller=ADMIN, name=f"{mark} public", visibility="public")
    shared = service.image(small, name=f"{mark} shared", visibility="shared")
    service("POST", f"/v2/images/{shared}/members", body={"member": "p2"})
    accept = {"status": "accepted"}
    service("PUT", f"/v2/images/{shared}/members/p2", caller=OTHER, body=accept)
    hidden = service.image(b"", name=f"{mark} hidden", os_hidden=True, visibility="community")
    service.image(name=f"{mark} queued", protected=True)
    resting = service.image(small, name=f"{mark} deactivated")
    service("POST", f"/v2/images/{resting}/actions/deactivate", caller=ADMIN)
    gone = service.image(small, name=f"{mark} deleted")
    service("DELETE", f"/v2/images/{gone}")
    return {plain: large, public: small, shared: small, hidden: b"", resting: small}


def test_glance_hands_over_to_imagestore_and_takes_back(tmp_path: Path) -> None:
    with run_glance(tmp_path) as service:
        namespace = {"namespace": "Site::Racks", "visibility": "public", "description": "where"}
        service("POST", "/v2/metadefs/namespaces", caller=ADMIN, body=namespace)
        data = fill(service, "theirs")
        before = everything(service, data)

    with run_imagestore(tmp_path) as service:
        assert everything(service, data) == before
        changed, *_ = data
        add = [{"op": "add", "path": "/os_version", "value": "13"}]
        service("PATCH", f"/v2/images/{changed}", body=add, headers=PATCH)
        data |= fill(service, "ours")
        deleted = next(each for each in before["images"] if each in data)
        service("DELETE", f"/v2/images/{deleted}", caller=ADMIN)
        data.pop(deleted, None)
        left = everything(service, data)
        assert len(left["images"]) == 2 * len(before["images"]) - 1

    with run_glance(tmp_path) as service:
        assert everything(service, data) == left
        service.image(secrets.token_bytes(1000), name="and on")
    stored = {path.name for store in ("file1", "file2") for path in (tmp_path / store).iterdir()}
    assert deleted not in stored
    assert set(data) <= stored
