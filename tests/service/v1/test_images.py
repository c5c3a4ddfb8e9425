"""Images by v1: registered, shown, listed, changed, deleted; and what v2 makes of them."""

from __future__ import annotations

import hashlib
import os
from datetime import datetime

import pytest

from tests.service.conftest import Person, Service
from tests.service.v1.conftest import ON_ONE, head, listed, made, meta, post, put

DATA = os.urandom(5 << 20)
MD5 = hashlib.md5(DATA, usedforsecurity=False).hexdigest()


@pytest.mark.every_database
async def test_the_life_of_an_image(alice: Person, service: Service) -> None:
    answer = await post(
        alice, DATA, name="disk", size=len(DATA), checksum=MD5, min_ram=64, min_disk=1,
        protected="True", property_os_version="12",
    )  # fmt: skip
    assert answer.status == 201, await answer.text()
    image = (await answer.json())["image"]
    assert answer.headers["Location"].endswith(f"/v1/images/{image['id']}")
    assert answer.headers["ETag"] == MD5
    datetime.fromisoformat(image.pop("created_at"))
    assert len(image.pop("updated_at")) == len("2014-10-16T12:00:00")
    assert image == {
        "id": image["id"], "name": "disk", "status": "active", "size": len(DATA),
        "virtual_size": len(DATA), "disk_format": "raw", "container_format": "bare",
        "checksum": MD5, "min_ram": 64, "min_disk": 1, "owner": "red", "is_public": False,
        "protected": True, "deleted": False, "deleted_at": None,
        "properties": {"os_version": "12"},
    }  # fmt: skip

    shown = await head(alice, image["id"])
    told = {name[13:]: text for name, text in shown.items() if name.startswith("x-image-meta-")}
    assert told.pop("property-os_version") == "12"
    del told["created_at"], told["updated_at"], image["properties"]
    assert told == {name: str(value) for name, value in image.items() if value is not None}

    got = await alice("GET", f"/v1/images/{image['id']}")
    assert (got.status, await got.read()) == (200, DATA)
    assert got.headers["Content-Length"] == str(len(DATA))
    assert got.headers["ETag"] == got.headers["x-image-meta-checksum"] == MD5
    assert got.headers["x-image-meta-property-os_version"] == "12"
    as_v2 = await alice.show(image["id"])
    assert (as_v2["visibility"], as_v2["os_version"], as_v2["min_ram"]) == ("shared", "12", 64)

    assert (await alice("DELETE", f"/v1/images/{image['id']}")).status == 403
    assert (await put(alice, image["id"], protected="no")).status == 200
    gone = await alice("DELETE", f"/v1/images/{image['id']}")
    assert (gone.status, await gone.read()) == (200, b"")
    assert (await alice("HEAD", f"/v1/images/{image['id']}")).status == 404
    assert (await alice("GET", f"/v1/images/{image['id']}")).status == 404
    assert (await alice("DELETE", f"/v1/images/{image['id']}")).status == 404
    assert not service.files()


@pytest.mark.every_database
async def test_lists_and_their_filters(alice: Person, bob: Person, admin: Person) -> None:
    small = await made(alice, b"x", name="small", property_kind="a b", property_both="1")
    await made(alice, b"x" * 100, name="large", disk_format="ploop", property_both="1", min_ram=5)
    await made(alice, name="queued", protected="True", container_format="ovf")
    public = await made(admin, b"xy", name="public", is_public="True")
    theirs = await made(bob, name="theirs")

    mine = ["large", "public", "queued", "small"]
    assert await listed(alice) == await listed(alice, what="images/detail") == mine
    assert await listed(alice, what="") == mine
    brief = (await (await alice("GET", "/v1/images?name=small")).json())["images"]
    assert brief == [
        {name: small[name] for name in
         ("id", "name", "size", "disk_format", "container_format", "checksum")}
    ]  # fmt: skip
    detail = (await (await alice("GET", "/v1/images/detail?name=small")).json())["images"]
    assert detail == [small]

    for query, names in {
        "name=large": ["large"],
        "status=queued": ["queued"],
        "status=active&size_min=2": ["large", "public"],
        "size_max=99&size_min=1": ["public", "small"],
        "size_min=" + "9" * 30: [],
        "disk_format=ploop": ["large"],
        "container_format=ovf": ["queued"],
        "min_ram=5&min_disk=0": ["large"],
        "protected=true": ["queued"],
        "property-kind=a%20b": ["small"],
        "property-both=1": ["large", "small"],
        "property-both=2": [],
        "is_public=True": ["public"],
        "is_public=False": ["large", "queued", "small"],
        "is_public=None": mine,
        "sort_key=name&sort_dir=desc": mine[::-1],
        "sort_key=size&sort_dir=desc&status=active": ["large", "public", "small"],
        f"marker={public['id']}&limit=2": ["queued", "small"],
        "limit=0": [],
        "unknown=1&owner=x&visibility=private": mine,
        "name=%F0%9F%98%80": [],
    }.items():
        assert await listed(alice, query) == names, query
    for query in (
        "limit=x", "limit=-1", "size_min=x", "size_max=-1", "min_ram=1.5", "protected=maybe",
        "is_public=maybe", "sort_key=owner", "sort_dir=up", f"marker={theirs['id']}",
        "marker=nothing", "changes-since=yesterday", "marker=%F0%9F%98%80",
    ):  # fmt: skip
        assert (await alice("GET", f"/v1/images?{query}")).status in (200, 400), query
        if "98%80" not in query:
            assert (await alice("GET", f"/v1/images/detail?{query}")).status == 400, query

    assert await listed(admin) == ["public"]
    assert await listed(admin, "is_public=None") == [*mine, "theirs"]
    assert await listed(admin, "is_public=False") == ["large", "queued", "small", "theirs"]


