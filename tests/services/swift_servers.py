"""Swift's four servers from one process: run by the Python of Swift's environment.

``python swift_servers.py DIRECTORY MEMCACHED_PORT ACCOUNT_PORT CONTAINER_PORT OBJECT_PORT …``. One
parent imports Swift once, makes the rings and forks, at a fifth of the CPU of as many programs. It
ends when one of them does, and takes the others with it.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

KINDS = ("account", "container", "object", "proxy")
PR_SET_PDEATHSIG = 1


def main(directory: Path, memcached_port: str, *ports: str) -> int:
    etc = directory / "etc"
    # Swift reads the constraints of /etc/swift as soon as it is imported: point it to ours first.
    import swift.common.utils

    swift.common.utils.set_swift_dir(str(etc))
    import swift.common.constraints

    swift.common.constraints.reload_constraints()
    import swift.account.server
    import swift.container.server
    import swift.obj.server
    import swift.proxy.server

    make_rings(etc, dict(zip(KINDS[:3], map(int, ports), strict=False)))
    memcached = shutil.which("memcached")
    if memcached is None:
        print("memcached is not installed", flush=True)
        return 1
    user = ["-u", "root"] if os.geteuid() == 0 else []
    address = ["-l", "127.0.0.1", "-p", memcached_port, "-U", "0"]
    cache = subprocess.Popen(
        [memcached, *user, *address, "-m", "16", "-t", "1"], preexec_fn=end_with_parent
    )
    children = {cache.pid: "memcached", **{fork(directory, kind): kind for kind in KINDS}}

    def end(*_: object) -> None:
        for pid in children:
            os.kill(pid, signal.SIGTERM)
            os.kill(pid, signal.SIGCONT)  # a test may have stopped it

    signal.signal(signal.SIGTERM, end)
    pid, status = os.wait()
    print(children.pop(pid), "ended with", status, flush=True)
    end()
    while children:
        children.pop(os.wait()[0], None)
    return 0


def make_rings(etc: Path, ports: dict[str, int]) -> None:
    """Each server for itself holds everything of its kind."""
    from swift.common.ring import RingBuilder

    for kind, port in ports.items():
        builder = RingBuilder(4, 1, 0)
        address = {"ip": "127.0.0.1", "port": port}
        replication = {"replication_ip": "127.0.0.1", "replication_port": port}
        device = {"id": 0, "region": 1, "zone": 1, "device": "d1", "weight": 1.0, "meta": ""}
        builder.add_dev(device | address | replication)
        builder.rebalance()
        builder.get_ring().save(str(etc / f"{kind}.ring.gz"))


def end_with_parent() -> None:
    """Die when the parent is killed: each server makes a process group of its own."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def fork(directory: Path, kind: str) -> int:
    pid = os.fork()
    if pid:
        (directory / "run" / f"{kind}.pid").write_text(str(pid))
        return pid
    end_with_parent()
    log = os.open(directory / "log" / kind, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    from swift.common.wsgi import run_wsgi
    from swift.obj.server import global_conf_callback

    more = {"global_conf_callback": global_conf_callback} if kind == "object" else {}
    sys.argv = ["swift"]
    os._exit(
        run_wsgi(str(directory / "etc" / f"{kind}.conf"), f"{kind}-server", verbose=True, **more)
        or 0
    )


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
