"""The node's cache as administrators manage it: listed, filled ahead, emptied; and kept in order.

An operation is on the node that is asked. Only the removal of one image, and of what belongs
to a deleted one, reaches every node: it removes the rows that tell of the entries, and each
node sees that.
"""

from __future__ import annotations

import hashlib
import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from imagestore.cache import locks
from imagestore.cache.cache import Cache
from imagestore.cache.directory import Entry, is_id
from imagestore.cache.room import Pruned
from imagestore.catalog.cached_data import wanted
from imagestore.catalog.dependencies import Dependencies
from imagestore.catalog.downloads import Downloads
from imagestore.catalog.jobs import GiveUp, JobKind, Jobs, Work
from imagestore.catalog.operations import Operations
from imagestore.database import cache as rows
from imagestore.database import images
from imagestore.identity.caller import Caller
from imagestore.model.clock import now
from imagestore.model.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from imagestore.model.image import ImageStatus
from imagestore.model.job import ACTIVE, Job, JobDraft
from imagestore.observing import metrics

log = logging.getLogger(__name__)

_MOST = 10_000
"""Queued images that are listed."""
CENTRALIZED = "centralized_db"


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry, and what its row tells: number, reads, md5 of the image."""

    entry: Entry
    row: int | None
    hits: int
    checksum: str | None

    def told(self) -> dict[str, Any]:
        """As it is shown; times in seconds since 1970. Glance has no ``pinned``."""
        entry = self.entry
        return {
            "id": self.row, "image_id": entry.image_id, "hits": self.hits,
            "last_accessed": entry.accessed, "last_modified": entry.modified,
            "size": entry.size, "checksum": self.checksum, "pinned": entry.pinned,
        }  # fmt: skip


class CacheEntries(Operations):
    """The operations on the cache. Without one they are :class:`NotFound` for who may ask."""

    def __init__(self, deps: Dependencies, jobs: Jobs, downloads: Downloads) -> None:
        super().__init__(deps)
        self._config = deps.settings.cache
        self._cache = deps.cache
        self._jobs = jobs
        self._downloads = downloads
        self._kind = "cache:" + hashlib.sha256(self._config.node.encode()).hexdigest()[:16]
        self._keeper: locks.Held | None = None
        self._recorded: set[str] = set()
        if self._cache is not None:
            jobs.register(JobKind(self._kind, self._prefetch))

    @property
    def sync_interval(self) -> float | None:
        """Seconds between two calls of :meth:`sync`; None without a cache."""
        return None if self._cache is None else self._config.sync_interval

    def authorize(self, caller: Caller, rule: str) -> None:
        """Raise unless the caller may, and there is a cache."""
        self._access.policy.authorize(rule, caller, {})
        self._of_node()

    def _require(self, rule: str, caller: Caller, row: images.ImageRow) -> None:
        # As with Glance 403 also where the rule to see images refuses.
        if not self._access.permits(rule, caller, row):
            raise Forbidden(f"The policy does not allow {rule} on image {row.image.id}.")
        self._of_node()

    async def entries(self) -> list[Listed]:
        found = await self._of_node().entries() or []
        known = await self._database.read(rows.recorded, self._config.node)
        uncounted = self._of_node().hits
        return [
            Listed(
                entry,
                row.id if row else None,
                (row.hits if row else 0) + uncounted[entry.image_id],
                row.checksum if row else None,
            )
            for entry in found
            for row in (known.get(entry.image_id),)
        ]

    async def queued(self) -> list[str]:
        """The images that this node is to fetch, in order."""
        return [job.image_id for job in await self.queue_jobs() if job.image_id]

    async def queue_jobs(self) -> list[Job]:
        """The jobs that fetch these."""
        jobs = await self._jobs.list(states=ACTIVE, kind=self._kind, limit=_MOST)
        return [job for job in reversed(jobs) if not job.cancel_requested]

    async def queue_checked(self, caller: Caller, image_id: str) -> None:
        """Have this node fetch an image that there is and that the caller may see."""
        row = await self._database.select(self._access.find, caller, image_id)
        self._require("cache_image", caller, row)
        if row.image.status is not ImageStatus.ACTIVE:
            raise Invalid("Only images with status active can be queued for the cache.")
        await self.queue(image_id)

    async def queue(self, image_id: str) -> None:
        """Have this node fetch the image; whether there is one shows when it is fetched."""
        self._of_node()
        if not is_id(image_id):
            raise Invalid("This is not the id of an image.")
        await self._jobs.submit(JobDraft(self._kind, image_id=image_id, target=self._config.node))

    async def delete_checked(self, caller: Caller, image_id: str) -> None:
        """Remove the image from the caches of all nodes, and from the queue of this one."""
        try:
            row = await self._database.select(self._access.find, caller, image_id)
        except NotFound:
            there = {entry.image_id for entry in await self._of_node().entries() or []}
            if image_id not in there and image_id not in await self.queued():
                raise
            self.authorize(caller, "cache_delete")
        else:
            self._require("cache_delete", caller, row)
        await self.delete(image_id)
        await self.dequeue(image_id)

    async def delete(self, image_id: str) -> None:
        """Remove the entries of the image, on every node; it is no error if there are none."""
        await self._of_node().drop(image_id)
        await self._database.write(rows.remove_everywhere, image_id)

    async def dequeue(self, image_id: str | None = None) -> int:
        """Take the image, or all, off the queue; how many were there."""
        cancelled = 0
        for job in await self._jobs.list(
            states=ACTIVE, kind=self._kind, image_id=image_id, limit=_MOST
        ):
            try:
                await self._jobs.cancel(job.id)
            except Conflict:
                continue  # it has just ended
            cancelled += 1
        return cancelled

    async def clear(self) -> int:
        """Remove all entries of this node, pinned ones too; how many there were."""
        cache = self._of_node()
        removed = {e.image_id for e in await cache.entries() or [] if await cache.drop(e.image_id)}
        await self._database.write(self._forget, removed)
        return len(removed)

    async def clean(self, *, keep_invalid: bool = False) -> int:
        """Remove what is invalid or stalled; how many files that were.

        ``keep_invalid``: what is invalid stays as long as what is stalled, to be looked at.
        """
        now = time.time()
        stalled = now - self._config.stall_time
        return await self._of_node().clean(stalled, stalled if keep_invalid else now)

    async def prune(self) -> Pruned:
        """Shrink to the configured size, and tell what went."""
        return await self._of_node().prune()

    async def pin(self, image_id: str, *, pinned: bool) -> None:
        """Have the entry of the image stay, or let it be evicted again."""
        await self._of_node().pin(image_id, pinned=pinned)

    async def nodes(self, caller: Caller, image_id: str) -> list[str]:
        """The URLs of the nodes that have the image; others as they have last recorded it."""
        self.authorize(caller, "list_cached_nodes")
        if self._config.driver != CENTRALIZED:
            raise Conflict("Centralized caching is not enabled.")
        await self._database.select(self._access.find, caller, image_id)
        found = set(await self._database.read(rows.nodes, image_id))
        entries = await self._of_node().entries()
        if entries is not None:
            found.discard(self._config.node)
            if any(entry.image_id == image_id for entry in entries):
                found.add(self._config.node)
        return sorted(found)

    async def sync(self) -> None:
        """Bring the entries and the rows that tell of them together; one process of a node does.

        An entry goes whose image was deleted, or whose row another node has removed.
        """
        cache = self._of_node()
        await self._count_hits(cache)
        self._keeper = self._keeper or await cache.keeper()
        entries = await cache.entries() if self._keeper is not None else None
        if entries is None:
            return
        there = {entry.image_id: entry for entry in entries}
        metrics.CACHE_ENTRIES.set(len(entries))
        metrics.CACHE_BYTES.set(sum(entry.size for entry in entries))
        metrics.CACHE_LIMIT.set(self._config.max_size)
        node = await self._database.write(rows.node_id, self._config.node)
        known = set(await self._database.read(rows.recorded, self._config.node))
        usable = await self._database.read(rows.usable, there)
        unwanted = (there.keys() - usable) | ((self._recorded & there.keys()) - known)
        for image_id in unwanted:
            log.info("image %s leaves the cache: it was deleted", image_id)
            await cache.drop(image_id)
        kept = there.keys() - unwanted
        new = [_row(there[image_id]) for image_id in sorted(kept - known)]
        if new:
            await self._database.write(rows.record, node, new)
        if known - kept:
            await self._database.write(rows.remove, node, known - kept)
        self._recorded = set(kept)
        await self._take_over_queue(cache)
        await self.clean(keep_invalid=True)
        await self.prune()

    def close(self) -> None:
        """Let another process of the node look after the cache."""
        if self._keeper is not None:
            self._keeper.release()
            self._keeper = None

    async def _take_over_queue(self, cache: Cache) -> None:
        """What Glance, in whose place this is, was to fetch becomes jobs of this node."""
        left = await cache.left_queued()
        queued = set(await self.queued()) if left else set()
        for image_id in left:
            if image_id not in queued:
                log.info("image %s was queued by Glance", image_id)
                await self.queue(image_id)
            await cache.take_over(image_id)

    async def _count_hits(self, cache: Cache) -> None:
        if counts := dict(cache.hits):
            for image_id in await self._database.write(self._add_hits, counts):
                cache.hits[image_id] -= counts[image_id]
                if not cache.hits[image_id]:
                    del cache.hits[image_id]
        # An entry that has no row yet will have one; what has left again is forgotten.
        if len(cache.hits) > _MOST:
            cache.hits.clear()

    def _add_hits(self, conn: Connection, counts: dict[str, int]) -> set[str]:
        return rows.add_hits(conn, rows.node_id(conn, self._config.node), counts, now())

    def _forget(self, conn: Connection, image_ids: set[str]) -> None:
        rows.remove(conn, rows.node_id(conn, self._config.node), image_ids)

    async def _prefetch(self, work: Work) -> None:
        """The handler of the jobs of this node."""
        cache, image_id = self._of_node(), work.job.image_id or ""
        row = await self._database.select(images.get, image_id)
        if row is None or row.image.status is not ImageStatus.ACTIVE:
            raise GiveUp("There is no active image of that id.")
        data = wanted(row.image)
        if data is None:
            raise GiveUp("The image has no digest that it could be verified with.")
        if data.size > self._config.max_size:
            raise GiveUp("The image is larger than the cache.")
        work.progress(0, data.size)
        if not await cache.fill(data, self._downloads.of(row.image).source, work.progress):
            raise Unavailable("The image could not be brought into the cache.")

    def _of_node(self) -> Cache:
        if self._cache is None:
            raise NotFound("Caching via API is not supported at this site.")
        return self._cache


def _row(entry: Entry) -> rows.EntryRow:
    return entry.image_id, _moment(entry.accessed), _moment(entry.modified), entry.size


def _moment(seconds: float) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None) + timedelta(seconds=seconds)
