"""The Swift driver on a real Swift: the contract that all drivers keep, and what is its own."""

from __future__ import annotations

import asyncio
import json
import random
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from imagestore.backends import errors
from imagestore.backends.base import Buffer, Driver, Store
from imagestore.backends.swift import driver
from imagestore.backends.swift.store import SwiftStore
from imagestore.backends.testing.contract import MIB, StoreContract, content, cut, new_id, read
from tests.services import swift

from .conftest import KEY, MB, USER, settings, started


class RealService:
    def __init__(self, store: SwiftStore, url: str, container: str) -> None:
        self.store: Store = store
        self.container = container
        self.account = swift.account_of(url, USER)
        self.invalid_urls = [
            "",
            "swift://",
            "swift+config://",
            "swift+config://ref1",
            f"swift+config://ref1/{container}",
            f"swift+config://ref1/{container}/",
            f"swift+config://ref1//{uuid.uuid4()}",
            f"swift+config://ref1/a/{container}/x",
            f"swift+config://other/{container}/x",
            f"swift+config://ref1/{container}/..",
            f"swift+config://ref1/{container}/a%2fb",
            f"swift+config://ref1/{container}/a?b",
            f"swift+config://ref1/{container}/a#b",
            f"swift+config://ref1/{container}/a\n",
            f"swift+config://user:key@ref1/{container}/x",
            f"swift+http://127.0.0.1:1/v1/AUTH_x/{container}/x",
            f"swift+http://service:glance:key@example.org/auth/v1.0/{container}/x",
            f"swift+https://[/{container}/x",
            f"swift+http://service:glance:key@http://example.org/auth/v1.0/{container}/x",
            f"file:///{container}/x",
            f"http://example.org/{container}/x",
        ]

    def url(self, image_id: str) -> str:
        return f"swift+config://ref1/{self.container}/{image_id}"

    async def objects(self) -> set[str]:
        return set(self.account.names(self.container))


class TestContract(StoreContract):
    part = MB
    readable_when_deleted = False

    @pytest.fixture(params=["segments", "streams", "large-segments"])
    async def service(
        self, request: pytest.FixtureRequest, swift_url: str
    ) -> AsyncIterator[RealService]:
        container = f"contract-{uuid.uuid4().hex[:12]}"
        options: dict[str, dict[str, Any]] = {
            "streams": {"swift_store_large_object_size": 1000},
            "large-segments": {"swift_store_large_object_chunk_size": 20},
        }
        async with started(
            swift_url, container=container, **options.get(request.param, {})
        ) as store:
            yield RealService(store, swift_url, container)


def test_is_found_as_a_driver() -> None:
    assert isinstance(driver, Driver)
    assert driver.schemes == ("swift", "swift+http", "swift+https", "swift+config")
    assert isinstance(driver.create("a", driver.settings()), Store)


@pytest.fixture
def container() -> str:
    return f"images-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def account(swift_url: str) -> swift.Account:
    return swift.account_of(swift_url, USER)


def url_of(container: str, image_id: str) -> str:
    return f"swift+config://ref1/{container}/{image_id}"


