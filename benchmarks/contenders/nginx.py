"""The limit: nginx, which sends files with sendfile and writes PUTs without any digest."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.contenders.base import FileServer
from benchmarks.processes import ProcessTree
from tests.services import nginx

DOCUMENT = "/v2/images/static.json"


def start(directory: Path, *, workers: int, document: object) -> FileServer:
    """Serve uploads below ``/files/`` and ``document`` as JSON at :data:`DOCUMENT`."""
    running = nginx.start(directory, workers=workers)
    (running.root / "files").mkdir()
    static = running.root / DOCUMENT.lstrip("/")
    static.parent.mkdir(parents=True)
    static.write_text(json.dumps(document))
    return FileServer(
        name="nginx",
        title="nginx",
        port=int(running.url.rpartition(":")[2]),
        server=ProcessTree(running.pid),
        first_page=DOCUMENT,
        files=lambda name: running.root / "files" / name,
        stop=running.stop,
    )
