"""``make soak``: three nodes on one database with two real stores, S3 on Ceph and Swift.

For ``--minutes`` nodes are killed with SIGKILL, alone or two at once, or frozen for longer than
their leases last; the servers of the stores are frozen or killed; all at random;
so are the nodes of a database that has several.
Afterwards every image must have exactly the copies that its rule asks for, each with the right
digest; nothing may be left over in a store, no job may be stuck; no client may have got a
wrong byte.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from tests.services import (
    ceph,
    galera,
    mariadb,
    postgresql,
    postgresql_pair,
    process,
    radosgw,
    swift,
)
from tests.services.databases import execute
from tests.soak import failing
from tests.soak.soak import Fault, Plan, run

CONFIG = """\
[DEFAULT]
enabled_backends = s3:s3, swift:swift
[glance_store]
default_backend = s3
[backend_defaults]
store_call_timeout = 5
store_progress_timeout = 5
store_probe_interval = 1
[s3]
s3_store_host = {s3}
s3_store_access_key = {access}
s3_store_secret_key = {secret}
s3_store_bucket = images
s3_store_create_bucket_on_put = true
s3_store_bucket_url_format = path
s3_store_large_object_size = 5
s3_store_large_object_chunk_size = 5
[swift]
swift_store_auth_address = {swift}
swift_store_auth_version = 1
swift_store_user = service:glance
swift_store_key = {swift_key}
swift_store_container = images
swift_store_create_container_on_put = true
swift_store_large_object_size = 4
swift_store_large_object_chunk_size = 4
[database]
connection = {url}
[paste_deploy]
flavor = trusted-headers
[imagestore]
auto_upgrade = true
replication_interval = 5
replication_grace = 2
[replication:golden]
match = tag=golden
stores = s3, swift
"""
DATABASES = ("postgresql", "mariadb", "galera", "postgresql-pair")
SIZES = (1, 70_000, 1 << 20, 3 << 20, 9 << 20)


class Server:
    """A server of a store that can be frozen, or killed and started again as it was."""

    def __init__(self, name: str, pid: int, log: Path) -> None:
        self._name = name
        self._log = log
        self._command = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")[:-1]
        self.pid = pid

    def frozen(self) -> Fault:
        return Fault(f"{self._name} frozen", lambda: os.kill(self.pid, signal.SIGSTOP), self._go_on)

    def killed(self) -> Fault:
        return Fault(f"{self._name} killed", lambda: os.kill(self.pid, signal.SIGKILL), self._go_on)

    def stop(self) -> None:
        self._go_on()
        process.stop(self.pid)

    def _go_on(self) -> None:
        if process.alive(self.pid):
            os.kill(self.pid, signal.SIGCONT)
        else:
            self.pid = process.spawn(self._command, self._log).pid


@contextmanager
def started(service: Any) -> Iterator[Any]:
    try:
        yield service
    finally:
        service.stop()


async def in_bucket(url: str) -> Counter[str]:
    """The images of which there is an object, or a part of an unfinished upload."""
    from aiobotocore.session import get_session

    found: Counter[str] = Counter()
    client = get_session().create_client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=radosgw.ACCESS,
        aws_secret_access_key=radosgw.SECRET,
    )
    async with client as s3:
        async for page in s3.get_paginator("list_objects_v2").paginate(Bucket="images"):
            found.update(each["Key"] for each in page.get("Contents", ()))
        async for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket="images"):
            found.update(each["Key"] for each in page.get("Uploads", ()))
    return found


async def in_container(server: swift.Swift) -> Counter[str]:
    """The images of which there is an object or a segment."""
    account = swift.account_of(server.url, "service:glance")
    found: Counter[str] = Counter()
    for container in await asyncio.to_thread(account.names):
        names = await asyncio.to_thread(account.names, container)
        # A segment is called after its image: id-number.
        found.update(name[:36] for name in names)
    return found


def database(kind: str, stack: ExitStack, directory: Path) -> tuple[str, list[Fault]]:
    """The URL of an empty database on a server of that kind, and how its nodes fail."""
    faults: list[Fault] = []
    server: Any
    if kind == "galera":
        server = stack.enter_context(started(galera.start(directory / kind)))
        faults = failing.of_galera(server)
    elif kind == "postgresql-pair":
        server = stack.enter_context(started(postgresql_pair.start(directory / kind)))
        return server.fresh(), failing.of_pair(server)
    elif kind == "mariadb":
        server = stack.enter_context(
            started(mariadb.start(directory / kind, buffer_pool="128M", durable=False))
        )
    else:
        server = stack.enter_context(started(postgresql.start(directory / kind)))
    asyncio.run(execute(server.url, "CREATE DATABASE soak"))
    url = make_url(server.url).set(database="soak")
    return url.render_as_string(hide_password=False), faults


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--database", choices=DATABASES, default="postgresql")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    given = parser.parse_args()
    say = partial(print, flush=True)
    with ExitStack() as stack:
        directory = Path(tempfile.mkdtemp(prefix="soak-"))
        url, of_database = database(given.database, stack, directory)
        cluster = stack.enter_context(started(ceph.start(directory / "ceph")))
        gateway = stack.enter_context(started(radosgw.start(directory / "radosgw", cluster)))
        proxy = stack.enter_context(started(swift.start(directory / "swift", node_timeout=3)))
        config = directory / "imagestore.conf"
        config.write_text(
            CONFIG.format(
                url=url,
                s3=gateway.url,
                access=radosgw.ACCESS,
                secret=radosgw.SECRET,
                swift=proxy.auth_url,
                swift_key=swift.USERS["service:glance"][0],
            )
        )
        s3 = stack.enter_context(started(Server("S3", gateway.pid, directory / "s3.log")))
        swift_proxy = Server("Swift", proxy.server("proxy"), directory / "swift.log")
        # What Swift has started as its own child is not started anew by anybody.
        faults = [s3.frozen(), s3.killed(), swift_proxy.frozen(), *of_database]
        listed: dict[str, Callable[[], Awaitable[Counter[str]]]] = {
            "s3": lambda: in_bucket(gateway.url),
            "swift": lambda: in_container(proxy),
        }
        say(f"{given.database}, S3 on {gateway.url}, Swift on {proxy.url}; logs in {directory}")
        plan = Plan(
            config,
            directory,
            faults,
            listed,
            given.images,
            SIZES,
            given.minutes * 60,
            seed=given.seed,
        )
        try:
            asyncio.run(run(plan, say))
        except AssertionError as error:
            say(f"FAILED: {error}")
            return 1
    say("passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
