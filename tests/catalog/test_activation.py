"""How an image becomes active, and gets one more copy: all of it, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection

from imagestore.backends.base import Stored
from imagestore.catalog.activation import Activation, Activations
from imagestore.catalog.dependencies import Dependencies
from imagestore.database import jobs, journal
from imagestore.model.errors import Gone, Unavailable
from imagestore.model.image import ImageStatus
from imagestore.observing.notifier import Notifier
from tests.catalog.conftest import DATA, House

VALUES = {"size": len(DATA), "checksum": "c" * 32, "os_hash_algo": "sha512", "os_hash_value": "d"}


class Heard(Notifier):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[tuple[str, Any]] = []

    def wants(self, event_type: str) -> bool:
        return True

    def tell(self, event_type: str, payload: Any, *, priority: str = "info") -> None:
        self.events.append((event_type, payload))


@pytest.fixture
def heard(house: House) -> Heard:
    return Heard()


@pytest.fixture
def activations(house: House, heard: Heard) -> Activations:
    deps: Dependencies = house.deps
    object.__setattr__(deps, "notifier", heard)
    return Activations(deps)


def stored(house: House, image_id: str, store: str = "file1") -> dict[str, Stored]:
    return {store: Stored(house.file(store, image_id).as_uri(), len(DATA))}


async def test_everything_is_recorded_at_once_and_told_after(
    house: House, activations: Activations, heard: Heard
) -> None:
    image = await house.queued()
    async with house.deps.intents.intend() as intent:
        entry = await house.database.write(intent.upload, image.id, "file1")

        def record(activation: Activation) -> None:
            activation.activate(image, VALUES, stored(house, image.id), {"file1": entry})
            assert heard.events == []

        await activations.within(house.database.write, record)
    found = await house.image(image.id)
    assert (found.status, found.size) == (ImageStatus.ACTIVE, len(DATA))
    assert [location.store for location in found.locations] == ["file1"]
    assert await house.journal() == []
    assert [event for event, _ in heard.events] == [
        "image.upload", "image.activate", "image.update",
    ]  # fmt: skip
    assert {payload["status"] for _, payload in heard.events} == {"active"}


@pytest.mark.parametrize("lost", ["status", "journal"])
async def test_who_has_lost_records_and_tells_nothing(
    house: House, activations: Activations, heard: Heard, lost: str
) -> None:
    """The image was deleted, or the bytes were taken for left behind and removed."""
    image = await house.queued()
    async with house.deps.intents.intend() as intent:
        entry = await house.database.write(intent.upload, image.id, "file1")
        if lost == "journal":
            await house.database.write(journal.close, entry)
        else:
            image.status = ImageStatus.SAVING
        with pytest.raises(Gone if lost == "status" else Unavailable):
            await activations.within(
                house.database.write, Activation.activate,
                image, VALUES, stored(house, image.id), {"file1": entry},
            )  # fmt: skip
    found = await house.image(image.id)
    assert (found.status, found.locations) == (ImageStatus.QUEUED, ())
    assert heard.events == []


async def test_what_is_not_committed_is_not_told(
    house: House, activations: Activations, heard: Heard
) -> None:
    image = await house.queued()

    async def fails_to_commit(run: Callable[[Connection], Any]) -> None:
        def undone(conn: Connection) -> None:
            run(conn)
            raise Unavailable("the database is gone")

        await house.database.write(undone)

    with pytest.raises(Unavailable):
        await activations.within(
            fails_to_commit, Activation.activate, image, VALUES, stored(house, image.id)
        )
    assert (await house.image(image.id)).status is ImageStatus.QUEUED
    assert heard.events == []


async def test_a_transaction_that_is_tried_again_tells_once(
    house: House, activations: Activations, heard: Heard
) -> None:
    image = await house.active()

    async def twice(run: Callable[[Connection], Any]) -> Any:
        with pytest.raises(Unavailable):
            await house.database.write(_then_fail, run)
        return await house.database.write(run)

    async with house.deps.intents.intend() as intent:
        entry = await house.database.write(intent.copy, image.id, "file2")
        (each,) = stored(house, image.id, "file2").values()
        await activations.within(twice, Activation.copied, image.id, "file2", each, entry)
    assert [event for event, _ in heard.events] == ["image.upload", "image.update"]
    assert {location.store for location in (await house.image(image.id)).locations} == {
        "file1",
        "file2",
    }


def _then_fail(conn: Connection, run: Callable[[Connection], Any]) -> None:
    run(conn)
    raise Unavailable("forced")


async def test_bytes_that_were_there_are_no_upload(
    house: House, activations: Activations, heard: Heard
) -> None:
    """Of a location Glance tells that the image has changed, and no more."""
    image = await house.queued()
    await activations.within(
        house.database.write, Activation.activate, image, VALUES, stored(house, image.id)
    )
    assert [event for event, _ in heard.events] == ["image.update"]
    assert await house.database.read(jobs.select_jobs) == []
