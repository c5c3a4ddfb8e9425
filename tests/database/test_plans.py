"""SQLite walks an index for every list that has to be quick, however many images there are."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
import pytest_asyncio
from sqlalchemy import Connection, event, text

from imagestore.database import images, members
from imagestore.database.engine import Database
from imagestore.model.image import ImageStatus, MemberStatus, Visibility
from imagestore.model.query import Condition, ImageQuery, Op, Scope, Sort
from tests.database import samples
from tests.database.samples import MOMENT, image, member

PAGE = ImageQuery(25)
SCOPES = {
    "an administrator": Scope("admin", is_admin=True),
    "one who owns most": Scope("much"),
    "one who owns three": Scope("little"),
    "one who owns none": Scope("nothing"),
}
LISTS = {
    "plain": PAGE,
    "by name": replace(PAGE, conditions=(Condition("name", Op.EQ, "image 7"),)),
    "by owner": replace(PAGE, conditions=(Condition("owner", Op.EQ, "much"),)),
    "by id": replace(PAGE, conditions=(Condition("id", Op.EQ, "unknown"),)),
    "by checksum": replace(PAGE, conditions=(Condition("checksum", Op.EQ, "c7"),)),
    "by a property that few have": replace(PAGE, properties=(("number", "7"),)),
    "by a property that all have": replace(PAGE, properties=(("kind", "disk"),)),
    "by a tag that few have": replace(PAGE, tags=("tag7",)),
    "by a tag that half have": replace(PAGE, tags=("even",)),
    "by two tags": replace(PAGE, tags=("even", "tag8")),
    "by size": replace(PAGE, sort=(Sort("size"),)),
    "all visibilities": replace(PAGE, all_visibilities=True),
    "public": replace(PAGE, visibility=Visibility.PUBLIC),
    "shared": replace(PAGE, visibility=Visibility.SHARED),
    "active": replace(PAGE, conditions=(Condition("status", Op.EQ, "active"),)),
}
NUMBER = 3000

pytestmark = pytest.mark.asyncio(loop_scope="module")


def fill(conn: Connection) -> None:
    visibilities = (Visibility.PUBLIC, Visibility.SHARED, Visibility.PRIVATE, Visibility.COMMUNITY)
    for number in range(NUMBER):
        made = image(
            created_at=MOMENT + timedelta(seconds=number),
            name=f"image {number}",
            owner="little" if number % 1500 == 0 else "much" if number % 5 else "other",
            visibility=visibilities[number % 4],
            status=ImageStatus.ACTIVE,
            size=number,
            checksum=f"c{number}",
            properties={"number": str(number), "kind": "disk"},
            tags=("even" if number % 2 else "odd", f"tag{number % 200}"),
        )
        images.insert(conn, made, id_is_given=False)
        if made.visibility is Visibility.SHARED:
            project = "nothing" if number % 1000 == 1 else f"project {number % 50}"
            members.insert(conn, member(made.id, project, MemberStatus.ACCEPTED))


@pytest_asyncio.fixture(
    scope="module", loop_scope="module", params=["without statistics", "with statistics"]
)
async def database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Database]:
    """Plans must not need ANALYZE, nor be led astray by it."""
    async with samples.opened(samples.url(tmp_path_factory.mktemp("plans"))) as opened:
        await opened.write(fill)
        if request.param == "with statistics":
            await opened.write(analyze)
        yield opened


def analyze(conn: Connection) -> None:
    conn.execute(text("ANALYZE"))


def plans(conn: Connection, scope: Scope, query: ImageQuery) -> list[str]:
    """The steps of all statements of one page, and no statement without an index."""
    seen: list[tuple[str, tuple[object, ...]]] = []

    def note(_: object, __: object, sql: str, values: tuple[object, ...], *___: object) -> None:
        seen.append((sql, values))

    event.listen(conn, "before_cursor_execute", note)
    try:
        images.select_page(conn, scope, query)
    finally:
        event.remove(conn, "before_cursor_execute", note)
    driver = conn.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return [
        step[3]
        for sql, values in seen
        for step in driver.execute(f"EXPLAIN QUERY PLAN {sql}", values).fetchall()
    ]


def steps(conn: Connection, scope: Scope, query: ImageQuery) -> int:
    """How many hundreds of instructions of SQLite's machine a page takes."""
    driver = conn.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    count = 0

    def tick() -> int:
        nonlocal count
        count += 1
        return 0

    driver.set_progress_handler(tick, 100)
    try:
        images.select_page(conn, scope, query)
    finally:
        driver.set_progress_handler(None, 0)
    return count


CASES = [
    pytest.param(scope, query, id=f"{who}, {what}")
    for who, scope in SCOPES.items()
    for what, query in LISTS.items()
]


@pytest.mark.parametrize(("scope", "query"), CASES)
async def test_no_table_is_scanned(database: Database, scope: Scope, query: ImageQuery) -> None:
    found = await database.read(plans, scope, query)
    real = [step for step in found if re.search(r"\b(image_|images)", step)]
    assert real
    for step in real:
        assert step.startswith("SEARCH"), found
        for hopeless in ("ix_images_deleted", "os_hidden_image_idx", "visibility_image_idx"):
            assert hopeless not in step, found


@pytest.mark.parametrize(("scope", "query"), CASES)
async def test_the_work_does_not_grow_with_the_table(
    database: Database, scope: Scope, query: ImageQuery
) -> None:
    """A page of 25 with all children takes about 100 to 300 hundreds of instructions."""
    assert await database.read(steps, scope, query) < 1000


async def test_a_deep_page_costs_what_the_first_does(database: Database) -> None:
    for scope in SCOPES.values():
        for sort in ((Sort("created_at"),), (Sort("size"),)):
            whole = ImageQuery(5000, sort=sort)
            everything, _ = await database.read(images.select_page, scope, whole)
            deep = ImageQuery(25, marker=everything[-30].id, sort=sort)
            assert await database.read(steps, scope, deep) < 1000
