"""Quotas of projects: what they may store, and how much at once. Never passed by two together.

Limits are Keystone's (``use_keystone_limits``) or the one of ``user_storage_quota``. They
are asked for before a transaction, and applied in it: the gate of the project, then the count,
then what is counted next time. An upload reserves its size, or where nobody knows it
grows its reservation as the bytes come.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection

from imagestore.backends.base import Blocks, Buffer
from imagestore.config.settings import Settings
from imagestore.database import images, quotas
from imagestore.database.engine import Database
from imagestore.model.errors import OverLimit

MIB = 1 << 20
STEP = 64 * MIB
"""Bytes by which the reservation of an upload of unknown size grows."""


class LimitSource(Protocol):
    """Where the limits of projects come from."""

    async def get(self, project: str) -> dict[str, int]:
        """Limits by Glance's names: sizes in MiB, below 0: none. What is missing is 0.

        Raises :class:`imagestore.model.errors.Unavailable` rather than to let anything pass.
        """
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class ProjectLimits:
    """What one project may have; sizes in bytes, None: no limit."""

    project: str
    size_total: int | None = None
    stage_total: int | None = None
    count_total: int | None = None
    count_uploading: int | None = None


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
        return ProjectLimits(project, size_total=self._storage) if self._storage > 0 else None

    async def limits_of_owner(self, image_id: str) -> ProjectLimits | None:
        """The limits of whoever has the image; None also if there is no such image."""
        if self._source is None and self._storage <= 0:
            return None
        row = await self._database.read(images.get, image_id)
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
        if limits is None or limits.count_total is None:
            return
        quotas.enter(conn, limits.project)
        _require(limits.count_total, quotas.count_total(conn, limits.project) + 1, "images")

    def require_uploading(self, conn: Connection, limits: ProjectLimits | None) -> None:
        """Raise unless one more image may be on its way in; its status is to change next."""
        if limits is None or limits.count_uploading is None:
            return
        quotas.enter(conn, limits.project)
        count = quotas.count_uploading(conn, limits.project) + 1
        _require(limits.count_uploading, count, "uploads at once")

    def require_stage(self, conn: Connection, limits: ProjectLimits | None, size: int) -> None:
        """Raise unless ``size`` more bytes may be staged."""
        if limits is None or limits.stage_total is None:
            return
        quotas.enter(conn, limits.project)
        staged = quotas.stage_total(conn, limits.project) + size
        _require(limits.stage_total, staged, "bytes of staged data")

    def require_size(self, conn: Connection, limits: ProjectLimits | None, size: int) -> None:
        """Raise unless ``size`` more bytes may be stored, which the transaction records."""
        if limits is None or limits.size_total is None:
            return
        quotas.enter(conn, limits.project)
        stored = quotas.size_total(conn, limits.project) + size
        _require(limits.size_total, stored, "bytes of images")

    def size_cap(self, conn: Connection, limits: ProjectLimits | None) -> int:
        """The most bytes that one more image may have; ``OverLimit`` if that is none."""
        cap = self._size_cap
        if limits is None or limits.size_total is None:
            return cap
        quotas.enter(conn, limits.project)
        left = limits.size_total - quotas.size_total(conn, limits.project)
        _require(left, 1, "bytes of images that are left")
        return min(cap, left)

    def stage_cap(self, conn: Connection, limits: ProjectLimits | None) -> int:
        """The most bytes that may be staged for one more image; ``OverLimit`` if that is none."""
        cap = self.size_cap(conn, limits)
        if limits is None or limits.stage_total is None:
            return cap
        quotas.enter(conn, limits.project)
        left = limits.stage_total - quotas.stage_total(conn, limits.project)
        _require(left, 1, "bytes of staged data that are left")
        return min(cap, left)

    def reserve(
        self, conn: Connection, limits: ProjectLimits | None, entry: str, size: int | None
    ) -> None:
        """Reserve what the transfer of a journal row will store: all of it, if that is known."""
        if limits is None or limits.size_total is None:
            return
        self.require_size(conn, limits, 1 if size is None else size)
        quotas.reserve(conn, entry, limits.project, size or 0)

    def metered(
        self, limits: ProjectLimits | None, entry: str, source: Blocks, size: int | None
    ) -> Blocks:
        """``source``, whose reservation grows with it; :class:`OverLimit` where it cannot."""
        if limits is None or limits.size_total is None:
            return source
        return _Metered(self, limits, entry, source, size or 0)

    async def fix(self, limits: ProjectLimits | None, entries: Collection[str], size: int) -> None:
        """Reserve exactly ``size`` for each of some transfers that had reserved nothing yet."""
        if limits is not None and limits.size_total is not None:
            await self._database.write(self._fix, limits, entries, size)

    def _fix(
        self, conn: Connection, limits: ProjectLimits, entries: Collection[str], size: int
    ) -> None:
        self.require_size(conn, limits, size * len(entries))
        for entry in entries:
            quotas.resize(conn, entry, size)

    async def grow(self, limits: ProjectLimits, entry: str, reserved: int, wanted: int) -> int:
        """Reserve at least ``wanted`` bytes instead of ``reserved``; how many now are."""
        return await self._database.write(_grow, limits, entry, reserved, wanted)


class _Metered(AsyncIterator[Buffer]):
    def __init__(
        self, quotas_: Quotas, limits: ProjectLimits, entry: str, source: Blocks, reserved: int
    ) -> None:
        self._quotas = quotas_
        self._limits = limits
        self._entry = entry
        self._source = source
        self._reserved = reserved
        self._count = 0

    async def __anext__(self) -> Buffer:
        block = await anext(self._source)
        self._count += len(block)
        if self._count > self._reserved:
            self._reserved = await self._quotas.grow(
                self._limits, self._entry, self._reserved, self._count
            )
        return block

    async def aclose(self) -> None:
        close = getattr(self._source, "aclose", None)
        if close is not None:
            await close()


def _grow(conn: Connection, limits: ProjectLimits, entry: str, reserved: int, wanted: int) -> int:
    assert limits.size_total is not None
    quotas.enter(conn, limits.project)
    left = limits.size_total - (quotas.size_total(conn, limits.project) - reserved)
    _require(left, wanted, "bytes of images that are left")
    size = min(wanted + STEP, left)
    quotas.resize(conn, entry, size)
    return size


def _require(limit: int, count: int, what: str) -> None:
    if count > limit:
        raise OverLimit(f"The project may have {max(limit, 0)} {what}; it would have {count}.")


def _limits(project: str, found: dict[str, int]) -> ProjectLimits:
    def limit(name: str, unit: int = 1) -> int | None:
        value = found.get(name, 0)
        return None if value < 0 else value * unit

    return ProjectLimits(
        project,
        limit("image_size_total", MIB),
        limit("image_stage_total", MIB),
        limit("image_count_total"),
        limit("image_count_uploading"),
    )
