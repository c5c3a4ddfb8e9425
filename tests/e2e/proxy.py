"""nginx as an authenticating proxy: it knows the tokens and sets the identity headers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services import process

TOKENS = {
    "token-of-alice": ("alice", "red", "member,reader"),
    "token-of-bob": ("bob", "blue", "member,reader"),
    "token-of-root": ("root", "ops", "admin,member,reader"),
}

_CONFIGURATION = """\
{user}
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    underscores_in_headers on;
    client_max_body_size 0;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
{maps}
    server {{
        listen 127.0.0.1:{port};
        location = /-/ready {{ return 204; }}
        location / {{
            proxy_pass {upstream};
            proxy_http_version 1.1;
            proxy_request_buffering off;
            proxy_buffering off;
            proxy_set_header Host $http_host;
            proxy_set_header X-Identity-Status $status_of_token;
            proxy_set_header X-User-Id $user_of_token;
            proxy_set_header X-Project-Id $project_of_token;
            proxy_set_header X-Roles $roles_of_token;
        }}
    }}
}}
"""


def _map(name: str, default: str, values: dict[str, str]) -> str:
    lines = "".join(f'        "{token}" "{value}";\n' for token, value in values.items())
    return f'    map $http_x_auth_token ${name} {{\n        default "{default}";\n{lines}    }}'


@contextmanager
def authenticating_proxy(directory: Path, upstream: str) -> Iterator[str]:
    """The URL of a proxy before ``upstream`` that lets the callers of ``TOKENS`` in."""
    directory.mkdir(parents=True)
    port, log = process.free_port(), directory / "nginx.log"
    maps = "\n".join(
        [
            _map("status_of_token", "Invalid", dict.fromkeys(TOKENS, "Confirmed")),
            _map("user_of_token", "", {token: who[0] for token, who in TOKENS.items()}),
            _map("project_of_token", "", {token: who[1] for token, who in TOKENS.items()}),
            _map("roles_of_token", "", {token: who[2] for token, who in TOKENS.items()}),
        ]
    )
    configuration = directory / "nginx.conf"
    configuration.write_text(
        _CONFIGURATION.format(
            user="user root;" if Path.home() == Path("/root") else "",
            directory=directory,
            maps=maps,
            port=port,
            upstream=upstream,
        )
    )
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    assert program, "nginx is not installed: make test does that"
    started = process.spawn([program, "-c", configuration, "-p", directory], log)
    try:
        url = f"http://127.0.0.1:{port}"
        process.wait_until(lambda: process.answers(f"{url}/-/ready"), started, log)
        yield url
    finally:
        process.stop(started.pid)
