"""From an older release to this one, and back, with nodes one after the other.

The older release is the newest tag ``v*``; until there is one, commits of the time before stand
for it (:mod:`tests.services.older`). Their code comes from the history of the repository; where a
clone has none (``git clone --depth``), these tests are skipped and say what to fetch.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.beside import Service, until
from tests.e2e.test_takeover import ADMIN, BYTES, OTHER
from tests.services import older, process
from tests.services.databases import fresh_url_of

DATA = secrets.token_bytes(1 << 20)


def configure(directory: Path, url: str) -> Path:
    config = directory / "imagestore.conf"
    stores = ("file1", "file2", "os_glance_staging_store", "os_glance_tasks_store")
    sections = "".join(
        f"[{name}]\nfilesystem_store_datadir = {directory}/{name}\n" for name in stores
    )
    config.write_text(
        f"[DEFAULT]\nenabled_backends = file1:file, file2:file\n"
        f"[glance_store]\ndefault_backend = file1\n{sections}"
        f"[database]\nconnection = {url}\n[imagestore]\nauto_upgrade = false\n"
        "[paste_deploy]\nflavor = trusted-headers\n"
    )
    return config


def fill(service: Service) -> None:
    """Images of several kinds, with all that belongs to them."""
    one = service.image(DATA, name="größer", tags=["a", "tête"], hw_disk_bus="scsi", min_ram=5)
    shared = service.image(DATA, visibility="shared")
    members = f"/v2/images/{shared}/members"
    assert service("POST", members, body={"member": "p2"}).status == 200
    accept = {"status": "accepted"}
    assert service("PUT", f"{members}/p2", caller=OTHER, body=accept).status == 200
    assert service("POST", f"/v2/images/{one}/actions/deactivate", caller=ADMIN).status == 204
    service.create(name="queued", protected=True)
    assert service.delete(service.image(DATA, name="gone")) == 204
    copied = service.image(DATA, name="copied", os_distro="debian", description="x" * 300)
    assert service.ask_import(copied, "copy-image", stores=["file2"]) == 202
    until(lambda: "file2" in service.json(f"/v2/images/{copied}")["stores"])
    until(lambda: tasks(service, copied) == ["success"])
    namespace = {"namespace": "Site::Racks", "visibility": "public", "description": "where"}
    assert service("POST", "/v2/metadefs/namespaces", caller=ADMIN, body=namespace).status == 201


def tasks(service: Service, image: str) -> list[str]:
    found = service.json(f"/v2/images/{image}/tasks", ADMIN)["tasks"]
    return [each["status"] for each in found]


def shown(service: Service) -> dict[str, Any]:
    """What the API shows, in every order and narrowed, to the owner and to others."""
    lists = {
        f"{query} {caller}": [
            {**each, "tags": sorted(each["tags"])}
            for each in service.json(f"/v2/images?limit=100&{query}", caller)["images"]
        ]
        for caller in (ADMIN, OTHER)
        for query in ("", "sort=name:asc", "sort=size:desc,id:asc", "tag=a", "hw_disk_bus=scsi")
    }
    shared = [each["id"] for each in lists[f" {ADMIN}"] if each["visibility"] == "shared"]
    return {
        "lists": lists,
        "members": {one: service.json(f"/v2/images/{one}/members", ADMIN) for one in shared},
        "tasks": service.json("/v2/tasks", ADMIN)["tasks"],
        "namespace": service.json("/v2/metadefs/namespaces/Site::Racks", ADMIN),
    }


# From 0008 both servers go with two nodes, below.
@pytest.mark.parametrize(
    ("kind", "revision"),
    [("embedded", "0008"), ("mariadb", "0007"), ("postgresql", "0007")],
)
def test_tables_of_each_older_revision(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, revision: str
) -> None:
    """They are refused in one line until they are upgraded; then all is there as it was."""
    old, new = older.checkout(older.LAST_WITH[revision]), process.CHECKOUT
    config = configure(tmp_path, fresh_url_of(request, kind, tmp_path))
    options = ("--config-file", config)
    assert older.run(old, "db", "upgrade", *options).returncode == 0
    assert older.run(old, "db", "version", *options).stdout.strip() == revision
    with older.serve(old, config, "node") as url:
        fill(Service(url))
        before = shown(Service(url))

    refused = older.run(new, "serve", *options, "--port", "0", "--data-dir", tmp_path / "node")
    assert refused.returncode == 78
    assert "the tables are of an older release: run 'imagestore db upgrade'" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert older.run(new, "db", "check", *options).returncode == 3
    assert older.run(new, "db", "upgrade", *options).returncode == 0
    assert older.run(new, "db", "check", *options).returncode == 0
    with older.serve(new, config, "node") as url:
        assert shown(Service(url)) == before


@pytest.fixture(params=["mariadb", "postgresql"])
def config(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    yield configure(tmp_path, fresh_url_of(request, request.param, tmp_path))


def test_nodes_of_two_releases(config: Path) -> None:
    """The tables are upgraded under the older node, and both do each other's work; then back."""
    release, new = older.newest_release(), process.CHECKOUT
    old = older.checkout(release)
    options = ("--config-file", config)
    assert older.run(old, "db", "upgrade", *options).returncode == 0
    with older.serve(old, config, "older") as url:
        before = Service(url)
        fill(before)
        assert older.run(new, "db", "upgrade", *options).returncode == 0
        with older.serve(new, config, "newer") as newer:
            after = Service(newer)
            assert shown(after) == shown(before)
            for _ in range(3):
                work(before, after)
                work(after, before)
            assert shown(after) == shown(before)
        # The way back: the newer node is gone, the tables are as they are.
        work(before, before)
        left = shown(before)
    if release not in older.LAST_WITH.values():  # which refuse newer tables
        with older.serve(old, config, "older") as url:
            assert shown(Service(url)) == left
    with older.serve(new, config, "newer") as newer:
        assert older.run(new, "db", "contract", *options).returncode == 0
        assert shown(Service(newer)) == left


def work(here: Service, there: Service) -> None:
    """Every step of an image's life, one at each node in turn."""
    image = here.create(name="crosswise", tags=["a"], hw_disk_bus="ide")
    assert there.upload(image, DATA) == 204
    assert here.data(image) == DATA
    assert here.upload(image, DATA) == 409
    assert there.ask_import(image, "copy-image", stores=["file2"]) == 202
    until(lambda: tasks(here, image) == ["success"])
    assert here.json(f"/v2/images/{image}")["stores"] == "file1,file2"
    staged = there.create(name="staged")
    path = f"/v2/images/{staged}/stage"
    assert here("PUT", path, body=DATA, headers=BYTES).status == 204
    assert there.ask_import(staged, "glance-direct") == 202
    until(lambda: here.status(staged) == "active")
    until(lambda: tasks(there, staged) == ["success"])
    assert there.data(staged) == DATA
    for one in (image, staged):
        assert one in {
            each["id"] for each in there.json("/v2/images?name=in:crosswise,staged")["images"]
        }
        assert there.delete(one) == 204
        assert here.status(one) == ""
