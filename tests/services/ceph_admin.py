"""Asks a Ceph cluster as ``client.admin``: a JSON line in, a JSON line out.

Run by Debian's Python, as ``ceph_admin.py CONF``. A line is a monitor's command, or
``{"pool": NAME}`` to wait until that pool takes writes. Ends with the first refusal.
"""

from __future__ import annotations

import json
import sys

import rados


def main() -> None:
    """Answer until the input ends."""
    cluster = rados.Rados(
        conffile=sys.argv[1],
        name="client.admin",
        conf=dict.fromkeys(("client_mount_timeout", "rados_mon_op_timeout"), "60"),
    )
    cluster.connect()
    try:
        for line in sys.stdin:
            request = json.loads(line)
            if "prefix" not in request:
                with cluster.open_ioctx(request["pool"]) as pool:
                    pool.write_full("ready", b"1")
                    pool.remove_object("ready")
                print("null", flush=True)
                continue
            status, answer, message = cluster.mon_command(json.dumps(request), b"")
            if status:
                sys.exit(f"{line.strip()}: {status} {message}")
            print(answer.decode().replace("\n", " ") or "null", flush=True)
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main()
