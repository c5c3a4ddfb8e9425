"""nginx on loopback: what the machine can do at best, as the limit in benchmarks."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.services import process

CONFIGURATION = """\
{user}
daemon off;
worker_processes {workers};
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    default_type application/octet-stream;
    types {{ application/json json; }}
    sendfile {sendfile};
    sendfile_max_chunk 2m;
    tcp_nopush on;
    keepalive_requests 1000000;
    client_max_body_size 0;
    client_body_buffer_size 1m;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        {tls}
        root {root};
        location / {{ {dav} }}
        {locations}
        location = /-/ready {{ return 204; }}
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class Nginx:
    """A running nginx; ``url`` is its root. ``pid`` is the master and leads its group."""

    url: str
    pid: int
    root: Path
    tls_url: str = ""
    """The same root over TLS, if it was started with a certificate."""

    def stop(self) -> None:
        """End it with its workers, and wait for that."""
        process.stop(self.pid)


def available() -> bool:
    """Whether nginx is installed."""
    return _program() is not None


def start(
    directory: Path,
    *,
    root: Path | None = None,
    workers: int = 2,
    sendfile: bool = True,
    writable: bool = True,
    locations: str = "",
    certificate: Path | None = None,
) -> Nginx:
    """Serve ``root`` (default ``directory/root``) on a free port of 127.0.0.1.

    ``writable`` allows PUT and DELETE of files; a body is spooled beside ``root`` and
    renamed into place, so keep both on one file system. ``locations`` are further ones, as
    they stand in a server block, in which ``@url@``, ``@tls_url@`` and ``@root@`` stand for
    those; ``certificate`` (PEM, with its key) adds a TLS port. Raises
    :class:`tests.services.process.StartError`.
    """
    directory = directory.resolve()
    root = (root or directory / "root").resolve()
    root.mkdir(parents=True, exist_ok=True)
    directory.mkdir(parents=True, exist_ok=True)
    port, log = process.free_port(), directory / "nginx.log"
    tls_port = process.free_port() if certificate else None
    url, tls_url = f"http://127.0.0.1:{port}", f"https://127.0.0.1:{tls_port}" if tls_port else ""
    for name, value in (("@url@", url), ("@tls_url@", tls_url), ("@root@", str(root))):
        locations = locations.replace(name, value)
    configuration = directory / "nginx.conf"
    configuration.write_text(
        CONFIGURATION.format(
            user="user root;" if Path.home() == Path("/root") else "",
            workers=workers,
            directory=directory,
            sendfile="on" if sendfile else "off",
            port=port,
            root=root,
            tls=f"listen 127.0.0.1:{tls_port} ssl;"
            f" ssl_certificate {certificate}; ssl_certificate_key {certificate};"
            if certificate
            else "",
            locations=locations,
            dav="dav_methods PUT DELETE; create_full_put_path on;" if writable else "",
        )
    )
    program = _program()
    if program is None:
        raise process.StartError("nginx is not installed")
    started = process.spawn([program, "-c", configuration, "-p", directory], log)
    process.wait_until(lambda: process.answers(f"{url}/-/ready"), started, log)
    return Nginx(url, started.pid, root, tls_url)


def _program() -> str | None:
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
