"""Orphans: what lies in the stores, or among what is staged, and belongs to no image.

A job of all nodes looks through every store that can tell what it holds. What belongs to
nothing is written down; only what a second search sees again after a time of grace counts as
an orphan. It is reported; removed it is by an operator, or where the configuration says so.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from imagestore.backends.errors import StoreError
from imagestore.catalog.dependencies import Dependencies
from imagestore.catalog.integrity.hold import Hold
from imagestore.catalog.integrity.named_by_others import NamedByOthers
from imagestore.catalog.integrity.orphan_removal import OrphanRemoval
from imagestore.catalog.integrity.orphan_search import OrphanSearch, SearchedPlace
from imagestore.catalog.jobs import PATIENT, JobKind, Jobs, Work
from imagestore.config.store_sections import STAGING
from imagestore.database import orphans
from imagestore.database.orphans import Orphan, Search
from imagestore.model.clock import now
from imagestore.model.errors import Conflict, NotFound
from imagestore.model.job import Job, JobDraft
from imagestore.observing import metrics

log = logging.getLogger(__name__)

KIND = "orphans"
_FIRST = timedelta(hours=1)
"""After the first start of a service: what there is then has just been put there."""
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What became of one orphan; ``reason``: why it stays, empty if it is gone."""

    orphan: Orphan
    reason: str = ""


class Orphans:
    """The operations on orphans. For operators."""

    def __init__(self, deps: Dependencies, jobs_: Jobs, host: str, hold: Hold) -> None:
        """``host``: what stands for this node, if it keeps to itself what is staged."""
        self._database = deps.database
        self._jobs = jobs_
        self._hold = hold
        self._settings = deps.settings.scrubber
        self._host = host
        stores = deps.stores
        self._shared = {store.name: SearchedPlace(store.name, store) for store in stores}
        self._own: dict[str, SearchedPlace] = {}
        if stores.has_reserved(STAGING):
            staged = SearchedPlace(STAGING + host, stores.reserved(STAGING), staging=True)
            (self._own if host else self._shared)[staged.name] = staged
        self._search = OrphanSearch(deps)
        self._removal = OrphanRemoval(deps)
        every = self._interval if self._settings.orphan_interval else None
        for kind in self._kinds:
            jobs_.register(JobKind(kind, self._run, attempts=PATIENT, every=every))

    @property
    def _interval(self) -> timedelta:
        return timedelta(hours=self._settings.orphan_interval)

    @property
    def grace(self) -> timedelta:
        """How far apart two searches have to be that see the same."""
        return timedelta(hours=self._settings.orphan_grace)

    async def ensure(self) -> None:
        """Queue the search, unless it is off."""
        if self._settings.orphan_interval:
            for kind in self._kinds:
                await self._jobs.submit(JobDraft(kind, not_before=now() + _FIRST))
        await self._count()

    async def search(self) -> Job:
        """Have a search of the stores begin now; one that is under way goes on. Each node that
        keeps to itself what is staged looks there when its own time comes, or this is called there.
        """
        first, *_ = [await self._jobs.begin_now(JobDraft(kind)) for kind in self._kinds]
        return first

    async def searches(self) -> Mapping[str, Search]:
        """The last search of each store that came to its end."""
        return await self._database.read(orphans.searches)

    async def list(self, store: str | None = None) -> AsyncIterator[Orphan]:
        """Everything that was found, also once only; see :meth:`Orphan.is_ripe`."""
        after: Orphan | None = None
        while page := await self._database.read(orphans.select_after, after, _AT_ONCE, store=store):
            for one in page:
                yield one
            after = page[-1]

    async def delete(
        self, store: str | None = None, image_id: str | None = None, *, force: bool = False
    ) -> AsyncIterator[SearchResult]:
        """Remove orphans, all or those of a store or of an image id, and tell of each.

        Of what no image here ever had nothing is removed from a store where that is more than
        ``orphan_max_unknown`` percent: the store is most likely another service's as well.
        ``force``: it is not.
        """
        if store is not None and store not in self._places:
            raise NotFound(f"There is no store '{store}' here.")
        searches, others = await self.searches(), NamedByOthers(self._database)
        async for one in self.list(store):
            if image_id not in (None, one.image_id) or not one.is_ripe(self.grace):
                continue
            yield await self._delete(one, searches.get(one.store), others, force=force)

    async def _delete(
        self, one: Orphan, search: Search | None, others: NamedByOthers, *, force: bool
    ) -> SearchResult:
        place = self._places.get(one.store)
        if place is None:
            return SearchResult(one, "its store is not one of this node")
        if search is None:
            return SearchResult(one, "no search of its store has come to its end")
        most = self._settings.orphan_max_unknown
        if not one.ours and search.share * 100 > most and not force:
            return SearchResult(
                one,
                f"{search.unknown} of {search.objects} objects in its store were never an image's "
                "of this database: is the store another service's, too?",
            )
        try:
            await self._removal.remove(one, place, others)
        except Conflict as error:
            return SearchResult(one, error.message)
        except StoreError as error:
            log.error("an orphan was not removed: %s", error)
            return SearchResult(one, f"the store refuses: {type(error).__name__}")
        metrics.ORPHANS_REMOVED.labels(one.store).inc()
        return SearchResult(one)

    # The job.

    @property
    def _kinds(self) -> tuple[str, ...]:
        return (KIND, KIND + self._host) if self._host else (KIND,)

    @property
    def _places(self) -> Mapping[str, SearchedPlace]:
        return self._shared | self._own

    async def _run(self, work: Work) -> None:
        places = self._shared if work.job.kind == KIND else self._own
        for place in places.values():
            try:
                await self._search.search(place, work)
            except StoreError as error:
                # What was found there before stays as it is until the next search.
                log.error("store %s was not searched for orphans: %s", place.name, error)
                continue
            if self._settings.orphan_delete and not await self._hold.is_on():
                await self._delete_ours(place)
        await self._count()

    async def _delete_ours(self, place: SearchedPlace) -> None:
        """What nobody looks at before it goes has to have been ours."""
        search, others = (await self.searches()).get(place.name), NamedByOthers(self._database)
        async for one in self.list(place.name):
            if one.ours and one.is_ripe(self.grace):
                outcome = await self._delete(one, search, others, force=False)
                if outcome.reason:
                    log.warning(
                        "the orphan %s in %s stays: %s", one.image_id, one.store, outcome.reason
                    )

    async def _count(self) -> None:
        counted = await self._database.read(orphans.sums)
        for store in {*counted, *self._places}:
            count, size = counted.get(store, (0, 0))
            metrics.ORPHANS.labels(store).set(count)
            metrics.ORPHAN_BYTES.labels(store).set(size)
