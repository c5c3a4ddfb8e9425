"""The sites of the configuration, and for each a job that comes again after every pass."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from imagestore.catalog.catalog import Catalog
from imagestore.catalog.jobs import PATIENT, Completion, GiveUp, JobKind, Jobs, Work
from imagestore.config.settings import Settings, Site
from imagestore.database import jobs, sites
from imagestore.model.clock import now
from imagestore.model.errors import ConfigurationError, ImagestoreError, Unavailable
from imagestore.model.job import Job, JobDraft
from imagestore.sites import configured
from imagestore.sites.compare import Action, Step
from imagestore.sites.images_api import ImagesApi
from imagestore.sites.replication import PassResult, Replication
from imagestore.sites.site import Target
from imagestore.workers.sites.local import Local, Schema

log = logging.getLogger(__name__)

KIND = "site"
OVERLAP = timedelta(minutes=5)
"""What a source recorded late may carry an earlier time."""


class Sites:
    """A job for each site that comes again: there is one at any time."""

    def __init__(self, catalog: Catalog, settings: Settings, schema: Schema) -> None:
        """Raises :class:`ConfigurationError` for a site that cannot be used."""
        self._catalog = catalog
        self._jobs: Jobs = catalog.jobs
        self._schema = schema
        self._least = settings.server.least_rate
        self._sites = {site.name: site for site in settings.sites}
        for site in settings.sites:
            configured.check(site)
            known = {section.name for section in settings.stores.sections}
            if site.store is not None and site.store not in known:
                raise ConfigurationError(
                    f"[{site.section}] store: there is no store {site.store!r}."
                )
        self._jobs.register(JobKind(KIND, self._run, attempts=PATIENT, every=self._every))

    async def ensure(self) -> None:
        """Queue a pass for each site, unless one is queued or running."""
        for name in self._sites:
            await self._jobs.submit(_draft(name))

    def _every(self, job: Job) -> timedelta | None:
        site = self._sites.get(job.target)
        return timedelta(seconds=site.interval) if site is not None else None

    async def _run(self, work: Work) -> Completion:
        site = self._sites.get(work.job.target)
        if site is None:
            raise GiveUp(f"There is no section [site:{work.job.target}] any more.")
        try:
            return await self._pass(site, work)
        except (Unavailable, GiveUp):
            raise
        except ImagestoreError as error:
            # What a site refuses today, a wrong password say, is put right without a word to us.
            raise Unavailable(error.message) from error

    async def _pass(self, site: Site, work: Work) -> Completion:
        begun = now()
        progress = await self._jobs.database.read(sites.progress, site.name)
        since = _since(site, progress)
        known = await self._jobs.database.read(sites.carried, site.name) if site.delete else None
        async with configured.client(site) as client:
            remote = ImagesApi(client)
            local = Local(self._catalog, self._schema, site.store)
            source: Target = remote if site.direction == "pull" else local
            target: Target = local if source is remote else remote
            replication = Replication(
                source, target, configured.rules(site), site.transfers, self._least
            )
            outcome = await replication.run(_Watcher(site, work), since, known)
        for image_id, reason in outcome.failed.items():
            log.error("site %s: image %s: %s", site.name, image_id, reason)
        log.info("site %s: %s", site.name, outcome.counts())
        if not outcome.failed:
            whole_at = begun if since is None else progress.whole_at
            progress = sites.Progress(outcome.latest, whole_at)
        return lambda conn: _again(conn, site, progress, outcome)


class _Watcher:
    """Tells the job of the bytes, and remembers what is about to be there because of us."""

    def __init__(self, site: Site, work: Work) -> None:
        self._site = site
        self._work = work

    async def planned(self, steps: list[Step]) -> None:
        self._work.progress(0, sum(step.bytes for step in steps))
        # Before the first of them is there: what a crash leaves can still be told from images
        # that are somebody else's.
        created = [step.id for step in steps if step.action is Action.CREATE]
        await self._work.write(sites.carry, self._site.name, created)

    def moved(self, step: Step, count: int) -> None:
        self._work.progress(self._work.bytes_done + count)

    async def ended(self, step: Step, error: ImagestoreError | None) -> None:
        if step.action is Action.DELETE and error is None:
            await self._work.write(sites.forget, self._site.name, step.id)


def _since(site: Site, progress: sites.Progress) -> datetime | None:
    """From when on changes are looked at; None: all images are compared.

    A list of changes tells nothing of deletions, and nothing of members.
    """
    if site.delete or site.members or progress.position is None or progress.whole_at is None:
        return None
    if now() - progress.whole_at > timedelta(seconds=site.full_interval):
        return None
    return progress.position - OVERLAP


def _again(conn: Connection, site: Site, progress: sites.Progress, outcome: PassResult) -> None:
    moment = now()
    sites.set_progress(conn, site.name, progress)
    last = {"counts": outcome.counts(), "bytes": outcome.bytes, "failed": outcome.failed}
    following = replace(
        _draft(site.name),
        payload={"last": last},
        not_before=moment + timedelta(seconds=site.interval),
    )
    jobs.enqueue(conn, following, moment)


def _draft(name: str) -> JobDraft:
    return JobDraft(KIND, target=name)