@pytest.mark.every_database
async def test_changes_since_tells_of_what_is_gone(
    alice: Person, bob: Person, admin: Person
) -> None:
    kept = await made(alice, b"1", name="kept", property_kind="x")
    gone = await made(alice, b"2", name="gone", property_kind="x")
    await alice("DELETE", f"/v1/images/{gone['id']}")
    since = f"changes-since={kept['created_at']}Z"
    assert await listed(alice) == ["kept"]
    assert await listed(alice, since) == ["gone", "kept"]
    found = await (await alice("GET", f"/v1/images/detail?{since}&status=deleted")).json()
    (image,) = found["images"]
    assert (image["deleted"], image["status"], image["properties"]) == (True, "deleted", {})
    assert image["deleted_at"] == image["updated_at"]
    assert await listed(alice, f"{since}&marker={gone['id']}") == ["kept"]
    assert await listed(alice, "changes-since=2099-01-01T00:00:00%2B02:00") == []
    assert await listed(bob, since) == []
    assert await listed(alice, "deleted=True") == ["kept"]
    assert await listed(admin, "deleted=True&is_public=None") == ["gone"]


async def test_a_change_takes_what_is_not_named_away_unless_told(alice: Person) -> None:
    image = (await made(alice, name="a", property_one="1", property_two="2"))["id"]
    changed = await put(alice, image, name="b", property_two="zwei", property_three="3")
    assert changed.status == 200
    body = (await changed.json())["image"]
    assert (body["name"], body["properties"]) == ("b", {"one": "1", "two": "zwei", "three": "3"})
    body = (await (await put(alice, image, purge=None, property_one="1")).json())["image"]
    assert (body["name"], body["properties"]) == ("b", {"one": "1"})
    # Data that comes along keeps them; so did the calls that sent it in two steps.
    filled = await put(alice, image, b"data", purge=None, property_four="4")
    body = (await filled.json())["image"]
    assert body["properties"] == {"one": "1", "four": "4"}
    assert (body["status"], body["size"]) == ("active", 4)
    assert (await put(alice, image, b"more")).status == 409
    assert (await put(alice, image, purge="True")).status == 200
    assert (await alice.show(image)).keys().isdisjoint({"one", "four"})


@ON_ONE
async def test_what_v1_cannot_spell_is_kept_by_what_sends_all_back(alice: Person) -> None:
    properties = {"hw-Rng_Model": "virtio", "ümlaut x": "é\nX-Evil: 1", "OS": "a", "os": "b"}
    image = (await alice.create(**properties))["id"]
    shown = {name: text for name, text in (await head(alice, image)).items() if "meta-p" in name}
    assert "x-evil" not in await head(alice, image)
    assert shown["x-image-meta-property-hw-rng_model"] == "virtio"
    assert shown["x-image-meta-property-%c3%bcmlaut%20x"] == "é%0AX-Evil: 1"
    back = {name: text for name, text in shown.items() if "evil" not in text.lower()}
    back["x-image-meta-property-%c3%bcmlaut%20x"] = "changed"
    answer = await alice("PUT", f"/v1/images/{image}", headers=back)
    assert answer.status == 200
    after = await alice.show(image)
    assert after.items() >= {"hw-Rng_Model": "virtio", "ümlaut x": "changed", "OS": "a"}.items()
    assert "os" in after


@ON_ONE
async def test_empty_values_are_none(alice: Person) -> None:
    image = await made(alice, name="", property_kernel_id="", property_x="1")
    assert (image["name"], image["properties"]) == (None, {"x": "1"})
    body = (await (await put(alice, image["id"], property_x="", property_y="")).json())["image"]
    assert body["properties"] == {}
    assert (await put(alice, image["id"], disk_format="")).status == 400


