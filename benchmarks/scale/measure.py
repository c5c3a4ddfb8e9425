"""How long lists take, one after the other on one connection, and what indexes cost."""

from __future__ import annotations

import http.client
import json
import statistics
import time

from sqlalchemy import Connection, text

from benchmarks import databases
from benchmarks.contenders.base import HOST, BenchmarkError, ImageService
from benchmarks.measures.base import Figures, requests
from benchmarks.measures.images import CLIENTS, RICH
from benchmarks.scale.lists import List, headers

PATIENCE = 60.0
"""Seconds after which an answer is not waited for."""
LEAST, MOST = 3, 2000
"""Repetitions, unless a single one takes a good part of the patience."""
OWN = "imagestore_"


def answers(service: ImageService, one: List, seconds: float) -> Figures:
    """``p50``, ``p99`` and ``max`` in seconds of a list that is asked for again and again.

    ``found``: images on it. The first answer, of caches that do not know it yet, does not count,
    unless it takes so long that it is the only one. Raises :class:`BenchmarkError`, and
    :class:`TimeoutError` where an answer is not waited for.
    """
    connection = http.client.HTTPConnection(HOST, service.port, timeout=PATIENCE)
    took: list[float] = []
    found = 0
    try:
        end = None
        while end is None or (len(took) < MOST and (time.monotonic() < end or len(took) < LEAST)):
            begun = time.perf_counter()
            connection.request("GET", one.path, headers=dict(headers(service, one.project)))
            response = connection.getresponse()
            body = response.read()
            elapsed = time.perf_counter() - begun
            if response.status != 200:
                raise BenchmarkError(f"{service.title}: {one.path} was answered {response.status}")
            if end is None:
                end = time.monotonic() + seconds
                found = len(json.loads(body)["images"])
                if elapsed < PATIENCE / LEAST / 4:
                    continue
            took.append(elapsed)
            if elapsed > PATIENCE / LEAST / 4:
                break
    finally:
        connection.close()
    took.sort()
    return {
        "p50": statistics.median(took),
        "p99": took[min(len(took) - 1, int(len(took) * 0.99))],
        "max": took[-1],
        "found": float(found),
    }


def creations(service: ImageService, seconds: float) -> Figures:
    """Images with properties and tags, made by some clients: ``rate`` and CPU of each."""
    _, figures = requests(
        service,
        flow=[{"method": "POST", "path": "/v2/images", "body": json.dumps(RICH)}],
        clients=CLIENTS,
        seconds=seconds,
    )
    return figures


def sizes(url: str) -> tuple[int, int]:
    """Bytes on the disk of all tables with their indexes, and of imagestore's own indexes."""
    return databases.run(url, _sizes)


def _sizes(conn: Connection) -> tuple[int, int]:
    return _SIZES[conn.dialect.name](conn)


def _of_mariadb(conn: Connection) -> tuple[int, int]:
    own = conn.execute(
        text(
            "SELECT sum(stat_value) * @@innodb_page_size FROM mysql.innodb_index_stats "
            "WHERE database_name = database() AND stat_name = 'size' AND index_name LIKE :own"
        ),
        {"own": f"{OWN}%"},
    ).scalar()
    everything = conn.execute(
        text(
            "SELECT sum(data_length + index_length) FROM information_schema.tables "
            "WHERE table_schema = database()"
        )
    ).scalar()
    return int(everything or 0), int(own or 0)


def _of_postgresql(conn: Connection) -> tuple[int, int]:
    own = conn.execute(
        text(
            "SELECT sum(pg_relation_size(indexrelid)) FROM pg_stat_user_indexes "
            "WHERE indexrelname LIKE :own"
        ),
        {"own": f"{OWN}%"},
    ).scalar()
    everything = conn.execute(text("SELECT pg_database_size(current_database())")).scalar()
    return int(everything or 0), int(own or 0)


def _of_sqlite(conn: Connection) -> tuple[int, int]:
    statement = text("SELECT sum(pgsize) FROM dbstat WHERE name LIKE :own AND aggregate = TRUE")
    everything, own = (conn.execute(statement, {"own": like}).scalar() for like in ("%", f"{OWN}%"))
    return int(everything or 0), int(own or 0)


_SIZES = {"mysql": _of_mariadb, "postgresql": _of_postgresql, "sqlite": _of_sqlite}
