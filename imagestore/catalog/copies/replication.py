"""Replication: the passes over all images that find what the rules ask for and nobody has done.

New images and changed ones are followed at once (:mod:`wishes`). A pass finds the rest: images
from before a rule, copies that were parked, copies that no rule wants any more, images without
digests. It is a job that queues its successor as it ends, so there is one at any time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import timedelta

from sqlalchemy import Connection

from imagestore.catalog.copies.maker import CopyMaker
from imagestore.catalog.copies.placement import COPY, Placements, Standing
from imagestore.catalog.deletions import Deletions
from imagestore.catalog.dependencies import Dependencies
from imagestore.catalog.integrity.hold import Hold
from imagestore.catalog.jobs import PATIENT, JobKind, Jobs, Work
from imagestore.catalog.operations import Operations
from imagestore.database import jobs, replicas
from imagestore.database.replicas import Replica
from imagestore.model.clock import now
from imagestore.model.image import Image, Location
from imagestore.model.job import Job, JobDraft
from imagestore.observing import metrics

KIND = "replication"
REMOVE = "remove-copy"
DIGESTS = "fill-digests"
PAGE = 100
"""Images that are looked at in one transaction, so that others can write in between."""


@dataclass(slots=True)
class Count:
    """Of one rule: images that it is for, copies that it asks for, those that are missing."""

    images: int = 0
    wanted: int = 0
    missing: int = 0
    short: int = 0
    """Images with fewer copies than ``min_copies``."""


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done for one image in one store. ``rule``: for which, if for any."""

    action: str
    image_id: str
    store: str
    rule: str | None = None


@dataclass(slots=True)
class Findings:
    counts: dict[str, Count] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)