@ON_ONE
async def test_formats_of_amazon_go_together(alice: Person) -> None:
    for fields in ({"disk_format": "aki"}, {"container_format": "aki"}):
        answer = await alice("POST", "/v1/images", headers=meta(**fields))
        image = (await answer.json())["image"]
        assert (image["disk_format"], image["container_format"]) == ("aki", "aki")
    mixed = meta(disk_format="ami", container_format="bare")
    assert (await alice("POST", "/v1/images", headers=mixed)).status == 400


@ON_ONE
async def test_an_image_of_no_bytes_is_active_at_once(alice: Person) -> None:
    answer = await alice("POST", "/v1/images", headers=meta(name="volume", size=0))
    image = (await answer.json())["image"]
    assert (answer.status, image["status"], image["size"]) == (201, "active", 0)
    got = await alice("GET", f"/v1/images/{image['id']}")
    assert (got.status, await got.read()) == (200, b"")
    assert (await (await post(alice, b"", name="x")).json())["image"]["status"] == "queued"


@ON_ONE
async def test_who_may_say_what(alice: Person, bob: Person, admin: Person) -> None:
    """An owner is heard of administrators only; what the service says, of nobody."""
    given = "11111111-2222-4333-8444-555555555555"
    image = await made(
        alice, b"1", id=given, owner="blue", status="deleted", deleted="True",
        created_at="1999-01-01T00:00:00", virtual_size="None", uri="x",
    )  # fmt: skip
    assert (image["id"], image["owner"], image["status"]) == (given, "red", "active")
    assert not image["created_at"].startswith("1999")
    assert (await post(alice, id=given)).status == 409
    assert (await post(alice, id="x")).status == 400
    assert (await put(alice, given, owner="blue")).status == 200
    assert (await head(alice, given))["x-image-meta-owner"] == "red"
    for fields in (
        {"size": 2}, {"checksum": "0" * 32}, {"status": "queued"}, {"id": given[::-1]},
        {"disk_format": "qcow2"}, {"is_public": "True"}, {"property_owner": "x"},
        {"property_os_glance_x": "1"}, {"property_locations": "x"},
    ):  # fmt: skip
        assert (await put(alice, given, **fields)).status == 403, fields
    # The same as it is may be said, by whoever sends back all that he was shown.
    same = {
        name: text
        for name, text in (await head(alice, given)).items()
        if name.startswith("x-image-meta-")
    }
    assert (await alice("PUT", f"/v1/images/{given}", headers=same)).status == 200
    same["x-image-meta-checksum"] = same["x-image-meta-checksum"].upper()
    assert (await alice("PUT", f"/v1/images/{given}", headers=same)).status == 200
    assert (await put(admin, given, owner="blue")).status == 200
    assert (await bob.show(given))["owner"] == "blue"


@ON_ONE
@pytest.mark.every_database
async def test_images_of_v2_as_v1_sees_them(alice: Person, bob: Person, admin: Person) -> None:
    community = (await alice.create(name="community", visibility="community"))["id"]
    private = (await alice.create(name="private", visibility="private"))["id"]
    hidden = (await alice.create(name="hidden", os_hidden=True))["id"]
    assert (await head(bob, community))["x-image-meta-is_public"] == "False"
    assert await listed(bob) == []
    assert (await bob("HEAD", f"/v1/images/{private}")).status == 404
    assert await listed(alice) == ["community", "private"]
    assert "hidden" not in await listed(alice, "is_public=None")
    assert (await put(alice, private, is_public="False", name="p")).status == 200
    assert (await alice.show(private))["visibility"] == "private"
    assert (await put(admin, private, is_public="True")).status == 200
    assert (await alice.show(private))["visibility"] == "public"
    assert (await put(admin, private, is_public="0")).status == 200
    assert (await alice.show(private))["visibility"] == "shared"
    assert (await head(alice, hidden))["x-image-meta-name"] == "hidden"


@ON_ONE
async def test_every_name_of_the_version(alice: Person) -> None:
    await made(alice, name="one")
    for path in ("/v1/images", "/v1.0/images", "/v1.1/images", "/v1/"):
        assert (await alice("GET", path)).status == 200, path
    accept = {"Accept": "application/vnd.openstack.images-v1"}
    assert (await alice("GET", "/images", headers=accept)).status == 200
    assert (await alice("GET", "/v1", allow_redirects=False)).status == 302
    assert (await alice("GET", "/v1.2/images")).status == 300
    assert (await alice("GET", "/v1/nothing")).status == 404
    assert (await alice("PATCH", "/v1/images")).status == 405
