"""Events as one caller may hear of them: of the images that he can see, and of his own jobs.

What a caller may hear is decided when it is told, by the image as it stands then; of a
deleted image, as it stood in the end. Readers share what is read from the database: however
many they are, the process looks at it twice a second.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from imagestore.catalog.dependencies import Dependencies
from imagestore.database import events
from imagestore.database.events import Event, Position, Subject
from imagestore.identity.caller import Caller
from imagestore.identity.policy import image_target
from imagestore.model.clock import now
from imagestore.model.errors import Unavailable
from imagestore.model.image import can_see, can_see_member

LOOK = 0.5
"""Seconds between two looks at the database while somebody watches."""
_PAGE = 200
_KEPT_PAGES = 32
_MOST = 512
"""Readers at once in one process."""
_MOST_OF_PROJECT = 64


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell. ``resume``: what to name to go on after it; None: it is not kept."""

    resume: int | None
    kind: str
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Page:
    """Events that follow a number, with the images that they are of."""

    events: Sequence[Event]
    subjects: dict[str, Subject]
    progress: Sequence[Any] = ()


class Events:
    """The operation to watch."""

    def __init__(self, deps: Dependencies) -> None:
        self._database = deps.database
        self._policy = deps.policy
        self._pages: dict[int, asyncio.Future[_Page]] = {}
        self._generation = 0.0
        self._readers: Counter[str | None] = Counter()

    async def watch(
        self, caller: Caller, *, after: int | None = None, image_id: str | None = None
    ) -> AsyncIterator[Sequence[Notice]]:
        """What happens from now on, or after the event of a number; without end.

        Gives a sequence at every look, which is empty if nothing happened. ``image_id``: of this
        image alone. Raises :class:`imagestore.model.errors.Forbidden`, and :class:`Unavailable` if
        too many watch.
        """
        self._policy.authorize("get_events", caller, {"project_id": caller.project_id})
        with self._counted(caller):
            async for notices in self._watch(caller, after, image_id):
                yield notices

    async def _watch(
        self, caller: Caller, after: int | None, image_id: str | None
    ) -> AsyncIterator[Sequence[Notice]]:
        first, last, position = await self._database.read(_begin, after)
        if after is not None and (after > last or after + 1 < first):
            # Of another database, or purged meanwhile.
            yield [Notice(None, "missed", {"first": first})]
        told: dict[str, Any] = {}
        while True:
            page = await self._page(position.settled)
            found = list(page.events)
            while len(page.events) >= _PAGE and all(one.id in position.seen for one in found):
                # What follows a number that is still missing.
                page = await self._page(found[-1].id)
                found += page.events
            new = position.advance(found, now())
            notices = [
                _notice(event, position, caller)
                for event in new
                if image_id in (None, event.image_id)
                and self._may_hear(
                    caller,
                    event.image_id,
                    event.job_id,
                    event.project,
                    page,
                    event.document.get("member"),
                )
            ]
            if not new:
                notices += self._progress(caller, page, image_id, told)
            yield notices
            if len(page.events) < _PAGE:
                await self._next_look()

    def _progress(
        self, caller: Caller, page: _Page, image_id: str | None, told: dict[str, Any]
    ) -> list[Notice]:
        """What the running jobs have done since it was last told."""
        running = {}
        notices = []
        for job_id, kind, image, project, done, total in page.progress:
            if image_id not in (None, image):
                continue
            running[job_id] = (done, total)
            if told.get(job_id) == (done, total) or not done:
                continue
            if self._may_hear(caller, image, job_id, project, page):
                document = {"job": job_id, "job_kind": kind, "image": image}
                document |= {"bytes_done": done, "bytes_total": total}
                notices.append(Notice(None, "job.progress", document))
        told.clear()
        told.update(running)
        return notices

    def _may_hear(
        self,
        caller: Caller,
        image_id: str | None,
        job_id: str | None,
        project: str | None,
        page: _Page,
        member: str | None = None,
    ) -> bool:
        """``member``: the project whose membership of the image is told of."""
        if job_id is not None:
            # Who else works on an image is not for everybody who sees it.
            if caller.is_admin:
                return True
            if project is None or project != caller.project_id:
                return False
            if image_id is None:
                return True
        subject = page.subjects.get(image_id or "")
        if subject is None:
            return False
        is_member = caller.project_id in subject.members
        image = subject.image
        if not can_see(image, caller.project_id, is_admin=caller.is_admin, is_member=is_member):
            return False
        target = image_target(image, caller.project_id if is_member else None)
        if member is not None and not (
            can_see_member(image, member, caller.project_id, is_admin=caller.is_admin)
            and self._policy.allows("get_member", caller, target)
        ):
            return False
        return self._policy.allows("get_image", caller, target)

    async def _page(self, after: int) -> _Page:
        """Read once for all who are at the same place."""
        loop = asyncio.get_running_loop()
        if loop.time() - self._generation >= LOOK / 2:
            self._generation = loop.time()
            self._pages.clear()
        future = self._pages.get(after)
        if future is None:
            while len(self._pages) >= _KEPT_PAGES:
                del self._pages[next(iter(self._pages))]
            future = self._pages[after] = asyncio.ensure_future(
                self._database.read(_read_page, after)
            )
        # One reader that leaves takes the page from no other.
        return await asyncio.shield(future)

    async def _next_look(self) -> None:
        await asyncio.sleep(LOOK)

    @contextmanager
    def _counted(self, caller: Caller) -> Any:
        project = caller.project_id
        most = _MOST if caller.is_admin else _MOST_OF_PROJECT
        if self._readers.total() >= _MOST or self._readers[project] >= most:
            raise Unavailable("Too many watch the events already.", retry_after=60)
        self._readers[project] += 1
        try:
            yield
        finally:
            self._readers[project] -= 1
            self._readers += Counter()


def _begin(conn: Connection, after: int | None) -> tuple[int, int, Position]:
    """The first and the last event that there are, and where a reader begins."""
    first, last = events.first(conn), events.last(conn)
    if after is None:
        return first, last, events.recent(conn, _PAGE // 2)
    # Nobody waits for numbers that are purged.
    return first, last, Position(min(max(after, first - 1), last))


def _read_page(conn: Connection, after: int) -> _Page:
    found = events.select_after(conn, after, _PAGE)
    running = events.running_jobs(conn)
    ids = {event.image_id for event in found} | {row[2] for row in running}
    return _Page(found, events.subjects(conn, sorted(one for one in ids if one)), running)


def _notice(event: Event, position: Position, caller: Caller) -> Notice:
    document: dict[str, Any] = {
        "id": event.id,
        "time": event.moment.isoformat(timespec="milliseconds") + "Z",
        "image": event.image_id,
    }
    if event.job_id is not None:
        document["job"] = event.job_id
    document |= event.document
    # Who else is at work on an image that all may see is nobody's business.
    by = event.document.get("by", {})
    if not caller.is_admin and by.get("project_id") != (caller.project_id or ""):
        document.pop("by", None)
    return Notice(min(event.id, position.settled), event.kind, document)
