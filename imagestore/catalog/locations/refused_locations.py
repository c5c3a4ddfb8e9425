"""A queued image remembers which store its refused location lies in.

That is what clients of Glance look at: its http stores delete nothing, so after a wrong hash it
leaves the location on the queued image (its bug 2076648) and shows the store in ``stores``. Here
the store's name alone is kept. There is no location, so no door leads to the bytes, nobody is
told the URL, and the image takes other data as if it were new.
"""

from __future__ import annotations

from sqlalchemy import Connection

from imagestore.database import properties
from imagestore.model.image import REFUSED_LOCATION, Image


def remember(conn: Connection, image: Image, store: str) -> None:
    """What lies at a location in ``store`` was not taken."""
    _replace(conn, image, {REFUSED_LOCATION: store})


def forget(conn: Connection, image: Image) -> None:
    """The image is about to get other data."""
    if REFUSED_LOCATION in image.properties:
        _replace(conn, image, {})


def _replace(conn: Connection, image: Image, after: dict[str, str]) -> None:
    known = image.properties.get(REFUSED_LOCATION)
    before = {} if known is None else {REFUSED_LOCATION: known}
    properties.replace(conn, image.id, before, after)