class Replication(Operations):
    """The passes, and the kinds of work that they queue."""

    def __init__(
        self,
        deps: Dependencies,
        jobs_: Jobs,
        deletions: Deletions,
        copies: CopyMaker,
        hold: Hold,
    ) -> None:
        super().__init__(deps)
        self._config = deps.settings.replication
        self._jobs = jobs_
        self._deletions = deletions
        self._copies = copies
        self._hold = hold
        self._placements = Placements(deps)
        self._grace = timedelta(seconds=self._config.grace)
        interval = self._config.interval
        every = timedelta(seconds=interval) if interval > 0 else None
        jobs_.register(JobKind(KIND, self._pass, limit=1, attempts=PATIENT, every=every))
        jobs_.register(JobKind(REMOVE, self._remove))
        jobs_.register(JobKind(DIGESTS, self._fill_digests, limit=1))

    async def ensure(self) -> None:
        """Queue a pass, unless one is queued or running, or none are wanted."""
        if self._config.interval > 0:
            await self._jobs.submit(JobDraft(KIND))

    async def run_now(self) -> Job:
        """Have the next pass begin at once."""
        job = await self._jobs.submit(JobDraft(KIND))
        await self._database.write(replicas.hasten, KIND, [""], now())
        self._jobs.wake()
        return job

    async def look(self) -> Findings:
        """What the rules ask for and what is missing. Changes nothing."""
        findings = self._nothing()
        async for page in self._pages():
            known = await self._database.read(replicas.of_images, [each.id for each in page])
            for image in page:
                self._judge(self._placements.standing(image), known, findings)
        return findings

    # A pass.

    async def _pass(self, work: Work) -> None:
        findings = self._nothing()
        while await work.write(replicas.forget_gone, PAGE) == PAGE:
            pass
        async for page in self._pages():
            await work.write(self._act, page, findings)
            self._jobs.wake()
        answering = [
            store.name for store in self._stores if self._stores.health(store.name).healthy
        ]
        await work.write(replicas.hasten, COPY, answering, now())
        self._jobs.wake()
        for rule, count in findings.counts.items():
            metrics.REPLICATION_IMAGES.labels(rule).set(count.images)
            metrics.REPLICATION_MISSING.labels(rule).set(count.missing)

    async def _pages(self) -> AsyncIterator[list[Image]]:
        after = ""
        while page := await self._database.read(replicas.page, after, PAGE):
            yield page
            after = page[-1].id

    def _act(self, conn: Connection, page: list[Image], findings: Findings) -> None:
        """Queue what a page of images needs. May be run again: all of it is done once."""
        before = len(findings.steps)
        counts = {name: replace(count) for name, count in findings.counts.items()}
        try:
            self._queue(conn, page, findings)
        except BaseException:
            findings.counts = counts
            del findings.steps[before:]
            raise

    def _queue(self, conn: Connection, page: list[Image], findings: Findings) -> None:
        known = replicas.of_images(conn, [image.id for image in page])
        moment = now()
        for image in page:
            standing = self._placements.standing(image)
            for step in self._judge(standing, known, findings):
                if step.action == COPY:
                    assert step.rule is not None
                    self._placements.queue(conn, image, [(step.store, step.rule)])
                elif step.action == REMOVE:
                    draft = JobDraft(REMOVE, {}, image.id, step.store, image.owner)
                    jobs.enqueue(conn, draft, moment)
                elif step.action == DIGESTS:
                    draft = JobDraft(DIGESTS, {}, image.id, "", image.owner)
                    if replicas.parked(conn, image.id, draft.key) is None:
                        jobs.enqueue(conn, draft, moment)
            self._mark(conn, standing, known)

    def _mark(self, conn: Connection, standing: Standing, known: dict[int, Replica]) -> None:
        """Record since when copies are not wanted."""
        for store, location in standing.copies.items():
            replica = known.get(location.id or 0)
            if replica is None or replica.image_id != standing.image.id:
                continue
            wanted = store in standing.placement.stores
            if wanted and replica.unwanted_since is not None:
                replicas.mark(conn, replica.location_id, None)
            elif not wanted and replica.unwanted_since is None:
                replicas.mark(conn, replica.location_id, now())

    def _judge(
        self, standing: Standing, known: dict[int, Replica], findings: Findings
    ) -> list[Step]:
        """Count the image, and find what it needs."""
        image = standing.image
        steps = [Step(COPY, image.id, store, rule) for store, rule in standing.missing.items()]
        steps = [step for step in steps if self._placements.can_take(step.store)]
        fills = self._config.fill_digests and self._placements.is_kept(standing)
        if fills and not steps and self._copies.lacks_digests(image):
            steps.append(Step(DIGESTS, image.id, ""))
        spare = len(standing.copies) - standing.placement.floor
        for store, location in standing.copies.items():
            if spare > 0 and self._is_surplus(standing, store, known.get(location.id or 0)):
                steps.append(Step(REMOVE, image.id, store))
                spare -= 1
        self._count(standing, findings)
        findings.steps += steps
        return steps

    def _is_surplus(self, standing: Standing, store: str, replica: Replica | None) -> bool:
        return (
            replica is not None
            and replica.image_id == standing.image.id
            and store not in standing.placement.stores
            and replica.unwanted_since is not None
            and replica.unwanted_since + self._grace <= now()
        )

    def _count(self, standing: Standing, findings: Findings) -> None:
        for rule in self._config.rules:
            if rule.name not in standing.placement.rules:
                continue
            count = findings.counts[rule.name]
            count.images += 1
            count.wanted += len(rule.stores)
            count.missing += sum(store not in standing.copies for store in rule.stores)
            count.short += len(standing.copies) < rule.min_copies

    def _nothing(self) -> Findings:
        return Findings({rule.name: Count() for rule in self._config.rules})

    # What it queues.

    async def _remove(self, work: Work) -> None:
        """Remove a copy, if no rule and no user wants it now."""
        job = work.job
        assert job.image_id is not None
        if await self._hold.is_on():
            return  # a later pass finds it again

        def may_go(conn: Connection, image: Image, copy: Location) -> bool:
            known = replicas.of_images(conn, [image.id])
            standing = self._placements.standing(image)
            return self._is_surplus(standing, job.target, known.get(copy.id or 0)) and (
                len(standing.copies) > standing.placement.floor
            )

        if job.target in self._stores and await self._deletions.remove_copy(
            job.image_id, job.target, may_go
        ):
            metrics.REPLICATION_REMOVED.labels(job.target).inc()

    async def _fill_digests(self, work: Work) -> None:
        assert work.job.image_id is not None
        await self._copies.fill_digests(
            work.job.image_id, write=work.write, on_progress=work.progress
        )
