"""A Ceph cluster on loopback: one monitor, one OSD, cephx, the pool ``images`` and its user.

``python -m tests.services.ceph DIRECTORY`` runs one by hand until it is interrupted.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

from tests.services import process

Objectstore = Literal["memstore", "bluestore"]

POOL = USER = "images"
USERS: dict[str, dict[str, str]] = {
    "mon.": {"mon": "allow *"},
    "osd.0": {"mon": "allow profile osd", "osd": "allow *"},
    "client.admin": {"mon": "allow *", "osd": "allow *"},
    f"client.{USER}": {"mon": "profile rbd", "osd": f"profile rbd pool={POOL}"},
    "client.rgw": {"mon": "allow rw", "osd": "allow rwx"},
}
"""Who may do what; the file ``ceph.<name>.keyring`` beside ``ceph.conf`` holds the key."""

PYTHON = Path("/usr/bin/python3")
"""The interpreter that Debian's modules are made for, whatever runs the tests."""
ADMIN = Path(__file__).with_name("ceph_admin.py")

CONFIGURATION = """\
[global]
fsid = {fsid}
mon_host = [v2:127.0.0.1:{port}]
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_ipv6 = false
auth_cluster_required = cephx
auth_service_required = cephx
auth_client_required = cephx
auth_allow_insecure_global_id_reclaim = false
keyring = {directory}/ceph.$name.keyring
run_dir = {directory}
admin_socket =
pid_file =
crash_dir = {directory}/crash
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 8
osd_pool_default_pgp_num = 8
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
[mon]
keyring = {directory}/first.keyring
log_file = {directory}/mon.log
mon_data = {directory}/mon
mon_allow_pool_size_one = true
mon_allow_pool_delete = true
mon_warn_on_pool_no_redundancy = false
mon_data_avail_warn = 1
mon_data_avail_crit = 0
mon_cluster_log_to_file = false
mon_max_pg_per_osd = 2000
mon_memory_autotune = false
paxos_propose_interval = 0.02
paxos_min_wait = 0.01
rocksdb_cache_size = 33554432
[osd]
log_file = {directory}/osd.log
osd_data = {directory}/osd
osd_objectstore = {objectstore}
memstore_device_bytes = {size}
bluestore_block_size = {size}
bluestore_block_db_create = false
bluestore_block_wal_create = false
bluestore_fsck_on_mount = false
bluestore_cache_autotune = false
bluestore_cache_size = 67108864
osd_memory_target = 939524096
osd_op_num_shards = 2
osd_op_num_threads_per_shard = 2
osd_mclock_skip_benchmark = true
osd_client_watch_timeout = 5
osd_max_pg_log_entries = 100
osd_min_pg_log_entries = 10
"""


@dataclass(frozen=True, slots=True)
class Ceph:
    """A running cluster. ``pid`` leads the group that its daemons belong to."""

    conf: Path
    pid: int

    @property
    def url(self) -> str:
        """The path of its ``ceph.conf``: what a client needs, and :func:`at` takes."""
        return str(self.conf)

    @property
    def osd_pid(self) -> int:
        """The OSD, so that a test can stop and continue it by signals."""
        return int((self.conf.parent / "osd.pid").read_text())

    @property
    def mon_pid(self) -> int:
        """The monitor."""
        return int((self.conf.parent / "mon.pid").read_text())

    def command(self, prefix: str, **arguments: Any) -> Any:
        """What the monitor answers ``client.admin``, decoded. CalledProcessError if it refuses."""
        request = json.dumps({"prefix": prefix, "format": "json", **arguments})
        done = subprocess.run(
            [PYTHON, ADMIN, self.conf], input=request, capture_output=True, text=True, check=True
        )
        return json.loads(done.stdout)

    def make_pool(self, name: str, application: str = "rbd", *, pg_num: int = 1) -> None:
        """Make a pool of one copy."""
        self.command("osd pool create", pool=name, pg_num=pg_num, size=1)
        self.command("osd pool application enable", pool=name, app=application)

    def make_user(self, name: str, **capabilities: str) -> None:
        """Make ``client.name`` with ``mon="…", osd="…"``, and its keyring."""
        entity = f"client.{name}"
        caps = [word for pair in capabilities.items() for word in pair]
        made = self.command("auth get-or-create", entity=entity, caps=caps)
        _write_keyring(self.conf.parent, {entity: made[0]["key"]}, {})

    def stop(self) -> None:
        """End it. What it held is lost."""
        process.stop(self.pid)


def available() -> bool:
    """Whether the daemons are installed (Debian: ceph-mon, ceph-osd, python3-rados)."""
    return all(shutil.which(name) for name in ("ceph-mon", "ceph-osd", "monmaptool"))


def start(directory: Path, *, objectstore: Objectstore = "memstore", size: int = 4 << 30) -> Ceph:
    """Run a new, empty cluster on free ports, all files below ``directory``.

    ``size`` in bytes is the OSD's device; "memstore" keeps it in memory and starts in a
    second or two, "bluestore" in a file. Raises :class:`tests.services.process.StartError`.
    """
    directory = directory.resolve()
    shutil.rmtree(directory, ignore_errors=True)
    log, ready = directory / "ceph.log", directory / "ready"
    started = process.spawn(
        [
            *(sys.executable, "-m", __name__, directory),
            *("--objectstore", objectstore, "--size", str(size)),
        ],
        log,
        environment={"PYTHONPATH": str(process.CHECKOUT)},
    )
    process.wait_until(ready.exists, started, log)
    return Ceph(directory / "ceph.conf", started.pid)


