"""The limit: nginx, which sends files with sendfile and writes PUTs without any digest."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from benchmarks.contenders.base import HOST, FileServer
from benchmarks.processes import ProcessTree
from tests.services import process

CONFIGURATION = """\
daemon off;
user root;
pid {directory}/nginx.pid;
error_log {directory}/error.log warn;
worker_processes {workers};
events {{ worker_connections 4096; }}
http {{
  access_log off;
  sendfile on;
  sendfile_max_chunk 2m;
  tcp_nopush on;
  keepalive_requests 1000000;
  open_file_cache max=1000;
  default_type application/octet-stream;
  client_max_body_size 0;
  client_body_buffer_size 1m;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  server {{
    listen {host}:{port} backlog=1024;
    root {directory}/root;
    location /files/ {{ dav_methods PUT DELETE; open_file_cache off; }}
    location /v2/images/ {{ default_type application/json; }}
  }}
}}
"""
DOCUMENT = "/v2/images/static"


def start(directory: Path, *, workers: int, document: object) -> FileServer:
    """Serve uploads below ``/files/`` and ``document`` as JSON at :data:`DOCUMENT`."""
    directory = directory.resolve()
    port = process.free_port()
    (directory / "root/files").mkdir(parents=True)
    static = directory / f"root{DOCUMENT}"
    static.parent.mkdir(parents=True)
    static.write_text(json.dumps(document))
    configuration = directory / "nginx.conf"
    configuration.write_text(
        CONFIGURATION.format(directory=directory, host=HOST, port=port, workers=workers)
    )
    log = directory / "nginx.log"
    executable = shutil.which("nginx") or "/usr/sbin/nginx"
    running = process.spawn([executable, "-e", directory / "error.log", "-c", configuration], log)
    process.wait_until(lambda: process.answers(f"http://{HOST}:{port}{DOCUMENT}"), running, log)
    return FileServer(
        name="nginx",
        title="nginx",
        port=port,
        server=ProcessTree(running.pid),
        stop=lambda: process.stop(running.pid),
    )
