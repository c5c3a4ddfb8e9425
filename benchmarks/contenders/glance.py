"""The peer: Glance 33 under uwsgi with MariaDB and the file store, as it is deployed.

2 processes of 16 threads: its shipped 4 of 1 would hold four requests in all. uwsgi's
``http-socket`` keeps no connection, so every request pays for a new one, as in production.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from benchmarks.contenders.base import OWNER, ImageService
from benchmarks.processes import ProcessTree
from tests.services import glance

THREADS = 16


def start(
    directory: Path,
    database: tuple[str, ProcessTree | None],
    *,
    name: str,
    title: str,
    chunk_size: int,
    workers: int,
    store: tuple[str, Mapping[str, str]] | None = None,
    cache: Path | None = None,
) -> ImageService:
    """Serve it with store chunks of ``chunk_size`` bytes; 65536 is its default.

    ``database``: the URL of an empty one, or of another Glance's, and the server that has it.
    ``store`` is the type and the options of another store to use instead of files, ``cache`` the
    directory of its cache.
    """
    url, server = database
    options: dict[str, Mapping[str, str]] = {}
    if store is not None:
        kind, values = store
        options |= {
            "DEFAULT": {"enabled_backends": f"store1:{kind}"},
            "store1": values,
            "glance_store": {"default_backend": "store1"},
        }
    if cache is not None:
        options["DEFAULT"] = {**options.get("DEFAULT", {}), "image_cache_dir": str(cache)}
        options["paste_deploy"] = {"flavor": "tokens+cachemanagement"}
    running = glance.start(
        directory,
        database=url,
        processes=workers,
        threads=THREADS,
        chunk_size=chunk_size,
        server="uwsgi",
        options=options,
    )
    return ImageService(
        name=name,
        title=title,
        port=int(running.url.rpartition(":")[2]),
        server=ProcessTree(running.pid),
        database=server,
        headers={"X-Auth-Token": f"{OWNER}:{OWNER}:member,reader"},
        files=lambda image_id: directory / "file1" / image_id,
        stop=running.stop,
    )
