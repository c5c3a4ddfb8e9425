"""A PostgreSQL primary and its synchronous standby on loopback, which is promoted when it is lost.

The URL names both, and asks for the one that takes writes: nothing stands in front of them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.services import postgresql, process


@dataclass
class Server:
    """One of the two; ``directory`` is its data."""

    port: int
    directory: Path
    pid: int = 0

    @property
    def log(self) -> Path:
        return self.directory.parent / f"{self.directory.name}.log"

    def start(self) -> None:
        started = process.spawn(postgresql.server_command(self.directory, self.port), self.log)
        self.pid = started.pid
        process.wait_until(lambda: self.tell("SELECT 1") == "1", started, self.log)

    def tell(self, sql: str) -> str:
        """The value that it answers; nothing where it does not."""
        return postgresql.psql(self.port, sql).stdout.decode().strip()

    def configure(self, setting: str) -> None:
        self.tell(f"ALTER SYSTEM SET {setting}")
        self.tell("SELECT pg_reload_conf()")

    def signal(self, number: int) -> None:
        """Send it to all its processes, if there are any."""
        with contextlib.suppress(OSError):
            children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
            for pid in (self.pid, *map(int, children)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)


class Pair:
    """``primary`` takes writes, ``standby`` follows; they change places."""

    def __init__(self, primary: Server, standby: Server) -> None:
        self.primary = primary
        self.standby = standby
        self._is_lost = False
        self._ports = sorted([primary.port, standby.port])

    def url(self, database: str = postgresql.DATABASE) -> str:
        hosts = "&".join(f"host=127.0.0.1:{port}" for port in self._ports)
        user = f"{postgresql.USER}:{postgresql.PASSWORD}"
        asked = f"{hosts}&target_session_attrs=read-write"
        return f"postgresql+asyncpg://{user}@/{database}?{asked}"

    def fresh(self, database: str = "soak") -> str:
        """The URL of a new database without tables."""
        self.primary.tell(f"CREATE DATABASE {database}")
        # Who asks the standby first is told that there is none, and asks no further.
        known = f"SELECT count(*) FROM pg_database WHERE datname = '{database}'"
        while self.standby.tell(known) != "1":
            time.sleep(0.05)
        return self.url(database)

    def lose(self) -> None:
        """The primary is gone from one moment to the next."""
        self.primary.signal(signal.SIGKILL)
        self._is_lost = True

    def demote(self) -> None:
        """The primary refuses writes, and connections stay: its place is about to be taken."""
        self.primary.configure("default_transaction_read_only = on")
        self._is_lost = True

    def freeze(self) -> None:
        self.primary.signal(signal.SIGSTOP)

    def freeze_standby(self) -> None:
        """No commit ends meanwhile."""
        self.standby.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.primary.signal(signal.SIGCONT)
        self.standby.signal(signal.SIGCONT)

    def settle(self) -> None:
        """Wait until the standby has everything; first promote it where the primary is lost, which
        follows it from then on."""
        if self._is_lost:
            self._promote()
        # A commit that waited for too long is on the primary alone until then.
        here = self.primary.tell("SELECT pg_current_wal_flush_lsn()")
        follows = f"sync_state = 'sync' AND flush_lsn >= '{here}'"
        asked = f"SELECT bool_or({follows}) FROM pg_stat_replication"
        end = time.monotonic() + 120
        while self.primary.tell(asked) != "t":
            assert time.monotonic() < end, self.standby.log
            time.sleep(0.2)

    def _promote(self) -> None:
        lost, self.primary = self.primary, self.standby
        # Else it would hold what it is asked to commit while nobody follows.
        self.primary.configure("synchronous_standby_names = ''")
        lost.signal(signal.SIGKILL)  # it must not come back, whatever it has not sent on
        while process.alive(lost.pid):
            time.sleep(0.02)
        assert self.primary.tell("SELECT pg_promote()") == "t"
        self.standby = lost
        self._is_lost = False
        self.follow()

    def follow(self) -> None:
        """Make the standby anew from the primary, which from then on waits for it."""
        shutil.rmtree(self.standby.directory, ignore_errors=True)
        postgresql.base_backup(self.primary.port, self.standby.directory)
        self.standby.start()
        self.primary.configure("synchronous_standby_names = '*'")

    def stop(self) -> None:
        self.thaw()
        for server in (self.primary, self.standby):
            process.stop(server.pid, seconds=3)


@pytest.fixture(scope="module")
def postgresql_pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    if not postgresql.available() and not os.environ.get("CI"):
        pytest.skip("PostgreSQL is not installed")
    pair = start(tmp_path_factory.mktemp("postgresql-pair"))
    yield pair
    pair.stop()


def start(directory: Path) -> Pair:
    """Raises :class:`tests.services.process.StartError`."""
    directory = directory.resolve()
    primary, standby = (Server(process.free_port(), directory / name) for name in ("one", "two"))
    postgresql.initialise(primary.directory)
    primary.start()
    pair = Pair(primary, standby)
    pair.follow()
    return pair
