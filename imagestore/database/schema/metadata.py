"""What all tables share: the registry, the columns of time and deletion, the peer's version."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.schema import SchemaItem

metadata = MetaData()

_PEERS_OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8",
    "mysql_collate": "utf8_bin",
}
"""As the peer's tables, but for the collation: two properties may differ in case alone, as in
every other database. All have the same, because a foreign key needs that on both sides."""

_OWN_OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}

PEER_REVISION = "2024_1_contract01"
"""The migration that Glance 33 stands at; its ``db sync`` has nothing to do beyond."""

PEER_EXPANDED = "2024_1_expand01"
"""What Glance stands at between the first and the last step of an upgrade to there."""


def table(name: str, *parts: SchemaItem) -> Table:
    """One of the peer's, or of ours that is made as its are."""
    return Table(name, metadata, *parts, **_PEERS_OPTIONS)


def own_table(name: str, *parts: SchemaItem, **options: Any) -> Table:
    """One that only we read."""
    return Table(name, metadata, *parts, **_OWN_OPTIONS, **options)


peer_version = table(
    "alembic_version",
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


def timestamps() -> list[Column[Any]]:
    return [
        Column("created_at", DateTime, nullable=False),
        Column("updated_at", DateTime),
    ]


def soft_deletion(*, checked: bool = True) -> list[Column[Any]]:
    """``checked``: whether the peer left a CHECK on the flag (its ``images`` lost theirs)."""
    return [
        Column("deleted_at", DateTime),
        Column("deleted", Boolean(create_constraint=checked), nullable=False),
    ]


def big_integer() -> BigInteger:
    """64 bits everywhere; SQLite's INTEGER is that already."""
    return BigInteger().with_variant(Integer, "sqlite")


def moment() -> DateTime:
    """To the microsecond everywhere; MySQL's keeps whole seconds unless told."""
    return DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
