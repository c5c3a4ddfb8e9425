"""Images to put into a database, and databases to put them into."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from imagestore.config import settings
from imagestore.database import images
from imagestore.database.engine import Database
from imagestore.model.image import Image, Location, Member, MemberStatus

MOMENT = datetime(2026, 1, 31, 12, 0, 0)
LATER = datetime(2026, 1, 31, 13, 0, 0)


def copies_of(conn: Connection, image_id: str) -> list[Location]:
    """The locations of an image as they are recorded, the oldest first."""
    row = images.get(conn, image_id)
    return [] if row is None else list(row.image.locations)


def image(**attributes: Any) -> Image:
    """A queued image of project ``one``, with anything else as asked."""
    defaults: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "created_at": MOMENT,
        "updated_at": MOMENT,
        "owner": "one",
    }
    return Image(**defaults | attributes)


def member(image_id: str, project: str, status: MemberStatus = MemberStatus.PENDING) -> Member:
    return Member(image_id, project, status, MOMENT, MOMENT)


def url(path: Path, driver: str = "sqlite") -> str:
    return f"{driver}:///{path / 'images.sqlite'}"


@asynccontextmanager
async def opened(connection: str, *, upgrade: bool = True) -> AsyncIterator[Database]:
    """A database with its tables made; closed on leaving."""
    database = Database(settings.Database(connection, auto_upgrade=upgrade, max_retries=0))
    await database.open()
    try:
        yield database
    finally:
        await database.close()
