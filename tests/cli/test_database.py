"""``imagestore db`` and ``imagestore job`` on every kind of database."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from sqlalchemy import Connection, update

from imagestore.database import images, jobs
from imagestore.database.schema import images as table
from imagestore.model.image import ImageStatus
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

    assert job in imagestore("job", "list")[1]
    assert imagestore("job", "list", "--state", "failed", "--json") == (0, "[]\n")
    code, text = imagestore("job", "show", job, "--json")
    assert (code, json.loads(text)["payload"]) == (0, {"a": 1})
    assert imagestore("job", "retry", job)[0] == 1
    assert json.loads(imagestore("job", "cancel", job, "--json")[1])["cancel_requested"]
    assert "to be cancelled" in imagestore("job", "list")[1]
    assert imagestore("job", "show", "unknown") == (1, "imagestore: There is no job unknown.\n")


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
