"""What Prometheus is told. Counting costs next to nothing, so it is done whether or not served.

With several workers every one of them writes its values to files of its own in a
directory that the supervisor makes (``PROMETHEUS_MULTIPROC_DIR``); whichever
worker is asked adds them all up. So the sums stay right while workers come and go.

This module must be imported after that variable is set.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector

from imagestore.model.job import JobState
from imagestore.supervisor.metrics_directory import VARIABLE

_own = CollectorRegistry()

REQUESTS = Counter(
    "imagestore_requests", "Requests answered.", ["route", "method", "status"], registry=_own
)
REQUEST_SECONDS = Histogram(
    "imagestore_request_seconds",
    "Seconds from a request to the last byte of its response.",
    ["route", "method"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60, 600),
    registry=_own,
)
BYTES_RECEIVED = Counter(
    "imagestore_received_bytes", "Bytes of image data taken in.", registry=_own
)
BYTES_SENT = Counter("imagestore_sent_bytes", "Bytes of image data handed out.", registry=_own)
TRANSFERS = Gauge(
    "imagestore_transfers",
    "Transfers of image data under way.",
    ["direction"],
    multiprocess_mode="livesum",
    registry=_own,
)
"""``direction``: upload or download."""
STORE_OPERATIONS = Counter(
    "imagestore_store_operations",
    "Operations on stores that have ended.",
    ["store", "operation", "outcome"],
    registry=_own,
)
"""``outcome``: ok, or the class of the error."""
STORE_SECONDS = Histogram(
    "imagestore_store_seconds",
    "Seconds that operations on stores took.",
    ["store", "operation"],
    buckets=(0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60, 600),
    registry=_own,
)
STORE_BYTES = Counter(
    "imagestore_store_bytes",
    "Bytes moved into stores (add) and out of them (open).",
    ["store", "operation"],
    registry=_own,
)
STORE_HEALTH = Gauge(
    "imagestore_store_health",
    "1 while the store answers, 0 while it is left alone because it does not.",
    ["store"],
    multiprocess_mode="livemin",
    registry=_own,
)
STORE_FAILOVERS = Counter(
    "imagestore_store_failovers",
    "Copies of images that a download gave up for another one.",
    ["store"],
    registry=_own,
)
CACHE_REQUESTS = Counter(
    "imagestore_cache_requests",
    "Downloads that asked the cache: hit, follow (a fill under way), miss.",
    ["result"],
    registry=_own,
)
CACHE_EVICTIONS = Counter(
    "imagestore_cache_evictions", "Entries removed to make room.", registry=_own
)
JOBS = Gauge(
    "imagestore_jobs",
    "Background jobs of all nodes, by kind and state.",
    ["kind", "state"],
    multiprocess_mode="livemostrecent",
    registry=_own,
)
JOBS_ENDED = Counter(
    "imagestore_jobs_ended",
    "Background jobs that this node brought to an end.",
    ["kind", "state"],
    registry=_own,
)
REPLICATION_IMAGES = Gauge(
    "imagestore_replication_images",
    "Images that the rule is for, as the last pass on this node found them.",
    ["rule"],
    multiprocess_mode="mostrecent",
    registry=_own,
)
REPLICATION_MISSING = Gauge(
    "imagestore_replication_missing",
    "Copies that the rule asks for and that were not there, as the last pass on this node found.",
    ["rule"],
    multiprocess_mode="mostrecent",
    registry=_own,
)
REPLICATION_COPIES = Counter(
    "imagestore_replication_copies",
    "Copies that this node has made for the rule.",
    ["rule", "store"],
    registry=_own,
)
REPLICATION_REMOVED = Counter(
    "imagestore_replication_removed",
    "Copies that this node has removed because no rule wants them any more.",
    ["store"],
    registry=_own,
)

PATROL_BYTES = Counter(
    "imagestore_patrol_bytes", "Bytes that this node read to compare digests.", registry=_own
)
PATROL_REPAIRS = Counter(
    "imagestore_patrol_repairs",
    "Damaged copies that this node replaced, or could not.",
    ["store", "outcome"],
    registry=_own,
)
"""``outcome``: repaired or failed."""
DAMAGED_COPIES = Gauge(
    "imagestore_damaged_copies",
    "Copies of images, of all nodes, that are known to be damaged and not repaired.",
    ["store"],
    multiprocess_mode="livemostrecent",
    registry=_own,
)
ORPHANS = Gauge(
    "imagestore_orphans",
    "Images of which something lies in the store and belongs to nothing, seen more than once.",
    ["store"],
    multiprocess_mode="livemostrecent",
    registry=_own,
)
ORPHAN_BYTES = Gauge(
    "imagestore_orphan_bytes",
    "Bytes of these, where the store tells their size.",
    ["store"],
    multiprocess_mode="livemostrecent",
    registry=_own,
)
ORPHANS_REMOVED = Counter(
    "imagestore_orphans_removed", "Orphans that this node removed.", ["store"], registry=_own
)

NOTIFICATIONS = Counter(
    "imagestore_notifications", "Notifications to other services.", ["outcome"], registry=_own
)
"""``outcome``: sent, failed, or dropped because the queue was full."""


def set_jobs(counts: Mapping[tuple[str, JobState], int], kinds: Iterable[str]) -> None:
    """What the database holds; a kind without jobs in a state has none, not no value."""
    for kind in {*kinds, *(kind for kind, _ in counts)}:
        for state in JobState:
            JOBS.labels(kind, state.value).set(counts.get((kind, state), 0))


def render() -> bytes:
    """All values of all workers in Prometheus' text format."""
    directory = os.environ.get(VARIABLE)
    if directory is None:
        return generate_latest(_own)
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=directory)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


async def show(request: web.Request) -> web.Response:
    """Answers ``GET /metrics``."""
    body = await asyncio.to_thread(render)
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})