def at(url: str) -> Ceph:
    """The running cluster of a ``ceph.conf``, which another process may have started."""
    conf = Path(url)
    return Ceph(conf, int((conf.parent / "ready").read_text()))


# What the process does that holds the cluster.


def main() -> None:
    """Boot a cluster, and hold it until this process ends."""
    parser = argparse.ArgumentParser(prog="python -m tests.services.ceph", description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--objectstore", choices=["memstore", "bluestore"], default="memstore")
    parser.add_argument("--size", type=int, default=4 << 30, help="bytes of the OSD's device")
    given = parser.parse_args()
    directory: Path = given.directory.resolve()
    _prepare(directory, given.objectstore, given.size)
    daemons = [_daemon("mon", "a", directory)]
    with subprocess.Popen(
        [PYTHON, ADMIN, directory / "ceph.conf"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as admin:
        identity = str(uuid.uuid4())
        _ask(admin, {"prefix": "osd new", "uuid": identity, "id": 0})
        _run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", identity, conf=directory)
        daemons.append(_daemon("osd", "0", directory))
        while not _ask(admin, {"prefix": "osd stat", "format": "json"})["num_up_osds"]:
            time.sleep(0.05)
        _ask(admin, {"prefix": "osd pool create", "pool": POOL, "pg_num": 8, "size": 1})
        _ask(admin, {"prefix": "osd pool application enable", "pool": POOL, "app": "rbd"})
        _ask(admin, {"pool": POOL})
        assert admin.stdin is not None
        admin.stdin.close()
    partial = directory / "ready.partial"
    partial.write_text(str(os.getpid()))
    partial.rename(directory / "ready")
    print(f"{directory}/ceph.conf: pool {POOL}, user {USER}", flush=True)
    try:
        signal.pause()
    finally:
        for daemon in daemons:
            daemon.kill()


def _prepare(directory: Path, objectstore: str, size: int) -> None:
    """All files that the monitor's first start needs. The keys are in its first database."""
    for name in ("mon", "osd", "crash"):
        (directory / name).mkdir(parents=True)
    fsid, port = str(uuid.uuid4()), process.free_port()
    (directory / "ceph.conf").write_text(
        CONFIGURATION.format(
            fsid=fsid, port=port, directory=directory, objectstore=objectstore, size=size
        )
    )
    keys = {name: _new_key() for name in USERS}
    _write_keyring(directory, keys, USERS)
    first = directory / "first.keyring"
    first.write_text("".join((directory / f"ceph.{name}.keyring").read_text() for name in USERS))
    monmap = directory / "monmap"
    _run(
        *("monmaptool", "--create", "--fsid", fsid, "--set-min-mon-release", "pacific"),
        *("--addv", "a", f"[v2:127.0.0.1:{port}]", str(monmap)),
        conf=directory,
    )
    _run(
        *("ceph-mon", "-i", "a", "--mkfs", "--monmap", str(monmap), "--keyring", str(first)),
        conf=directory,
    )


def _new_key() -> str:
    """A secret in the form that cephx has: type, seconds, nanoseconds, length, AES key."""
    return base64.b64encode(
        struct.pack("<HIIH", 1, int(time.time()), 0, 16) + os.urandom(16)
    ).decode()


def _write_keyring(
    directory: Path, keys: Mapping[str, str], caps: Mapping[str, Mapping[str, str]]
) -> None:
    for name, key in keys.items():
        lines = [f"[{name}]", f"key = {key}"]
        lines += [f'caps {kind} = "{cap}"' for kind, cap in caps.get(name, {}).items()]
        path = directory / f"ceph.{name}.keyring"
        path.touch(mode=0o600)
        path.write_text("\n".join(lines) + "\n")


def _daemon(kind: str, name: str, directory: Path) -> subprocess.Popen[bytes]:
    command = [f"ceph-{kind}", "-f", "-i", name, "-c", str(directory / "ceph.conf")]
    started = subprocess.Popen(command, env=_environment())
    (directory / f"{kind}.pid").write_text(str(started.pid))
    return started


def _run(*command: str, conf: Path) -> None:
    subprocess.run([*command, "-c", str(conf / "ceph.conf")], check=True, env=_environment())


def _environment() -> dict[str, str]:
    """Without what would point Ceph's programs at another cluster."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CEPH_")}


def _ask(admin: subprocess.Popen[str], request: Mapping[str, Any]) -> Any:
    questions: IO[str] | None = admin.stdin
    answers: IO[str] | None = admin.stdout
    assert questions is not None
    assert answers is not None
    questions.write(json.dumps(request) + "\n")
    questions.flush()
    answer = answers.readline()
    if not answer:
        raise process.StartError(f"{request}: no answer")
    return json.loads(answer)


if __name__ == "__main__":
    main()
