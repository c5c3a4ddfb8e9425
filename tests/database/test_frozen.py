"""Migrations after 0007 stand for ever: they do not follow the living schema."""

from __future__ import annotations

import ast
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, inspect

from imagestore.database.migrations import State, versions
from tests.database import samples

OLD = Path(__file__).with_name("tables-0007.sql")
REVISIONS = sorted(Path(versions.__path__[0]).glob("[0-9]*.py"))
LATER = [path for path in REVISIONS if int(path.name[:4]) > 7]


def living(source: str) -> Iterator[str]:
    """What of imagestore a module imports, in whatever way."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = ["imagestore" if node.level else str(node.module)]
        else:
            continue
        yield from (name for name in names if name.partition(".")[0] == "imagestore")


def test_later_migrations_import_nothing_that_changes() -> None:
    assert REVISIONS
    assert {path.name: list(living(path.read_text())) for path in LATER} == {
        path.name: [] for path in LATER
    }


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import sqlalchemy as sa\nfrom alembic import op", []),
        ("from imagestore.database.schema import jobs", ["imagestore.database.schema"]),
        ("def upgrade():\n    import imagestore.database.schema.own as own",
         ["imagestore.database.schema.own"]),
        ("from ..creation import create_tables", ["imagestore"]),
    ],
)  # fmt: skip
def test_what_counts_as_living(source: str, found: list[str]) -> None:
    assert list(living(source)) == found


async def test_upgraded_tables_are_those_of_a_new_database(tmp_path: Path) -> None:
    """From 0007, whatever has come since: columns, keys and indexes alike."""
    old, new = tmp_path / "old", tmp_path / "new"
    for directory in (old, new):
        directory.mkdir()
    connection = sqlite3.connect(old / "images.sqlite")
    connection.executescript(OLD.read_text())
    connection.close()
    async with samples.opened(samples.url(old)) as database:
        assert await database.check() is State.OK
        upgraded = await database.read(reflected)
    async with samples.opened(samples.url(new)) as database:
        assert await database.read(reflected) == upgraded


def reflected(conn: Connection) -> dict[str, Any]:
    """All tables, with nothing that depends on the order in which they were made."""
    found = inspect(conn)
    return {
        table: {
            "columns": {
                column["name"]: (str(column["type"]), column["nullable"], column["default"])
                for column in found.get_columns(table)
            },
            "primary key": found.get_pk_constraint(table)["constrained_columns"],
            "foreign keys": sorted(map(str, found.get_foreign_keys(table))),
            "unique": sorted(map(str, found.get_unique_constraints(table))),
            "indexes": sorted(
                conn.exec_driver_sql(
                    "SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? "
                    "AND sql IS NOT NULL",
                    (table,),
                ).scalars()
            ),
        }
        for table in found.get_table_names()
    }
