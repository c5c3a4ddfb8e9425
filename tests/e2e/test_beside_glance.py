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

from tests.e2e.beside import Pair, Service, SlowUpload, beside, until
from tests.e2e.test_takeover import ADMIN, BYTES, OTHER, PATCH
from tests.services.databases import Server

BEFORE, LATER = secrets.token_bytes(3 << 20), secrets.token_bytes(2 << 20)


@pytest.fixture(scope="module")
def pair(mariadb: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    directory = tmp_path_factory.mktemp("beside")
    with beside(directory, mariadb.fresh().replace("asyncmy", "pymysql")) as both:
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
        lists = [service.json("/v2/images", OTHER)["images"] for service in pair.both]
        assert [[each["id"] for each in shown] for shown in lists][0] == [
            each["id"] for each in lists[1]
        ]
        assert image in {each["id"] for each in lists[0]}
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
