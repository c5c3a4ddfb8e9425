"""What Prometheus is told. Counting costs next to nothing, so it is done whether or not served.

With several workers every one of them writes its values to files of its own in a
directory that the supervisor makes (``PROMETHEUS_MULTIPROC_DIR``); whichever
worker is asked adds them all up. So the sums stay right while workers come and go.

This module must be imported after that variable is set.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector

from imagestore.model.job import JobState
from imagestore.supervisor.metrics_directory import VARIABLE

_own = CollectorRegistry()

_counter = partial(Counter, namespace="imagestore", registry=_own)
_gauge = partial(Gauge, namespace="imagestore", registry=_own)
_shared_gauge = partial(_gauge, multiprocess_mode="livemostrecent")
"""Of what the database holds: whichever worker has looked last is right."""
_pass_gauge = partial(_gauge, multiprocess_mode="mostrecent")
"""Of a pass: what it found counts also when the worker that made it has ended."""
_histogram = partial(Histogram, namespace="imagestore", registry=_own)

REQUESTS = _counter("requests", "Requests answered.", ["route", "method", "status"])
REQUEST_SECONDS = _histogram(
    "request_seconds",
    "Seconds from a request to the last byte of its response.",
    ["route", "method"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60, 600),
)
BYTES_RECEIVED = _counter("received_bytes", "Bytes of image data taken in.")
BYTES_SENT = _counter("sent_bytes", "Bytes of image data handed out.")
TRANSFERS = _gauge(
    "transfers", "Transfers of image data under way.", ["direction"], multiprocess_mode="livesum"
)
"""``direction``: upload or download."""
STORE_OPERATIONS = _counter(
    "store_operations", "Operations on stores that have ended.", ["store", "operation", "outcome"]
)
"""``outcome``: ok, or the class of the error."""
STORE_SECONDS = _histogram(
    "store_seconds",
    "Seconds that operations on stores took.",
    ["store", "operation"],
    buckets=(0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60, 600),
)
STORE_BYTES = _counter(
    "store_bytes", "Bytes moved into stores (add) and out of them (open).", ["store", "operation"]
)
STORE_HEALTH = _gauge(
    "store_health",
    "1 while the store answers, 0 while it is left alone because it does not.",
    ["store"],
    multiprocess_mode="livemin",
)
STORE_FAILOVERS = _counter(
    "store_failovers", "Copies of images that a download gave up for another one.", ["store"]
)
CACHE_REQUESTS = _counter(
    "cache_requests",
    "Downloads that asked the cache: hit, follow (a fill under way), miss.",
    ["result"],
)
CACHE_EVICTIONS = _counter("cache_evictions", "Entries removed to make room.")
JOBS = _shared_gauge("jobs", "Background jobs of all nodes, by kind and state.", ["kind", "state"])
JOBS_ENDED = _counter(
    "jobs_ended", "Background jobs that this node brought to an end.", ["kind", "state"]
)
REPLICATION_IMAGES = _pass_gauge(
    "replication_images",
    "Images that the rule is for, as the last pass on this node found them.",
    ["rule"],
)
REPLICATION_MISSING = _pass_gauge(
    "replication_missing",
    "Copies that the rule asks for and that were not there, as the last pass on this node found.",
    ["rule"],
)
REPLICATION_COPIES = _counter(
    "replication_copies", "Copies that this node has made for the rule.", ["rule", "store"]
)
REPLICATION_REMOVED = _counter(
    "replication_removed",
    "Copies that this node has removed because no rule wants them any more.",
    ["store"],
)

PATROL_BYTES = _counter("patrol_bytes", "Bytes that this node read to compare digests.")
PATROL_REPAIRS = _counter(
    "patrol_repairs", "Damaged copies that this node replaced, or could not.", ["store", "outcome"]
)
"""``outcome``: repaired or failed."""
DAMAGED_COPIES = _shared_gauge(
    "damaged_copies",
    "Copies of images, of all nodes, that are known to be damaged and not repaired.",
    ["store"],
)
ORPHANS = _shared_gauge(
    "orphans",
    "Images of which something lies in the store and belongs to nothing, seen more than once.",
    ["store"],
)
ORPHAN_BYTES = _shared_gauge(
    "orphan_bytes", "Bytes of these, where the store tells their size.", ["store"]
)
ORPHANS_REMOVED = _counter("orphans_removed", "Orphans that this node removed.", ["store"])

NOTIFICATIONS = _counter("notifications", "Notifications to other services.", ["outcome"])
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
    registry.register(_OfAllWorkers(None, path=directory))  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def _size(file: Path) -> int:
    with contextlib.suppress(FileNotFoundError):  # its worker has ended
        return file.stat().st_size
    return 0


class _OfAllWorkers(MultiProcessCollector):
    """Leaves out files without a byte: a worker is making one at this moment, or died over it.

    The library fails with them, and so would ``GET /metrics`` whenever workers start.
    """

    def collect(self) -> Iterable[Metric]:
        files = [str(file) for file in Path(self._path).glob("*.db") if _size(file)]
        merged: Iterable[Metric] = self.merge(files)  # type: ignore[no-untyped-call]
        return merged


async def show(request: web.Request) -> web.Response:
    """Answers ``GET /metrics``."""
    body = await asyncio.to_thread(render)
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})
