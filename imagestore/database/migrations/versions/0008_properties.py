"""Indexes that have properties whole; those replaced are gone."""

from __future__ import annotations

from alembic import op

from imagestore.database.migrations.names import names_of_indexes

revision = "0008"
down_revision = "0007"

_REPLACED = {
    "imagestore_images_created": "images",
    "imagestore_images_name": "images",
    "imagestore_images_size": "images",
    "imagestore_images_owner_size": "images",
    "imagestore_properties_value": "image_properties",
}


def upgrade() -> None:
    conn = op.get_bind()
    known = names_of_indexes(conn)
    for name, of in _indexes(conn.dialect.name).items():
        if name not in known:
            op.execute(f"CREATE INDEX {name} ON {of}")
    for name, table in _REPLACED.items():
        if name in known:
            op.drop_index(name, table)


def _indexes(dialect: str) -> dict[str, str]:
    found = {}
    if dialect in ("sqlite", "postgresql"):
        for name, value, which in (
            ("short", "value", "<="),
            ("long", "substr(value, 1, 255)", ">"),
        ):
            found[f"imagestore_properties_{name}"] = (
                f"image_properties (name, {value}, deleted, image_id)"
                f" WHERE length(value) {which} 255"
            )
    return found
