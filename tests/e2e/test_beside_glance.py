"""A real Glance 33 and imagestore serve one database and the same stores, for some minutes.

What can be relied upon meanwhile is the table of docs/migrating-from-glance.md, which names
these tests.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.e2e.beside import Pair, Service, SlowUpload, Source, beside, reading, until
from tests.e2e.test_takeover import ADMIN, BYTES, OTHER, PATCH, run_imagestore
from tests.services.databases import Server

BEFORE, LATER = secrets.token_bytes(3 << 20), secrets.token_bytes(2 << 20)


@pytest.fixture(scope="module")
def source() -> Iterator[Source]:
    made = Source(LATER)
    yield made
    made.close()


@pytest.fixture(scope="module")
def pair(
    mariadb: Server, source: Source, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    allowed = {"allowed_hosts": "[127.0.0.1]", "allowed_ports": f"[{source.port}]"}
    options = {"import_filtering_opts": allowed}
    with beside(tmp_path_factory.mktemp("beside"), mariadb.fresh(), options) as both:
        yield both


@pytest.fixture(scope="module")
def delaying(mariadb: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both keep the bytes of what is deleted, until somebody scrubs."""
    options = {"DEFAULT": {"delayed_delete": "true", "wakeup_time": "86400"}}
    with beside(tmp_path_factory.mktemp("delaying"), mariadb.fresh(), options) as both:
        yield both


def told(service: Service, image: str) -> dict[str, Any]:
    """What is told of an image, but for the order of its tags."""
    shown = service.json(f"/v2/images/{image}", ADMIN)
    return {**shown, "tags": sorted(shown["tags"])}


def patch(service: Service, image: str, *changes: dict[str, Any]) -> int:
    return service("PATCH", f"/v2/images/{image}", body=changes, headers=PATCH).status


def test_what_one_makes_the_other_shows(pair: Pair) -> None:
    for here, there in pair.each_way():
        image = here.image(LATER, name="größer", tags=["old", "tête"], hw_disk_bus="scsi")
        assert told(here, image) == told(there, image)
        assert there.data(image) == LATER
        change = {"op": "replace", "path": "/hw_disk_bus", "value": "virtio"}
        new = {"op": "add", "path": "/os_version", "value": "13"}
        assert patch(there, image, change, new) == 200
        assert there("DELETE", f"/v2/images/{image}/tags/old").status == 204
        assert here("PUT", f"/v2/images/{image}/tags/new").status == 204
        gone = {"op": "remove", "path": "/os_version"}
        assert patch(here, image, gone, {**change, "path": "/visibility", "value": "shared"}) == 200
        assert told(here, image) == told(there, image)
        assert told(there, image)["tags"] == ["new", "tête"]

        members = f"/v2/images/{image}/members"
        assert there("POST", members, body={"member": "p2"}).status == 200
        accepted = here("PUT", f"{members}/p2", caller=OTHER, body={"status": "accepted"})
        assert accepted.status == 200
        assert here.json(members) == there.json(members)
        theirs, ours = (service.json("/v2/images", OTHER)["images"] for service in pair.both)
        assert [each["id"] for each in theirs] == [each["id"] for each in ours]
        assert image in {each["id"] for each in ours}
        assert there("DELETE", f"{members}/p2").status == 204
        assert here.json(members)["members"] == []

        assert there("POST", f"/v2/images/{image}/actions/deactivate", caller=ADMIN).status == 204
        assert here.status(image) == "deactivated"
        assert here("GET", f"/v2/images/{image}/file").status == 403
        assert here("POST", f"/v2/images/{image}/actions/reactivate", caller=ADMIN).status == 204
        assert there.data(image) == LATER
        assert there.delete(image) == 204
        assert [service.status(image) for service in pair.both] == ["", ""]


