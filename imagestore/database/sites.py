"""How far the replication with each site is, and which images are there because of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from imagestore.database.schema import site_images, sites

_PROGRESS = select(sites.c.position, sites.c.whole_at).where(sites.c.name == bindparam("site"))
_CARRIED = select(site_images.c.image_id).where(site_images.c.site == bindparam("site"))


@dataclass(frozen=True, slots=True)
class Progress:
    """``position``: the last change at the source that has been followed, by its clock.
    ``whole_at``: when all images were compared last, by ours. In UTC without zone."""

    position: datetime | None = None
    whole_at: datetime | None = None


def progress(conn: Connection, site: str) -> Progress:
    row = conn.execute(_PROGRESS, {"site": site}).one_or_none()
    return Progress() if row is None else Progress(row.position, row.whole_at)


def set_progress(conn: Connection, site: str, value: Progress) -> None:
    """The caller holds the one job of the site, so nobody else writes it."""
    values = {"position": value.position, "whole_at": value.whole_at}
    if conn.execute(_PROGRESS, {"site": site}).one_or_none() is None:
        conn.execute(insert(sites).values(name=site, **values))
    else:
        conn.execute(update(sites).where(sites.c.name == site).values(**values))


def carried(conn: Connection, site: str) -> frozenset[str]:
    """Ids of the images that were made at the target for the site."""
    return frozenset(conn.scalars(_CARRIED, {"site": site}))


def carry(conn: Connection, site: str, image_ids: Iterable[str]) -> None:
    """Remember that these images are about to be made."""
    new = sorted(set(image_ids) - carried(conn, site))
    if new:
        conn.execute(insert(site_images), [{"site": site, "image_id": each} for each in new])


def forget(conn: Connection, site: str, image_id: str) -> None:
    conn.execute(
        delete(site_images).where(site_images.c.site == site, site_images.c.image_id == image_id)
    )
