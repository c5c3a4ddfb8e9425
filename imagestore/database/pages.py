"""One page of images (first form)."""

from __future__ import annotations

from sqlalchemy import Connection

from imagestore.image import Image
from imagestore.query import ImageQuery, Scope


def select_page(conn: Connection, scope: Scope, query: ImageQuery) -> list[Image]:
    raise NotImplementedError
