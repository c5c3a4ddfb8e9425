"""The options of an RBD store."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from imagestore.backends.base import option

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class RBDSettings:
    """Options in a store's section; names, defaults and meaning are Glance's where it has them."""

    rbd_store_pool: str = field(
        default="images",
        metadata=option("rbd_store_pool", "The pool that holds the images."),
    )
    rbd_store_user: str | None = field(
        default=None,
        metadata=option(
            "rbd_store_user",
            "The cephx user, without 'client.'. Its keyring is found through ceph.conf. Without "
            "it librados takes 'admin'.",
        ),
    )
    rbd_store_ceph_conf: str = field(
        default="",
        metadata=option(
            "rbd_store_ceph_conf",
            "The path of ceph.conf. Without it librados looks in the usual places.",
        ),
    )
    rbd_store_chunk_size: int = field(
        default=8,
        metadata=option(
            "rbd_store_chunk_size",
            "Size in MiB of the RADOS objects of new images; what is no power of two is taken as "
            "the next lower one.",
            minimum=1,
            maximum=32,
        ),
    )
    rbd_thin_provisioning: bool = field(
        default=False,
        metadata=option(
            "rbd_thin_provisioning",
            "Do not write runs of zeros: they take no room, and no time.",
        ),
    )
    rados_connect_timeout: int = field(
        default=-1,
        metadata=option(
            "rados_connect_timeout",
            "Seconds within which the cluster has to answer a connection or a request. 0 or less "
            "leaves it to rbd_store_timeout.",
        ),
    )
    rbd_store_timeout: int = field(
        default=60,
        metadata=option(
            "rbd_store_timeout",
            "Seconds within which the cluster has to answer a connection or a request, where "
            "rados_connect_timeout does not say it. Left alone, librados waits for ever.",
            minimum=1,
        ),
    )
    rbd_store_features: tuple[str, ...] = field(
        default=(),
        metadata=option(
            "rbd_store_features",
            "Features of new images: layering (always), exclusive-lock, object-map, fast-diff, "
            "deep-flatten, journaling. Without it, those of rbd_default_features in ceph.conf.",
        ),
    )

    @property
    def order(self) -> int:
        """The size of an object as a power of two, in bytes."""
        return (self.rbd_store_chunk_size * MIB).bit_length() - 1

    @property
    def timeout(self) -> int:
        """Seconds that the cluster has for an answer."""
        return (
            self.rados_connect_timeout if self.rados_connect_timeout > 0 else self.rbd_store_timeout
        )

    @property
    def place(self) -> str:
        """The pool, named by what is known without asking the cluster."""
        conf = Path(self.rbd_store_ceph_conf or "/etc/ceph/ceph.conf").resolve()
        return f"rbd:{conf}#{self.rbd_store_pool}"
