"""Removing: what is in use stays whole, and what is left of an upload goes."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from imagestore.backends import errors
from imagestore.backends.rbd import RBDSettings, listing
from imagestore.backends.rbd.removal import Removal
from imagestore.backends.rbd.store import RBDStore
from imagestore.backends.testing.contract import MIB, content, cut, new_id, read
from tests.services import process

from .conftest import Pool

DATA = content(5 * MIB)


@pytest.fixture
async def store(options: dict[str, Any]) -> AsyncIterator[RBDStore]:
    made = RBDStore("ceph", RBDSettings(**options))
    await made.start()
    yield made
    await made.stop()


def clone(pool: Pool, name: str, child: str, *, kind: int) -> None:
    """Clone the snapshot of an image in the first or second format, as Nova and Cinder do."""
    cluster = pool.rados.Rados(
        conffile=pool.conf, name="client.admin", conf={"rbd_default_clone_format": str(kind)}
    )
    cluster.connect()
    context = cluster.open_ioctx(pool.name)
    pool.rbd.RBD().clone(context, name, "snap", context, child)
    context.close()
    cluster.shutdown()


async def test_a_clone_keeps_its_image(store: RBDStore, pool: Pool) -> None:
    name = new_id()
    stored = await store.add(name, cut(DATA))
    clone(pool, name, "volume", kind=1)
    with pool.image("volume") as volume:
        assert volume.read(0, len(DATA)) == DATA
        volume.write(b"changed", 0)
    with pytest.raises(errors.Busy, match="clones"):
        await store.delete(stored.url)
    with pytest.raises(errors.Busy, match="clones"):
        await store.discard(name)
    assert await read(store, stored.url) == DATA
    pool.rbd.RBD().remove(pool.context, "volume")
    await store.delete(stored.url)
    assert pool.objects() == set()


async def test_a_clone_of_the_second_format_outlives_its_image(store: RBDStore, pool: Pool) -> None:
    name = new_id()
    stored = await store.add(name, cut(DATA))
    clone(pool, name, "volume", kind=2)
    await store.delete(stored.url)
    assert not await store.exists(stored.url)
    with pytest.raises(errors.NotFound):
        await store.delete(stored.url)
    with pool.image("volume") as volume:
        assert volume.read(0, len(DATA)) == DATA
    again = await store.add(name, cut(b"the name is free"))
    assert await read(store, again.url) == b"the name is free"
    await store.delete(again.url)
    trash = list(pool.rbd.RBD().trash_list(pool.context))
    assert [each["name"] for each in trash] == [name]
    pool.rbd.RBD().remove(pool.context, "volume")
    pool.rbd.RBD().trash_remove(pool.context, trash[0]["id"])
    assert pool.objects() == set()


async def test_other_snapshots_keep_their_image(store: RBDStore, pool: Pool) -> None:
    name = new_id()
    stored = await store.add(name, cut(DATA))
    with pool.image(name) as image:
        image.create_snap("mine")
    for call in (store.delete(stored.url), store.discard(name)):
        with pytest.raises(errors.Busy, match="mine"):
            await call
    assert await read(store, stored.url) == DATA


async def test_an_open_image_stays_whole(store: RBDStore, pool: Pool) -> None:
    name = new_id()
    stored = await store.add(name, cut(DATA))
    with pool.image(name):
        with pytest.raises(errors.Busy, match="open"):
            await store.delete(stored.url)
        with pytest.raises(errors.Unavailable, match="open"):
            await store.discard(name)
        assert await read(store, stored.url) == DATA
    await store.delete(stored.url)


async def test_an_image_that_is_being_written_is_not_taken_away(
    store: RBDStore, pool: Pool
) -> None:
    name = new_id()

    async def source() -> AsyncIterator[bytes]:
        yield DATA
        with pytest.raises(errors.Busy):
            await store.delete(f"rbd://{pool.fsid}/{pool.name}/{name}/snap")
        with pytest.raises(errors.Exists):
            await store.add(name, cut(b"another"))

    stored = await store.add(name, source())
    assert await read(store, stored.url) == DATA


async def test_a_writer_that_fails_takes_only_its_own_image_away(
    store: RBDStore, pool: Pool
) -> None:
    name, other = new_id(), new_id()
    stored = await store.add(other, cut(DATA))

    async def source() -> AsyncIterator[bytes]:
        yield DATA
        pool.rbd.RBD().rename(pool.context, name, "moved")
        pool.rbd.RBD().rename(pool.context, other, name)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.add(name, source())
    assert await read(store, stored.url.replace(other, name)) == DATA


@pytest.mark.parametrize("state", ["protected", "unprotected", "no snapshot"])
@pytest.mark.parametrize("how", ["delete", "discard"])
async def test_what_was_half_removed(store: RBDStore, pool: Pool, state: str, how: str) -> None:
    name = new_id()
    stored = await store.add(name, cut(DATA))
    with pool.image(name) as image:
        if state != "protected":
            image.unprotect_snap("snap")
        if state == "no snapshot":
            image.remove_snap("snap")
    assert await store.exists(stored.url) is (state == "protected")
    await (store.delete(stored.url) if how == "delete" else store.discard(name))
    assert pool.objects() == set()


@pytest.mark.parametrize("lost", ["header", "id", "directory"])
async def test_what_was_half_made(store: RBDStore, pool: Pool, lost: str) -> None:
    """States in which a creation can be interrupted: librbd makes one thing after another."""
    name = new_id()
    pool.rbd.RBD().create(pool.context, name, 8 * MIB, 22, False, 1)
    with pool.image(name) as image:
        identity = image.id()
    if lost == "header":
        pool.context.remove_object(f"rbd_header.{identity}")
    elif lost == "id":
        pool.context.remove_object(f"rbd_header.{identity}")
        pool.context.remove_object(f"rbd_id.{name}")
    else:
        pool.context.remove_object(f"rbd_header.{identity}")
        with pool.rados.WriteOpCtx() as operation:
            pool.context.remove_omap_keys(operation, (f"name_{name}", f"id_{identity}"))
            pool.context.operate_write_op(operation, "rbd_directory")
    await store.discard(name)
    assert pool.objects() == set()
    stored = await store.add(name, cut(b"again"))
    assert await read(store, stored.url) == b"again"


async def test_a_lock_that_a_writer_of_ours_left(store: RBDStore, pool: Pool) -> None:
    """What remains when the cluster stops answering while the writer takes or releases it."""
    name = new_id()
    stored = await store.add(name, cut(DATA))
    with pool.image(name) as image:
        identity = image.id()
    connection = store._connection
    assert connection is not None
    connection.pool(pool.name).lock_exclusive(f"rbd_header.{identity}", "rbd_lock", "auto 4711")
    await store.delete(stored.url)
    assert pool.objects() == set()


WRITER = """
import asyncio, sys
from imagestore.backends.rbd import RBDSettings
from imagestore.backends.rbd.store import RBDStore