class TestLayout:
    """As Glance has it: see test_interchange.py for Glance itself."""

    async def test_one_object(self, swift_url: str, container: str, account: swift.Account) -> None:
        image_id = new_id()
        async with started(swift_url, container) as store:
            await store.add(image_id, cut(b"x"))
        assert account.names(container) == [image_id]
        with account.request("GET", f"/{container}/{image_id}") as answer:
            assert answer.read() == b"x"
            assert "X-Object-Manifest" not in answer.headers

    async def test_segments_and_a_manifest(
        self, swift_url: str, container: str, account: swift.Account
    ) -> None:
        image_id, data = new_id(), content(2 * MB + 1)
        async with started(swift_url, container) as store:
            await store.add(image_id, cut(data), len(data))
        whole, *segments = account.names(container)
        assert whole == image_id
        upload = segments[0].removeprefix(f"{image_id}-").partition("-")[0]
        assert segments == [f"{image_id}-{upload}-{number:05d}" for number in (1, 2, 3)]
        with account.request("GET", f"/{container}/{image_id}") as answer:
            assert answer.headers["X-Object-Manifest"] == f"{container}/{image_id}-{upload}-"
            assert answer.read() == data

    async def test_a_segment_ends_early_when_the_source_pauses(
        self,
        swift_url: str,
        container: str,
        account: swift.Account,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Swift gives a request up that brings nothing for a minute."""
        monkeypatch.setattr("imagestore.backends.swift.upload.PAUSE", 0.2)
        data = content(6 * MIB)

        async def source() -> AsyncIterator[Buffer]:
            async for block in cut(data[: 3 * MIB]):
                yield block
            await asyncio.sleep(1)
            async for block in cut(data[3 * MIB :]):
                yield block

        async with started(swift_url, container, swift_store_large_object_chunk_size=200) as store:
            stored = await store.add(new_id(), source(), len(data))
            assert len(account.names(container)) == 3
            assert await read(store, stored.url) == data

    async def test_a_static_large_object(
        self, swift_url: str, container: str, account: swift.Account
    ) -> None:
        """Glance removes them too, whoever wrote them."""
        image_id, data = new_id(), content(2 * MIB)
        async with started(swift_url, container) as store:
            for number in (0, 1):
                segment = data[number * MIB : (number + 1) * MIB]
                account.request("PUT", f"/{container}/part{number}", data=segment)
            parts = [{"path": f"/{container}/part{number}"} for number in (0, 1)]
            account.request(
                "PUT",
                f"/{container}/{image_id}?multipart-manifest=put",
                data=json.dumps(parts).encode(),
            )
            url = url_of(container, image_id)
            assert await store.size(url) == len(data)
            assert await read(store, url, MIB - 5, 10) == data[MIB - 5 : MIB + 5]
            await store.delete(url)
            assert account.names(container) == []


class TestStart:
    @pytest.mark.parametrize(
        ("options", "named"),
        [
            ({"swift_store_key": "wrong"}, "swift_store_key"),
            ({"swift_store_user": "nobody:nobody"}, "swift_store_user"),
            ({"swift_store_user": "nobody"}, "swift_store_user"),
            ({"swift_store_key": None}, "swift_store_key"),
            ({"swift_store_auth_address": None}, "swift_store_auth_address"),
            ({"swift_store_auth_address": "swift.example.org"}, "swift_store_auth_address"),
            ({"swift_store_container": "not-there"}, "swift_store_container"),
            (
                {"swift_store_user": "test:reader", "swift_store_key": "reading"},
                "swift_store_user",
            ),
            ({"swift_store_cacert": "/does/not/exist"}, "swift_store_cacert"),
            ({"swift_store_config_file": "/does/not/exist"}, "swift_store_config_file"),
            (
                {"swift_store_config_file": "/etc/hostname", "swift_store_multi_tenant": True},
                "swift_store_config_file",
            ),
            (
                {"swift_store_application_credential_id": "x"},
                "swift_store_application_credential_secret",
            ),
        ],
    )
    async def test_what_is_wrong_is_named(
        self, swift_url: str, options: dict[str, Any], named: str
    ) -> None:
        changed = {"swift_store_create_container_on_put": False, **options}
        store = SwiftStore("swift1", settings(swift_url, **changed))
        with pytest.raises(errors.Misconfigured) as caught:
            await store.start()
        assert named in caught.value.message
        assert caught.value.store == "swift1"
        assert "wrong" not in str(caught.value)

    async def test_nobody_answers(self) -> None:
        store = SwiftStore("swift1", settings("http://127.0.0.1:1"))
        with pytest.raises(errors.Unavailable):
            await store.start()
        with pytest.raises(errors.Unavailable):
            await store.add(new_id(), cut(b"x"))

    async def test_not_an_authentication_service(self, swift_url: str) -> None:
        store = SwiftStore(
            "swift1", settings(swift_url, swift_store_auth_address=f"{swift_url}/nothing/v1.0")
        )
        with pytest.raises((errors.Misconfigured, errors.Unavailable)):
            await store.start()

    async def test_the_container_is_made(
        self, swift_url: str, container: str, account: swift.Account
    ) -> None:
        async with started(swift_url, container):
            assert container in account.names()

    async def test_a_container_that_went_away(
        self, swift_url: str, container: str, account: swift.Account
    ) -> None:
        async with started(swift_url, container) as store:
            for data in (b"small", content(3 * MB)):
                account.request("DELETE", f"/{container}")
                stored = await store.add(new_id(), cut(data))
                assert await read(store, stored.url) == data
                await store.delete(stored.url)
        account.request("PUT", f"/{container}")
        options = {"swift_store_create_container_on_put": False}
        async with started(swift_url, container, **options) as store:
            account.request("DELETE", f"/{container}")
            for data in (b"small", content(3 * MB)):
                with pytest.raises(errors.Unavailable, match="swift_store_container"):
                    await store.add(new_id(), cut(data))

    async def test_not_allowed_to_write(self, swift_url: str, container: str) -> None:
        owner = swift.account_of(swift_url, "test:tester")
        acl = {"X-Container-Read": "test:reader"}
        owner.request("PUT", f"/{container}", acl)
        options = {"swift_store_user": "test:reader", "swift_store_key": "reading"}
        async with started(swift_url, container, **options) as store:
            for data in (b"small", content(3 * MB)):
                with pytest.raises(errors.ReadOnly):
                    await store.add(new_id(), cut(data))
            image_id = new_id()
            owner.request("PUT", f"/{container}/{image_id}", data=b"there")
            assert await read(store, url_of(container, image_id)) == b"there"
            with pytest.raises(errors.ReadOnly):
                await store.delete(url_of(container, image_id))


class TestTwoUploads:
    @pytest.mark.parametrize("size", [100, 3 * MIB], ids=["small", "streamed"])
    async def test_at_once(
        self, swift_url: str, container: str, account: swift.Account, size: int
    ) -> None:
        """Of unsegmented objects, which Swift lets replace each other."""
        chance = random.Random(1)

        async def source(data: bytes, pause: float) -> AsyncIterator[Buffer]:
            async for block in cut(data):
                yield block
                await asyncio.sleep(pause)

        options = {"swift_store_large_object_size": 1000}
        async with (
            started(swift_url, container, **options) as one,
            started(swift_url, container, **options) as two,
        ):
            for _ in range(12):
                image_id = new_id()
                bodies = [content(size, seed) for seed in range(2)]
                results = await asyncio.gather(
                    *(
                        store.add(image_id, source(data, chance.random() / 50), size)
                        for store, data in zip((one, two), bodies, strict=True)
                    ),
                    return_exceptions=True,
                )
                won = [n for n in range(2) if not isinstance(results[n], BaseException)]
                assert len(won) <= 1
                for n in won:
                    url = url_of(container, image_id)
                    assert await read(one, url) == bodies[n]
                    await one.delete(url)
                assert account.names(container) == []

    @pytest.mark.parametrize("large", [1, 1000], ids=["segmented", "streamed"])
    async def test_of_one_that_was_thought_dead(
        self, swift_url: str, container: str, account: swift.Account, large: int
    ) -> None:
        """It wakes up after another upload of the image has taken its place."""
        image_id, woken, asleep = new_id(), asyncio.Event(), asyncio.Event()
        late, data = content(9 * MIB, 1), content(4 * MIB, 2)

        async def sleepy() -> AsyncIterator[Buffer]:
            count = 0
            async for block in cut(late):
                yield block
                count += 1
                if count == 4:
                    asleep.set()
                    await woken.wait()

        options = {"swift_store_large_object_size": large}
        async with started(swift_url, container, **options) as store:
            dead = asyncio.create_task(store.add(image_id, sleepy(), len(late)))
            await asleep.wait()
            await asyncio.sleep(0.3)
            await store.discard(image_id)
            stored = await store.add(image_id, cut(data), len(data))
            woken.set()
            with pytest.raises(errors.StoreError):
                await dead
            assert await read(store, stored.url) == data
            with account.request("GET", f"/{container}/{image_id}") as answer:
                assert answer.read() == data
                segments = answer.headers.get("X-Object-Manifest", "no/segments").partition("/")[2]
            whole, *others = account.names(container)
            assert whole == image_id
            assert all(name.startswith(segments) for name in others)


class TestHalfDeleted:
    @pytest.fixture
    async def store(self, swift_url: str, container: str) -> AsyncIterator[SwiftStore]:
        async with started(swift_url, container) as store:
            yield store

    @pytest.mark.parametrize("gone", [0, 1, 3])
    async def test_is_deleted_to_the_end(
        self, store: SwiftStore, container: str, account: swift.Account, gone: int
    ) -> None:
        """The manifest is gone, or the first segment, or the last."""
        stored = await store.add(new_id(), cut(content(3 * MB)))
        account.request("DELETE", f"/{container}/{account.names(container)[gone]}")
        await store.delete(stored.url)
        assert account.names(container) == []
        with pytest.raises(errors.NotFound):
            await store.delete(stored.url)

    @pytest.mark.parametrize("gone", [1, 2, 3])
    async def test_is_not_read_as_if_it_were_whole(
        self, store: SwiftStore, container: str, account: swift.Account, gone: int
    ) -> None:
        stored = await store.add(new_id(), cut(content(3 * MB)))
        account.request("DELETE", f"/{container}/{account.names(container)[gone]}")
        with pytest.raises(errors.Unavailable, match="segments are missing"):
            await read(store, stored.url)
        with pytest.raises(errors.Unavailable):
            await store.size(stored.url)

    async def test_one_that_glance_numbered(
        self, store: SwiftStore, container: str, account: swift.Account
    ) -> None:
        image_id = new_id()
        for number in (1, 3):
            account.request("PUT", f"/{container}/{image_id}-{number:05d}", data=b"x")
        manifest = {"X-Object-Manifest": f"{container}/{image_id}-"}
        account.request("PUT", f"/{container}/{image_id}", manifest)
        with pytest.raises(errors.Unavailable, match="segments are missing"):
            await read(store, url_of(container, image_id))
        await store.delete(url_of(container, image_id))
        assert account.names(container) == []

    async def test_a_segment_that_vanishes_during_a_download(
        self, store: SwiftStore, container: str, account: swift.Account
    ) -> None:
        data = content(40 * MB)
        stored = await store.add(new_id(), cut(data))
        got = b""
        with pytest.raises(errors.NotFound):
            async with store.open(stored.url) as blocks:
                async for block in blocks:
                    if not got:
                        account.request("DELETE", f"/{container}/{account.names(container)[39]}")
                    got += bytes(block)
        assert data.startswith(got)

    async def test_a_segment_that_became_another(
        self, store: SwiftStore, container: str, account: swift.Account
    ) -> None:
        data = content(40 * MB)
        stored = await store.add(new_id(), cut(data))
        with pytest.raises(errors.NotFound):
            async with store.open(stored.url) as blocks:
                replaced = False
                async for _ in blocks:
                    if not replaced:
                        name = account.names(container)[39]
                        account.request("PUT", f"/{container}/{name}", data=bytes(MB))
                        replaced = True

    async def test_other_images_are_left_alone(
        self, store: SwiftStore, container: str, account: swift.Account
    ) -> None:
        kept = await store.add("abc-def", cut(content(2 * MB)))
        before = account.names(container)
        stored = await store.add("abc", cut(content(2 * MB)))
        await store.delete(stored.url)
        await store.discard("abc")
        assert account.names(container) == before
        assert len(await read(store, kept.url)) == 2 * MB


class TestMultiTenant:
    @pytest.fixture
    async def store(self, swift_url: str, container: str) -> AsyncIterator[SwiftStore]:
        options = {
            "swift_store_multi_tenant": True,
            "swift_store_create_container_on_put": False,
            "swift_store_admin_tenants": ("auditors",),
        }
        async with started(swift_url, container, **options) as store:
            yield store

    @pytest.mark.parametrize("size", [1000, 3 * MB])
    async def test_each_image_is_in_the_account_of_its_owner(
        self, store: SwiftStore, swift_url: str, container: str, size: int
    ) -> None:
        owner = swift.account_of(swift_url, "test2:tester2")
        image_id, data = new_id(), content(size)
        own = f"{container}_{image_id}"
        stored = await store.add(image_id, cut(data), size, owner="test2")
        assert stored.url == f"swift+{owner.url}/{own}/{image_id}"
        assert image_id in owner.names(own)
        with owner.request("HEAD", f"/{own}") as answer:
            assert answer.headers["X-Container-Read"] == "auditors:*"
        assert store.owns(stored.url)
        assert await store.size(stored.url) == size
        assert await read(store, stored.url) == data
        with pytest.raises(errors.Exists):
            await store.add(image_id, cut(data), owner="test2")
        await store.delete(stored.url)
        assert own not in owner.names()
        with pytest.raises(errors.NotFound):
            await store.delete(stored.url)

    async def test_discard_finds_it(
        self, store: SwiftStore, swift_url: str, container: str
    ) -> None:
        owner = swift.account_of(swift_url, "test2:tester2")
        image_id = new_id()
        await store.discard(image_id, owner="test2")
        await store.add(image_id, cut(content(3 * MB)), owner="test2")
        await store.discard(image_id, owner="test2")
        assert f"{container}_{image_id}" not in owner.names()

    async def test_nothing_is_left_of_an_upload_that_fails(
        self, store: SwiftStore, swift_url: str, container: str
    ) -> None:
        owner = swift.account_of(swift_url, "test2:tester2")
        image_id = new_id()
        with pytest.raises(errors.WrongSize):
            await store.add(image_id, cut(content(3 * MB)), 4 * MB, owner="test2")
        assert f"{container}_{image_id}" not in owner.names()

    async def test_without_an_owner_it_is_in_our_own(
        self, store: SwiftStore, account: swift.Account, container: str
    ) -> None:
        stored = await store.add(new_id(), cut(b"x"))
        assert stored.url.startswith(f"swift+{account.url}/{container}_")

    @pytest.mark.parametrize("owner", ["", "..", "a/b", "a?b", "a b"])
    async def test_owners_that_are_no_projects(self, store: SwiftStore, owner: str) -> None:
        with pytest.raises(errors.InvalidLocation):
            await store.add(new_id(), cut(b"x"), owner=owner)


class TestOldLocations:
    """Glance puts user and key into a location where no file of references is configured."""

    @pytest.mark.parametrize(
        ("login", "works"),
        [
            (f"service%3Aglance:{KEY}", True),
            (f"service:glance:{KEY}", True),
            ("service%3Aglance:the-key-of-yesterday", True),
            ("admin%3Aadmin:adminpw", False),
        ],
    )
    async def test_is_read(self, swift_url: str, container: str, login: str, works: bool) -> None:
        host = swift_url.removeprefix("http://")
        image_id = new_id()
        url = f"swift+http://{login}@{host}/auth/v1.0/{container}/{image_id}"
        async with started(swift_url, container) as store:
            await store.add(image_id, cut(b"x"))
            assert store.owns(url) is works
            if works:
                assert await read(store, url) == b"x"
            else:  # that account has no such container
                with pytest.raises(errors.NotFound):
                    await read(store, url)
                other = swift.account_of(swift_url, "admin:admin")
                other.request("PUT", f"/{container}")
                other.request("PUT", f"/{container}/{image_id}", data=b"another")
                assert await read(store, url) == b"another"

    async def test_its_key_is_not_told(self, swift_url: str, container: str) -> None:
        host = swift_url.removeprefix("http://")
        url = f"swift+http://admin%3Aadmin:not-the-key@{host}/auth/v1.0/{container}/x"
        async with started(swift_url, container) as store:
            with pytest.raises(errors.StoreError) as caught:
                await read(store, url)
        assert "not-the-key" not in str(caught.value)


class TestQuota:
    async def test_of_the_account(self, swift_url: str, container: str) -> None:
        admin = swift.account_of(swift_url, "admin:admin")
        theirs = swift.account_of(swift_url, "small:user")
        theirs.request("PUT", f"/{container}")
        quota = {"X-Account-Meta-Quota-Bytes": str(MB)}
        swift.Account(theirs.url, admin.token).request("POST", "", quota)
        for large in (1, 1000):  # known before anything is sent, or told by Swift
            options = {
                "swift_store_user": "small:user",
                "swift_store_key": "smallpw",
                "swift_store_large_object_size": large,
            }
            async with started(swift_url, container, **options) as store:
                capacity = await store.capacity()
                assert (capacity.total, capacity.free) == (MB, MB)
                with pytest.raises(errors.Full):
                    await store.add(new_id(), cut(content(2 * MB)), 2 * MB)
                assert theirs.names(container) == []

    async def test_of_the_container(
        self, swift_url: str, container: str, account: swift.Account
    ) -> None:
        async with started(swift_url, container) as store:
            assert await store.capacity() == await store.capacity()
            assert (await store.capacity()).total is None
            headers = {"X-Container-Meta-Quota-Bytes": str(2 * MB)}
            account.request("POST", f"/{container}", headers)
            await store.add(new_id(), cut(content(MB)), MB)
            capacity = await store.capacity()
            assert (capacity.total, capacity.free) == (2 * MB, MB)
            before = account.names(container)
            for size in (3 * MB, None):
                with pytest.raises(errors.Full):
                    await store.add(new_id(), cut(content(3 * MB)), size)
                assert account.names(container) == before


async def test_too_large_for_a_single_object(tmp_path: Path) -> None:
    server = swift.start(tmp_path / "swift", max_file_size=2 * MIB)
    try:
        async with started(server.url, "c", swift_store_large_object_size=1000) as store:
            with pytest.raises(errors.Full):
                await store.add(new_id(), cut(content(3 * MIB)), 3 * MIB)
        async with started(server.url, "c") as store:
            stored = await store.add(new_id(), cut(content(3 * MIB)), 3 * MIB)
            assert await read(store, stored.url) == content(3 * MIB)
            names = swift.account_of(server.url, USER).names("c")
            assert all(name.startswith(stored.url.rpartition("/")[2]) for name in names)
    finally:
        server.stop()


def test_what_is_told_of_a_store() -> None:
    store = SwiftStore("a", settings("http://127.0.0.1:1", "images"))
    assert store.details() == {
        "container": "images",
        "large_object_size": MB,
        "large_object_chunk_size": MB,
    }
    assert store.places() == {"http://127.0.0.1:1/auth/v1.0/service/images"}
    assert KEY not in repr(store.details())


async def test_owns(swift_url: str, container: str) -> None:
    async with started(swift_url, container) as store:
        image_id = new_id()
        assert store.owns(url_of(container, image_id))
        assert not store.owns(url_of("other", image_id))
        assert not store.owns(f"swift+config://ref2/{container}/{image_id}")
        assert not store.owns(f"file:///{container}/{image_id}")


async def _held(store: SwiftStore, *owners: str) -> set[tuple[str, bool, str | None]]:
    pages = store.held(owners)
    return {(each.image_id, each.whole, each.owner) async for page in pages for each in page}


class TestListing:
    async def test_segments_and_claims(self, swift_url: str, container: str) -> None:
        account = swift.account_of(swift_url, USER)
        async with started(swift_url, container) as store:
            whole, segments, claim, theirs = (new_id() for _ in range(4))
            await store.add(whole, cut(content(3 * MB)))
            await store.add(segments, cut(content(2 * MB + 1)))
            account.request("DELETE", f"/{container}/{segments}")  # the manifest alone
            names = [
                f"{claim}.{'0' * 24}", f"{theirs}-00001", "README", "volume_1", f"{new_id()}.bak"
            ]  # fmt: skip
            for name in names:
                account.request("PUT", f"/{container}/{name}", data=b"x")
            pieces = [each async for page in store.held() for each in page]
            assert {(each.image_id, each.whole) for each in pieces} == {
                (whole, True), (whole, False), (segments, False), (claim, False), (theirs, False)
            }  # fmt: skip
            assert sum(each.size or 0 for each in pieces if each.image_id == whole) == 3 * MB
            for image_id in (segments, claim, theirs):
                await store.discard(image_id)
            assert {each for each, _, _ in await _held(store)} == {whole}

    async def test_several_containers(self, swift_url: str, container: str) -> None:
        account = swift.account_of(swift_url, USER)
        async with started(swift_url, container, swift_store_multiple_containers_seed=2) as store:
            ids = {f"a{new_id()[1:]}", f"b{new_id()[1:]}"}
            for name in ids:
                await store.add(name, cut(b"x"))
            # Not where a store with these settings would put it, nor look for it.
            elsewhere = f"{container}_a{'0' if min(ids)[1] != '0' else '1'}"
            account.request("PUT", f"/{elsewhere}")
            account.request("PUT", f"/{elsewhere}/{min(ids)}", data=b"x")
            assert await _held(store) == {(each, True, None) for each in ids}

    async def test_the_accounts_of_projects(self, swift_url: str, container: str) -> None:
        async with started(swift_url, container, swift_store_multi_tenant=True) as store:
            mine, hers = new_id(), new_id()
            await store.add(mine, cut(b"x"))
            await store.add(hers, cut(content(2 * MB)), owner="test2")
            owner = swift.account_of(swift_url, "test2:tester2")
            empty = new_id()
            owner.request("PUT", f"/{container}_{empty}")
            owner.request("PUT", f"/{container}_other")
            assert await _held(store, "test2", "service", "no/project", "nobody") == {
                (mine, True, None), (hers, True, "test2"), (empty, True, "test2"),
            }  # fmt: skip
            await store.discard(empty, owner="test2")
            await store.discard(hers, owner="test2")
            assert await _held(store, "test2") == {(mine, True, None)}
