"""Ids of images that stand in locations of other images: of objects that were given to them."""

from __future__ import annotations

from imagestore.backends.ids import ids_in
from imagestore.database import belongings
from imagestore.database.engine import Database

_PAGE = 1000
"""Locations that are read at once."""
_OVERLAP = 1000
"""So many that were the last before are read once more: a transaction may end after another in
which later ones were written."""


class NamedByOthers:
    """The ids, few of them. To read all locations takes seconds where there are a million; to
    look once more, before each removal of many, takes those alone that have come since."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ids: set[str] = set()
        self._seen = 0

    async def look(self) -> None:
        """Take in what there is by now. What is there no more stays known."""
        after = max(0, self._seen - _OVERLAP)
        while rows := await self._database.read(belongings.locations_after, after, _PAGE):
            for after, image_id, url in rows:  # noqa: B007
                self._ids |= ids_in(url) - {image_id.lower()}
            if len(rows) < _PAGE:
                break
        self._seen = max(self._seen, after)

    def __contains__(self, image_id: str) -> bool:
        return image_id.lower() in self._ids
