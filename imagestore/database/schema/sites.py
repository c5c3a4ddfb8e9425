"""Replication between sites: tables of our own."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, DateTime, String, Table

from imagestore.database.schema.metadata import metadata

_OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}

sites = Table(
    "imagestore_sites",
    metadata,
    Column("name", String(255), primary_key=True),
    Column("position", DateTime),
    Column("whole_at", DateTime),
    **_OPTIONS,
)

site_images = Table(
    "imagestore_site_images",
    metadata,
    Column("site", String(255), primary_key=True),
    Column("image_id", String(36), primary_key=True),
    **_OPTIONS,
)
