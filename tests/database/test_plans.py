"""Every list reads few rows and sorts few, on each database, whatever its statistics say.

Without statistics MariaDB believes its tables empty, as it does when it has not looked since
they were filled, and PostgreSQL has never looked; or it has looked too early, when there was a
tenth of what images have. The bounds within which a list
looks for a page are made small, so that a few thousand images are as much more than those as
a million is.
"""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from itertools import product
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import Connection, event, insert, text

from imagestore.database import images, lookups, pages, walks
from imagestore.database import schema as tables
from imagestore.database.engine import Database
from imagestore.model.image import MemberStatus, Visibility
from imagestore.model.query import SORT_KEYS, Condition, Direction, ImageQuery, Op, Scope, Sort
from tests.database import samples
from tests.database.samples import MOMENT
from tests.services.databases import execute, fresh_url_of

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

NUMBER = 4000
PAGE = ImageQuery(5)
SCOPES = {
    "an administrator": Scope("admin", is_admin=True),
    "one who owns half": Scope("much"),
    "one with whom all is shared": Scope("friend"),
    "one who owns none": Scope("nothing"),
}


def where(column: str, op: Op, value: Any) -> ImageQuery:
    return replace(PAGE, conditions=(Condition(column, op, value),))


LISTS = {
    "plain": PAGE,
    "all visibilities": replace(PAGE, all_visibilities=True),
    "public": replace(PAGE, visibility=Visibility.PUBLIC),
    "shared": replace(PAGE, visibility=Visibility.SHARED),
    "hidden": replace(PAGE, os_hidden=True),
    "by id": where("id", Op.EQ, "unknown"),
    "by name": where("name", Op.EQ, "image 7"),
    "by names": where("name", Op.IN, tuple(f"image {number}" for number in range(20))),
    "by owner": where("owner", Op.EQ, "much"),
    "by checksum": where("checksum", Op.EQ, "c7"),
    "active": where("status", Op.EQ, "active"),
    "queued": where("status", Op.EQ, "queued"),
    "by a format that none has": where("disk_format", Op.EQ, "iso"),
    "by a format that all have": where("disk_format", Op.EQ, "raw"),
    "by a property that few have": replace(PAGE, properties=(("number", "7"),)),
    "by a property that all have": replace(PAGE, properties=(("kind", "disk"),)),
    "by a tag that few have": replace(PAGE, tags=("tag7",)),
    "by a tag that half have": replace(PAGE, tags=("even",)),
    "by two tags": replace(PAGE, tags=("even", "tag8")),
    "by a tag that only the oldest have": replace(PAGE, tags=("old",)),
    "by a tag that only public ones have": replace(PAGE, tags=("only public",)),
    "by a tag, in order of names": replace(PAGE, tags=("even",), sort=(Sort("name"),)),
    "by tags that never meet": replace(PAGE, tags=("even", "odd")),
    "by properties that never meet": replace(PAGE, properties=(("side", "even"), ("end", "odd"))),
    "by a tag and a property that never meet": replace(
        PAGE, tags=("even",), properties=(("side", "odd"),)
    ),
    "by a range of sizes": replace(
        PAGE, conditions=(Condition("size", Op.GTE, 50), Condition("size", Op.LTE, 60))
    ),
    "by memory that none needs": where("min_ram", Op.EQ, 77),
    "updated since": replace(
        where("updated_at", Op.GTE, MOMENT + timedelta(seconds=30)),
        sort=(Sort("updated_at", Direction.ASC),),
    ),
    **{
        f"sorted by {key}, {direction}": replace(PAGE, sort=(Sort(key, direction),))
        for key in sorted(SORT_KEYS)
        for direction in Direction
    },
    "sorted by name and size": replace(PAGE, sort=(Sort("name", Direction.ASC), Sort("size"))),
    **{
        f"sorted by {', '.join(keys)}": replace(PAGE, sort=tuple(map(Sort, keys)))
        for keys in (("disk_format", "name"), ("status", "disk_format", "container_format", "size"))
    },
    "sorted by container format, the oldest first": replace(
        PAGE, sort=(Sort("container_format"), Sort("created_at", Direction.ASC))
    ),
    "by sizes that never meet": replace(
        PAGE, conditions=(Condition("size", Op.LTE, 5000), Condition("virtual_size", Op.GTE, 1))
    ),
    "changed before, the newest first": where(
        "updated_at", Op.LT, MOMENT + timedelta(seconds=NUMBER // 200)
    ),
}
LINEAR = {
    "by tags that never meet",
    "by properties that never meet",
    "by a tag and a property that never meet",
    "by a tag that only the oldest have",
    "by memory that none needs",
    "by sizes that never meet",
    "changed before, the newest first",
    "by a tag that half have",
    "by a tag, in order of names",
    "by two tags",
}
"""What has to be read, in indexes, grows with the number of matches: no order has them."""


TABLES = ("images", "image_properties", "image_tags", "image_members", "image_locations")


def rows_of_images() -> Iterator[dict[str, Any]]:
    for number in range(NUMBER):
        # Many that are created in the same second, and more than a page without a name or size.
        created = MOMENT + timedelta(seconds=number // 50)
        kind = number % 20
        yield {
            "id": f"{number * 2654435761 % 2**32:08x}-0000-4000-8000-{number:012x}",
            "created_at": created,
            "updated_at": created + timedelta(seconds=number % 7),
            "name": None if number % 30 == 4 else f"image {number % 1000}",
            "size": None if number % 40 == 7 else number * 7919 % 9973,
            "status": "deleted" if kind == 9 else "killed" if number % 100 == 10 else "active",
            "deleted": kind == 9,
            "visibility": {1: "public", 2: "community"}.get(
                kind, "shared" if number % 5 == 3 else "private"
            ),
            "owner": "much" if number % 2 else f"owner {number % 100 + 1}",
            "disk_format": "raw",
            "container_format": "bare" if number % 9 else None,
            "checksum": f"c{number}",
            "min_disk": 0,
            "min_ram": number % 3,
        }


def fill(conn: Connection, *, looked_at: bool = False) -> None:
    """``looked_at``: statistics are taken meanwhile."""
    found = list(rows_of_images())
    conn.execute(insert(tables.images), found)
    if looked_at:
        conn.execute(text("ANALYZE images"))
    children: dict[Any, list[dict[str, Any]]] = {}

    def add(table: Any, image: dict[str, Any], **values: Any) -> None:
        row = {"image_id": image["id"], "created_at": MOMENT, "deleted": False, **values}
        children.setdefault(table, []).append(row)

    for number, one in enumerate(found):
        side = "odd" if number % 2 else "even"
        labels = {"number": str(number), "kind": "disk", "side": side, "end": side}
        for name, value in labels.items():
            add(tables.image_properties, one, name=name, value=value)
        tags = {
            side: True,
            f"tag{number % 400}": True,
            "old": number < NUMBER // 4,
            "only public": one["visibility"] == "public",
        }
        for tag in (tag for tag, has in tags.items() if has):
            add(tables.image_tags, one, value=tag)
        if one["visibility"] == "shared":
            for project in ("friend", f"project {number % 50}"):
                accepted = MemberStatus.ACCEPTED.value
                add(tables.image_members, one, member=project, status=accepted, can_share=False)
    for table, rows in children.items():
        conn.execute(insert(table), rows[: len(rows) // 10])
        if looked_at:
            conn.execute(text(f"ANALYZE {table.name}"))
        conn.execute(insert(table), rows[len(rows) // 10 :])


NOT_LOOKED_AT = {
    "mariadb": ("ALTER TABLE {} STATS_AUTO_RECALC = 0", "ANALYZE TABLE {}"),
    "postgresql": ("ALTER TABLE {} SET (autovacuum_enabled = false)",),
}
TAKEN_FOR_LARGE = (
    "UPDATE pg_class SET reltuples = 1000000, relpages = pg_relation_size(oid) / 8192 + 1"
    " WHERE oid = '{0}'::regclass"
    " OR oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = '{0}'::regclass)"
)
"""PostgreSQL always knows about how many rows there are, by the size of the files. Of some
thousand images without statistics it expects one or none, whatever is asked for."""
ANALYZED = {
    "embedded": ("ANALYZE {}",),
    "mariadb": ("ANALYZE TABLE {}",),
    "postgresql": ("VACUUM ANALYZE {}",),
}


async def tell(url: str, forms: Sequence[str]) -> None:
    url = url.replace("sqlite:", "sqlite+aiosqlite:")
    await execute(url, *(form.format(table) for form, table in product(forms, TABLES)))


@pytest_asyncio.fixture(
    scope="module",
    loop_scope="module",
    params=(
        *product(("embedded", "mariadb", "postgresql"), ("without statistics", "with statistics")),
        ("postgresql", "with statistics of a tenth"),
    ),
    ids=" ".join,
)
async def database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Database]:
    kind, state = request.param
    url = await asyncio.to_thread(fresh_url_of, request, kind, tmp_path_factory.mktemp("plans"))
    async with samples.opened(url) as filling:
        await tell(url, NOT_LOOKED_AT.get(kind, ()))
        await filling.write(partial(fill, looked_at=state == "with statistics of a tenth"))
    if (kind, state) == ("postgresql", "without statistics"):
        await tell(url, (TAKEN_FOR_LARGE,))
    if state == "with statistics":
        await tell(url, ANALYZED[kind])
    # A connection remembers for a while how small an index was.
    async with samples.opened(url) as opened:
        yield opened


@pytest.fixture(autouse=True)
def small_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookups, "FEW", 40)
    monkeypatch.setattr(lookups, "MANY", 120)
    monkeypatch.setattr(walks, "SMALL", 60)
    monkeypatch.setattr(walks, "TIED", 150)
    monkeypatch.setattr(pages, "DEPTHS", (30, 120))


@dataclass
class Work:
    """What a page takes: ``read``: rows of tables and entries of indexes; ``scanned``: tables
    that are read from one end to the other."""

    read: int = 0
    sorted: int = 0
    scanned: frozenset[str] = frozenset()


def work(conn: Connection, scope: Scope, query: ImageQuery) -> Work:
    match conn.dialect.name:
        case "sqlite":
            return _of_sqlite(conn, scope, query)
        case "postgresql":
            return _of_postgresql(conn, scope, query)
    names = ("first", "key", "next", "prev", "rnd_next")
    reads = ", ".join(f"'Handler_read_{name}'" for name in names)
    asked = text(f"SHOW SESSION STATUS WHERE variable_name IN ('Sort_rows', {reads})")
    before = {name: int(value) for name, value in conn.execute(asked)}
    images.select_page(conn, scope, query)
    spent = {name: int(value) - before[name] for name, value in conn.execute(asked)}
    return Work(sum(spent.values()) - spent["Sort_rows"], spent["Sort_rows"])


def statements(conn: Connection, scope: Scope, query: ImageQuery) -> list[tuple[str, Any]]:
    seen: list[tuple[str, Any]] = []

    def note(_: object, __: object, sql: str, values: Any, *___: object) -> None:
        seen.append((sql, values))

    event.listen(conn, "before_cursor_execute", note)
    try:
        images.select_page(conn, scope, query)
    finally:
        event.remove(conn, "before_cursor_execute", note)
    return seen


def _of_sqlite(conn: Connection, scope: Scope, query: ImageQuery) -> Work:
    """Steps of its machine, of which a row takes about fifteen; it does not tell rows."""
    driver = conn.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    steps = 0

    def tick() -> int:
        nonlocal steps
        steps += 1
        return 0

    driver.set_progress_handler(tick, 100)
    try:
        seen = statements(conn, scope, query)
    finally:
        driver.set_progress_handler(None, 0)
    plans = [
        str(step[3])
        for sql, values in seen
        for step in driver.execute(f"EXPLAIN QUERY PLAN {sql}", values)
    ]
    scanned = frozenset(
        step
        for step in plans
        if re.match("SCAN image.*(?<!autoindex_images_1)(?<!images_of_id)$", step)
    )
    return Work(steps * 100 // 15, 0, scanned)


def _of_postgresql(conn: Connection, scope: Scope, query: ImageQuery) -> Work:
    total = Work()

    def add(plan: dict[str, Any]) -> None:
        kind, parts = plan["Node Type"], plan.get("Plans", ())
        if kind == "Seq Scan":
            total.scanned |= {plan["Relation Name"]}
        if "Scan" in kind and "Subquery" not in kind:
            names = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")
            total.read += int(sum(plan.get(name, 0) for name in names) * plan["Actual Loops"])
        if kind == "Sort":
            total.sorted += int(parts[0]["Actual Rows"] * parts[0]["Actual Loops"])
        for part in parts:
            add(part)

    for sql, values in statements(conn, scope, query):
        told = conn.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", values).scalar()
        add((told if isinstance(told, list) else json.loads(str(told)))[0]["Plan"])
    return total


@pytest.mark.parametrize("name", LISTS)
async def test_few_rows_are_read_and_sorted(database: Database, name: str) -> None:
    for who, scope in SCOPES.items():
        done = await database.read(work, scope, LISTS[name])
        assert not done.scanned, who
        keys = len(LISTS[name].sort) or 1
        assert done.read < (6 * NUMBER if name in LINEAR else keys * NUMBER // 2), (who, done)
        assert done.sorted < (NUMBER if name in LINEAR else 1000), (who, done)


async def test_a_deep_page_costs_what_the_first_does(database: Database) -> None:
    for key in sorted(SORT_KEYS):
        query = replace(PAGE, limit=NUMBER, sort=(Sort(key),))
        scope = SCOPES["one who owns half"]
        everything, _ = await database.read(images.select_page, scope, query)
        deep = replace(PAGE, marker=everything[-10].id, sort=query.sort)
        done = await database.read(work, scope, deep)
        assert done.read < NUMBER // 2, (key, done)
        assert done.sorted < 1000, (key, done)
