"""Images: create, show, list, change, delete, deactivate, reactivate."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import Connection

from imagestore.catalog.access import require_writer
from imagestore.catalog.activation import Activation
from imagestore.catalog.amend import amend, changed_columns
from imagestore.catalog.copies.placement import Placements
from imagestore.catalog.deletions import Deletions
from imagestore.catalog.dependencies import Dependencies
from imagestore.catalog.intent import Intent
from imagestore.catalog.limits import require_within
from imagestore.catalog.locations.changes import LocationChanges, Prepared
from imagestore.catalog.operations import Operations
from imagestore.catalog.quotas import ProjectLimits
from imagestore.database import images, properties, tags
from imagestore.identity.caller import Caller
from imagestore.identity.policy import image_target
from imagestore.identity.protections import Operation
from imagestore.model.changes import Change, ImageDraft
from imagestore.model.clock import now
from imagestore.model.errors import Conflict, Forbidden
from imagestore.model.image import BASE_ATTRIBUTES, Image, ImageStatus, Location, Visibility
from imagestore.model.query import ImageQuery, Scope

_VISIBILITY_RULES = {
    Visibility.PUBLIC: "publicize_image",
    Visibility.COMMUNITY: "communitize_image",
}


class Page(NamedTuple):
    """Images of a list; what follows ``marker`` is the next page, if there is a marker.

    There may be fewer of them than were asked for, and a next page all the same.
    """

    images: list[Image]
    marker: str | None


class Images(Operations):
    """The operations on an image as a record."""

    def __init__(
        self, deps: Dependencies, location_changes: LocationChanges, deletions: Deletions
    ) -> None:
        super().__init__(deps)
        self._protections = deps.protections
        self._location_changes = location_changes
        self._deletions = deletions
        self._limits = deps.settings.limits
        self._shown = deps.settings.images
        self._placements = Placements(deps)

    async def create(self, caller: Caller, draft: ImageDraft) -> Image:
        """Register an image without data; its owner is the caller's project by default."""
        image = self.prepare(caller, draft)
        given = "id" in draft.attributes
        limits = await self._quotas.limits(image.owner)
        await self._database.write(self._insert, image, limits, id_is_given=given)
        self._notify.image("image.create", image)
        return self._shown_to(caller, image)

    def _insert(
        self, conn: Connection, image: Image, limits: ProjectLimits | None, *, id_is_given: bool
    ) -> None:
        self._quotas.require_count(conn, limits)
        images.insert(conn, image, id_is_given=id_is_given)

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
        for name in image.properties:
            self._require_property("create", name, caller)
        self._require_within_quotas(image)
        return image

    async def show(self, caller: Caller, image_id: str) -> Image:
        row = await self._database.select(self._access.find, caller, image_id)
        self._access.require("get_image", caller, row)
        return self._shown_to(caller, row.image)

    async def page(self, caller: Caller, query: ImageQuery) -> Page:
        """One page of the images that the caller may see."""
        self._access.policy.authorize("get_images", caller, {"project_id": caller.project_id})
        if not all(self._protections.allows("read", name, caller) for name, _ in query.properties):
            return Page([], None)  # or a filter would tell what the caller may not read
        scope = Scope(caller.project_id, is_admin=caller.is_admin and not query.as_user)
        found, more = await self._database.read(images.select_page, scope, query)
        shown = [self._shown_to(caller, image) for image in self._access.listed(caller, found)]
        return Page(shown, found[-1].id if found and more else None)

    async def change(
        self,
        caller: Caller,
        image_id: str,
        changes: Sequence[Change],
        *,
        gone: Callable[[], bool] = lambda: False,
    ) -> Image:
        """Apply all changes or none; the image as it stands afterwards.

        ``gone``: whether the caller waits for the answer no more.
        """
        require_writer(caller)
        prepared = await self._location_changes.prepare(caller, image_id, changes, gone)
        async with self._intents.intend() as intent:
            image, removed = await self._activations.within(
                self._database.write, self._change, intent, caller, image_id, changes, prepared
            )
            for copy, entry in removed:
                await intent.to_its_end(self._deletions.carry_out_removal(image_id, copy, entry))
        return self._shown_to(caller, image)

    async def deactivate(self, caller: Caller, image_id: str) -> None:
        """Withhold the data from everyone but administrators."""
        await self._switched(caller, image_id, "deactivate", ImageStatus.DEACTIVATED)

    async def reactivate(self, caller: Caller, image_id: str) -> None:
        await self._switched(caller, image_id, "reactivate", ImageStatus.ACTIVE)

    async def _switched(self, caller: Caller, image_id: str, rule: str, to: ImageStatus) -> None:
        require_writer(caller)
        image = await self._database.write(self._switch, caller, image_id, rule, to)
        self._notify.image("image.update", image)

    def may_see_locations(self, caller: Caller, image: Image) -> bool:
        """Whether a caller who sees the image may be told where the bytes lie.

        As with Glance whoever sees it may, where the options say so: Nova and Cinder clone by
        that. A rule that the operator has written is kept all the same.
        """
        if not (self._shown.show_image_direct_url or self._shown.show_multiple_locations):
            return False
        policy = self._access.policy
        return policy.is_built_in("get_image_location") or self._access.allows(
            "get_image_location", caller, image
        )

    def _authorise_creation(self, caller: Caller, image: Image) -> None:
        if not caller.is_admin and image.owner != caller.project_id:
            raise Forbidden(f"You are not permitted to create images owned by '{image.owner}'.")
        target = image_target(image)
        policy = self._access.policy
        policy.authorize("add_image", caller, target)
        if rule := _VISIBILITY_RULES.get(image.visibility):
            policy.authorize(rule, caller, target)

    def _require_within_quotas(
        self, after: Image, before: Image | None = None, *, hidden: int = 0
    ) -> None:
        require_within(
            self._limits.image_property_quota,
            len(after.properties) + hidden,
            "image_property_quota",
            before=len(before.properties) if before else 0,
        )
        require_within(
            self._limits.image_tag_quota,
            len(after.tags),
            "image_tag_quota",
            before=len(before.tags) if before else 0,
        )

    def _change(
        self,
        activation: Activation,
        intent: Intent,
        caller: Caller,
        image_id: str,
        changes: Sequence[Change],
        prepared: Prepared | None,
    ) -> tuple[Image, list[tuple[Location, str]]]:
        conn = activation.conn
        # Two changes at once must see each other's properties and tags.
        row = self._access.find(conn, caller, image_id, locked=True)
        before = row.image
        # Properties that the caller may not read are not there for him: whatever he asks for is
        # decided and answered as if they were not.
        seen = self._shown_to(caller, before)
        names = set(seen.properties)
        for change in changes:
            self._authorise_change(caller, row, change, names)
        after = amend(seen, [change for change in changes if change.name != "locations"])
        hidden = {n: v for n, v in before.properties.items() if n not in seen.properties}
        self._require_within_quotas(after, before, hidden=len(hidden))
        for name, value in hidden.items():
            if name not in after.properties or not self._protections.allows("update", name, caller):
                after.properties[name] = value
        if not changes:
            activation.updated(image_id)
            return before, []
        after.updated_at = now()
        values = changed_columns(before, after) | {"updated_at": after.updated_at}
        removed: list[tuple[Location, str]] = []
        if prepared is not None:
            located, removed = self._location_changes.apply(
                conn, intent, after, changes, prepared, after.updated_at
            )
            values |= located
        if before.properties != after.properties:
            properties.replace(conn, image_id, before.properties, after.properties)
        if before.tags != after.tags:
            tags.replace(conn, image_id, before.tags, after.tags)
        if "status" in values:
            activation.activate(before, values, {})
        # The status is compared so that formats cannot change under an upload that has begun.
        elif not images.update(conn, image_id, values, only_if_status={before.status}):
            raise Conflict(f"Image {image_id} changed its status meanwhile; try again.")
        else:
            activation.updated(image_id)
            self._placements.follow(conn, image_id)
        if prepared is not None:
            row_after = images.get(conn, image_id)
            assert row_after is not None
            after = row_after.image
        return after, removed

    def _authorise_change(
        self, caller: Caller, row: images.ImageRow, change: Change, names: set[str]
    ) -> None:
        """``names``: the properties that there are for this caller, kept as the changes go on."""
        if change.name == "locations":
            self._location_changes.authorise(caller, row, change)
            return
        if change.name == "owner" and not caller.is_admin:
            raise Forbidden("Owner can't be updated by non admin.")
        if change.name == "visibility" and change.op != "remove":
            rule = _VISIBILITY_RULES.get(Visibility(change.value))
            if rule:
                self._access.require(rule, caller, row)
        self._access.require("modify_image", caller, row)
        if change.name not in BASE_ATTRIBUTES:
            self._authorise_property(caller, change, names)

    def _authorise_property(self, caller: Caller, change: Change, names: set[str]) -> None:
        name, present = change.name, change.name in names
        if not present and change.op != "add":
            return  # it is refused in its turn, after what is wrong with the changes before it
        if change.op == "remove":
            self._require_property("delete", name, caller)
            names.remove(name)
        else:
            self._require_property("update" if present else "create", name, caller)
            names.add(name)

    def _require_property(self, operation: Operation, name: str, caller: Caller) -> None:
        if not self._protections.allows(operation, name, caller):
            raise Forbidden(f"Property '{name}' is protected.")

    def _shown_to(self, caller: Caller, image: Image) -> Image:
        """The image with what of its properties the caller may read."""
        if not self._protections.in_force:
            return image
        return replace(image, properties=self._protections.readable(image.properties, caller))

    def _switch(
        self, conn: Connection, caller: Caller, image_id: str, rule: str, to: ImageStatus
    ) -> Image:
        row = self._access.find(conn, caller, image_id, rule, locked=True)
        before = row.image.status
        if before is to:
            return row.image
        if before not in (ImageStatus.ACTIVE, ImageStatus.DEACTIVATED):
            raise Forbidden(f"Image {image_id} is {before}; only active images can {rule}.")
        moment = now()
        images.transition(conn, image_id, {before}, to, updated_at=moment)
        self._placements.follow(conn, image_id)
        row.image.status, row.image.updated_at = to, moment
        return row.image
