"""A small cloud: Keystone, MariaDB, and two nodes of one image service that share both."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from tests.services import glance, keystone, mariadb, process
from tests.tempest import pictures, profiles

Kind = Literal["imagestore", "glance"]
LIMITS: Final = {
    "image_size_total": 20000,
    "image_stage_total": 20000,
    "image_count_total": 5000,
    "image_count_uploading": 5000,
}
APPLICATION: Final = "glance.wsgi.api:application"


@dataclass(frozen=True, slots=True)
class Cloud:
    """Where everything is; ``nodes`` are the addresses of the image service."""

    keystone: keystone.Keystone
    region: str
    nodes: tuple[str, ...]
    web: str


@contextmanager
def cloud(
    kind: Kind, profile: profiles.Profile, directory: Path, web_images: Path
) -> Iterator[Cloud]:
    """Start it, and stop it in the end. The second node is ``image_remote`` in the catalog."""
    ports = [process.free_port(), process.free_port()]
    nodes = tuple(f"http://127.0.0.1:{port}" for port in ports)
    with ExitStack() as stack:
        identity = keystone.start(directory / "keystone")
        stack.callback(identity.stop)
        database = mariadb.start(directory / "mariadb", buffer_pool="64M", durable=False)
        stack.callback(database.stop)
        web, web_port = stack.enter_context(pictures.web(web_images))
        region = _catalog(identity, nodes)
        for index, port in enumerate(ports):
            place = directory / f"node{index}"
            for name in ("cache", "staging", "tasks", "lock"):
                (place / name).mkdir(parents=True, exist_ok=True)
            for name in ("store1", "store2"):
                (directory / "stores" / name).mkdir(parents=True, exist_ok=True)
            sections = profiles.service(
                profile,
                directory=str(place),
                stores=str(directory / "stores"),
                port=port,
                ports=",".join(map(str, (*ports, web_port))),
                database=database.url,
                keystone=identity.url,
                region=region,
            )
            etc = place / "etc"
            etc.mkdir(exist_ok=True)
            (etc / "glance-image-import.conf").write_text(
                profiles.written(profiles.imports(profile))
            )
            start = _imagestore if kind == "imagestore" else _glance
            pid = start(etc, sections, port, first=index == 0)
            stack.callback(process.stop, pid)
        yield Cloud(identity, region, nodes, web)


def _catalog(identity: keystone.Keystone, nodes: tuple[str, ...]) -> str:
    """What tempest looks for in Keystone; the region."""
    region = identity.region(nodes[0])
    service = identity.call("POST", "/services", {"service": {"type": "image_remote"}})
    for interface in ("public", "internal", "admin"):
        endpoint = {
            "service_id": service["service"]["id"], "interface": interface,
            "url": nodes[1], "region_id": region,
        }  # fmt: skip
        identity.call("POST", "/endpoints", {"endpoint": endpoint})
    (image,) = identity.call("GET", "/services?type=image")["services"]
    limits = [
        {"service_id": image["id"], "resource_name": name, "default_limit": limit}
        for name, limit in LIMITS.items()
    ]
    identity.call("POST", "/registered_limits", {"registered_limits": limits})
    (user,) = identity.call("GET", "/users?name=glance")["users"]
    (role,) = identity.call("GET", "/roles?name=reader")["roles"]
    identity.call("PUT", f"/system/users/{user['id']}/roles/{role['id']}")
    return region


def _imagestore(etc: Path, sections: profiles.Sections, port: int, *, first: bool) -> int:
    config = etc / "glance-api.conf"
    config.write_text(profiles.written(sections))
    files = ["--config-file", str(config), "--config-file", str(etc / "glance-image-import.conf")]
    program = [sys.executable, "-m", "imagestore"]
    if first:
        for command in (("db", "upgrade"), ("db", "load-metadefs")):
            _run([*program, *command, *files])
    log = etc.parent / "serve.log"
    options = ["--port", str(port), "--workers", "1", "--data-dir", str(etc.parent / "data")]
    server = process.spawn([*program, "serve", *files, *options], log)
    process.wait_until(
        lambda: process.answers(f"http://127.0.0.1:{port}/readiness"), server, log, 120
    )
    return server.pid


def _glance(etc: Path, sections: profiles.Sections, port: int, *, first: bool) -> int:
    shipped = glance.venv_with_drivers()
    paste = etc / "glance-api-paste.ini"
    shutil.copy(shipped / "etc" / "glance" / paste.name, paste)
    sections["paste_deploy"]["config_file"] = str(paste)
    # The shell of a plugin, which asks sys.executable otherwise.
    sections["wsgi"] = {"python_interpreter": str(shipped / "bin" / "python")}
    config = etc / "glance-api.conf"
    config.write_text(profiles.written(sections))
    (etc / "schema-image.json").write_text(glance.declared_properties())
    environment = {"OS_GLANCE_CONFIG_DIR": str(etc)}
    if first:
        manage = [shipped / "bin" / "glance-manage", "--config-file", config]
        _run([*manage, "db_sync"])
        _run([*manage, "db_load_metadefs", shipped / "etc" / "glance" / "metadefs"])
    log = etc.parent / "serve.log"
    command: list[str | Path] = [
        *(shipped / "bin" / "gunicorn", "--bind", f"127.0.0.1:{port}"),
        *("--worker-class", "gthread", "--threads", "8", "--timeout", "300"),
        *("--worker-tmp-dir", str(etc.parent), "--no-control-socket", APPLICATION),
    ]
    server = process.spawn(command, log, environment=environment)
    process.wait_until(
        lambda: process.answers(f"http://127.0.0.1:{port}/healthcheck"), server, log, 120
    )
    return server.pid


def _run(command: list[str | Path]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ})
    if done.returncode:
        raise process.StartError(f"{command} failed: {done.stdout[-1500:]}{done.stderr[-1500:]}")
