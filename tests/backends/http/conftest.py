"""Web servers to read from: a real nginx, and one that does whatever a test wants."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ...services import certificate, nginx

_LOCATIONS = """
location /moved/ { rewrite ^/moved/(.*)$ /$1 redirect; }
location /hop1/ { rewrite ^/hop1/(.*)$ /$1 permanent; }
location /hop2/ { rewrite ^/hop2/(.*)$ /hop1/$1 redirect; }
location /hop3/ { rewrite ^/hop3/(.*)$ /hop2/$1 redirect; }
location /hop4/ { rewrite ^/hop4/(.*)$ /hop3/$1 redirect; }
location /hop5/ { rewrite ^/hop5/(.*)$ /hop4/$1 redirect; }
location /hop6/ { rewrite ^/hop6/(.*)$ /hop5/$1 redirect; }
location ~ ^/upgraded/(.*)$ { return 301 @tls_url@/$1; }
location ~ ^/downgraded/(.*)$ { return 301 @url@/$1; }
location /loop/ { return 302 /loop/; }
location /slow/ { alias @root@/; limit_rate 512k; }
location /whole/ { alias @root@/; max_ranges 0; }
location /packed/ { alias @root@/; gzip on; gzip_min_length 1; gzip_types *; }
location /marked/ { alias @root@/; add_header Content-Encoding gzip; }
location /gone/ { return 410; }
location /private/ { return 403; }
location /ill/ { return 503; }
location /getonly/ { alias @root@/; limit_except GET { deny all; } }
"""


@dataclass(frozen=True, slots=True)
class Web:
    """A directory of a web server that only one test uses."""

    url: str
    tls_url: str
    root: Path
    folder: str
    certificate: Path

    @property
    def directory(self) -> Path:
        return self.root / self.folder

    def put(self, data: bytes, name: str = "") -> str:
        """Serve ``data``; the name under which, below :attr:`url` or one of the locations."""
        path = f"{self.folder}/{name or uuid.uuid4()}"
        (self.root / path).write_bytes(data)
        return path


@pytest.fixture(scope="session")
def own_certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate.make(tmp_path_factory.mktemp("tls") / "server.pem")


@pytest.fixture(scope="session")
def server(
    tmp_path_factory: pytest.TempPathFactory, own_certificate: Path
) -> Iterator[nginx.Nginx]:
    directory = tmp_path_factory.mktemp("nginx")
    running = nginx.start(
        directory,
        writable=False,
        locations=_LOCATIONS,
        certificate=own_certificate,
    )
    yield running
    running.stop()


@pytest.fixture
def web(server: nginx.Nginx, own_certificate: Path) -> Web:
    folder = uuid.uuid4().hex
    (server.root / folder).mkdir()
    return Web(server.url, server.tls_url, server.root, folder, own_certificate)
