"""Glance's own driver and ours, in one container of a Swift with a real Keystone."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from keystoneauth1.session import Session

from imagestore.backends import errors
from imagestore.backends.swift import SwiftSettings
from imagestore.backends.swift.store import SwiftStore
from imagestore.backends.testing.contract import content, cut, new_id, read
from tests.services import keystone, swift
from tests.services.glance_store import Failed, GlanceStore
from tests.services.shared import shared

from .conftest import MB, require_swift

SMALL, LARGE = 300_000, 3 * MB
"""Of an announced size glance_store 5.7 stores whole segments only: a shorter last one fails."""
LAYOUTS = pytest.mark.parametrize("size", [SMALL, LARGE], ids=["small", "segmented"])


@dataclass(frozen=True, slots=True)
class Cloud:
    """Swift, told by its URL, in the catalogue of a Keystone."""

    keystone: keystone.Keystone
    swift: str


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    require_swift()
    base = tmp_path_factory.getbasetemp()
    place = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base

    with keystone.shared(place / "swift-keystone") as identity:

        def start(directory: Path) -> swift.Swift:
            server = swift.start(directory, keystone=identity.url)
            swift.publish(identity, server.url)
            return server

        with shared(place / "swift-with-keystone", start) as url:
            yield Cloud(identity, url)


@pytest.fixture
def container() -> str:
    return f"images-{uuid.uuid4().hex[:12]}"


def accounts(directory: Path, cloud: Cloud) -> Path:
    """A file of references, as Glance wants it."""
    path = directory / "swift.conf"
    path.write_text(
        f"[cloud1]\nauth_address = {cloud.keystone.url}\nuser = 'service:glance'\nkey = glancepw\n"
        "user_domain_id = default\nproject_domain_id = default\n"
    )
    return path


@pytest.fixture(params=["options", "file"])
def options(
    request: pytest.FixtureRequest, tmp_path: Path, cloud: Cloud, container: str
) -> dict[str, str]:
    """What both are configured with."""
    account = {
        "options": {
            "swift_store_auth_address": cloud.keystone.url,
            "swift_store_user": "service:glance",
            "swift_store_key": "glancepw",
        },
        "file": {
            "swift_store_config_file": str(accounts(tmp_path, cloud)),
            "default_swift_reference": "cloud1",
        },
    }[request.param]
    return {
        **account,
        "swift_store_container": container,
        "swift_store_create_container_on_put": "true",
        "swift_store_large_object_size": "2",
        "swift_store_large_object_chunk_size": "1",
    }


@pytest.fixture
def glance(options: dict[str, str], tmp_path: Path) -> GlanceStore:
    return GlanceStore("swift", options, tmp_path / "glance")


def settings(options: dict[str, str]) -> SwiftSettings:
    values = {
        name: True if value == "true" else int(value) if value.isdecimal() else value
        for name, value in options.items()
    }
    return SwiftSettings(**values)  # type: ignore[arg-type]


@pytest.fixture
async def ours(options: dict[str, str]) -> AsyncIterator[SwiftStore]:
    store = SwiftStore("store1", settings(options))
    await store.start()
    yield store
    await store.stop()


def names(cloud: Cloud, container: str) -> list[str]:
    """What is in the container."""
    session: Session = cloud.keystone.session("glance")
    base = session.get_endpoint(service_type="object-store", interface="public")
    return swift.Account(str(base), str(session.get_token())).names(container)


@LAYOUTS
async def test_what_glance_wrote(
    size: int, cloud: Cloud, container: str, glance: GlanceStore, ours: SwiftStore
) -> None:
    image_id, data = new_id(), content(size)
    url = glance.add(image_id, data, size=size)
    assert ours.owns(url)
    assert await ours.size(url) == size
    assert await read(ours, url) == data
    assert await read(ours, url, size - 1000, 500) == data[-1000:-500]
    with pytest.raises(errors.Exists):
        await ours.add(image_id, cut(b"other"))
    assert await read(ours, url) == data
    await ours.delete(url)
    assert names(cloud, container) == []
    with pytest.raises(errors.NotFound):
        await ours.delete(url)


@pytest.mark.parametrize("size", [SMALL, LARGE - 1])
async def test_what_glance_wrote_without_a_size(
    size: int, cloud: Cloud, container: str, glance: GlanceStore, ours: SwiftStore
) -> None:
    data = content(size)
    url = glance.add(new_id(), data)
    assert await read(ours, url) == data
    await ours.delete(url)
    assert names(cloud, container) == []


@LAYOUTS
@pytest.mark.parametrize("announced", [True, False], ids=["known", "unknown"])
async def test_what_we_wrote(
    size: int,
    announced: bool,
    cloud: Cloud,
    container: str,
    glance: GlanceStore,
    ours: SwiftStore,
) -> None:
    size -= 17  # so that the last segment is shorter
    data = content(size)
    stored = await ours.add(new_id(), cut(data), size if announced else None)
    assert stored.url.startswith("swift+config://")
    assert glance.get(stored.url) == data
    assert glance.size(stored.url) == size
    glance.delete(stored.url)
    assert names(cloud, container) == []
    with pytest.raises(Failed) as caught:
        glance.get(stored.url)
    assert caught.value.kind == "NotFound"


async def test_containers_by_the_start_of_the_id(
    cloud: Cloud, container: str, options: dict[str, str], tmp_path: Path
) -> None:
    options["swift_store_multiple_containers_seed"] = "10"
    glance = GlanceStore("swift", options, tmp_path / "glance")
    store = SwiftStore("store1", settings(options))
    await store.start()
    try:
        image_id, other = new_id(), new_id()
        theirs = glance.add(image_id, b"theirs", size=6)
        stored = await store.add(other, cut(b"ours"))
        assert names(cloud, f"{container}_{image_id[:11]}") == [image_id]
        assert names(cloud, f"{container}_{other[:11]}") == [other]
        assert store.owns(theirs)
        assert await read(store, theirs) == b"theirs"
        assert glance.get(stored.url) == b"ours"
    finally:
        await store.stop()


async def test_with_an_application_credential(cloud: Cloud, container: str) -> None:
    session = cloud.keystone.session("glance")
    path = f"/users/{session.get_user_id()}/application_credentials"
    body = {"application_credential": {"name": container}}
    made = cloud.keystone.call("POST", path, body, user="glance")["application_credential"]
    options = {
        "swift_store_auth_address": cloud.keystone.url,
        "swift_store_application_credential_id": made["id"],
        "swift_store_application_credential_secret": made["secret"],
        "swift_store_container": container,
        "swift_store_create_container_on_put": "true",
    }
    store = SwiftStore("store1", settings(options))
    await store.start()
    try:
        stored = await store.add(new_id(), cut(b"x"))
        assert await read(store, stored.url) == b"x"
    finally:
        await store.stop()
    wrong = SwiftStore(
        "store1", settings({**options, "swift_store_application_credential_secret": "wrong"})
    )
    with pytest.raises(errors.Misconfigured, match="swift_store_application_credential_secret"):
        await wrong.start()


async def test_in_the_account_of_the_owner(cloud: Cloud, container: str) -> None:
    """The service's role makes it an administrator of all accounts."""
    options = {
        "swift_store_auth_address": cloud.keystone.url,
        "swift_store_user": "service:glance",
        "swift_store_key": "glancepw",
        "swift_store_container": container,
        "swift_store_multi_tenant": "true",
    }
    demo, image_id = keystone.PROJECTS["demo"], new_id()
    store = SwiftStore("store1", settings(options))
    await store.start()
    try:
        stored = await store.add(image_id, cut(b"x"), owner=demo)
        host = cloud.swift.removeprefix("http://")
        own = f"{container}_{image_id}"
        assert stored.url == f"swift+http://{host}/v1/KEY_{demo}/{own}/{image_id}"
        member = cloud.keystone.session("member")
        base = member.get_endpoint(service_type="object-store", interface="public")
        assert swift.Account(str(base), str(member.get_token())).names(own) == [image_id]
        assert await read(store, stored.url) == b"x"
        await store.delete(stored.url)
    finally:
        await store.stop()


async def test_an_endpoint_that_is_not_in_the_catalogue(cloud: Cloud, container: str) -> None:
    options = {
        "swift_store_auth_address": cloud.keystone.url,
        "swift_store_user": "service:glance",
        "swift_store_key": "glancepw",
        "swift_store_region": "nowhere",
    }
    with pytest.raises(errors.Misconfigured, match="swift_store_region"):
        await SwiftStore("store1", settings(options)).start()
