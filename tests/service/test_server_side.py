"""Copies that the file system makes by itself: verified all the same, and sent when they fail."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imagestore.backends import errors
from imagestore.backends.base import Stored
from imagestore.backends.file.store import FileStore
from imagestore.config.settings import Stores, StoreSection
from imagestore.database import journal
from imagestore.model.job import JobState
from tests.service.conftest import Person, Service, Start
from tests.service.faults import copy_to, database
from tests.service.test_replication import (
    DATA,
    by,
    catalog_of,
    jobs_done,
    lies_in,
    passed,
    rule,
    stores_of,
    uploaded,
)
from tests.services.databases import url_of

NAMES = ("file1", "file2", "file3")


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a database without rows: how it locks is tested with copies that are sent."""
    return url_of(request, "embedded", tmp_path)


def three(directory: Path) -> Stores:
    sections = tuple(
        StoreSection(
            name,
            "file",
            {"filesystem_store_datadir": str(directory / name)},
            weight=10 - number,
        )
        for number, name in enumerate(NAMES)
    )
    return Stores(sections, default="file1", multiple=True)


class Watched:
    """Which file stores were asked to copy, and to which blocks were sent."""

    def __init__(self) -> None:
        self.copied: list[str] = []
        self.sent: list[str] = []


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    seen = Watched()
    copy, add = FileStore.copy, FileStore.add

    async def watch_copy(self: FileStore, *args: Any, **more: Any) -> Stored:
        seen.copied.append(self.name)
        return await copy(self, *args, **more)

    async def watch_add(self: FileStore, *args: Any, **more: Any) -> Stored:
        seen.sent.append(self.name)
        return await add(self, *args, **more)

    monkeypatch.setattr(FileStore, "copy", watch_copy)
    monkeypatch.setattr(FileStore, "add", watch_add)
    yield seen


@pytest.fixture
async def service(start: Start, tmp_path: Path, watched: Watched) -> Service:
    """A rule wants golden images in the second store, tin ones in the third."""
    rules = by(
        rule("file2", match="tag=golden"), rule("file3", match="tag=tin", name="s"), interval=0.0
    )
    return await start(stores=three(tmp_path), replication=rules)


@pytest.fixture
def alice(service: Service) -> Person:
    return service.person("red")


async def test_the_file_system_copies(service: Service, alice: Person, watched: Watched) -> None:
    image = await uploaded(alice, tags=["golden"])
    [job] = await jobs_done(service, image)
    assert (job.state, job.bytes_done) == (JobState.DONE, len(DATA))
    assert (watched.sent, watched.copied) == (["file1"], ["file2"])
    assert await stores_of(alice, image) == {"file1", "file2"}
    assert lies_in(service, "file2", image)
    assert await database(service).read(journal.entries) == []


async def test_it_can_be_forbidden(start: Start, tmp_path: Path, watched: Watched) -> None:
    rules = replace(by(rule("file2"), interval=0.0), server_side=False)
    service = await start(stores=three(tmp_path), replication=rules)
    image = await uploaded(service.person("red"))
    await jobs_done(service, image)
    assert (watched.sent, watched.copied) == (["file1", "file2"], [])
    assert lies_in(service, "file2", image)


async def test_a_copy_that_is_wrong_never_counts(
    service: Service, alice: Person, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = FileStore.copy

    async def spoil(self: FileStore, *args: Any, **more: Any) -> Stored:
        stored = await copy(self, *args, **more)
        _flip(Path(stored.url.removeprefix("file://")))
        return stored

    monkeypatch.setattr(FileStore, "copy", spoil)
    image = await uploaded(alice, tags=["golden"])
    [job] = await jobs_done(service, image)
    assert job.state is JobState.DONE
    assert watched.copied == ["file2"]
    assert watched.sent == ["file1", "file2"]  # instead
    assert lies_in(service, "file2", image)


async def test_the_copy_of_a_copy_that_has_rotted(
    service: Service, alice: Person, watched: Watched
) -> None:
    """It is as wrong as its source, whatever the store says of it: another one is read."""
    image = await uploaded(alice)
    await copy_to(service, image, "file2")
    _flip(service.settings.data_dir / "file1" / image)
    await alice("PUT", f"/v2/images/{image}/tags/tin")
    [job] = await jobs_done(service, image)
    assert job.state is JobState.DONE
    assert watched.copied == ["file3"]
    assert lies_in(service, "file3", image)
    assert await database(service).read(journal.entries) == []


@pytest.mark.parametrize("error", [errors.CannotCopy, errors.Unavailable, errors.NotFound])
async def test_what_is_not_copied_is_sent(
    service: Service,
    alice: Person,
    watched: Watched,
    error: type[errors.StoreError],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fail(self: FileStore, *args: Any, **more: Any) -> Stored:
        raise error("forced", store=self.name)

    monkeypatch.setattr(FileStore, "copy", fail)
    image = await uploaded(alice, tags=["golden"])
    [job] = await jobs_done(service, image)
    assert (job.state, job.attempts) == (JobState.DONE, 1)
    assert lies_in(service, "file2", image)
    assert watched.sent == ["file1", "file2"]


async def test_an_image_that_is_deleted_while_it_is_copied(
    service: Service, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = FileStore.copy

    async def delete(self: FileStore, image_id: str, *args: Any, **more: Any) -> Stored:
        stored = await copy(self, image_id, *args, **more)
        assert (await alice("DELETE", f"/v2/images/{image_id}")).status == 204
        return stored

    monkeypatch.setattr(FileStore, "copy", delete)
    image = await uploaded(alice, tags=["golden"])
    [job] = await jobs_done(service, image)
    assert job.state is JobState.DONE
    for name in NAMES:
        assert not (service.settings.data_dir / name / image).exists()
    assert await database(service).read(journal.entries) == []


async def test_an_image_without_digests_is_read_from_its_source(
    service: Service, alice: Person, watched: Watched
) -> None:
    """There is nothing to compare a copy with: what it has would be taken for the image's."""
    image = await uploaded(alice)
    await database(service).write(
        lambda conn: conn.exec_driver_sql(
            "UPDATE images SET checksum = NULL, os_hash_algo = NULL, os_hash_value = NULL"
        )
    )
    await alice("PUT", f"/v2/images/{image}/tags/golden")
    await passed(service)
    assert watched.copied == []
    assert lies_in(service, "file2", image)
    assert (await catalog_of(service).jobs.list(kind="copy"))[0].state is JobState.DONE


def _flip(path: Path) -> None:
    """One bit is another one."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        [byte] = os.pread(descriptor, 1, 1_000_000)
        os.pwrite(descriptor, bytes([byte ^ 1]), 1_000_000)
    finally:
        os.close(descriptor)
