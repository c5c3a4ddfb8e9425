"""A store that dies while it is written to or deleted from: a file system that is frozen."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from imagestore.api import keys
from imagestore.backends import errors
from imagestore.catalog.catalog import Catalog
from imagestore.config.settings import StoreAccess
from imagestore.database import journal
from tests.backends.file.conftest import freezing_disk
from tests.service.conftest import Person, Service, Start
from tests.service.faults import copy_to, database, stores_in

__all__ = ["freezing_disk"]

ACCESS = StoreAccess(call_timeout=1.0, progress_timeout=1.0, retries=1, probe_interval=0.1)
LONGEST = 20.0
"""Seconds within which every request must be answered: far more than its time-outs allow."""


@pytest.fixture
async def service(start: Start, tmp_path: Path, freezing_disk: Path) -> Service:
    """The first of its stores is on a file system of its own."""
    return await start(stores=stores_in(tmp_path, ACCESS, file1=freezing_disk / "file1"))


@contextmanager
def frozen(disk: Path) -> Iterator[None]:
    subprocess.run(["fsfreeze", "--freeze", str(disk)], check=True)
    try:
        yield
    finally:
        subprocess.run(["fsfreeze", "--unfreeze", str(disk)], check=True)


def catalog(service: Service) -> Catalog:
    return service.client.app[keys.catalog]


async def cleaned(service: Service) -> None:
    """Recovery is done when there is nothing left to do."""
    async with asyncio.timeout(LONGEST):
        while await database(service).read(journal.entries):
            await catalog(service).recovery.run()
            await asyncio.sleep(0.1)


async def test_in_the_middle_of_an_upload(
    service: Service, alice: Person, freezing_disk: Path
) -> None:
    image = (await alice.create())["id"]
    blocks = [os.urandom(1 << 20) for _ in range(16)]
    with frozen_after(freezing_disk, 4) as freeze:

        async def body() -> AsyncIterator[bytes]:
            for block in blocks:
                yield block
                freeze()

        async with asyncio.timeout(LONGEST):
            assert await alice.upload(image, body()) == 503
            shown = await alice.show(image)
            assert (shown["status"], shown["size"], "stores" in shown) == ("queued", None, False)
            # What is known to be unclean is not written to again, but elsewhere the image may go.
            assert await database(service).read(journal.entries) != []
            assert await alice.upload(image, b"again") == 409
            assert await alice.upload(image, b"data", **{"X-Image-Meta-Store": "file2"}) == 204
    await cleaned(service)
    assert os.listdir(freezing_disk / "file1") == []
    assert await (await alice("GET", f"/v2/images/{image}/file")).read() == b"data"
    other = (await alice.create())["id"]
    await healthy(service)
    assert await alice.upload(other, b"good again") == 204


async def test_the_same_upload_succeeds_once_the_store_is_back(
    service: Service, alice: Person, freezing_disk: Path
) -> None:
    image = (await alice.create())["id"]
    data = os.urandom(8 << 20)
    with frozen(freezing_disk):
        async with asyncio.timeout(LONGEST):
            assert await alice.upload(image, data) == 503
    await cleaned(service)
    assert os.listdir(freezing_disk / "file1") == []
    await healthy(service)
    assert await alice.upload(image, data) == 204
    assert await (await alice("GET", f"/v2/images/{image}/file")).read() == data


async def test_while_it_is_known_to_be_away(
    start: Start, tmp_path: Path, freezing_disk: Path
) -> None:
    access = replace(ACCESS, probe_interval=1000.0)
    service = await start(stores=stores_in(tmp_path, access, file1=freezing_disk / "file1"))
    alice = service.person("red")
    images = [(await alice.create())["id"] for _ in range(3)]
    with frozen(freezing_disk):
        store = service.client.app[keys.stores].get("file1")
        async with asyncio.timeout(LONGEST):
            for image in images:
                assert await alice.upload(image, b"data") == 503
            assert not service.client.app[keys.stores].health("file1").healthy
            with pytest.raises(errors.Refused):
                await store.discard("x")
            # Nothing of this one has reached the store, so there is nothing to recover.
            before = len(await database(service).read(journal.entries))
            image = (await alice.create())["id"]
            assert await alice.upload(image, b"data") == 503
            assert len(await database(service).read(journal.entries)) == before
            assert (await alice.show(image))["status"] == "queued"
    service.client.app[keys.stores].judge("file1", None)  # in place of a probe
    await cleaned(service)
    assert await alice.upload(image, b"data") == 204
    assert os.listdir(freezing_disk / "file1") == [image]


async def test_while_an_image_is_deleted(
    service: Service, alice: Person, freezing_disk: Path
) -> None:
    image = (await alice.create())["id"]
    assert await alice.upload(image, b"data") == 204
    with frozen(freezing_disk):
        async with asyncio.timeout(LONGEST):
            assert (await alice("DELETE", f"/v2/images/{image}")).status == 503
            assert (await alice("GET", f"/v2/images/{image}")).status == 404
    await cleaned(service)
    assert os.listdir(freezing_disk / "file1") == []
    assert (await alice("POST", "/v2/images", json={"id": image})).status == 409


async def test_while_a_copy_is_removed(
    service: Service, alice: Person, admin: Person, freezing_disk: Path
) -> None:
    image = (await alice.create())["id"]
    to_second = {"X-Image-Meta-Store": "file2"}
    assert await alice.upload(image, b"data", **to_second) == 204
    place = freezing_disk / "file1"
    await copy_to(service, image, "file1", source="file2", place=place)
    with frozen(freezing_disk):
        async with asyncio.timeout(LONGEST):
            assert (await admin("DELETE", f"/v2/stores/file1/{image}")).status == 503
            assert await (await alice("GET", f"/v2/images/{image}/file")).read() == b"data"
    await cleaned(service)
    assert os.listdir(freezing_disk / "file1") == []
    assert (await alice.show(image))["stores"] == "file2"


@contextmanager
def frozen_after(disk: Path, calls: int) -> Iterator[Callable[[], None]]:
    """Hands out a function that freezes the disk when it is called for that time."""
    count = 0

    def freeze() -> None:
        nonlocal count
        count += 1
        if count == calls:
            subprocess.run(["fsfreeze", "--freeze", str(disk)], check=True)

    try:
        yield freeze
    finally:
        assert count >= calls
        subprocess.run(["fsfreeze", "--unfreeze", str(disk)], check=True)


async def healthy(service: Service) -> None:
    async with asyncio.timeout(LONGEST):
        while not service.client.app[keys.stores].health("file1").healthy:
            await asyncio.sleep(0.05)
