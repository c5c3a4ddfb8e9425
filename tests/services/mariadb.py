"""A MariaDB server of its own on loopback, for one test session or benchmark run."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.services import process

USER = PASSWORD = DATABASE = "glance"
NOT_DURABLE = (
    *("--innodb-flush-log-at-trx-commit=2", "--innodb-flush-method=nosync"),
    *("--innodb-doublewrite=0", "--innodb-log-file-size=32M"),
)


@dataclass(frozen=True, slots=True)
class MariaDB:
    """A running server. Callers with the password reach it from 127.0.0.1 only."""

    port: int
    pid: int

    @property
    def url(self) -> str:
        """For Glance: SQLAlchemy with PyMySQL."""
        return self.database_url("mysql+pymysql")

    def database_url(self, driver: str, database: str = DATABASE) -> str:
        """An SQLAlchemy URL; ``driver`` such as ``mysql+asyncmy``."""
        return f"{driver}://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{database}?charset=utf8mb4"

    def execute(self, sql: str) -> None:
        """Run statements as root."""
        execute(self.port, sql)

    def stop(self) -> None:
        """Shut it down, and wait for that."""
        process.stop(self.pid, seconds=30)


def available() -> bool:
    """Whether the server's programs are installed (Debian: mariadb-server-core)."""
    return all(shutil.which(name) for name in ("mariadbd", "mariadb-install-db", "mariadb"))


def start(
    directory: Path,
    *,
    port: int | None = None,
    buffer_pool: str = "1G",
    max_connections: int = 500,
    durable: bool = True,
    options: Sequence[str] = (),
) -> MariaDB:
    """Serve an empty database ``glance`` on loopback, all files below ``directory``.

    ``port``: a free one by default. What was served from the directory before is
    served again. Durability is MariaDB's default (the log is flushed at each commit),
    without a binary log; not ``durable``: nothing is flushed, so that only a machine
    that is killed loses anything. ``options``: of ``mariadbd``, added to these. Raises
    :class:`tests.services.process.StartError`.
    """
    directory = directory.resolve()
    data, temporary, log = directory / "data", directory / "tmp", directory / "mariadb.log"
    account = f"--user={getpass.getuser()}"
    if not (data / "mysql").is_dir():
        data.mkdir(parents=True, exist_ok=True)
        temporary.mkdir(exist_ok=True)
        made = subprocess.run(
            [
                *("mariadb-install-db", "--no-defaults", account, f"--datadir={data}"),
                *("--auth-root-authentication-method=normal", "--skip-test-db"),
            ],
            capture_output=True,
            text=True,
            # Two that are made at once would remove each other's temporary tables in /tmp.
            env={**os.environ, "TMPDIR": str(temporary)},
        )
        if made.returncode:
            raise process.StartError(f"mariadb-install-db failed: {made.stderr[-2000:]}")
    port = port or process.free_port()
    more = [*(() if durable else NOT_DURABLE), *options]
    command = server_command(directory, port, buffer_pool, max_connections, more)
    started = process.spawn(command, log)
    process.wait_until(lambda: ask(port, "SELECT 1").returncode == 0, started, log)
    server = MariaDB(port, started.pid)
    server.execute(
        f"CREATE DATABASE IF NOT EXISTS {DATABASE} CHARACTER SET utf8mb3;"
        f"CREATE USER IF NOT EXISTS {USER}@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';"
        f"GRANT ALL ON *.* TO {USER}@'127.0.0.1';"
    )
    return server


def socket_of(port: int) -> Path:
    """The path of a socket is at most 107 bytes, less than a test's directory may take."""
    return process.watched() / f"mariadb-{port}.sock"


def server_command(
    directory: Path, port: int, buffer_pool: str, max_connections: int, options: Sequence[str]
) -> list[str]:
    """What serves a directory whose ``data`` and ``tmp`` are there."""
    data, temporary = directory / "data", directory / "tmp"
    return [
        *("mariadbd", "--no-defaults", f"--user={getpass.getuser()}", f"--datadir={data}"),
        *(f"--tmpdir={temporary}", f"--socket={socket_of(port)}", "--bind-address=127.0.0.1"),
        *(f"--port={port}", f"--pid-file={directory}/mariadb.pid"),
        *(f"--innodb-buffer-pool-size={buffer_pool}", f"--max-connections={max_connections}"),
        *("--character-set-server=utf8mb3", "--skip-log-bin", "--skip-name-resolve"),
        *options,
    ]


def execute(port: int, sql: str) -> None:
    """Run statements as root."""
    ask(port, sql).check_returncode()


def ask(port: int, sql: str, seconds: float | None = None) -> subprocess.CompletedProcess[bytes]:
    """Ask as root; ``subprocess.TimeoutExpired`` where no answer comes within so many seconds."""
    command = ["mariadb", "--no-defaults", "-u", "root", "-S", str(socket_of(port)), "-e", sql]
    return subprocess.run(command, capture_output=True, timeout=seconds)
