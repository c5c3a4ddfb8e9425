"""The real Glance 33, installed from PyPI into an environment of its own and served on loopback.

For tests: pure Python (gunicorn, SQLite). For benchmarks: ``server="uwsgi"`` with the
URL of a :mod:`tests.services.mariadb` database, as Glance is deployed in production.
By hand: ``python -m tests.services.glance start|stop|status``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.services import process, venvs

Server = Literal["threaded", "uwsgi"]
Options = Mapping[str, Mapping[str, str]]
"""Section → option → value."""

VENV_VARIABLE = "IMAGESTORE_TEST_GLANCE_VENV"
REQUIREMENTS: dict[Server, tuple[str, ...]] = {
    "threaded": ("glance==33.0.0", "gunicorn>=27"),
    "uwsgi": (
        *("glance==33.0.0", "uwsgi", "pymysql", "cryptography"),
        *("boto3", "python-swiftclient"),  # what its stores need
    ),
}
PROGRAMS: dict[Server, tuple[str, ...]] = {
    "threaded": ("glance-manage", "gunicorn"),
    "uwsgi": ("glance-manage", "uwsgi", "swift"),
}
DRIVERS = ("pymysql", "psycopg2-binary")
"""For its database on a server."""
APPLICATION = "glance.wsgi.api:application"
UUID_PATTERN = (
    "^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$"
)
DECLARED_PROPERTIES: dict[str, dict[str, object]] = {
    "kernel_id": {"type": ["null", "string"], "pattern": UUID_PATTERN},
    "ramdisk_id": {"type": ["null", "string"], "pattern": UUID_PATTERN},
    "instance_uuid": {"type": "string"},
    "architecture": {"type": "string"},
    "os_distro": {"type": "string"},
    "os_version": {"type": "string"},
    "description": {"type": "string"},
    "cinder_encryption_key_id": {"type": "string"},
    "cinder_encryption_key_deletion_policy": {
        "type": "string",
        "enum": ["on_image_deletion", "do_not_delete"],
    },
}
"""What the schema-image.json of a deployed Glance declares; the wheel does not bring the file."""
STATE = process.KEPT / "glance" / "state.json"
SQLITE = "glance.sqlite"

PASTE = """\
[composite:glance-api-tokens]
paste.composite_factory = glance.api:root_app_factory
/: api
/healthcheck: healthcheck

[composite:glance-api-tokens+cachemanagement]
paste.composite_factory = glance.api:root_app_factory
/: api
/healthcheck: healthcheck

[composite:api]
paste.composite_factory = glance.api:pipeline_factory
tokens = cors http_proxy_to_wsgi versionnegotiation osprofiler tokens context rootapp
tokens+cachemanagement = cors http_proxy_to_wsgi versionnegotiation osprofiler tokens context \
cache cachemanage rootapp

[composite:rootapp]
paste.composite_factory = glance.api:root_app_factory
/: apiversions
/v2: apiv2app

[app:apiversions]
paste.app_factory = glance.api.versions:create_resource

[app:apiv2app]
paste.app_factory = glance.api.v2.router:API.factory

[app:healthcheck]
paste.app_factory = oslo_middleware:Healthcheck.app_factory
backends = disable_by_file
disable_by_file_path = {directory}/healthcheck_disable

[filter:versionnegotiation]
paste.filter_factory = \
glance.api.middleware.version_negotiation:VersionNegotiationFilter.factory

[filter:context]
paste.filter_factory = glance.api.middleware.context:ContextMiddleware.factory

[filter:cache]
paste.filter_factory = glance.api.middleware.cache:CacheFilter.factory

[filter:cachemanage]
paste.filter_factory = glance.api.middleware.cache_manage:CacheManageFilter.factory

[filter:tokens]
paste.filter_factory = tokens:filter_factory

[filter:cors]
paste.filter_factory = oslo_middleware.cors:filter_factory
oslo_config_project = glance
oslo_config_program = glance-api
oslo_config_file = {directory}/etc/glance-api.conf

[filter:http_proxy_to_wsgi]
paste.filter_factory = oslo_middleware:HTTPProxyToWSGI.factory

