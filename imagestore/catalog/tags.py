"""Tags: labels on an image, a set."""

from __future__ import annotations

from sqlalchemy import Connection

from imagestore.catalog.access import require_writer
from imagestore.catalog.copies.placement import Placements
from imagestore.catalog.dependencies import Dependencies
from imagestore.catalog.limits import require_within
from imagestore.catalog.operations import Operations
from imagestore.database import images, tags
from imagestore.identity.caller import Caller
from imagestore.model.clock import now
from imagestore.model.errors import Invalid, NotFound
from imagestore.model.image import Image

MAX_LENGTH = 255


class Tags(Operations):
    def __init__(self, deps: Dependencies) -> None:
        super().__init__(deps)
        self._quota = deps.settings.limits.image_tag_quota
        self._placements = Placements(deps)

    async def add(self, caller: Caller, image_id: str, tag: str) -> None:
        """Put the tag on the image; one that is there already is no error."""
        require_writer(caller)
        if len(tag) > MAX_LENGTH:
            raise Invalid(f"A tag has at most {MAX_LENGTH} characters, this one {len(tag)}.")
        image = await self._database.write(self._add, caller, image_id, tag)
        self._notify.image("image.update", image)

    async def remove(self, caller: Caller, image_id: str, tag: str) -> None:
        require_writer(caller)
        image = await self._database.write(self._remove, caller, image_id, tag)
        self._notify.image("image.update", image)

    def _add(self, conn: Connection, caller: Caller, image_id: str, tag: str) -> Image:
        # No constraint of the tables keeps a tag from being added twice.
        row = self._access.find(conn, caller, image_id, "modify_image", locked=True)
        if tag in row.image.tags:
            return row.image
        count = len(row.image.tags)
        require_within(self._quota, count + 1, "image_tag_quota", before=count)
        tags.add(conn, image_id, tag)
        return self._touched(conn, row.image, (*row.image.tags, tag))

    def _remove(self, conn: Connection, caller: Caller, image_id: str, tag: str) -> Image:
        row = self._access.find(conn, caller, image_id, "modify_image")
        if not tags.remove(conn, image_id, tag):
            raise NotFound(f"Image {image_id} has no tag '{tag}'.")
        left = tuple(each for each in row.image.tags if each != tag)
        return self._touched(conn, row.image, left)

    def _touched(self, conn: Connection, image: Image, after: tuple[str, ...]) -> Image:
        image.tags, image.updated_at = after, now()
        images.update(conn, image.id, {"updated_at": image.updated_at})
        self._placements.follow(conn, image.id)
        return image
