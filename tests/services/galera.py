"""A Galera cluster of three on loopback, and haproxy in front of the nodes that are in sync."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.services import database_checks, mariadb, process
from tests.services.proxies import program

PROVIDER = Path("/usr/lib/galera/libgalera_smm.so")
NODES = 3
# A node that says nothing is put out after seconds, not after 15 as by default.
_IMPATIENT = (
    "evs.keepalive_period=PT0.5S;evs.inactive_check_period=PT0.5S;evs.suspect_timeout=PT4S;"
    "evs.inactive_timeout=PT8S;evs.install_timeout=PT8S;gcache.size=64M;pc.recovery=false"
)
_LOST = 15.0
"""Seconds after which a cluster in which no node has a majority will not find one by itself."""
_ENVIRONMENT = {"PATH": f"{Path(__file__).parent}:{os.environ['PATH']}"}
"""Where the server finds ``wsrep_sst_copy``."""


@dataclass
class Node:
    """A server of the cluster, killed or frozen and brought back as often as one likes."""

    port: int
    command: Sequence[str]
    log: Path
    pid: int = 0

    def start(self, *more: str) -> subprocess.Popen[bytes]:
        started = process.spawn([*self.command, *more], self.log, environment=_ENVIRONMENT)
        self.pid = started.pid
        return started

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def freeze(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """What was frozen goes on, what was killed is started; without waiting for the rest."""
        if process.alive(self.pid):
            os.kill(self.pid, signal.SIGCONT)
        else:
            self.start()

    @property
    def is_synced(self) -> bool:
        """Whether it takes statements, and has what the others have."""
        return self._status("wsrep_ready") == "ON"

    @property
    def last_committed(self) -> int:
        """The number of its last transaction; -1 if it does not tell."""
        return int(self._status("wsrep_last_committed") or -1)

    def _status(self, name: str) -> str:
        sql = f"SHOW STATUS WHERE Variable_name = '{name}'"
        try:
            answer = mariadb.ask(self.port, sql, seconds=10)
        except subprocess.TimeoutExpired:
            return ""
        return answer.stdout.decode().rpartition("\t")[2].strip()

    def url(self, database: str = mariadb.DATABASE) -> str:
        return _url(self.port, database)


@dataclass
class Galera:
    """A running cluster. ``port``: of haproxy, which spreads connections over all nodes."""

    port: int
    nodes: list[Node]
    others: list[int] = field(default_factory=list)

    @property
    def url(self) -> str:
        return _url(self.port, mariadb.DATABASE)

    def fresh(self) -> str:
        """The URL of a new database without tables, behind haproxy."""
        name = f"t{uuid.uuid4().hex}"
        mariadb.execute(self.nodes[0].port, f"CREATE DATABASE {name} CHARACTER SET utf8mb3")
        return _url(self.port, name)

    def settle(self, seconds: float = 120) -> None:
        """Wait until all nodes are in sync; do what an operator does where all have lost touch."""
        end, lost = time.monotonic() + seconds, time.monotonic() + _LOST
        while not all(in_sync := [node.is_synced for node in self.nodes]):
            assert time.monotonic() < end, [node.log for node in self.nodes]
            if any(in_sync):
                lost = time.monotonic() + _LOST
            elif time.monotonic() > lost:
                newest = max(self.nodes, key=lambda node: node.last_committed)
                mariadb.ask(newest.port, "SET GLOBAL wsrep_provider_options='pc.bootstrap=YES'")
                lost = time.monotonic() + _LOST
            time.sleep(0.2)

    def stop(self) -> None:
        for pid in self.others:
            process.stop(pid)
        for node in self.nodes:
            if process.alive(node.pid):
                node.resume()
        for node in self.nodes:
            # Nothing of it is wanted any more.
            process.stop(node.pid, seconds=2)


@pytest.fixture(scope="module")
def galera_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Galera]:
    if not available() and not os.environ.get("CI"):
        pytest.skip("Galera or haproxy is not installed")
    cluster = start(tmp_path_factory.mktemp("galera"))
    yield cluster
    cluster.stop()


def available() -> bool:
    """Whether Debian's galera-4, mariadb-server-core and haproxy are installed."""
    return mariadb.available() and PROVIDER.exists() and program("haproxy") is not None


def start(directory: Path) -> Galera:
    """Raises :class:`tests.services.process.StartError`."""
    directory = directory.resolve()
    alone = mariadb.start(directory / "node0", buffer_pool="64M", durable=False)
    alone.stop()
    talking = [process.free_port() for _ in range(NODES)]
    cluster = Galera(process.free_port(), [])
    for number, port in enumerate(talking):
        place = directory / f"node{number}"
        (place / "data").mkdir(parents=True, exist_ok=True)
        (place / "tmp").mkdir(exist_ok=True)
        options = (
            f"gmcast.listen_addr=tcp://127.0.0.1:{port};"
            f"ist.recv_addr=127.0.0.1:{process.free_port()};{_IMPATIENT}"
        )
        more = [
            *mariadb.NOT_DURABLE,
            *("--wsrep-on=ON", f"--wsrep-provider={PROVIDER}", "--wsrep-sst-method=copy"),
            *("--wsrep-cluster-name=test", f"--wsrep-node-name=node{number}"),
            "--wsrep-cluster-address=gcomm://" + ",".join(f"127.0.0.1:{one}" for one in talking),
            *(f"--wsrep-node-address=127.0.0.1:{port}", f"--wsrep-provider-options={options}"),
            *("--binlog-format=ROW", "--innodb-autoinc-lock-mode=2"),
        ]
        served = process.free_port()
        command = mariadb.server_command(place, served, "64M", 500, more)
        node = Node(served, command, place / "mariadb.log")
        started = node.start(*(() if number else ("--wsrep-new-cluster",)))
        cluster.nodes.append(node)
        process.wait_until(lambda node=node: node.is_synced, started, node.log)  # type: ignore[misc]
    cluster.others = database_checks.in_front(
        directory, "galera", cluster.port, [node.port for node in cluster.nodes]
    )
    return cluster


def _url(port: int, database: str) -> str:
    user = f"{mariadb.USER}:{mariadb.PASSWORD}"
    return f"mysql+pymysql://{user}@127.0.0.1:{port}/{database}?charset=utf8mb4"
