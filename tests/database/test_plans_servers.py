"""MariaDB and PostgreSQL read few rows for most lists that have to be quick.

Not for all: filters that match a large part of all images, and on MariaDB the order of
sizes, which has no index there because null is sorted by an expression.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import Connection, event, text

from imagestore.config import settings
from imagestore.database import images
from imagestore.database.engine import Database
from imagestore.model.query import ImageQuery, Scope
from tests.database import samples
from tests.database.test_plans import CASES, fill
from tests.services.databases import Server, execute

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["mariadb", "postgresql"])
async def database(request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    server: Server = request.getfixturevalue(request.param)
    url = await asyncio.to_thread(server.fresh)
    filling = Database(settings.Database(url, auto_upgrade=True, max_retries=0, timeout=300))
    await filling.open()
    await filling.write(fill)
    await filling.write(analyze)
    await filling.close()
    if request.param == "postgresql":
        # It would rather read small tables whole; large ones it cannot.
        name = url.rpartition("/")[2]
        await execute(url, f"ALTER DATABASE {name} SET enable_seqscan = off")
    async with samples.opened(url) as opened:
        yield opened


def analyze(conn: Connection) -> None:
    if conn.dialect.name == "postgresql":
        conn.execute(text("ANALYZE"))
    else:
        tables = "images, image_properties, image_tags, image_members, image_locations"
        conn.execute(text(f"ANALYZE TABLE {tables}")).all()


def rows_read(conn: Connection, scope: Scope, query: ImageQuery) -> int:
    """How many rows, of tables and of indexes, one page takes."""
    if conn.dialect.name == "postgresql":
        return _rows_of_postgresql(conn, scope, query)
    before = _handler_reads(conn)
    images.select_page(conn, scope, query)
    return _handler_reads(conn) - before


def _handler_reads(conn: Connection) -> int:
    status = conn.execute(text("SHOW SESSION STATUS LIKE 'Handler_read%'"))
    return sum(int(value) for name, value in status if "tmp" not in name and "rnd" not in name)


def _rows_of_postgresql(conn: Connection, scope: Scope, query: ImageQuery) -> int:
    seen: list[tuple[str, Any]] = []

    def note(_: object, __: object, sql: str, values: Any, *___: object) -> None:
        seen.append((sql, values))

    event.listen(conn, "before_cursor_execute", note)
    try:
        images.select_page(conn, scope, query)
    finally:
        event.remove(conn, "before_cursor_execute", note)
    total = 0
    for sql, values in seen:
        told = conn.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", values).scalar()
        plan = told if isinstance(told, list) else json.loads(str(told))
        total += _rows_of(plan[0]["Plan"])
    return total


def _rows_of(plan: dict[str, Any]) -> int:
    """Rows that the scans of a plan met, whether or not they passed."""
    own = 0
    if "Scan" in plan["Node Type"] and "Subquery" not in plan["Node Type"]:
        names = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")
        own = int(sum(plan.get(name, 0) for name in names) * plan["Actual Loops"])
    return own + sum(_rows_of(part) for part in plan.get("Plans", ()))


BROAD = {
    "by a property that all have", "by a tag that few have", "by a tag that half have",
    "by two tags", "by size", "active",
}  # fmt: skip


@pytest.mark.parametrize(
    ("scope", "query"), [case for case in CASES if str(case.id).split(", ", 1)[1] not in BROAD]
)
async def test_few_rows_are_read(database: Database, scope: Scope, query: ImageQuery) -> None:
    """A page of 25 with all its children; the table has 3000 images."""
    assert await database.read(rows_read, scope, query) < 1500
