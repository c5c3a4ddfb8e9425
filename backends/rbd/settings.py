"""The options of an RBD store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from imagestore.backends.base import option

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class RBDSettings:
    """Options in a store's section; names, defaults and meaning are Glance's where it has them."""

    # One line for what an option is, and then what it means to whoever sets it.
    # fmt: off
    rbd_store_pool: str = option("images", help="The pool that holds the images.")
    rbd_store_user: str | None = option(None, help=
        "The cephx user, without 'client.'. Its keyring is found through ceph.conf. Without it "
        "librados takes 'admin'.")
    rbd_store_ceph_conf: str = option("", help=
        "The path of ceph.conf. Without it librados looks in the usual places.")
    rbd_store_chunk_size: int = option(8, minimum=1, maximum=32, unit="MiB", help=
        "Size in MiB of the RADOS objects of new images; what is no power of two is taken as the "
        "next lower one.")
    rbd_thin_provisioning: bool = option(False, help=
        "Do not write runs of zeros: they take no room, and no time.")
    rados_connect_timeout: int = option(-1, unit="seconds", help=
        "Seconds within which the cluster has to answer a connection or a request. 0 or less "
        "leaves it to rbd_store_timeout.")
    rbd_store_timeout: int = option(60, minimum=1, unit="seconds", help=
        "Seconds within which the cluster has to answer a connection or a request, where "
        "rados_connect_timeout does not say it. Left alone, librados waits for ever.")
    rbd_store_features: tuple[str, ...] = option((), help=
        "Features of new images: layering (always), exclusive-lock, object-map, fast-diff, "
        "deep-flatten, journaling. Without it, those of rbd_default_features in ceph.conf.")

    # fmt: on

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
