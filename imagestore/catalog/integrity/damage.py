"""A damaged copy: taken out of use, shown on the image, and put back if it is whole again."""

from __future__ import annotations

from sqlalchemy import Connection

from imagestore.database import damages, events, images, locations, properties
from imagestore.database.damages import DamageState
from imagestore.model.clock import now
from imagestore.model.image import Image, Location

DAMAGE_PROPERTY = "os_glance_damaged_stores"
"""The property of an image that names the stores of its damaged copies; nobody can write it."""


def mark(conn: Connection, image: Image, location: Location, store: str, reason: str) -> bool:
    """The copy is damaged: it is not read any more. Whether it is still the image's."""
    row = images.get(conn, image.id, locked=True)
    if row is None or location.id is None or row.image.os_hash_value != image.os_hash_value:
        return False
    if all(each.id != location.id for each in row.image.locations):
        return False
    was = next(each.status for each in row.image.locations if each.id == location.id)
    locations.set_status(conn, location.id, locations.DAMAGED)
    damages.report(conn, location.id, image.id, store, reason, now())
    if was != locations.DAMAGED:
        mark_property(conn, image.id)
        events.record(conn, "image.damaged", image_id=image.id, store=store, reason=reason)
    return True


def unmark(conn: Connection, image_id: str, location_id: int) -> None:
    """The copy was read again, and it is whole: somebody has put it right."""
    images.lock(conn, image_id)
    if locations.set_status(conn, location_id, "active"):
        damages.set_state(conn, location_id, DamageState.REPAIRED, now())
        mark_property(conn, image_id)
        events.record(conn, "image.repaired", image_id=image_id)


def mark_property(conn: Connection, image_id: str) -> None:
    """Have the image show where its copies are damaged, or nothing if none is."""
    row = images.get(conn, image_id)
    if row is None:
        return
    found = damages.list(conn, image_id=image_id)
    before = row.image.properties
    after = {name: value for name, value in before.items() if name != DAMAGE_PROPERTY}
    if found:
        after[DAMAGE_PROPERTY] = ",".join(sorted({one.store for one in found}))
    if before != after:
        properties.replace(conn, image_id, before, after)
        images.update(conn, image_id, {"updated_at": now()})
