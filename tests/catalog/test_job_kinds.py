"""What is decided about a kind of work: how often it is tried, and that it comes again."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from imagestore.catalog.catalog import Catalog
from imagestore.catalog.copies.placement import COPY, RULE
from imagestore.catalog.dependencies import assemble
from imagestore.catalog.imports.unstaging import IMPORT
from imagestore.catalog.jobs import ATTEMPTS, LONGEST_PAUSE, PATIENT, GiveUp, JobKind, Work
from imagestore.catalog.locations.imports import KIND as LOCATION_IMPORT
from imagestore.config.settings import Scrubber, Settings, Site
from imagestore.database.engine import Database
from imagestore.model.clock import now
from imagestore.model.errors import Invalid, Unavailable
from imagestore.model.job import Job, JobState
from imagestore.workers.sites.sites import Sites
from tests.service.conftest import settings_in

RECURRING = {"housekeeping", "replication", "scrub", "orphans", "patrol", "site"}


async def nothing(work: Work) -> None:
    pass


def job(kind: str, **changes: object) -> Job:
    moment = now()
    made = Job(
        "id", kind, None, "", None, {}, JobState.RUNNING, 1, 0, 0, None, None,
        moment, False, None, None, 1, moment, moment,
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def kinds_of(settings: Settings) -> dict[str, JobKind]:
    """As a service has them."""
    catalog = Catalog(assemble(settings, Database(settings.database)))
    Sites(catalog, settings, None)  # type: ignore[arg-type]
    return catalog.jobs.kinds


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    scrubber = Scrubber(delayed_delete=True, patrol_rate=1 << 20, orphan_interval=24)
    site = Site(name="b", direction="pull", url="http://b.example/", interval=60.0)
    return settings_in(tmp_path, scrubber=scrubber, sites=(site,))


def test_what_has_to_come_again_says_so(settings: Settings) -> None:
    """Or it would stop for good when it is given up, until some process starts."""
    kinds = kinds_of(settings)
    following = {
        name: kind.next_run(job(name, target="b" if name == "site" else ""), now())
        for name, kind in kinds.items()
    }
    assert {name for name, draft in following.items() if draft is not None} == RECURRING
    assert kinds["housekeeping"].every == timedelta(hours=1)


def test_what_is_turned_off_does_not_come_again(settings: Settings) -> None:
    off = Scrubber(patrol_rate=0, orphan_interval=0)
    quiet = replace(
        settings, scrubber=off, sites=(), replication=replace(settings.replication, interval=0)
    )
    kinds = kinds_of(quiet)
    for name in ("patrol", "orphans", "replication", "site"):
        assert kinds[name].next_run(job(name, target="b"), now()) is None


def test_the_check_of_one_image_does_not_come_again(settings: Settings) -> None:
    assert kinds_of(settings)["patrol"].next_run(job("patrol", image_id="image"), now()) is None


def test_how_often_each_kind_is_tried(settings: Settings) -> None:
    kinds = kinds_of(settings)
    for name in RECURRING | {"unstage"}:
        assert not kinds[name].is_last(job(name, attempts=PATIENT - 1)), name
        assert kinds[name].is_last(job(name, attempts=PATIENT)), name
    # For a rule, a store that is down is waited for; a user hears of it.
    assert kinds[COPY].is_last(job(COPY, attempts=ATTEMPTS))
    assert not kinds[COPY].is_last(job(COPY, attempts=PATIENT, payload={RULE: "all"}))


def test_who_waits_for_an_import_hears_of_its_failure_soon(settings: Settings) -> None:
    for name in (IMPORT, LOCATION_IMPORT):
        kind = kinds_of(settings)[name]
        assert kind.awaited
        pauses, attempts = 0.0, 1
        while not kind.is_last(job(name, attempts=attempts)):
            pauses += min(2.0**attempts, kind.longest_pause)
            attempts += 1
        assert pauses <= 60, name


def test_pauses_grow_and_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "uniform", lambda _, longest: longest)
    kind, away = JobKind("test", nothing, attempts=1000), Unavailable("away")
    pauses = [kind.pause_after(job("test", attempts=n), away) for n in (1, 2, 3, 100)]
    assert pauses == [2, 4, 8, LONGEST_PAUSE]
    short = replace(kind, longest_pause=5)
    assert short.pause_after(job("test", attempts=100), away) == 5


def test_what_blames_the_job_is_not_tried_again() -> None:
    kind = JobKind("test", nothing)
    for error in (GiveUp("hopeless"), Invalid("wrong")):
        assert kind.pause_after(job("test"), error) is None
    assert kind.pause_after(job("test"), RuntimeError("unexpected")) is not None
    # A job may be given another number than its kind has.
    assert kind.pause_after(job("test", max_attempts=1), Unavailable("away")) is None
