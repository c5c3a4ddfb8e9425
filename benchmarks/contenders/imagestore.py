"""imagestore as it is installed, with one store, of files if not said otherwise."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks import seed
from benchmarks.contenders.base import HOST, OWNER, ImageService
from benchmarks.processes import ProcessTree
from tests.services import process

Options = Mapping[str, Mapping[str, str]]


def start(
    directory: Path,
    images: Path,
    *,
    workers: int,
    name: str = "imagestore",
    title: str = "imagestore",
    database: tuple[str, ProcessTree | None] | None = None,
    populate: Callable[[str], None] | None = None,
    store: tuple[str, Mapping[str, str]] | None = None,
    cache: Path | None = None,
    options: Options | None = None,
) -> ImageService:
    """Serve it with its file store in ``images`` and all else in ``directory``.

    ``database``: the URL of an empty one and the server that has it, by default a file of SQLite.
    ``populate`` gets the URL when its tables are made, before it is served. ``store`` is the type
    and the options of another store to use instead of files, ``cache`` the directory of its
    cache, ``options`` are further ones of its configuration.
    """
    directory, images = directory.resolve(), images.resolve()
    directory.mkdir(parents=True)
    images.mkdir(parents=True)
    url, server = database or (f"sqlite:///{directory}/imagestore.sqlite", None)
    configuration, log = directory / "imagestore.conf", directory / "imagestore.log"
    of_store = seed.STORE if store is None else "store1"
    kind, values = store or ("file", {"filesystem_store_datadir": str(images)})
    sections: dict[str, dict[str, str]] = {
        "DEFAULT": {"enabled_backends": f"{of_store}:{kind}"},
        "glance_store": {"default_backend": of_store},
        of_store: dict(values),
        "database": {"connection": url},
        "paste_deploy": {"flavor": "trusted-headers" + ("+caching" if cache else "")},
    }
    if cache:
        sections["DEFAULT"]["image_cache_dir"] = str(cache)
    for section, more in (options or {}).items():
        sections.setdefault(section, {}).update(more)
    configuration.write_text(_ini(sections))
    imagestore = [sys.executable, "-m", "imagestore"]
    chosen = ["--config-file", str(configuration)]
    subprocess.run([*imagestore, "db", "upgrade", *chosen], check=True, capture_output=True)
    if populate is not None:
        populate(url)
    port = process.free_port()
    listening = ["--port", str(port), "--workers", str(workers), "--data-dir", str(directory)]
    begun = time.monotonic()
    running = process.spawn([*imagestore, "serve", *chosen, *listening], log)
    process.wait_until(lambda: process.answers(f"http://{HOST}:{port}/readiness"), running, log)
    return ImageService(
        name=name,
        title=title,
        port=port,
        server=ProcessTree(running.pid),
        database=server,
        started_in=time.monotonic() - begun,
        headers={
            "X-Identity-Status": "Confirmed",
            "X-User-Id": OWNER,
            "X-Project-Id": OWNER,
            "X-Roles": "member,reader",
        },
        files=lambda image_id: images / image_id,
        stop=lambda: process.stop(running.pid, seconds=90),
    )


def _ini(sections: Mapping[str, Mapping[str, str]]) -> str:
    return "\n".join(
        "\n".join([f"[{name}]", *(f"{key} = {value}" for key, value in values.items()), ""])
        for name, values in sections.items()
    )
