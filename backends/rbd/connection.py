"""A connection to a Ceph cluster."""

from __future__ import annotations

import contextlib
import errno
import importlib
import platform
import threading
from collections.abc import Iterator
from concurrent.futures import Executor
from typing import Any

from imagestore.backends.daemon_threads import DaemonThreads
from imagestore.backends.errors import Misconfigured, Unavailable
from imagestore.backends.rbd import faults
from imagestore.backends.rbd.settings import RBDSettings

_REFUSED = {errno.EACCES, errno.EPERM}


class Connection:
    """One client of the cluster, shared by everything that a store does. Its methods block.

    Making one connects: ``Misconfigured`` names the option that is wrong, ``Unavailable``
    means that no monitor answered.

    librados ends badly when it goes before what was opened through it. So whoever uses a
    connection holds it, and it is closed when it has been told to and nobody does any more.
    """

    def __init__(self, store: str, settings: RBDSettings, threads: Executor) -> None:
        self.store = store
        self._threads = threads
        self.closers = DaemonThreads(1, f"{store}-close")
        """Of images that stay open for a while: what was opened first is closed first."""
        self._settings = settings
        self._pools: dict[str, Any] = {}
        self._removable: set[str] = set()
        self._opening = threading.Lock()  # may be held for as long as the cluster takes
        self._lock = threading.Lock()
        self._holders = 0
        self._closing = False
        self.lost = False
        """Whether the cluster has shut this client out: only a new one helps."""
        self.rados, self.rbd = _modules(store)
        self._cluster = self._configured()
        try:
            self._connect()
            self.fsid: str = self._cluster.get_fsid()
            self.client = f"client.{self._cluster.get_instance_id()}"
        except BaseException:
            self._cluster.shutdown()
            raise

    def _configured(self) -> Any:
        settings = self._settings
        timeout = str(settings.timeout)
        try:
            return self.rados.Rados(
                conffile=settings.rbd_store_ceph_conf,
                rados_id=settings.rbd_store_user,
                conf={
                    "client_mount_timeout": timeout,
                    "rados_mon_op_timeout": timeout,
                    "rados_osd_op_timeout": timeout,
                    # Whole images pass by once: a cache would only copy them.
                    "rbd_cache": "false",
                },
            )
        except (self.rados.Error, OSError) as error:
            raise Misconfigured(
                f"rbd_store_ceph_conf: {settings.rbd_store_ceph_conf or 'ceph.conf'} "
                f"cannot be read: {error}",
                store=self.store,
            ) from error

    def _connect(self) -> None:
        user = self._settings.rbd_store_user or "admin"
        monitors = self._cluster.conf_get("mon_host")
        try:
            self._cluster.connect()
        except self.rados.Error as error:
            number = faults.number_of(error)
            if number in _REFUSED:
                raise Misconfigured(
                    f"rbd_store_user: the cluster does not let client.{user} in: "
                    "its key is another one, or it has none there",
                    store=self.store,
                ) from error
            if number == errno.ENOENT:
                raise Misconfigured(
                    (
                        f"rbd_store_user: there is no keyring for client.{user} at "
                        f"{self._cluster.conf_get('keyring')}"
                    )
                    if monitors
                    else "rbd_store_ceph_conf: it names no monitors (mon_host)",
                    store=self.store,
                ) from error
            raise Unavailable(
                f"no monitor of mon_host in rbd_store_ceph_conf answers: {monitors}",
                store=self.store,
            ) from error

    # Who uses it.

    def hold(self) -> None:
        """Keep it from being closed until ``release``. ``Unavailable`` if it is closed."""
        with self._lock:
            if self._closing:
                raise Unavailable("the store was stopped", store=self.store)
            self._holders += 1

    def release(self) -> None:
        """Undo one ``hold``."""
        with self._lock:
            self._holders -= 1
            last = self._closing and not self._holders
        if last:
            self._threads.submit(self._shut)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold it for the body."""
        self.hold()
        try:
            yield
        finally:
            self.release()

    def close(self) -> None:
        """Close it, now or when the last holder lets go. May be called again."""
        with self._lock:
            first, self._closing = not self._closing, True
            unused = not self._holders
        if first and unused:
            self._shut()

    def _shut(self) -> None:
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()
        self._cluster.shutdown()
        self.closers.shutdown()

    # What it is used for.

    def pool(self, name: str) -> Any:
        """The I/O context of a pool. ``NotFound`` if there is no such pool."""
        with self._opening:
            if name not in self._pools:
                with self.errors():
                    context = self._cluster.open_ioctx(name)
                # A full cluster is an error at once, and not a write that waits for room.
                context.set_osdmap_full_try()
                self._pools[name] = context
            return self._pools[name]

    def make_removable(self, name: str) -> None:
        """See that images of this pool can be removed when it is full.

        librbd removes by way of the trash, and in a full pool the first removal of all would
        fail to make the object that lists what is in there.
        """
        if name not in self._removable:
            with self.errors(), self.rados.WriteOpCtx() as operation:
                operation.new(self.rados.LIBRADOS_CREATE_IDEMPOTENT)
                self.pool(name).operate_write_op(operation, "rbd_trash")
            self._removable.add(name)

    def ask(self, command: str) -> bytes:
        """What the monitors answer to a command in JSON."""
        with self.errors():
            status, answer, _ = self._cluster.mon_command(command, b"")
            if status:
                raise OSError(-status, "refused")
            return bytes(answer)

    def ask_pool(self, name: str) -> None:
        """Have an OSD of the pool answer; ``Unavailable`` if it does not."""
        with self.errors(), contextlib.suppress(self.rados.ObjectNotFound):
            self.pool(name).stat("rbd_info")

    def features(self) -> int:
        """What ceph.conf wants of new images; layering alone where it does not say."""
        default = self._cluster.conf_get("rbd_default_features")
        return int(default or 0) or int(self.rbd.RBD_FEATURE_LAYERING)

    @contextlib.contextmanager
    def errors(self, url: str = "") -> Iterator[None]:
        """Raise what librados and librbd raise in the body as the error of a store."""
        try:
            yield
        except (self.rados.Error, self.rbd.Error, OSError) as error:
            if faults.number_of(error) == errno.ESHUTDOWN:
                self.lost = True
            raise faults.meaning(error, self.store, url) from error


def _modules(store: str) -> tuple[Any, Any]:
    """``rados`` and ``rbd``, which come with Ceph and not from PyPI.

    ``Misconfigured`` says what to install where they cannot be loaded.
    """
    try:
        return importlib.import_module("rados"), importlib.import_module("rbd")
    except ImportError as error:
        raise Misconfigured(
            f"a store of type rbd needs Ceph's modules rados and rbd for this Python "
            f"({platform.python_version()}): {error}. Install the packages python3-rados and "
            "python3-rbd of the distribution whose Python this is; into a virtual environment "
            "link them as docs/stores.md says",
            store=store,
        ) from error
