"""A real Ceph cluster for all workers of a run, and what really is in its pools."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.services import ceph
from tests.services.shared import shared

KEPT = {"rbd_directory", "rbd_info", "rbd_children", "rbd_trash"}
"""Objects that every pool with images has, and keeps when they are gone."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs Ceph where it is missing, unless this is CI."""
    if os.environ.get("CI"):
        return
    reason = _missing()
    if reason:
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=reason))


def _missing() -> str | None:
    try:
        import rados  # noqa: F401
        import rbd  # noqa: F401
    except ImportError as error:
        return f"{error}; see tests/services/link_ceph.py"
    return None if ceph.available() else "Ceph is not installed"


class Pool:
    """A pool as an administrator sees it."""

    def __init__(self, conf: str, name: str) -> None:
        import rados
        import rbd

        self.conf = conf
        self.name = name
        self.rados: Any = rados
        self.rbd: Any = rbd
        self.cluster: Any = rados.Rados(
            conffile=conf, name="client.admin", conf={"rbd_cache": "false"}
        )
        self.cluster.connect(timeout=30)
        self.fsid: str = self.cluster.get_fsid()
        self.context: Any = self.cluster.open_ioctx(name)

    def close(self) -> None:
        self.context.close()
        self.cluster.shutdown()

    def objects(self) -> set[str]:
        """Everything that images left: objects, names, children, what is in the trash."""
        found = {each.key for each in self.context.list_objects()} - KEPT
        for keeper in KEPT - {"rbd_info"}:
            found |= {f"{keeper}/{key}" for key in self._keys(keeper)}
        return found

    def _keys(self, name: str) -> list[str]:
        with self.rados.ReadOpCtx() as operation:
            pairs, _ = self.context.get_omap_keys(operation, "", 10_000)
            try:
                self.context.operate_read_op(operation, name)
            except self.rados.ObjectNotFound:
                return []
            return [key for key, _ in pairs]

    def image(self, name: str, **how: Any) -> Any:
        """An open image, as a context manager."""
        return self.rbd.Image(self.context, name, **how)

    def empty(self) -> None:
        """Remove every image with its clones, however it looks."""
        rbd = self.rbd.RBD()
        for each in rbd.trash_list(self.context):
            rbd.trash_restore(self.context, each["id"], each["name"])
        for _ in range(3):  # clones go before what they were made from
            for name in rbd.list(self.context):
                with self.image(name) as image:
                    if image.list_children():
                        continue
                    for snapshot in list(image.list_snaps()):
                        if image.is_protected_snap(snapshot["name"]):
                            image.unprotect_snap(snapshot["name"])
                        image.remove_snap(snapshot["name"])
                rbd.remove(self.context, name)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ceph.Ceph]:
    """The cluster that all workers use. Who stops daemons starts one of his own."""
    place = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        place = place.parent
    with shared(place / "ceph", ceph.start) as url:
        yield ceph.at(url)


@pytest.fixture(scope="session")
def worker_pool(cluster: ceph.Ceph) -> Iterator[Pool]:
    """A pool for this worker, and a user of the same name that may use it."""
    name = f"images-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    cluster.make_pool(name)
    cluster.make_user(name, mon="profile rbd", osd=f"profile rbd pool={name}")
    pool = Pool(cluster.url, name)
    yield pool
    pool.close()


@pytest.fixture
def pool(worker_pool: Pool) -> Iterator[Pool]:
    """The same, empty."""
    yield worker_pool
    worker_pool.empty()


@pytest.fixture
def options(pool: Pool) -> dict[str, Any]:
    """The options of a store in the pool."""
    return {
        "rbd_store_ceph_conf": pool.conf,
        "rbd_store_pool": pool.name,
        "rbd_store_user": pool.name,
        "rbd_store_timeout": 30,
    }