def test_of_two_uploads_that_meet_one_wins(pair: Pair) -> None:
    with ThreadPoolExecutor(2) as threads:
        for _ in range(12):
            image = pair.ours.create()
            data = [secrets.token_bytes(1 << 20) for _ in pair.both]
            statuses = list(threads.map(Service.upload, pair.both, [image] * 2, data))
            # Glance says 410 where it has read the image before the other took it.
            assert sorted(statuses) in ([204, 409], [204, 410]), statuses
            assert statuses[1] in (204, 409)
            won = data[statuses.index(204)]
            assert [service.data(image) for service in pair.both] == [won, won]
            assert told(pair.ours, image) == told(pair.glance, image)
            assert image in pair.files()


def test_an_upload_keeps_the_image_from_the_other(pair: Pair) -> None:
    for here, there in pair.each_way():
        image = here.create()
        uploading = SlowUpload(here, image, BEFORE)
        assert there.upload(image, LATER) == 409
        assert there("PUT", f"/v2/images/{image}/stage", body=LATER, headers=BYTES).status == 409
        assert uploading.finish() == 204
        assert there.data(image) == BEFORE


def test_an_upload_that_breaks_off_leaves_the_image_to_the_other(pair: Pair) -> None:
    for here, there in pair.each_way():
        for _ in range(8):
            image = here.create()
            uploading = SlowUpload(here, image, BEFORE)
            uploading.break_off()
            until(lambda: there.upload(image, LATER) == 204)  # noqa: B023
            assert [service.data(image) for service in pair.both] == [LATER, LATER]


def test_an_image_that_is_deleted_at_the_other_gets_no_bytes(pair: Pair) -> None:
    for here, there in pair.each_way():
        image = here.create()
        uploading = SlowUpload(here, image, BEFORE)
        assert there.delete(image) == 204
        assert uploading.finish() in (404, 410)
        assert [service.status(image) for service in pair.both] == ["", ""]
        until(lambda: image not in pair.files())  # noqa: B023


def test_two_that_delete_one_image(pair: Pair) -> None:
    with ThreadPoolExecutor(2) as threads:
        for _ in range(12):
            image = pair.glance.image(LATER)
            statuses = list(threads.map(Service.delete, pair.both, [image] * 2))
            assert 204 in statuses, statuses
            assert set(statuses) <= {204, 404}, statuses
            assert [service.status(image) for service in pair.both] == ["", ""]
            assert image not in pair.files()


def importing(service: Service, source: Source) -> str:
    """An image whose import from the web is half done."""
    image = service.create()
    source.go_on.clear()
    assert service.ask_import(image, "web-download", uri=source.url) == 202
    until(lambda: service.status(image) == "importing")
    return image


def tasks(service: Service, image: str) -> Any:
    return service.json(f"/v2/images/{image}/tasks", ADMIN)["tasks"]


def test_an_import_keeps_the_image_from_the_other(pair: Pair, source: Source) -> None:
    for here, there in pair.each_way():
        image = importing(here, source)
        assert there.upload(image, BEFORE) == 409
        assert there.ask_import(image, "web-download", uri=source.url) == 409
        assert there.ask_import(image, "copy-image", stores=["file2"]) == 409
        # Neither runs what the other has begun, and both tell of it alike.
        (ours,), (theirs,) = tasks(pair.ours, image), tasks(pair.glance, image)
        told_alike = {*ours} - {"created_at", "updated_at"}  # where Glance shows microseconds
        assert {ours[name] == theirs[name] for name in told_alike} == {True}
        assert ours["status"] == "processing"
        source.go_on.set()
        until(lambda: there.status(image) == "active")  # noqa: B023
        until(lambda: tasks(there, image)[0]["status"] == "success")  # noqa: B023
        assert [service.data(image) for service in pair.both] == [LATER, LATER]
        assert told(pair.ours, image) == told(pair.glance, image)


