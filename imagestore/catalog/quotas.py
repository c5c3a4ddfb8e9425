"""Quotas of projects: what they may store, and how much at once. Never passed by two together.

Limits are Keystone's (``use_keystone_limits``) or the one of ``user_storage_quota``. They
are asked for before a transaction, and applied in it: the gate of the project, then the count,
then what is counted next time. An upload reserves its size, or where nobody knows it
grows its reservation as the bytes come.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection

from imagestore.backends.base import Blocks, Buffer
from imagestore.catalog.limits import MIB, require_room
from imagestore.config.settings import Settings
from imagestore.database import images, quotas
from imagestore.database.engine import Database

STEP = 64 * MIB
"""Bytes by which the reservation of an upload of unknown size grows."""


class LimitSource(Protocol):
    """Where the limits of projects come from."""

    async def get(self, project: str) -> dict[str, int]:
        """Limits by Glance's names: sizes in MiB, below 0: none. What is missing is 0.

        Raises :class:`imagestore.model.errors.Unavailable` rather than to let anything pass.
        """

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit: its name as operators know it, and what counts. Sizes in bytes."""

    name: str
    most: int
    used: Callable[[Connection, str], int]
    unit: str = ""

    def require(self, conn: Connection, project: str, asked: int, *, but: int = 0) -> int:
        """Raise :class:`OverLimit` unless ``asked`` more may be; how much is left before that.

        ``but``: of what is used, that much does not count.
        """
        quotas.enter(conn, project)
        used = self.used(conn, project) - but
        require_room(self.name, self.most, used, asked, self.unit)
        return self.most - used


@dataclass(frozen=True, slots=True)
class ProjectLimits:
    """What one project may have; None: no limit.

    ``size`` is of what is stored, ``stage`` of what is staged. ``user_storage_quota`` is one limit
    for both together.
    """

    project: str
    size: Limit | None = None
    stage: Limit | None = None
    count: Limit | None = None
    uploading: Limit | None = None


RESOURCES = ("image_size_total", "image_stage_total", "image_count_total", "image_count_uploading")


