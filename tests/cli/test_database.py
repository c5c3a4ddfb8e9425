"""``imagestore db`` and ``imagestore job`` on every kind of database."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, update

from imagestore.catalog.integrity.hold import Hold
from imagestore.config import settings as config
from imagestore.config.settings import Settings
from imagestore.database import images, jobs, journal
from imagestore.database.schema import image_locations
from imagestore.database.schema import images as table
from imagestore.model.image import ImageStatus, Location
from imagestore.model.job import JobDraft
from tests.cli.test_commands import run
from tests.database import samples
from tests.services.databases import fresh_url_of, mariadb, postgresql

__all__ = ["mariadb", "postgresql"]

KINDS = ["embedded", "mariadb", "postgresql"]


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return fresh_url_of(request, request.param, tmp_path)


def test_tables_from_their_making_to_their_purge(url: str, tmp_path: Path) -> None:
    def imagestore(*args: str) -> tuple[int, str]:
        answer = run(*args, "--data-dir", str(tmp_path), OS_DATABASE__CONNECTION=url)
        assert "Traceback" not in answer.stderr, answer.stderr
        return answer.returncode, answer.stdout + answer.stderr

    assert imagestore("db", "version") == (0, "none\n")
    assert imagestore("db", "check")[0] == 3
    assert "imagestore db upgrade" in imagestore("job", "list")[1]
    assert imagestore("db", "upgrade") == (0, "The tables are at 0009.\n")
    assert imagestore("db", "check")[0] == 0
    already = (0, "The tables hold them already.\n")
    if url.startswith("mysql"):
        assert imagestore("db", "widen")[1].startswith("Widened: images.name, image_properties.")
    assert imagestore("db", "widen") == already
    gone = samples.image(properties={"a": "1"})

    def fill(conn: Connection) -> str:
        images.insert(conn, gone)
        images.soft_delete(conn, gone.id, samples.MOMENT.replace(year=2020), {ImageStatus.QUEUED})
        return jobs.enqueue(conn, JobDraft("copy", {"a": 1}, "image"), samples.MOMENT)[0]

    async def filled() -> str:
        async with samples.opened(url, upgrade=False) as database:
            return await database.write(fill)

    job = asyncio.run(filled())
    assert "image_properties: 0 rows" in imagestore("db", "purge", "--age-in-days", "36500")[1]
    assert "image_properties: 1 rows" in imagestore("db", "purge", "--max-rows", "-1")[1]
    assert imagestore("db", "purge-images-table") == (0, "images: 1 rows removed.\n")

    listed = imagestore("job", "list")[1]
    assert job in listed
    assert f"  {samples.MOMENT:%Y-%m-%d %H:%M:%SZ}  " in listed
    assert "  the service  " in listed
    assert imagestore("job", "list", "--state", "failed", "--json") == (0, "[]\n")
    code, text = imagestore("job", "show", job, "--json")
    assert (code, json.loads(text)["payload"]) == (0, {"a": 1})
    assert imagestore("job", "show", job[:8], "--json") == (code, text)
    assert imagestore("job", "retry", job)[0] == 1
    assert json.loads(imagestore("job", "cancel", job, "--json")[1])["cancel_requested"]
    assert "to be cancelled" in imagestore("job", "list")[1]
    assert imagestore("job", "show", "unknown") == (1, "imagestore: There is no job unknown.\n")


@pytest.mark.parametrize("restored", [False, True])
def test_a_purge_of_the_newest_locations_is_no_restore(
    url: str, tmp_path: Path, restored: bool
) -> None:
    """The service has ended before it noted that they are gone. ``restored``: it was one, too."""
    made = [samples.image(locations=(Location(f"file:///srv/{n}"),)) for n in range(3)]

    def fill(conn: Connection) -> None:
        for each in made:
            images.insert(conn, each)

    def lose(conn: Connection) -> None:
        deleted = samples.MOMENT.replace(year=2020)
        images.soft_delete(conn, made[1].id, deleted, {ImageStatus.QUEUED})
        images.soft_delete(conn, made[2].id, deleted, {ImageStatus.QUEUED})
        if restored:
            conn.execute(delete(image_locations).where(image_locations.c.image_id == made[2].id))

    async def service(change: Callable[[Connection], None] | None = None) -> bool:
        given = Settings(data_dir=tmp_path, database=config.Database(url))
        async with samples.opened(url, upgrade=False) as database:
            if change is fill:
                await database.write(fill)
            hold = Hold(database, given)
            await hold.notice()
            if change is lose:
                await database.write(lose)
            return await hold.is_on()

    def imagestore(*args: str) -> str:
        answer = run(*args, "--data-dir", str(tmp_path), OS_DATABASE__CONNECTION=url)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    imagestore("db", "upgrade")
    assert not asyncio.run(service(fill))
    assert not asyncio.run(service(lose))
    assert f"image_locations: {1 if restored else 2} rows" in imagestore("db", "purge")
    assert asyncio.run(service()) is restored


def test_copies_that_were_moved_are_named_and_found_again(tmp_path: Path) -> None:
    def imagestore(*args: str) -> tuple[int, str]:
        answer = run(*args, "--data-dir", str(tmp_path))
        assert answer.stderr == ""
        return answer.returncode, answer.stdout

    assert imagestore("db", "upgrade")[0] == 0
    made = samples.image(locations=(Location("file:///srv/a/images/1"),), size=4)
    other = samples.image(locations=(Location("file:///srv/ab/images/2"),), size=4)

    async def fill() -> None:
        url = f"sqlite:///{tmp_path}/imagestore.sqlite"
        async with samples.opened(url, upgrade=False) as database:
            for each in (made, other):
                await database.write(images.insert, each)

    asyncio.run(fill())
    code, out = imagestore("store", "check")
    assert code == 1
    assert f"image {made.id}, no store: file:///srv/a/images/1: no store" in out
    assert "not found: 2" in out
    here = tmp_path / "images"
    change = f"file:///srv/a/images/1 -> file://{here}/1\n"
    told = imagestore("db", "relocate", "/srv/a/images", str(here), "--dry-run")
    assert told == (0, f"{change}Would be changed: 1.\n")
    assert "not found: 2" in imagestore("store", "check")[1]
    assert imagestore("db", "relocate", "/srv/a/images/", str(here)) == (
        0,
        f"{change}Changed: 1.\n",
    )
    assert "not found: 1" in imagestore("store", "check")[1]
    code, out = imagestore("store", "check", "--copies")
    assert f"image {made.id}, file: file://{here}/1: missing\n" in out
    assert imagestore("db", "relocate", str(here), "file:///srv/a/images")[1].endswith("ged: 1.\n")
    answer = run("db", "relocate", "srv/a", "/b", "--data-dir", str(tmp_path))
    assert answer.returncode == 2


def test_a_hold_lists_what_was_half_done_and_is_released(tmp_path: Path) -> None:
    def imagestore(*args: str) -> tuple[int, str]:
        answer = run(*args, "--data-dir", str(tmp_path))
        return answer.returncode, answer.stdout

    assert imagestore("db", "upgrade")[0] == 0

    async def begin() -> None:
        url = f"sqlite:///{tmp_path}/imagestore.sqlite"
        async with samples.opened(url, upgrade=False) as database:
            entry = (journal.new_entry(), "an-image", "file", "a:1:1", samples.MOMENT)
            await database.write(journal.open_upload, *entry)

    asyncio.run(begin())
    for _ in range(2):
        code, out = imagestore("db", "hold")
        assert code == 0
        assert out.startswith("half done: upload of image an-image in file, ")
        assert out.endswith("until: imagestore db release\n")
    assert imagestore("db", "release") == (0, "The hold is over.\n")
    assert imagestore("db", "release") == (0, "There was no hold.\n")


def test_an_upgrade_of_the_peer_that_has_not_ended(tmp_path: Path) -> None:
    url = samples.url(tmp_path)

    def unfinished(conn: Connection) -> None:
        conn.exec_driver_sql("UPDATE alembic_version SET version_num = '2024_1_expand01'")
        conn.execute(update(table).values(name="x"))

    async def begun() -> None:
        async with samples.opened(url) as database:
            await database.write(unfinished)

    asyncio.run(begun())
    answer = run("db", "check", "--data-dir", str(tmp_path), OS_DATABASE__CONNECTION=url)
    assert answer.returncode == 5
    assert "glance-manage db contract" in answer.stdout