[filter:osprofiler]
paste.filter_factory = osprofiler.web:WsgiMiddleware.factory
"""


@dataclass(frozen=True, slots=True)
class Glance:
    """A running Glance. ``pid`` is the master of its workers and leads their process group."""

    url: str
    pid: int
    directory: Path

    @property
    def stores(self) -> dict[str, Path]:
        """The data directory of each store, by store id."""
        return {name: self.directory / name for name in ("file1", "file2")}

    def stop(self) -> None:
        """End it with its workers, and wait for that."""
        process.stop(self.pid)


def venv(server: Server = "threaded") -> Path:
    """The virtual environment that holds Glance and ``server``; made on first use.

    ``$IMAGESTORE_TEST_GLANCE_VENV`` names another one. Safe among parallel processes.
    """
    path = Path(os.environ.get(VENV_VARIABLE) or process.KEPT / "glance-venv")
    with process.locked(path.parent / f"{path.name}.lock"):
        done = all((path / "bin" / name).exists() for name in PROGRAMS[server])
        if not done:
            if not (path / "bin" / "python").exists():
                venvs.make(path)
            venvs.install(path, *REQUIREMENTS[server])
    return path


def venv_with_drivers() -> Path:
    """:func:`venv` with what Glance needs for MariaDB and PostgreSQL."""
    path = venv()
    with process.locked(path.parent / f"{path.name}.lock"):
        packages = next((path / "lib").glob("python*/site-packages"))
        if not all((packages / name).is_dir() for name in ("pymysql", "psycopg2")):
            venvs.install(path, *DRIVERS)
    return path


def start(
    directory: Path,
    *,
    database: str = "sqlite",
    processes: int = 1,
    threads: int = 1,
    chunk_size: int = 65536,
    server: Server = "threaded",
    options: Options | None = None,
) -> Glance:
    """Serve Glance on a free port of 127.0.0.1 with all its files below ``directory``.

    Two file stores, ``file1`` (the default) and ``file2``, in directories of these
    names; ``chunk_size`` in bytes is theirs. ``database`` is "sqlite" or an SQLAlchemy
    URL; with SQLite leave it at one process and one thread, since Glance answers 500
    where two writers meet. Callers are told apart by ``X-Auth-Token:
    user:project:role,role``. ``options`` are added to glance-api.conf. Raises
    :class:`tests.services.process.StartError`.
    """
    directory = directory.resolve()
    etc, log = directory / "etc", directory / "log" / f"{server}.log"
    for name in ("etc", "log", "file1", "file2", "staging", "tasks"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    executables = venv(server) / "bin"
    environment = {"OS_GLANCE_CONFIG_DIR": str(etc)}

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        configuration = _options(directory, url, database, threads, chunk_size)
        for section, values in (options or {}).items():
            configuration.setdefault(section, {}).update(values)
        (etc / "glance-api.conf").write_text(_ini(configuration))
        (etc / "glance-api-paste.ini").write_text(PASTE.format(directory=directory))
        (etc / "schema-image.json").write_text(declared_properties())
        (etc / "policy.yaml").write_text("{}\n")
        shim = Path(__file__).parent / "glance_paste" / "tokens.py"
        shutil.copy(shim, etc)
        if database == "sqlite" and not (directory / SQLITE).exists():
            copy_tables(directory / SQLITE)
        else:
            _sync_database(executables, directory, environment)

        if server == "uwsgi":
            listener.close()
            ini = etc / "uwsgi.ini"
            ini.write_text(_uwsgi(port, etc, processes, threads))
            started = process.spawn(
                [executables / "uwsgi", "--ini", ini], log, environment=environment
            )
        else:
            listener.listen(1024)
            command: list[str | Path] = [
                executables / "gunicorn",
                *("--bind", f"fd://{listener.fileno()}", "--worker-class", "gthread"),
                *("--workers", str(processes), "--threads", str(threads)),
                *("--keep-alive", "75", "--timeout", "300", "--pythonpath", str(etc)),
                *("--worker-tmp-dir", str(directory / "log"), "--no-control-socket"),
                APPLICATION,
            ]
            started = process.spawn(
                command, log, environment=environment, pass_fds=[listener.fileno()]
            )
    process.wait_until(lambda: process.answers(f"{url}/healthcheck"), started, log)
    return Glance(url, started.pid, directory)


def declared_properties() -> str:
    """schema-image.json."""
    declared = {name: {"description": "", **kind} for name, kind in DECLARED_PROPERTIES.items()}
    return json.dumps(declared)


def _options(
    directory: Path, url: str, database: str, threads: int, chunk_size: int
) -> dict[str, dict[str, str]]:
    connection = f"sqlite:///{directory / SQLITE}" if database == "sqlite" else database
    sections = {
        "DEFAULT": {
            "log_file": f"{directory}/log/glance-api.log",
            "enabled_backends": "file1:file,file2:file",
            "worker_self_reference_url": url,
        },
        "database": {"connection": connection},
        "glance_store": {"default_backend": "file1"},
        "paste_deploy": {
            "flavor": "tokens",
            "config_file": f"{directory}/etc/glance-api-paste.ini",
        },
        "oslo_policy": {"policy_file": "policy.yaml"},
    }
    if database != "sqlite":
        sections["database"] |= {"max_pool_size": str(threads + 4), "max_overflow": "20"}
    reserved = {"os_glance_staging_store": "staging", "os_glance_tasks_store": "tasks"}
    for section, name in {"file1": "file1", "file2": "file2", **reserved}.items():
        sections[section] = {"filesystem_store_datadir": f"{directory}/{name}"}
    for section in ("file1", "file2"):
        sections[section]["filesystem_store_chunk_size"] = str(chunk_size)
    return sections


def _ini(sections: Options) -> str:
    lines = []
    for section, values in sections.items():
        lines += [f"[{section}]", *(f"{key} = {value}" for key, value in values.items()), ""]
    return "\n".join(lines)


def _uwsgi(port: int, etc: Path, processes: int, threads: int) -> str:
    """As the file that Glance ships, but with processes and threads for this machine."""
    backlog = min(1024, int(Path("/proc/sys/net/core/somaxconn").read_text()))
    return _ini(
        {
            "uwsgi": {
                "master": "true",
                "lazy-apps": "true",
                "thunder-lock": "true",
                "enable-threads": "true",
                "exit-on-reload": "true",
                "die-on-term": "true",
                "http-auto-chunked": "true",
                "http-chunked-input": "true",
                "http-raw-body": "true",
                "socket-timeout": "10",
                "add-header": "Connection: close",
                "buffer-size": "65535",
                "listen": str(backlog),
                "processes": str(processes),
                "threads": str(threads),
                "http-socket": f"127.0.0.1:{port}",
                "pythonpath": str(etc),
                "module": APPLICATION,
                "disable-logging": "true",
            }
        }
    )


def copy_tables(file: Path) -> None:
    """Make ``file`` a database of SQLite as ``db_sync`` does, which was called once for all runs.

    It has all tables of Glance, and no rows.
    """
    path = venv()
    release = next(path.glob("lib/*/site-packages/glance-*.dist-info")).stem
    template = process.KEPT / f"{release}.sqlite"
    with process.locked(template.with_suffix(".lock")):
        if not template.exists():
            _make_template(path / "bin", template)
    shutil.copyfile(template, file)


def _make_template(executables: Path, template: Path) -> None:
    new = template.with_suffix(".new")
    with tempfile.TemporaryDirectory() as name:
        made = Path(name) / SQLITE
        for place in ("etc", "log"):
            (Path(name) / place).mkdir()
        config = _ini({"database": {"connection": f"sqlite:///{made}"}})
        (Path(name) / "etc" / "glance-api.conf").write_text(config)
        _sync_database(executables, Path(name), {})
        shutil.copyfile(made, new)
    new.rename(template)


def _sync_database(executables: Path, directory: Path, environment: Mapping[str, str]) -> None:
    config, log = directory / "etc" / "glance-api.conf", directory / "log" / "db_sync.log"
    command = [executables / "glance-manage", "--config-file", config, "db_sync"]
    with log.open("ab") as output:
        done = subprocess.run(
            command, stdout=output, stderr=output, env={**os.environ, **environment}
        )
    if done.returncode:
        raise process.StartError(f"glance-manage db_sync failed: {log.read_text()[-3000:]}")


def main() -> int:
    """The command line: one Glance of this checkout, for looking at by hand."""
    parser = argparse.ArgumentParser(prog="python -m tests.services.glance", description=__doc__)
    parser.add_argument("action", choices=["start", "stop", "status"])
    parser.add_argument("--server", choices=["threaded", "uwsgi"], default="threaded")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()

    state = json.loads(STATE.read_text()) if STATE.exists() else {}
    running = bool(state) and process.alive(state["pid"])
    if given.action == "stop" and running:
        process.stop(state["pid"])
        shutil.rmtree(state["directory"], ignore_errors=True)
        STATE.unlink()
        print("stopped")
        return 0
    if given.action == "start" and not running:
        STATE.parent.mkdir(parents=True, exist_ok=True)
        glance = start(
            Path(tempfile.mkdtemp(prefix="glance-")),
            processes=given.processes,
            threads=given.threads,
            server=given.server,
        )
        state = {"url": glance.url, "pid": glance.pid, "directory": str(glance.directory)}
        STATE.write_text(json.dumps(state))
        process.unwatched()
        running = True
    print(f"{state['url']} pid {state['pid']} {state['directory']}" if running else "not running")
    return 0 if running else 1


if __name__ == "__main__":
    sys.exit(main())
