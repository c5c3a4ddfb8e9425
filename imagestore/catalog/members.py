"""Members: the projects that a shared image is offered to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy import Connection

from imagestore.catalog.access import require_writer
from imagestore.catalog.dependencies import Dependencies
from imagestore.catalog.limits import require_within
from imagestore.catalog.operations import Operations
from imagestore.database import images, members
from imagestore.database.images import ImageRow
from imagestore.identity.caller import Caller
from imagestore.model.clock import now
from imagestore.model.errors import Forbidden, Invalid, NotFound
from imagestore.model.image import Member, MemberStatus, Visibility, can_see_member

MAX_ID_LENGTH = 255
_BATCH = 500
"""Memberships whose images are looked at together."""


class Members(Operations):
    def __init__(self, deps: Dependencies) -> None:
        super().__init__(deps)
        self._quota = deps.settings.limits.image_member_quota

    async def all(self, caller: Caller, image_id: str) -> list[Member]:
        """All members for those who own the image; a member sees only itself."""
        return await self._database.read(self._list, caller, image_id)

    async def show(self, caller: Caller, image_id: str, member_id: str) -> Member:
        try:
            return await self._database.read(self._show, caller, image_id, member_id)
        except Forbidden as error:
            # Whether an image has this member is not for everybody to know.
            raise _no_member(image_id, member_id) from error

    async def add(self, caller: Caller, image_id: str, member_id: str) -> Member:
        require_writer(caller)
        member = await self._database.write(self._add, caller, image_id, member_id)
        self._notify.member("create", member)
        return member

    async def set_status(
        self, caller: Caller, image_id: str, member_id: str, status: MemberStatus
    ) -> Member:
        """Accept or reject; for the member project itself and administrators."""
        require_writer(caller)
        member = await self._database.write(self._set_status, caller, image_id, member_id, status)
        self._notify.member("update", member)
        return member

    async def remove(self, caller: Caller, image_id: str, member_id: str) -> None:
        require_writer(caller)
        member = await self._database.write(self._remove, caller, image_id, member_id)
        self._notify.member("delete", member)

    async def share(
        self, caller: Caller, image_id: str, member_id: str, *, can_share: bool | None
    ) -> None:
        """Make the project a member, or keep another ``can_share`` of one that is; None: as it is.

        What the Images API v1 calls adding a member.
        """
        require_writer(caller)
        wanted = {member_id: can_share}
        for member in await self._database.write(self._share, caller, image_id, wanted):
            self._notify.member("create", member)

    async def replace_all(
        self, caller: Caller, image_id: str, wanted: Mapping[str, bool | None]
    ) -> None:
        """Have the image shared with exactly these projects; values as of :meth:`share`."""
        require_writer(caller)

        def exchange(conn: Connection) -> tuple[list[Member], list[Member]]:
            images.lock(conn, image_id)
            row = self._shared(conn, caller, image_id)
            gone = [each for each in members.list(conn, image_id) if each.member_id not in wanted]
            if gone:
                self._access.require("delete_member", caller, row)
            for member in gone:
                members.remove(conn, image_id, member.member_id)
            return gone, self._share(conn, caller, image_id, wanted)

        gone, added = await self._database.write(exchange)
        for member in gone:
            self._notify.member("delete", member)
        for member in added:
            self._notify.member("create", member)

    async def shared_with(self, caller: Caller, member_id: str) -> list[Member]:
        """The memberships of a project: all for itself and for administrators, for others those
        of images of their own."""

        def find(conn: Connection) -> list[Member]:
            found: list[Member] = []
            after = ""
            while batch := members.of_project(conn, member_id, after=after, limit=_BATCH):
                after = batch[-1].image_id
                rows = images.get_several(
                    conn, [each.image_id for each in batch], project_id=caller.project_id
                )
                found += [
                    member
                    for member in batch
                    if (row := rows.get(member.image_id)) is not None
                    and row.image.visibility is Visibility.SHARED
                    and _is_seen(caller, row, member_id)
                    and self._access.permits("get_members", caller, row)
                ]
            return found

        return await self._database.read(find)

    def _share(
        self,
        conn: Connection,
        caller: Caller,
        image_id: str,
        wanted: Mapping[str, bool | None],
    ) -> list[Member]:
        """Those that are new."""
        images.lock(conn, image_id)
        row = self._shared(conn, caller, image_id)
        known = {member.member_id: member for member in members.list(conn, image_id)}
        added = []
        for member_id, can_share in wanted.items():
            member = known.get(member_id)
            if member is None:
                added.append(self._add(conn, caller, image_id, member_id, can_share or False))
                continue
            self._access.require("add_member", caller, row)
            if can_share is not None and can_share != member.can_share:
                members.set_sharing(conn, image_id, member_id, can_share, now())
        return added

    def _shared(self, conn: Connection, caller: Caller, image_id: str, *rules: str) -> ImageRow:
        row = self._access.find(conn, caller, image_id, "get_image")
        if row.image.visibility is not Visibility.SHARED:
            raise Forbidden("Only shared images have members.")
        for rule in rules:
            self._access.require(rule, caller, row)
        return row

    def _list(self, conn: Connection, caller: Caller, image_id: str) -> list[Member]:
        row = self._shared(conn, caller, image_id, "get_members")
        if not self._access.permits("get_member", caller, row):
            return []
        found = members.list(conn, image_id)
        return [each for each in found if _is_seen(caller, row, each.member_id)]

    def _show(self, conn: Connection, caller: Caller, image_id: str, member_id: str) -> Member:
        row = self._shared(conn, caller, image_id)
        return self._find(conn, caller, row, member_id)

    def _find(self, conn: Connection, caller: Caller, row: ImageRow, member_id: str) -> Member:
        self._access.require("get_member", caller, row)
        member = members.get(conn, row.image.id, member_id)
        if member is None or not _is_seen(caller, row, member_id):
            raise _no_member(row.image.id, member_id)
        return member

    def _add(
        self,
        conn: Connection,
        caller: Caller,
        image_id: str,
        member_id: str,
        can_share: bool = False,
    ) -> Member:
        images.lock(conn, image_id)
        self._shared(conn, caller, image_id, "add_member")
        if not member_id or len(member_id) > MAX_ID_LENGTH:
            raise Invalid(f"A member is a project id of 1 to {MAX_ID_LENGTH} characters.")
        count = members.count(conn, image_id)
        require_within(self._quota, count + 1, "image_member_quota", before=count)
        moment = now()
        member = Member(image_id, member_id, MemberStatus.PENDING, moment, moment, can_share)
        members.insert(conn, member)
        return member

    def _set_status(
        self, conn: Connection, caller: Caller, image_id: str, member_id: str, status: MemberStatus
    ) -> Member:
        row = self._shared(conn, caller, image_id)
        member = self._find(conn, caller, row, member_id)
        self._access.require("modify_member", caller, row)
        moment = now()
        members.set_status(conn, image_id, member_id, status, moment)
        return replace(member, status=status, updated_at=moment)

    def _remove(self, conn: Connection, caller: Caller, image_id: str, member_id: str) -> Member:
        row = self._shared(conn, caller, image_id)
        member = self._find(conn, caller, row, member_id)
        self._access.require("delete_member", caller, row)
        members.remove(conn, image_id, member_id)
        return member


def _is_seen(caller: Caller, row: ImageRow, member_id: str) -> bool:
    return can_see_member(row.image, member_id, caller.project_id, is_admin=caller.is_admin)


def _no_member(image_id: str, member_id: str) -> NotFound:
    return NotFound(f"{member_id} not found in the member list of the image {image_id}.")
