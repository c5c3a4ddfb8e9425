"""Several copies of an image: what is told of their stores, and how one of them is removed."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from imagestore.api import keys
from imagestore.backends import errors
from imagestore.catalog.catalog import Catalog
from imagestore.config.settings import Stores
from imagestore.database import journal, locations
from tests.service.conftest import Person, Service, Start, settings_in
from tests.service.faults import copy_to, database
from tests.service.test_recovery import away, busy


@pytest.fixture
async def image(service: Service, alice: Person) -> str:
    """In both stores."""
    created: str = (await alice.create())["id"]
    assert await alice.upload(created, b"data") == 204
    await copy_to(service, created, "file2")
    return created


@pytest.fixture
def catalog(service: Service) -> Catalog:
    return service.client.app[keys.catalog]


def copies(service: Service, image: str) -> list[str]:
    return [
        name for name in ("file1", "file2") if (service.settings.data_dir / name / image).exists()
    ]


@pytest.mark.every_database
async def test_one_copy_is_removed(service: Service, admin: Person, image: str) -> None:
    assert (await admin.show(image))["stores"] == "file1,file2"
    assert (await admin("DELETE", f"/v2/stores/file1/{image}")).status == 204
    assert copies(service, image) == ["file2"]
    assert (await admin.show(image))["stores"] == "file2"
    assert await (await admin("GET", f"/v2/images/{image}/file")).read() == b"data"
    assert await database(service).read(journal.entries) == []
    again = await admin("DELETE", f"/v2/stores/file1/{image}")
    assert again.status == 403  # one copy is left, wherever it is
    assert (await admin("DELETE", f"/v2/stores/file2/{image}")).status == 403
    assert copies(service, image) == ["file2"]
    assert (await admin("DELETE", f"/v2/images/{image}")).status == 204
    assert service.files() == set()


async def test_what_is_refused(
    service: Service, alice: Person, bob: Person, admin: Person, image: str
) -> None:
    path = f"/v2/stores/file1/{image}"
    assert (await alice("DELETE", path)).status == 403
    assert (await bob("DELETE", path)).status == 404
    assert (await admin("DELETE", f"/v2/stores/nowhere/{image}")).status == 409
    assert (await admin("DELETE", f"/v2/stores/file1/{'0' * 36}")).status == 404
    assert (await admin("DELETE", path, json={})).status == 400
    assert (await admin("GET", path)).status == 405
    queued = (await alice.create())["id"]
    assert (await admin("DELETE", f"/v2/stores/file1/{queued}")).status == 409
    assert (await alice("POST", f"/v2/images/{image}/actions/deactivate")).status == 204
    assert (await admin("DELETE", path)).status == 409
    assert copies(service, image) == ["file1", "file2"]


@pytest.mark.every_database
async def test_of_two_copies_one_stays(service: Service, admin: Person, image: str) -> None:
    answers = await asyncio.gather(
        *(admin("DELETE", f"/v2/stores/{name}/{image}") for name in ("file1", "file2"))
    )
    assert sorted(answer.status for answer in answers) == [204, 403]
    assert len(copies(service, image)) == 1
    assert await (await admin("GET", f"/v2/images/{image}/file")).read() == b"data"


async def test_a_missing_copy_is_removed_too(service: Service, admin: Person, image: str) -> None:
    (service.settings.data_dir / "file1" / image).unlink()
    assert (await admin("DELETE", f"/v2/stores/file1/{image}")).status == 204
    assert (await admin.show(image))["stores"] == "file2"


async def test_a_copy_in_use_stays(
    service: Service, admin: Person, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service.client.app[keys.stores].get("file1"), "delete", busy)
    assert (await admin("DELETE", f"/v2/stores/file1/{image}")).status == 409
    assert (await admin.show(image))["stores"] == "file1,file2"
    assert await database(service).read(journal.entries) == []


async def test_a_copy_in_a_read_only_store_is_forgotten(
    service: Service, admin: Person, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(url: str) -> None:
        raise errors.ReadOnly("forced", store="file1", url=url)

    monkeypatch.setattr(service.client.app[keys.stores].get("file1"), "delete", refuse)
    assert (await admin("DELETE", f"/v2/stores/file1/{image}")).status == 204
    assert (await admin.show(image))["stores"] == "file2"
    assert copies(service, image) == ["file1", "file2"]


@pytest.mark.parametrize("then", ["there", "busy"])
async def test_a_dead_store_has_its_copy_removed_later(
    service: Service,
    admin: Person,
    catalog: Catalog,
    image: str,
    monkeypatch: pytest.MonkeyPatch,
    then: str,
) -> None:
    store = service.client.app[keys.stores].get("file1")
    with monkeypatch.context() as patched:
        patched.setattr(store, "delete", away)
        answer = await admin("DELETE", f"/v2/stores/file1/{image}")
        assert answer.status == 503
        assert (await admin.show(image))["stores"] == "file2"
        assert await catalog.recovery.run() == 0
        if then == "busy":
            patched.setattr(store, "delete", busy)
            assert await catalog.recovery.run() == 1
    if then == "busy":
        assert (await admin.show(image))["stores"] == "file1,file2"
    else:
        assert await catalog.recovery.run() == 1
        assert copies(service, image) == ["file2"]
        assert await database(service).read(locations.select_hidden, image) == []
    assert await database(service).read(journal.entries) == []


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from imagestore import app
from imagestore.api import keys
from imagestore.backends.file.store import FileStore
from imagestore.config.settings import Database
from imagestore.identity.caller import Caller
from tests.service.conftest import settings_in

moment, directory, image, url = sys.argv[1], Path(sys.argv[2]), *sys.argv[3:]
delete = FileStore.delete

async def killed(self, url):
    if moment == "after":
        await delete(self, url)
    os.kill(os.getpid(), signal.SIGKILL)

FileStore.delete = killed

async def main():
    application = app.create(settings_in(directory, database=Database(url)))
    application.freeze()
    await application.startup()
    admin = Caller(project_id="ops", roles=frozenset({"admin"}), is_admin=True)
    await application[keys.catalog].deletions.delete_from_store(admin, "file1", image)

asyncio.run(main())
"""


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_killed_while_a_copy_is_removed(
    service: Service, admin: Person, catalog: Catalog, image: str, moment: str
) -> None:
    done = await asyncio.to_thread(
        subprocess.run,
        [
            *(sys.executable, "-c", KILLED, moment, str(service.settings.data_dir), image),
            service.settings.database.connection,
        ],
        capture_output=True,
        check=False,
    )
    assert done.returncode == -9, done.stderr.decode()
    assert copies(service, image) == (["file1", "file2"] if moment == "before" else ["file2"])
    # What is left is no location without bytes, before recovery and after it.
    assert (await admin.show(image))["stores"] == "file2"
    assert await catalog.recovery.run() == 1
    assert copies(service, image) == ["file2"]
    assert (await admin.show(image))["stores"] == "file2"
    assert await database(service).read(journal.entries) == []


async def test_details_of_the_stores(service: Service, alice: Person, admin: Person) -> None:
    answer = await admin("GET", "/v2/info/stores/detail")
    assert answer.status == 200
    first, second = (await answer.json())["stores"]
    assert (first["id"], first["default"], first["type"], first["weight"]) == (
        "file1", "true", "file", 0,
    )  # fmt: skip
    assert first["properties"]["data_dir"] == str(service.settings.data_dir / "file1")
    assert "default" not in second
    assert second["health"]["state"] == "healthy"
    assert (await alice("GET", "/v2/info/stores/detail")).status == 403
    member = service.person("x", "service")
    assert (await member("GET", "/v2/info/stores/detail")).status == 200


async def test_one_store_has_no_details_and_no_copies(start: Start, tmp_path: Path) -> None:
    stores: Any = settings_in(tmp_path).stores
    single = Stores(stores.sections[:1], "file1", multiple=False)
    service = await start(stores=single)
    admin = service.person("ops", "admin")
    assert (await admin("GET", "/v2/info/stores/detail")).status == 404
    assert (await admin("DELETE", f"/v2/stores/file1/{'0' * 36}")).status == 404