class Quotas:
    """Asks for limits and holds requests to them. ``Parts`` has the one of the service."""

    def __init__(
        self, settings: Settings, database: Database, source: LimitSource | None = None
    ) -> None:
        self._storage = settings.limits.user_storage_quota
        self._size_cap = settings.limits.image_size_cap
        self._database = database
        self._source = source if settings.limits.use_keystone_limits else None

    async def limits(self, project: str | None) -> ProjectLimits | None:
        """The limits of a project; None if there are none at all."""
        if project is None:
            return None
        if self._source is not None:
            return _limits(project, await self._source.get(project))
        if self._storage <= 0:
            return None
        storage = Limit("user_storage_quota", self._storage, quotas.held_total, "bytes")
        return ProjectLimits(project, size=storage, stage=storage)

    async def limits_of_owner(self, image_id: str) -> ProjectLimits | None:
        """The limits of whoever has the image; None also if there is no such image."""
        if self._source is None and self._storage <= 0:
            return None
        row = await self._database.select(images.get, image_id)
        return await self.limits(row.image.owner) if row else None

    async def usage(self, project: str | None) -> dict[str, dict[str, int]]:
        """Usage and limit by resource, sizes in MiB; empty unless limits are Keystone's."""
        if self._source is None or project is None:
            return {}
        limits = await self._source.get(project)
        used = await self._database.read(quotas.usage, project)
        values = (
            used.size_total // MIB,
            used.stage_total // MIB,
            used.count_total,
            used.count_uploading,
        )
        return {
            name: {"usage": value, "limit": limits.get(name, 0)}
            for name, value in zip(RESOURCES, values, strict=True)
        }

    def require_count(self, conn: Connection, limits: ProjectLimits | None) -> None:
        """Raise :class:`OverLimit` unless the project may have one more image."""
        if limits is not None and limits.count is not None:
            limits.count.require(conn, limits.project, 1)

    def require_uploading(self, conn: Connection, limits: ProjectLimits | None) -> None:
        """Raise unless one more image may be on its way in; its status is to change next."""
        if limits is not None and limits.uploading is not None:
            limits.uploading.require(conn, limits.project, 1)

    def require_stage(self, conn: Connection, limits: ProjectLimits | None, size: int) -> None:
        """Raise unless ``size`` more bytes may be staged."""
        if limits is not None and limits.stage is not None:
            limits.stage.require(conn, limits.project, size)

    def require_size(
        self, conn: Connection, limits: ProjectLimits | None, size: int, *, staged: int = 0
    ) -> None:
        """Raise unless ``size`` more bytes may be stored, which the transaction records.

        ``staged``: bytes that are staged for it, and will not be any more.
        """
        if limits is not None and limits.size is not None:
            but = staged if limits.size is limits.stage else 0
            limits.size.require(conn, limits.project, size, but=but)

    def size_cap(self, conn: Connection, limits: ProjectLimits | None) -> int:
        """The most bytes that one more image may have, staged ones left out: they may be its own.

        A bound for what reads it; whether it fits is asked when it is reserved.
        """
        if limits is None or limits.size is None:
            return self._size_cap
        quotas.enter(conn, limits.project)
        left = limits.size.most - quotas.size_total(conn, limits.project)
        return max(0, min(self._size_cap, left))

    def reserve(
        self,
        conn: Connection,
        limits: ProjectLimits | None,
        entry: str,
        size: int | None,
        *,
        staged: bool = False,
    ) -> None:
        """Reserve what the transfer of a journal row will take: all of it, if that is known.

        ``staged``: it goes to where bytes are staged, not to a store.
        """
        limit = _of_bytes(limits, staged=staged)
        if limits is not None and limit is not None:
            limit.require(conn, limits.project, 1 if size is None else size)
            quotas.reserve(conn, entry, limits.project, size or 0)

    def metered(
        self,
        limits: ProjectLimits | None,
        entry: str,
        source: Blocks,
        size: int | None,
        *,
        staged: bool = False,
    ) -> Blocks:
        """``source``, whose reservation grows with it; :class:`OverLimit` where it cannot."""
        limit = _of_bytes(limits, staged=staged)
        if limits is None or limit is None:
            return source

        async def grow(reserved: int, wanted: int) -> int:
            return await self._database.write(_grow, limits.project, limit, entry, reserved, wanted)

        return _Metered(grow, source, size or 0)

    async def fix(self, limits: ProjectLimits | None, entries: Collection[str], size: int) -> None:
        """Reserve exactly ``size`` for each of some transfers that had reserved nothing yet."""
        if limits is not None and limits.size is not None:
            await self._database.write(self._fix, limits, entries, size)

    def _fix(
        self, conn: Connection, limits: ProjectLimits, entries: Collection[str], size: int
    ) -> None:
        self.require_size(conn, limits, size * len(entries))
        for entry in entries:
            quotas.resize(conn, entry, size)


class _Metered(AsyncIterator[Buffer]):
    def __init__(
        self, grow: Callable[[int, int], Awaitable[int]], source: Blocks, reserved: int
    ) -> None:
        self._grow = grow
        self._source = source
        self._reserved = reserved
        self._count = 0

    async def __anext__(self) -> Buffer:
        block = await anext(self._source)
        self._count += len(block)
        if self._count > self._reserved:
            self._reserved = await self._grow(self._reserved, self._count)
        return block

    async def aclose(self) -> None:
        close = getattr(self._source, "aclose", None)
        if close is not None:
            await close()


def _of_bytes(limits: ProjectLimits | None, *, staged: bool) -> Limit | None:
    if limits is None:
        return None
    return limits.stage if staged else limits.size


def _grow(
    conn: Connection, project: str, limit: Limit, entry: str, reserved: int, wanted: int
) -> int:
    """Reserve at least ``wanted`` bytes instead of ``reserved``; how many now are."""
    left = limit.require(conn, project, wanted, but=reserved)
    size = min(wanted + STEP, left)
    quotas.resize(conn, entry, size)
    return size


def _limits(project: str, found: dict[str, int]) -> ProjectLimits:
    def limit(name: str, used: Callable[[Connection, str], int], unit: str = "") -> Limit | None:
        value = found.get(name, 0)
        return None if value < 0 else Limit(name, value * (MIB if unit else 1), used, unit)

    return ProjectLimits(
        project,
        limit("image_size_total", quotas.size_total, "MiB"),
        limit("image_stage_total", quotas.stage_total, "MiB"),
        limit("image_count_total", quotas.count_total),
        limit("image_count_uploading", quotas.count_uploading),
    )