def test_an_import_into_an_image_that_is_deleted_at_the_other_leaves_nothing(
    pair: Pair, source: Source
) -> None:
    for here, there in pair.each_way():
        image = importing(here, source)
        assert there.delete(image) == 204
        source.go_on.set()
        until(lambda: image not in pair.files())  # noqa: B023
        assert [service.status(image) for service in pair.both] == ["", ""]


def test_of_two_that_copy_an_image_one_does(pair: Pair) -> None:
    with ThreadPoolExecutor(2) as threads:
        for _ in range(6):
            image = pair.glance.image(BEFORE)
            copy = lambda service: service.ask_import(image, "copy-image", stores=["file2"])  # noqa: B023, E731
            assert 202 in list(threads.map(copy, pair.both))
            until(lambda: told(pair.ours, image)["stores"] == "file1,file2")  # noqa: B023
            until(lambda: "os_glance_import_task" not in told(pair.ours, image))  # noqa: B023
            assert (pair.directory / "file2" / image).read_bytes() == BEFORE
            assert pair.glance.data(image) == BEFORE
            assert pair.ours.delete(image) == 204
            assert image not in pair.files() | pair.files("file2")


def test_staged_bytes_are_imported_where_they_are(pair: Pair) -> None:
    image = pair.ours.create()
    staged = f"/v2/images/{image}/stage"
    assert pair.ours("PUT", staged, body=LATER, headers=BYTES).status == 204
    assert pair.ours.ask_import(image, "glance-direct") == 202
    until(lambda: pair.glance.status(image) == "active")
    assert pair.glance.data(image) == LATER

    image = pair.glance.create()
    staged = f"/v2/images/{image}/stage"
    assert pair.glance("PUT", staged, body=LATER, headers=BYTES).status == 204
    assert pair.ours.ask_import(image, "glance-direct") == 202
    # The job waits until imagestore serves on the node that has them.
    assert image in {path.name for path in (pair.directory / "staging").iterdir()}
    assert pair.ours.status(image) == "importing"
    with run_imagestore(pair.directory):
        until(lambda: pair.ours.status(image) == "active")
    assert [service.data(image) for service in pair.both] == [LATER, LATER]


def test_what_is_cached_is_not_served_when_the_image_is_gone(pair: Pair) -> None:
    for here, there in pair.each_way():
        image = here.image(LATER)
        for service in pair.both * 2:
            assert service.data(image) == LATER
        assert here("POST", f"/v2/images/{image}/actions/deactivate", caller=ADMIN).status == 204
        assert there("GET", f"/v2/images/{image}/file").status == 403
        assert here("POST", f"/v2/images/{image}/actions/reactivate", caller=ADMIN).status == 204
        assert there.data(image) == LATER
        assert here.delete(image) == 204
        assert there("GET", f"/v2/images/{image}/file").status == 404


def test_who_reads_an_image_that_is_deleted_at_the_other_has_it_whole(pair: Pair) -> None:
    large = secrets.token_bytes(32 << 20)
    for here, there in pair.each_way():
        image = here.image(large)
        with reading(here, image) as rest:
            assert there.delete(image) == 204
            assert rest() == large
        assert image not in pair.files()


def test_delayed_deletions_of_either_are_scrubbed_by_both_at_once(delaying: Pair) -> None:
    pair = delaying
    made = [service.image(LATER) for service in pair.both for _ in range(6)]
    for number, image in enumerate(made):
        assert pair.both[number % 2].delete(image) == 204
    kept, *gone = made
    assert set(made) <= pair.files()
    pair.run_imagestore("image", "restore", kept)
    assert [service.data(kept) for service in pair.both] == [LATER, LATER]
    with ThreadPoolExecutor(2) as threads:
        scrubbing = threads.submit(pair.run_imagestore, "scrub", "run")
        pair.run_glance("glance-scrubber")
        scrubbing.result()
    assert pair.files() == {kept}
    for image in gone:
        assert [service.status(image) for service in pair.both] == ["", ""]