async def blocks():
    yield bytes([1]) * (20 << 20)
    print("written", flush=True)
    await asyncio.Event().wait()

async def main():
    conf, pool, name = sys.argv[1:]
    store = RBDStore("ceph", RBDSettings(
        rbd_store_ceph_conf=conf, rbd_store_pool=pool, rbd_store_user=pool))
    await store.start()
    await store.add(name, blocks())

asyncio.run(main())
"""


@contextmanager
def writer(pool: Pool, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that has written some, and goes on for ever."""
    command = [sys.executable, "-c", WRITER, pool.conf, pool.name, name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=process.CHECKOUT) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == b"written\n"
        yield started
        started.kill()


async def test_what_a_killed_process_left(store: RBDStore, pool: Pool) -> None:
    name = new_id()
    with writer(pool, name) as other:
        with pytest.raises(errors.Exists):
            await store.add(name, cut(DATA))
        other.send_signal(signal.SIGKILL)
        other.wait()
    assert pool.objects()
    for _ in range(300):
        try:
            await store.discard(name)
            break
        except errors.Unavailable:  # the cluster lets it go after a while
            await asyncio.sleep(0.2)
    assert pool.objects() == set()


async def held(store: RBDStore) -> list[tuple[str, bool]]:
    return [(each.image_id, each.whole) async for page in store.held() for each in page]


