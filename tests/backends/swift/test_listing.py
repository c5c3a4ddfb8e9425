"""What lies in the containers, image by image."""

from __future__ import annotations

from imagestore.backends.swift.store import SwiftStore
from imagestore.backends.testing.contract import content, cut, new_id
from tests.services import swift

from .conftest import MB, USER, started


async def _held(store: SwiftStore, *owners: str) -> set[tuple[str, bool, str | None]]:
    pages = store.held(owners)
    return {(each.image_id, each.whole, each.owner) async for page in pages for each in page}


async def test_segments_and_claims(swift_url: str, container: str) -> None:
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


async def test_several_containers(swift_url: str, container: str) -> None:
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


async def test_the_accounts_of_projects(swift_url: str, container: str) -> None:
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
