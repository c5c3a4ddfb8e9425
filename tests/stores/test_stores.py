"""The configured stores together; each driver has its own tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from imagestore.backends import errors
from imagestore.backends.base import Capability
from imagestore.config import settings
from imagestore.config.settings import StoreSection
from imagestore.model.errors import ConfigurationError
from imagestore.model.image import Location
from imagestore.stores.stores import Stores

IMAGE = "7f1dbf9a-3a4c-4c12-9c43-1b5a4d4f1a00"


def section(name: str, directory: Path, **more: Any) -> StoreSection:
    return StoreSection(name, "file", {"filesystem_store_datadir": str(directory)}, **more)


def configured(*sections: StoreSection, **more: Any) -> settings.Stores:
    return settings.Stores(sections, sections[0].name, multiple=len(sections) > 1, **more)


async def blocks() -> AsyncIterator[bytes]:
    yield b"some bytes"


async def test_several_stores(tmp_path: Path) -> None:
    staging = section("os_glance_staging_store", tmp_path / "staging")
    stores = Stores(
        configured(
            section("light", tmp_path / "light"),
            section("heavy", tmp_path / "heavy", weight=5),
            section("middle", tmp_path / "middle", weight=2, read_only=True),
            reserved=(staging,),
        )
    )
    await stores.start()

    assert [store.name for store in stores] == ["heavy", "middle", "light"]
    assert [each.name for each in stores.sections] == ["light", "heavy", "middle"]
    assert stores.default.name == "light"
    assert stores.multiple
    assert "heavy" in stores
    assert "os_glance_staging_store" not in stores
    assert stores.reserved("os_glance_staging_store").name == "os_glance_staging_store"
    assert (tmp_path / "staging").is_dir()
    with pytest.raises(KeyError):
        stores.get("none")
    assert [stores.is_writable(name) for name in ("light", "middle")] == [True, False]
    await stores.stop()


async def test_a_location_belongs_to_the_store_it_names_or_to_that_of_its_url(
    tmp_path: Path,
) -> None:
    stores = Stores(
        configured(section("a", tmp_path / "a"), section("b", tmp_path / "b", weight=1))
    )
    await stores.start()
    stored = await stores.get("a").add(IMAGE, blocks())

    for metadata in ({"store": "a"}, {"store": "gone"}, {}):
        owner = stores.of(Location(stored.url, metadata))
        assert owner is stores.get("a")
    assert stores.of(Location("file:///elsewhere/x")) is None
    assert stores.of(Location("punchcards://a/x")) is None
    await stores.stop()


async def test_copies_come_by_preference_then_by_weight(tmp_path: Path) -> None:
    stores = Stores(
        configured(
            section("a", tmp_path / "a"),
            section("b", tmp_path / "b", weight=1),
            section("c", tmp_path / "c", weight=2),
        )
    )
    locations = [
        Location(f"file://{tmp_path}/{name}/{IMAGE}", {"store": name}) for name in ("a", "b", "c")
    ]
    lost = Location("punchcards://x")

    def names(*prefer: str) -> list[str]:
        return [store.name for store, _ in stores.ordered([*locations, lost], prefer)]

    assert names() == ["c", "b", "a"]
    assert names("a") == ["a", "c", "b"]
    assert names("b", "a") == ["b", "a", "c"]


async def test_a_read_only_store_is_not_written_to(tmp_path: Path) -> None:
    plain = Stores(configured(section("a", tmp_path / "a")))
    await plain.start()
    stored = await plain.default.add(IMAGE, blocks())
    await plain.stop()

    stores = Stores(configured(section("a", tmp_path / "a", read_only=True)))
    await stores.start()
    store = stores.default
    assert Capability.WRITABLE not in store.capabilities
    assert Capability.LOCAL_PATH in store.capabilities
    for attempt in (
        store.add(IMAGE, blocks()),
        store.delete(stored.url),
        store.discard(IMAGE),
    ):
        with pytest.raises(errors.ReadOnly):
            await attempt
    assert await store.exists(stored.url)
    assert await store.size(stored.url) == 10
    assert (await store.capacity()).free
    assert store.local_path(stored.url) == tmp_path / "a" / IMAGE
    async with store.open(stored.url) as opened:
        assert b"".join([bytes(block) async for block in opened]) == b"some bytes"
    await stores.stop()


def test_two_stores_in_one_directory_are_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "a")
    several = StoreSection("b", "file", {"filesystem_store_datadirs": (f"{tmp_path}/a:7",)})
    for other in (section("b", tmp_path / "a"), section("b", tmp_path / "link"), several):
        with pytest.raises(ConfigurationError, match=r"\[a\] and \[b\]"):
            Stores(configured(section("a", tmp_path / "a"), other))
    with pytest.raises(ConfigurationError, match="os_glance_staging_store"):
        Stores(
            configured(
                section("a", tmp_path / "a"),
                reserved=(section("os_glance_staging_store", tmp_path / "a"),),
            )
        )


async def test_what_is_wrong_with_a_store_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    stores = Stores(configured(section("good", tmp_path / "a"), section("b", tmp_path / "file")))
    with pytest.raises(ConfigurationError, match=r"\[b\] .*filesystem_store_datadir"):
        await stores.start()
    with pytest.raises(errors.Unavailable):
        await stores.get("good").add(IMAGE, blocks())  # stopped again

    with pytest.raises(ConfigurationError, match=r"\[b\]"):
        await Stores(configured(StoreSection("b", "file"))).start()


async def test_copies_in_stores_that_are_away_come_last(tmp_path: Path) -> None:
    stores = Stores(
        configured(
            section("a", tmp_path / "a"),
            section("b", tmp_path / "b", weight=1),
            section("c", tmp_path / "c", weight=2),
        )
    )
    locations = [
        Location(f"file://{tmp_path}/{name}/{IMAGE}", {"store": name}) for name in ("a", "b", "c")
    ]
    locations.append(Location(f"file://{tmp_path}/c/x", {"store": "c"}, status="pending_delete"))

    def names(*prefer: str) -> list[str]:
        return [store.name for store, _ in stores.readable(locations, prefer)]

    assert names() == ["c", "b", "a"]
    for _ in range(3):
        stores.judge("c", errors.Unavailable("forced"))
    assert not stores.health("c").healthy
    assert names() == ["b", "a", "c"]
    assert names("c", "a") == ["a", "b", "c"]
    stores.judge("c", None)
    assert names() == ["c", "b", "a"]
    await stores.stop()


def test_several_http_stores(tmp_path: Path) -> None:
    """With rules of their own: each URL is of the first that may read it, or of the one named."""
    stores = Stores(
        configured(
            section("a", tmp_path / "a"),
            StoreSection(
                "b", "http", {"http_store_allowed_hosts": ("one.example", "both.example")}
            ),
            StoreSection(
                "c", "http", {"http_store_allowed_hosts": ("two.example", "both.example")}
            ),
            StoreSection("d", "http", {"http_store_allowed_hosts": ("last.example",)}, weight=-1),
        )
    )
    for url, owner in (
        ("https://one.example/x", "b"),
        ("https://two.example/x", "c"),
        ("https://two.example/x#label", "c"),
        ("https://both.example/x", "b"),
        ("https://last.example/x", "d"),
        ("https://nobody.example/x", "b"),
    ):
        assert stores.by_url(url) is stores.get(owner)
        assert stores.of(Location(url, {"store": "gone"})) is stores.get(owner)
        assert stores.of(Location(url, {"store": "d"})) is stores.get("d")
    assert stores.by_url("ftp://one.example/x") is None


def test_a_store_of_type_http(tmp_path: Path) -> None:
    files = section("a", tmp_path / "a")
    stores = Stores(configured(files, StoreSection("b", "http")))
    assert stores.of(Location("https://example.org/x")) is stores.get("b")
    assert not stores.is_writable("b")
    with pytest.raises(ConfigurationError, match=r"\[b\] http_store_allowed_ports"):
        Stores(configured(StoreSection("b", "http", {"http_store_allowed_ports": ("x",)})))
