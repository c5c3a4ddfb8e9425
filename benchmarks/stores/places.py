"""The real stores of a run, and what each program must be told to use one.

All of them keep their data in memory, so that no disk is the limit of anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import ProcessTree
from tests.services import ceph, keystone, radosgw, swift

SEGMENT_MIB = 200
"""Glance's default of ``swift_store_large_object_chunk_size``."""


@dataclass(frozen=True, slots=True)
class Place:
    """A store to write to. ``options`` are the same for imagestore and Glance: their names are."""

    name: str
    type: str
    options: Mapping[str, str]
    tool: str
    """What the store's own client is called."""
    tool_options: Mapping[str, str]
    servers: tuple[ProcessTree, ...]
    """Its processes, whose CPU is part of every transfer."""

    def cpu(self) -> float:
        """Seconds of CPU that the store has used so far."""
        return sum(server.cpu() for server in self.servers)


@dataclass(slots=True)
class Places:
    """Starts the stores of a run when they are asked for; what runs is stopped by ``running``."""

    directory: Path
    memory: Path
    """A directory on a file system in memory that has extended attributes."""
    running: ExitStack
    size: int
    """Bytes that a store must have room for."""
    _cluster: ceph.Ceph | None = None

    def start(self, name: str) -> Place:
        """Raises :class:`tests.services.process.StartError`."""
        return STORES[name](self)

    def rbd(self) -> Place:
        cluster = self._ceph()
        conf = str(cluster.conf)
        return Place(
            "rbd",
            "rbd",
            {
                "rbd_store_ceph_conf": conf,
                "rbd_store_user": ceph.USER,
                "rbd_store_pool": ceph.POOL,
            },
            "rbd import/export",
            {"conf": conf, "user": ceph.USER, "pool": ceph.POOL},
            (ProcessTree(cluster.pid),),
        )

    def s3(self) -> Place:
        cluster = self._ceph()
        gateway = radosgw.start(self.directory / "radosgw", cluster)
        self.running.callback(gateway.stop)
        access, secret, bucket = radosgw.ACCESS, radosgw.SECRET, "images"
        return Place(
            "s3",
            "s3",
            {
                "s3_store_host": gateway.url,
                "s3_store_access_key": access,
                "s3_store_secret_key": secret,
                "s3_store_bucket": bucket,
                "s3_store_create_bucket_on_put": "true",
                "s3_store_bucket_url_format": "path",
            },
            "boto3",
            {
                "endpoint": gateway.url,
                "access_key": access,
                "secret_key": secret,
                "bucket": bucket,
            },
            (ProcessTree(gateway.pid), ProcessTree(cluster.pid)),
        )

    def swift(self) -> Place:
        # Glance's driver speaks to Swift with tokens of Keystone only.
        identity = keystone.start(self.directory / "keystone")
        self.running.callback(identity.stop)
        server = swift.start(
            self.directory / "swift", devices=self.memory / "swift", keystone=identity.url
        )
        self.running.callback(server.stop)
        swift.publish(identity, server.url)
        references = self.directory / "swift-references.conf"
        references.write_text(
            f"[ref1]\nauth_address = {identity.url}\nauth_version = 3\n"
            "user = service:glance\nkey = glancepw\n"
            "user_domain_id = default\nproject_domain_id = default\n"
        )
        return Place(
            "swift",
            "swift",
            {
                "swift_store_config_file": str(references),
                "default_swift_reference": "ref1",
                "swift_store_container": "images",
                "swift_store_create_container_on_put": "true",
            },
            "SwiftService",
            {
                "auth": identity.url,
                "user": "glance",
                "key": "glancepw",
                "project": "service",
                "container": "images",
                "segment": str(SEGMENT_MIB << 20),
            },
            (ProcessTree(server.pid),),
        )

    def _ceph(self) -> ceph.Ceph:
        if self._cluster is None:
            self._cluster = ceph.start(self.directory / "ceph", size=self.size)
            self.running.callback(self._cluster.stop)
        return self._cluster


STORES: dict[str, Callable[[Places], Place]] = {
    "rbd": Places.rbd,
    "s3": Places.s3,
    "swift": Places.swift,
}