async def test_a_removal_that_broke_off_in_the_trash(store: RBDStore, pool: Pool) -> None:
    """As it does when the cluster answers no more: the name is gone, the data is not."""
    rbd, names = pool.rbd, [new_id() for _ in range(4)]
    stored = [await store.add(name, cut(DATA)) for name in names]
    for name in names:
        with pool.image(name) as image:
            image.unprotect_snap("snap")
            image.remove_snap("snap")
        rbd.RBD().trash_move(pool.context, name)
    assert sorted(await held(store)) == sorted((name, False) for name in names)
    await store.delete(stored[0].url)
    with pytest.raises(errors.NotFound):
        await store.delete(stored[0].url)
    await store.discard(names[1])
    await store.discard(names[1])
    # One that is half removed: its data went first, and there is no header to open it by.
    lost = next(e["id"] for e in rbd.RBD().trash_list(pool.context) if e["name"] == names[2])
    for each in list(pool.context.list_objects()):
        if each.key.startswith((f"rbd_data.{lost}.", f"rbd_header.{lost}")):
            pool.context.remove_object(each.key)
    assert sorted(await held(store)) == sorted((name, False) for name in names[2:])
    await store.discard(names[2])
    # A name can be used again while the trash has what it once stood for.
    again = await store.add(names[3], cut(b"again"))
    await store.discard(names[3])
    assert not await store.exists(again.url)
    assert await held(store) == []
    assert pool.objects() == set()


async def test_the_trash_keeps_what_clones_are_made_of(store: RBDStore, pool: Pool) -> None:
    name = new_id()
    stored = await store.add(name, cut(DATA))
    clone(pool, name, "volume", kind=2)
    await store.delete(stored.url)
    await store.discard(name)
    assert await held(store) == []
    with pool.image("volume") as volume:
        assert volume.read(0, len(DATA)) == DATA
    pool.rbd.RBD().remove(pool.context, "volume")
    assert await held(store) == [(name, False)]
    await store.discard(name)
    assert pool.objects() == set()


async def test_what_somebody_else_put_into_the_trash_for_a_while_stays(
    store: RBDStore, pool: Pool
) -> None:
    name = new_id()
    pool.rbd.RBD().create(pool.context, name, MIB, old_format=False)
    pool.rbd.RBD().trash_move(pool.context, name, 3600)
    assert await held(store) == []
    await store.discard(name)
    assert [each["name"] for each in pool.rbd.RBD().trash_list(pool.context)] == [name]


async def test_an_image_that_is_opened_while_it_is_removed_stays_whole(
    store: RBDStore, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = await store.add(new_id(), cut(DATA))
    opened = []
    drop = Removal._drop_snapshot

    def drop_and_open(self: Removal, image: Any) -> str | None:
        dropped = drop(self, image)
        opened.append(pool.image(self.location.image))
        return dropped

    monkeypatch.setattr(Removal, "_drop_snapshot", drop_and_open)
    with pytest.raises(errors.Busy):
        await store.delete(stored.url)
    opened.pop().close()
    monkeypatch.undo()
    assert await read(store, stored.url) == DATA
    with pool.image(stored.url.split("/")[-2]) as image:
        assert image.is_protected_snap("snap")
    await store.delete(stored.url)
    assert pool.objects() == set()


async def test_a_listing_in_pages(
    store: RBDStore, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "_NAMES", 2)
    monkeypatch.setattr(listing, "_TRASHED", 2)
    rbd, names, thrown = pool.rbd.RBD(), [new_id() for _ in range(5)], [new_id() for _ in range(5)]
    for name in (*names, *thrown, "volume-1", f"{new_id()}_disk"):
        rbd.create(pool.context, name, MIB, old_format=False)
    for name in thrown:
        rbd.trash_move(pool.context, name)
    pages = [page async for page in store.held()]
    assert max(map(len, pages)) == 2
    expected = [*((name, True) for name in names), *((name, False) for name in thrown)]
    assert sorted((each.image_id, each.whole) for page in pages for each in page) == sorted(
        expected
    )
