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
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Protocol

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector

from imagestore.supervisor.metrics_directory import VARIABLE

REGISTRY = CollectorRegistry()
"""All metrics of this process. docs/metrics.md is what it says of them."""


class Refresh(Protocol):
    """Awaited before what is costly to know is told; never raises."""

    async def __call__(self) -> None: ...


refresh = web.AppKey("refresh", Refresh)
"""Of an application."""

_counter = partial(Counter, namespace="imagestore", registry=REGISTRY)
_gauge = partial(Gauge, namespace="imagestore", registry=REGISTRY)
_shared_gauge = partial(_gauge, multiprocess_mode="livemostrecent")
"""Of what the database, a store or a disk holds: whichever worker has looked last is right."""
_sum_gauge = partial(_gauge, multiprocess_mode="livesum")
_pass_gauge = partial(_gauge, multiprocess_mode="mostrecent")
"""Of a pass: what it found counts also when the worker that made it has ended."""
_histogram = partial(Histogram, namespace="imagestore", registry=REGISTRY)

REQUESTS = _counter("requests", "Requests answered.", ["route", "method", "status"])
REQUEST_SECONDS = _histogram(
    "request_seconds",
    "Seconds from a request to the last byte of its response.",
    ["route", "method"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60, 600),
)
BYTES_RECEIVED = _counter("received_bytes", "Bytes of image data taken in.")
BYTES_SENT = _counter("sent_bytes", "Bytes of image data handed out.")
TRANSFERS = _sum_gauge(
    "transfers",
    "Transfers of image data under way; direction: upload or download.",
    ["direction"],
)
STORE_OPERATIONS = _counter(
    "store_operations",
    "Operations on stores that have ended; outcome: ok, cancelled, aborted or the class of the "
    "store's error.",
    ["store", "operation", "outcome"],
)
STORE_SECONDS = _histogram(
    "store_seconds",
    "Seconds that operations on stores took, without those in which the client was waited for.",
    ["store", "operation"],
    buckets=(0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60, 600),
)
STORE_BYTES = _counter(
    "store_bytes", "Bytes moved into stores (add) and out of them (open).", ["store", "operation"]
)
STORE_CAPACITY = _shared_gauge(
    "store_capacity_bytes", "Room that the store has in all, where it tells.", ["store"]
)
STORE_FREE = _shared_gauge("store_free_bytes", "Of that, what is free.", ["store"])
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
CACHE_ENTRIES = _shared_gauge("cache_entries", "Images that this node's cache has as a whole.")
CACHE_BYTES = _shared_gauge("cache_bytes", "Bytes that these take.")
CACHE_LIMIT = _shared_gauge("cache_limit_bytes", "Bytes that the cache may take.")
JOBS = _shared_gauge(
    "jobs",
    "Background jobs of all nodes that are queued, running or failed; 10000 is that many or more.",
    ["kind", "state"],
)
JOBS_WAITING = _shared_gauge(
    "jobs_waiting_seconds",
    "Seconds that the queued job of this kind waits that has been due for longest, of all nodes.",
    ["kind"],
)
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

PATROL_VERIFIED = _shared_gauge(
    "patrol_verified_since_timestamp_seconds",
    "When the last whole pass began: all older copies were compared after that. 0: there was none.",
)
PATROL_BYTES = _counter("patrol_bytes", "Bytes that this node read to compare digests.")
PATROL_REPAIRS = _counter(
    "patrol_repairs",
    "Damaged copies that this node replaced, or could not; outcome: repaired or failed.",
    ["store", "outcome"],
)
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

NOTIFICATIONS = _counter(
    "notifications",
    "Notifications to other services; outcome: sent, failed, or dropped as the queue was full.",
    ["outcome"],
)

DATABASE_UP = _shared_gauge("database_up", "1 if the database has answered, 0 if it has not.")
DATABASE_SECONDS = _histogram(
    "database_seconds",
    "Seconds of a transaction, from the wait for a connection to the commit; operation: select "
    "(one statement), read or write.",
    ["operation"],
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60),
)
DATABASE_FAILURES = _counter(
    "database_failures", "Transactions that ended because the database did not answer."
)
DATABASE_CONNECTIONS = _sum_gauge(
    "database_connections",
    "Connections of this node to the database; state: in_use or idle.",
    ["state"],
)
DATABASE_WAITING = _sum_gauge(
    "database_waiting", "Transactions of this node that wait for a connection."
)

QUOTA_REFUSALS = _counter("quota_refusals", "Requests refused because of a limit.", ["limit"])
QUOTA_LIMIT = _shared_gauge(
    "quota_limit_bytes", "What each project may store (user_storage_quota); 0: no limit."
)
QUOTA_RESERVED = _shared_gauge(
    "quota_reserved_bytes", "What transfers under way, of all nodes, have reserved."
)

BUILD = _gauge("build_info", "1 for what runs.", ["version", "python"], multiprocess_mode="livemax")
WORKERS = _sum_gauge("workers", "Worker processes of this node.")
PROCESS_START = _gauge(
    "process_start_time_seconds", "When the youngest worker began.", multiprocess_mode="livemax"
)
PROCESS_CPU = _counter("process_cpu_seconds", "Processor time of the workers of this node.")
PROCESS_MEMORY = _sum_gauge(
    "process_resident_bytes",
    "Memory of the workers of this node; what they share counts once for each.",
)
PROCESS_FILES = _gauge(
    "process_open_files",
    "Files and sockets that the worker has open that has most.",
    multiprocess_mode="livemax",
)
PROCESS_FILES_LIMIT = _gauge(
    "process_open_files_limit", "How many a worker may have.", multiprocess_mode="livemin"
)
LOOP_LAG = _histogram(
    "event_loop_lag_seconds",
    "Seconds that a worker's event loop came too late to what was due, looked at every second.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)


def count_transaction(operation: str, seconds: float, *, failed: bool) -> None:
    """A transaction has ended; ``failed``: the database did not answer."""
    DATABASE_SECONDS.labels(operation).observe(seconds)
    if failed:
        DATABASE_FAILURES.inc()


def render() -> bytes:
    """All values of all workers in Prometheus' text format."""
    directory = os.environ.get(VARIABLE)
    if directory is None:
        return generate_latest(REGISTRY)
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
    if (ask := request.app.get(refresh)) is not None:
        await ask()
    body = await asyncio.to_thread(render)
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})
