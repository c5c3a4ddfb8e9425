"""The search for orphans: what a store holds, page by page, against what the database says.

A thing belongs to an image if anything speaks for it: a location that leads to this store or
to no known one, another image's location with the id in it, a row of the journal, a job, an
import of Glance's, an image that still waits for its bytes. Before bytes go into a store one of
these is there, and a location in the moment when they go; so what comes and goes during the
search is never taken for an orphan twice.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime

from imagestore.backends.base import Capability, Held, Store
from imagestore.catalog.integrity.named_by_others import NamedByOthers
from imagestore.catalog.jobs import Work
from imagestore.catalog.operations import Operations
from imagestore.database import belongings, orphans
from imagestore.database.belongings import UNKNOWN, Belonging
from imagestore.database.orphans import Orphan, Search
from imagestore.model.clock import now
from imagestore.model.image import ImageStatus, Location
from imagestore.stores.stores import Stores

_PAGE = 1000
"""Things that are looked up at once."""
_MOST_UNKNOWN = 10_000
"""Of what no image ever had, so many of a store are written down at the most: more than that are
another service's, and there may be millions."""
_WAITING = frozenset(
    {
        ImageStatus.QUEUED,
        ImageStatus.SAVING,
        ImageStatus.UPLOADING,
        ImageStatus.IMPORTING,
        ImageStatus.PENDING_DELETE,
    }
)
"""Images whose bytes are still to come, or kept, or on their way out."""


@dataclass(frozen=True, slots=True)
class SearchedPlace:
    """What is searched: a store, by the name that the journal has for it."""

    name: str
    store: Store
    staging: bool = False


@dataclass(slots=True)
class _Tally:
    objects: int = 0
    unknown: int = 0
    recorded: int = 0
    bytes: int = 0


class OrphanSearch(Operations):
    async def search(self, place: SearchedPlace, work: Work) -> None:
        """Write down what belongs to nothing. Raises what the store raises."""
        if Capability.LISTED not in place.store.capabilities:
            return
        started, tally = now(), _Tally()
        others = NamedByOthers(self._database)
        await others.look()
        projects = await self._database.read(belongings.projects)
        async with aclosing(_in_pages(place.store.held(projects))) as pages:
            async for page in pages:
                found = await self._database.read(
                    belongings.of_images, {held.image_id for held in page}
                )
                orphaned = _orphans(place, self._stores, page, found, others, started, tally)
                if orphaned:
                    await work.write(orphans.record, orphaned)
                work.progress(tally.bytes)
        search = Search(place.name, started, now(), tally.objects, tally.unknown)
        await work.write(orphans.finish, search)


def is_needed(place: SearchedPlace, stores: Stores, belonging: Belonging, named: bool) -> bool:
    """Whether anything speaks for what lies there. ``named``: a location of another image."""
    if named or belonging.busy or belonging.status in _WAITING:
        return True
    return not place.staging and any(
        _leads_to(place.store, stores, location) for location in belonging.locations
    )


def _was_ours(place: SearchedPlace, stores: Stores, its: Belonging) -> bool:
    """Whether the image had its bytes there once. An image that only bears the id is no proof:
    any user can choose that of another service's image."""
    if place.staging:
        return its.status != UNKNOWN
    return any(
        stores.of(location) is not None and _leads_to(place.store, stores, location)
        for location in its.former
    )


def _leads_to(store: Store, stores: Stores, location: Location) -> bool:
    """Or perhaps does: a location of a store that is not configured may be of this one."""
    found = stores.of(location)
    return found is None or found is store or store.owns(location.url)


def _orphans(
    place: SearchedPlace,
    stores: Stores,
    page: Sequence[Held],
    belonging: Mapping[str, Belonging],
    others: NamedByOthers,
    started: datetime,
    tally: _Tally,
) -> list[Orphan]:
    found: dict[tuple[str, str], Orphan] = {}
    for held in page:
        tally.objects += held.whole
        tally.bytes += held.size or 0
        image_id, project = held.image_id.lower(), held.owner or ""
        its = belonging[image_id]
        if is_needed(place, stores, its, image_id in others):
            continue
        ours = _was_ours(place, stores, its)
        if not ours:
            tally.unknown += held.whole
            tally.recorded += 1
            if tally.recorded > _MOST_UNKNOWN:
                continue
        before = found.get((held.image_id, project))
        found[held.image_id, project] = Orphan(
            place.name,
            held.image_id,
            project,
            its.status,
            ours,
            held.whole or (before is not None and before.whole),
            1 + (before.pieces if before else 0),
            (held.size or 0) + (before.bytes if before else 0),
            started,
            started,
        )
    return list(found.values())


async def _in_pages(
    pages: AsyncGenerator[Sequence[Held], None],
) -> AsyncGenerator[Sequence[Held], None]:
    """No page with more than can be looked up at once."""
    async with aclosing(pages):
        async for page in pages:
            for start in range(0, len(page), _PAGE):
                yield page[start : start + _PAGE]
