"""Connecting: each option that may be wrong is named, and what does not answer is waited for."""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from imagestore.backends import errors
from imagestore.backends.rbd import RBDSettings
from imagestore.backends.rbd.store import RBDStore
from imagestore.backends.testing.contract import cut, new_id, read
from tests.services import ceph, process

from .conftest import Pool


def store_of(options: Mapping[str, Any], **more: Any) -> RBDStore:
    return RBDStore("ceph", RBDSettings(**{**options, **more}))


def conf(pool: Pool, directory: Path, *lines: str) -> str:
    """A ceph.conf of the cluster with more lines for clients."""
    path = directory / "ceph.conf"
    path.write_text("\n".join([Path(pool.conf).read_text(), "[client]", *lines, ""]))
    return str(path)


def keyring(directory: Path, user: str) -> str:
    """The keyring of a user, with a key that the cluster does not know."""
    path = directory / "wrong.keyring"
    key = base64.b64encode(struct.pack("<HIIH", 1, 0, 0, 16) + bytes(16)).decode()
    path.write_text(f"[client.{user}]\nkey = {key}\n")
    return str(path)


async def refusal(store: RBDStore) -> str:
    with pytest.raises(errors.Misconfigured) as caught:
        await store.start()
    assert caught.value.store == "ceph"
    await store.stop()
    return caught.value.message


async def test_a_pool_that_is_not_there(options: dict[str, Any]) -> None:
    message = await refusal(store_of(options, rbd_store_pool="nowhere"))
    assert "rbd_store_pool" in message
    assert "nowhere" in message


async def test_a_key_that_is_wrong(pool: Pool, options: dict[str, Any], tmp_path: Path) -> None:
    path = conf(pool, tmp_path, f"keyring = {keyring(tmp_path, pool.name)}")
    assert "rbd_store_user" in await refusal(store_of(options, rbd_store_ceph_conf=path))


async def test_a_user_without_a_keyring(options: dict[str, Any]) -> None:
    message = await refusal(store_of(options, rbd_store_user="nobody"))
    assert "rbd_store_user" in message
    assert "nobody" in message


async def test_a_user_without_rights_in_the_pool(
    cluster: ceph.Ceph, options: dict[str, Any]
) -> None:
    cluster.make_user("elsewhere", mon="profile rbd", osd="profile rbd pool=elsewhere")
    message = await refusal(store_of(options, rbd_store_user="elsewhere"))
    assert "rbd_store_user" in message
    assert options["rbd_store_pool"] in message


async def test_a_user_that_may_only_read(
    cluster: ceph.Ceph, pool: Pool, options: dict[str, Any]
) -> None:
    user = f"reader-{pool.name}"
    cluster.make_user(user, mon="profile rbd", osd=f"profile rbd-read-only pool={pool.name}")
    writer, reader = store_of(options), store_of(options, rbd_store_user=user)
    await writer.start()
    await reader.start()
    stored = await writer.add(new_id(), cut(b"readable"))
    assert await read(reader, stored.url) == b"readable"
    before = pool.objects()
    with pytest.raises(errors.ReadOnly):
        await reader.add(new_id(), cut(b"not writable"))
    with pytest.raises(errors.ReadOnly):
        await reader.delete(stored.url)
    assert pool.objects() == before
    assert await read(writer, stored.url) == b"readable"
    await writer.stop()
    await reader.stop()


async def test_a_file_that_is_not_there(options: dict[str, Any], tmp_path: Path) -> None:
    missing = str(tmp_path / "no.conf")
    message = await refusal(store_of(options, rbd_store_ceph_conf=missing))
    assert "rbd_store_ceph_conf" in message
    assert missing in message


async def test_a_file_without_monitors(options: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "ceph.conf"
    path.write_text("[global]\nlog_file =\n")
    message = await refusal(store_of(options, rbd_store_ceph_conf=str(path)))
    assert "rbd_store_ceph_conf" in message
    assert "mon_host" in message


async def test_a_feature_that_is_none(options: dict[str, Any]) -> None:
    assert "rbd_store_features" in await refusal(store_of(options, rbd_store_features=("magic",)))


@pytest.mark.parametrize("option", ["rbd_store_timeout", "rados_connect_timeout"])
async def test_monitors_that_do_not_answer(
    pool: Pool, options: dict[str, Any], tmp_path: Path, option: str
) -> None:
    host = f"[v2:127.0.0.1:{process.free_port()}]"
    path = tmp_path / "ceph.conf"
    text = Path(pool.conf).read_text().splitlines()
    path.write_text("\n".join(line for line in text if "mon_host" not in line) + "\n")
    path.write_text(path.read_text().replace("[global]", f"[global]\nmon_host = {host}"))
    store = store_of(options, rbd_store_ceph_conf=str(path), **{option: 1})
    with pytest.raises(errors.Unavailable, match="mon_host"):
        await store.start()
    await store.stop()


async def test_a_client_that_was_shut_out_connects_anew(
    cluster: ceph.Ceph, pool: Pool, options: dict[str, Any]
) -> None:
    store = store_of(options)
    await store.start()
    stored = await store.add(new_id(), cut(b"still there"))
    with pool.image(stored.url.split("/")[-2]) as image:
        # A look at who watches tells our own address; the store's shows while it writes.
        ours = {each["addr"] for each in image.watchers_list()}

    async def source():  # type: ignore[no-untyped-def]
        yield b"begun"
        with pool.image(name) as image:
            address = {each["addr"] for each in image.watchers_list()} - ours
            cluster.command("osd blocklist", blocklistop="add", addr=address.pop())
        yield bytes(64 << 20)

    name = new_id()
    with pytest.raises(errors.Unavailable):
        await store.add(name, source())
    assert await read(store, stored.url) == b"still there"
    await store.discard(name)
    await store.delete(stored.url)
    assert pool.objects() == set()
    await store.stop()
