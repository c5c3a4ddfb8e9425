"""Images: create, show, list, change, delete, deactivate, reactivate."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import Connection

from imagestore.catalog.access import Access, not_found, require_writer
from imagestore.catalog.amend import amend, changed_columns
from imagestore.catalog.limits import require_within
from imagestore.catalog.parts import Parts, now
from imagestore.changes import Change, ImageDraft
from imagestore.database import images, properties, tags
from imagestore.errors import Conflict, Forbidden
from imagestore.identity.caller import Caller
from imagestore.identity.policy import image_target
from imagestore.image import Image, ImageStatus, Visibility
from imagestore.query import ImageQuery, Scope

_VISIBILITY_RULES = {
    Visibility.PUBLIC: "publicize_image",
    Visibility.COMMUNITY: "communitize_image",
}


class Images:
    """The operations on an image as a record."""

    def __init__(self, parts: Parts) -> None:
        self._database = parts.database
        self._limits = parts.settings.limits
        self._shown = parts.settings.images
        self._access = Access(parts.policy)

    async def create(self, caller: Caller, draft: ImageDraft) -> Image:
        """Register an image without data; its owner is the caller's project by default."""
        image = self.prepare(caller, draft)
        given = "id" in draft.attributes
        await self._database.write(images.insert, image, id_is_given=given)
        return image

    def prepare(self, caller: Caller, draft: ImageDraft) -> Image:
        """The image that ``draft`` describes, if this caller may register it; not recorded."""
        require_writer(caller)
        moment = now()
        attributes = {"owner": caller.project_id, **draft.attributes}
        image = Image(
            **{"id": str(uuid.uuid4()), **attributes},
            created_at=moment,
            updated_at=moment,
            tags=draft.tags,
            properties=dict(draft.properties),
        )
        image.visibility = Visibility(image.visibility)
        self._authorise_creation(caller, image)
        self._require_within_quotas(image)
        return image

    async def show(self, caller: Caller, image_id: str) -> Image:
        row = await self._database.read(self._access.find, caller, image_id)
        self._access.require("get_image", caller, row)
        return row.image

    async def page(self, caller: Caller, query: ImageQuery) -> list[Image]:
        """One page of the images that the caller may see."""
        self._access.policy.authorize("get_images", caller, {"project_id": caller.project_id})
        scope = Scope(caller.project_id, is_admin=caller.is_admin)
        return await self._database.read(images.select_page, scope, query)

    async def change(self, caller: Caller, image_id: str, changes: Sequence[Change]) -> Image:
        """Apply all changes or none; the image as it stands afterwards."""
        require_writer(caller)
        return await self._database.write(self._change, caller, image_id, changes)

    async def deactivate(self, caller: Caller, image_id: str) -> None:
        """Withhold the data from everyone but administrators."""
        require_writer(caller)
        await self._database.write(
            self._switch, caller, image_id, "deactivate", ImageStatus.DEACTIVATED
        )

    async def reactivate(self, caller: Caller, image_id: str) -> None:
        require_writer(caller)
        await self._database.write(self._switch, caller, image_id, "reactivate", ImageStatus.ACTIVE)

    def may_see_locations(self, caller: Caller, image: Image) -> bool:
        """Whether the caller may be told where the bytes lie."""
        return (
            self._shown.show_image_direct_url or self._shown.show_multiple_locations
        ) and self._access.allows("get_image_location", caller, image)

    def _authorise_creation(self, caller: Caller, image: Image) -> None:
        if not caller.is_admin and image.owner != caller.project_id:
            raise Forbidden(f"You are not permitted to create images owned by '{image.owner}'.")
        target = image_target(image)
        policy = self._access.policy
        policy.authorize("add_image", caller, target)
        if rule := _VISIBILITY_RULES.get(image.visibility):
            policy.authorize(rule, caller, target)

    def _require_within_quotas(self, after: Image, before: Image | None = None) -> None:
        require_within(
            self._limits.image_property_quota,
            len(after.properties),
            "properties",
            before=len(before.properties) if before else 0,
        )
        require_within(
            self._limits.image_tag_quota,
            len(after.tags),
            "tags",
            before=len(before.tags) if before else 0,
        )

    def _change(
        self, conn: Connection, caller: Caller, image_id: str, changes: Sequence[Change]
    ) -> Image:
        # Two changes at once must see each other's properties and tags.
        images.lock(conn, image_id)
        row = self._access.find(conn, caller, image_id)
        before = row.image
        for change in changes:
            self._authorise_change(caller, row, change)
        after = amend(before, changes)
        self._require_within_quotas(after, before)
        if not changes:
            return before
        after.updated_at = now()
        values = changed_columns(before, after) | {"updated_at": after.updated_at}
        # The status is compared so that formats cannot change under an upload that has begun.
        if not images.update(conn, image_id, values, only_if_status={before.status}):
            raise Conflict(f"Image {image_id} changed its status meanwhile; try again.")
        if before.properties != after.properties:
            properties.replace(conn, image_id, before.properties, after.properties)
        if before.tags != after.tags:
            tags.replace(conn, image_id, before.tags, after.tags)
        return after

    def _authorise_change(self, caller: Caller, row: images.ImageRow, change: Change) -> None:
        if change.name == "locations":
            # Answered here until locations can be changed at all: as with the option off.
            raise Forbidden("It's not allowed to add, replace or remove locations.")
        if change.name == "owner" and not caller.is_admin:
            raise Forbidden("Owner can't be updated by non admin.")
        if change.name == "visibility" and change.op != "remove":
            rule = _VISIBILITY_RULES.get(Visibility(change.value))
            if rule:
                self._access.require(rule, caller, row)
        self._access.require("modify_image", caller, row)

    def _switch(
        self, conn: Connection, caller: Caller, image_id: str, rule: str, to: ImageStatus
    ) -> None:
        row = self._access.find(conn, caller, image_id)
        self._access.require(rule, caller, row)
        before = row.image.status
        if before is to:
            return
        if before not in (ImageStatus.ACTIVE, ImageStatus.DEACTIVATED):
            raise Forbidden(f"Image {image_id} is {before}; only active images can {rule}.")
        if not images.transition(conn, image_id, {before}, to, updated_at=now()):
            raise not_found(image_id)
