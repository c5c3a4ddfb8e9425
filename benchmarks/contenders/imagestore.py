"""imagestore as its embedded default runs: SQLite and one store, of files if not said otherwise."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks import seed
from benchmarks.contenders.base import HOST, OWNER, ImageService
from benchmarks.processes import ProcessTree
from tests.services import process

CONFIGURATION = """\
[DEFAULT]
enabled_backends = {name}:{type}
{cache}

[glance_store]
default_backend = {name}

[{name}]
{options}

[database]
connection = {database}

[paste_deploy]
flavor = trusted-headers{caching}
"""


def start(
    directory: Path,
    images: Path,
    *,
    workers: int,
    populate: Callable[[str], None] | None = None,
    store: tuple[str, Mapping[str, str]] | None = None,
    cache: Path | None = None,
) -> ImageService:
    """Serve it with its file store in ``images`` and all else in ``directory``.

    ``populate`` gets the URL of its empty database before it is served. ``store`` is the type
    and the options of another store to use instead of files, ``cache`` the directory of its cache.
    """
    directory, images = directory.resolve(), images.resolve()
    directory.mkdir(parents=True)
    images.mkdir(parents=True)
    database = f"sqlite:///{directory}/imagestore.sqlite"
    configuration, log = directory / "imagestore.conf", directory / "imagestore.log"
    name = seed.STORE if store is None else "store1"
    kind, options = store or ("file", {"filesystem_store_datadir": str(images)})
    lines = "\n".join(f"{name} = {value}" for name, value in options.items())
    configuration.write_text(
        CONFIGURATION.format(
            name=name,
            type=kind,
            options=lines,
            database=database,
            cache=f"image_cache_dir = {cache}" if cache else "",
            caching="+caching" if cache else "",
        )
    )
    imagestore = [sys.executable, "-m", "imagestore"]
    chosen = ["--config-file", str(configuration)]
    subprocess.run([*imagestore, "db", "upgrade", *chosen], check=True, capture_output=True)
    if populate is not None:
        populate(database)
    port = process.free_port()
    listening = ["--port", str(port), "--workers", str(workers), "--data-dir", str(directory)]
    running = process.spawn([*imagestore, "serve", *chosen, *listening], log)
    process.wait_until(lambda: process.answers(f"http://{HOST}:{port}/readiness"), running, log)
    return ImageService(
        name="imagestore",
        title="imagestore",
        port=port,
        server=ProcessTree(running.pid),
        headers={
            "X-Identity-Status": "Confirmed",
            "X-User-Id": OWNER,
            "X-Project-Id": OWNER,
            "X-Roles": "member,reader",
        },
        stop=lambda: process.stop(running.pid, seconds=90),
    )
