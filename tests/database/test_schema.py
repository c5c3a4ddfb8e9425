"""The tables can be made in every database; in SQLite they are, by all other tests."""

from __future__ import annotations

import pytest
from sqlalchemy import Dialect, Index
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from imagestore.database import images
from imagestore.database.engine import Database
from imagestore.database.schema import indexes_for, metadata
from tests.database.samples import image

DIALECTS: list[Dialect] = [mysql.dialect(), postgresql.dialect(), sqlite.dialect()]  # type: ignore[no-untyped-call]


def ddl(index: Index, dialect: Dialect) -> str:
    return str(CreateIndex(index).compile(dialect=dialect))


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_the_ddl_compiles(dialect: Dialect) -> None:
    for table in metadata.sorted_tables:
        assert f"CREATE TABLE {table.name}" in str(CreateTable(table).compile(dialect=dialect))
    for index in indexes_for(dialect.name):
        assert f"CREATE INDEX {index.name}" in ddl(index, dialect)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_indexes_take_values_of_any_length(dialect: Dialect) -> None:
    found = [ddl(one, dialect) for one in indexes_for(dialect.name) if "prop" in str(one.name)]
    if dialect.name == "mysql":
        [index] = found
        assert "(name, value(191), deleted, image_id)" in index
    else:
        short, long = found
        assert "(name, value, " in short and "WHERE length(value) <= 255" in short
        assert "(name, substr(value, 1, 255), " in long


def test_names_of_our_own_are_marked() -> None:
    ours = {str(index.name) for dialect in DIALECTS for index in indexes_for(dialect.name)}
    assert all(name.startswith("imagestore_") and len(name) < 64 for name in ours)


async def test_values_of_any_length_can_be_written(database: Database) -> None:
    for end in ("a", "b"):
        # As much as a TEXT of MySQL takes.
        value = "€" * 21_000 + end
        await database.write(images.insert, image(properties={"long": value}, name="n" * 255))
