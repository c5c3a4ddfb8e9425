"""Directories that were moved: every image is read, and its location put right."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from imagestore.catalog.integrity.lost import LostCopy
from imagestore.config.settings import Settings, Stores, StoreSection
from imagestore.database import locations
from imagestore.model.errors import ImagestoreError
from imagestore.model.image import Location
from imagestore.workers.runner import JobRunner
from tests.catalog.conftest import ALICE, DATA, House, opened
from tests.catalog.integrity.test_patrol import patrol, progress_of
from tests.service.conftest import settings_in


def settings_at(tmp_path: Path, stores: str, *, several: bool) -> Settings:
    """The database stays; the stores lie below a directory of their own."""
    sections = tuple(
        StoreSection(name, "file", {"filesystem_store_datadir": str(tmp_path / stores / name)})
        for name in (("file1", "file2") if several else ("file1",))
    )
    return settings_in(tmp_path, stores=Stores(sections, "file1", multiple=several))


async def read(house: House, image_id: str) -> bytes:
    image = await house.image(image_id)
    reading = house.catalog.downloads.of(image).read(0, len(DATA))
    file = await reading.file()
    if file is None:
        return b"".join([bytes(block) async for block in reading.blocks()])
    with file:
        return Path(f"/proc/self/fd/{file.descriptor}").read_bytes()


async def urls(house: House, image_id: str) -> list[str]:
    return [each.url for each in (await house.image(image_id)).locations]


async def lost(house: House, *, everywhere: bool = False) -> list[LostCopy]:
    return [each async for each in house.catalog.lost_copies.search(everywhere=everywhere)]


async def as_glance_has_it(house: House, image_id: str) -> None:
    """The location names no store."""
    [location] = (await house.image(image_id)).locations
    await house.database.write(locations.set_metadata, location, {})


@pytest.mark.parametrize("named", [True, False], ids=["named", "as-glance-has-it"])
@pytest.mark.parametrize("several", [True, False], ids=["several", "one"])
async def test_images_outlive_a_move_of_their_directory(
    tmp_path: Path, several: bool, named: bool
) -> None:
    async with opened(settings_at(tmp_path, "old", several=several)) as house:
        image = (await house.active()).id
        if not named:
            await as_glance_has_it(house, image)
    (tmp_path / "old").rename(tmp_path / "new")

    async with opened(settings_at(tmp_path, "new", several=several)) as house:
        if several and not named:
            # It could have been in either store: that is the operator's to say.
            assert [each.image_id for each in await lost(house)] == [image]
            with pytest.raises(ImagestoreError):
                await read(house, image)
            before, after = f"file://{tmp_path}/old/", f"file://{tmp_path}/new/"
            await house.database.write(locations.relocate, before, after, 0, 100)
        assert await lost(house, everywhere=True) == []
        for _ in range(2):
            assert await read(house, image) == DATA
            await house.catalog.downloads._corrections.settle()
        assert await urls(house, image) == [f"file://{tmp_path}/new/file1/{image}"]
        await house.catalog.deletions.delete(ALICE, image)
        assert list((tmp_path / "new" / "file1").iterdir()) == []


async def test_what_nobody_has_read_can_be_deleted_and_patrolled(tmp_path: Path) -> None:
    async with opened(settings_at(tmp_path, "old", several=True)) as house:
        deleted, patrolled = [(await house.active()).id for _ in range(2)]
    (tmp_path / "old").rename(tmp_path / "new")
    async with opened(settings_at(tmp_path, "new", several=True)) as house:
        await house.catalog.deletions.delete(ALICE, deleted)
        assert [each.name for each in (tmp_path / "new/file1").iterdir()] == [patrolled]
        await on_patrol(house)
        assert await urls(house, patrolled) == [f"file://{tmp_path}/new/file1/{patrolled}"]
        assert (await progress_of(house)).unread == 0


async def test_what_is_not_found_is_named_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(settings_at(tmp_path, "old", several=False)) as house:
        found, gone, strange = [(await house.active()).id for _ in range(3)]
        await relocate(house, strange, f"rbd://a/b/{strange}/snap")
    (tmp_path / "old").rename(tmp_path / "new")
    (tmp_path / "new" / "file1" / gone).unlink()
    async with opened(settings_at(tmp_path, "new", several=False)) as house:
        assert {each.image_id: each.store for each in await lost(house)} == {
            gone: "file1", strange: "",
        }  # fmt: skip
        await on_patrol(house)
        assert (await progress_of(house)).unread == 2
        assert all(each in caplog.text for each in (gone, strange))
        assert await read(house, found) == DATA


async def test_a_place_that_is_still_there_may_be_another_service_s(tmp_path: Path) -> None:
    async with opened(settings_at(tmp_path, "old", several=False)) as house:
        image = (await house.active()).id
    (tmp_path / "new" / "file1").mkdir(parents=True)
    (tmp_path / "new" / "file1" / image).write_bytes(b"another image of the same id")
    async with opened(settings_at(tmp_path, "new", several=False)) as house:
        assert [each.image_id for each in await lost(house)] == [image]
        with pytest.raises(ImagestoreError):
            await house.catalog.deletions.delete(ALICE, image)
    assert (tmp_path / "new" / "file1" / image).read_bytes() == b"another image of the same id"


async def test_two_rows_never_come_to_mean_one_object(tmp_path: Path) -> None:
    """Or the copy would be removed with the first of them."""
    async with opened(settings_at(tmp_path, "new", several=True)) as house:
        image = (await house.active()).id
        other = Location(f"file:///gone/{image}", {"store": "file1"})
        await house.database.write(locations.add, image, other)
        assert await read(house, image) == DATA
        await house.catalog.downloads._corrections.settle()
        assert len({*await urls(house, image)}) == 2


async def test_copies_that_are_away_are_found_without_reading(house: House) -> None:
    missing, short, whole = [(await house.active()).id for _ in range(3)]
    house.file("file1", missing).unlink()
    house.file("file1", short).write_bytes(DATA[:-1])
    assert await lost(house) == []
    assert {(each.image_id, each.reason) for each in await lost(house, everywhere=True)} == {
        (missing, "missing"),
        (short, f"{len(DATA) - 1} bytes, not {len(DATA)}"),
    }
    assert await read(house, whole) == DATA


async def on_patrol(house: House) -> None:
    runner = asyncio.create_task(JobRunner(house.catalog.jobs, 1, look=0.05).run())
    await patrol(house)
    runner.cancel()
    await asyncio.gather(runner, return_exceptions=True)


async def relocate(house: House, image_id: str, url: str) -> None:
    [location] = (await house.image(image_id)).locations
    assert await house.database.write(locations.set_url, location, url)
