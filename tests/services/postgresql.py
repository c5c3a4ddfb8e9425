"""A PostgreSQL server of its own on loopback, for one test session.

It refuses to run as root: then it runs as the account ``postgres`` that Debian's
package makes, with the one capability that lets it into directories of root.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.services import process

USER = PASSWORD = DATABASE = "glance"
_DEBIAN = Path("/usr/lib/postgresql")


@dataclass(frozen=True, slots=True)
class PostgreSQL:
    """A running server. Callers with the password reach it from 127.0.0.1 only."""

    port: int
    pid: int

    @property
    def url(self) -> str:
        """For Glance: SQLAlchemy with psycopg2."""
        return database_url(self.port, "postgresql+psycopg2")

    def stop(self) -> None:
        """Shut it down, whoever is connected, and wait for that."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGINT)
        while process.alive(self.pid):
            time.sleep(0.01)
        process.stop(self.pid)


def database_url(port: int, driver: str, database: str = DATABASE) -> str:
    """An SQLAlchemy URL; ``driver`` such as ``postgresql+asyncpg``."""
    return f"{driver}://{USER}:{PASSWORD}@127.0.0.1:{port}/{database}"


def available() -> bool:
    """Whether the server's programs are installed (Debian: postgresql-15)."""
    return _programs() is not None


def start(
    directory: Path,
    *,
    port: int | None = None,
    max_connections: int = 200,
    shared_buffers: str = "64MB",
    durable: bool = False,
) -> PostgreSQL:
    """Serve an empty database ``glance`` on loopback, all files below ``directory``.

    ``port``: a free one by default. What was served from the directory before is
    served again. Not ``durable``: nothing is flushed to the disk, so that only a machine
    that is killed loses anything. Raises :class:`tests.services.process.StartError`.
    """
    directory = directory.resolve()
    data, log = directory / "data", directory / "postgresql.log"
    if not (data / "PG_VERSION").exists():
        initialise(data)
    port = port or process.free_port()
    more = ["-c", f"max_connections={max_connections}", "-c", f"shared_buffers={shared_buffers}"]
    started = process.spawn(server_command(data, port, more, durable=durable), log)
    process.wait_until(lambda: psql(port, "SELECT 1").returncode == 0, started, log)
    psql(port, f"CREATE DATABASE {DATABASE}")
    return PostgreSQL(port, started.pid)


def server_command(
    data: Path, port: int, options: Sequence[str] = (), *, durable: bool = False
) -> list[str]:
    """What serves a directory that :func:`initialise` or :func:`base_backup` made."""
    return [
        *(*_account(), str(_program("postgres")), "-D", str(data), "-p", str(port)),
        *("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", *options),
        *(() if durable else ("-c", "fsync=off", "-c", "full_page_writes=off")),
    ]


def initialise(data: Path) -> None:
    """Make the directory of a server that has no databases but its own."""
    data.mkdir(parents=True)
    if os.geteuid() == 0:
        shutil.chown(data, "postgres", "postgres")
    password = data.parent / "password"
    password.write_text(PASSWORD)
    _run(
        [
            *(*_account(), str(_program("initdb")), "-D", str(data), "-U", USER),
            *("-A", "scram-sha-256", f"--pwfile={password}", "--no-sync", "--no-instructions"),
            # A collation of a language, as most servers have: not the order of code points.
            *("-E", "UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"),
        ]
    )


def base_backup(port: int, data: Path) -> None:
    """Make the directory of a standby of the server at that port."""
    data.mkdir(parents=True)
    if os.geteuid() == 0:
        shutil.chown(data, "postgres", "postgres")
    data.chmod(0o700)
    source = database_url(port, "postgresql", "postgres")
    _run(
        [
            *(*_account(), str(_program("pg_basebackup")), "-d", source, "-D", str(data)),
            *("--write-recovery-conf", "--checkpoint=fast", "--no-sync"),
        ]
    )


def _run(command: Sequence[str]) -> None:
    made = subprocess.run(command, capture_output=True, text=True, cwd="/")
    if made.returncode:
        raise process.StartError(f"{command} failed: {made.stderr[-2000:]}")


def _account() -> list[str]:
    """What a command begins with that must not run as root."""
    if os.geteuid() != 0:
        return []
    try:
        pwd.getpwnam("postgres")
    except KeyError as error:
        raise process.StartError("there is no account 'postgres' to run PostgreSQL as") from error
    capability = "+dac_override"
    return [
        *("setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"),
        *(f"--inh-caps={capability}", f"--ambient-caps={capability}"),
    ]


def psql(port: int, sql: str) -> subprocess.CompletedProcess[bytes]:
    """Ask a running server; ``stdout`` has the values alone."""
    url = database_url(port, "postgresql", "postgres")
    command = [_program("psql"), "-q", "-At", "-d", url, "-c", sql]
    return subprocess.run(command, capture_output=True, cwd="/")


def _program(name: str) -> Path:
    programs = _programs()
    if programs is None:
        raise process.StartError("PostgreSQL is not installed")
    return programs / name


def _programs() -> Path | None:
    """The directory of the newest server that is installed."""
    found = [path.parent for path in _DEBIAN.glob("*/bin/postgres")]
    if not found and (program := shutil.which("postgres")):
        found = [Path(program).parent]
    return max(found, key=_version, default=None)


def _version(programs: Path) -> int:
    name = programs.parent.name
    return int(name) if name.isdecimal() else 0
