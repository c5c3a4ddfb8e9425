"""Rules on images as records: what may be changed, by whom, and what is never possible."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.service.conftest import Person, Service, Start, small


async def test_an_image_cannot_be_pushed_into_another_project(
    alice: Person, bob: Person, admin: Person
) -> None:
    image = (await alice.create())["id"]
    for op in ("add", "replace"):
        answer = await alice.patch(image, {"op": op, "path": "/owner", "value": "blue"})
        assert answer.status == 403
    assert (await alice.show(image))["owner"] == "red"
    assert (await bob("GET", f"/v2/images/{image}")).status == 404
    given = await admin.patch(image, {"op": "replace", "path": "/owner", "value": "blue"})
    assert given.status == 200
    assert (await bob.show(image))["owner"] == "blue"


@pytest.mark.parametrize("url", ["embedded"], indirect=True)
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/id", 403), ("/status", 403), ("/checksum", 403), ("/size", 403), ("/os_hash_value", 403),
        ("/deleted", 403), ("/os_glance_x", 403),
        ("/created_at", 403), ("/stores", 403),
    ],
)  # fmt: skip
@pytest.mark.parametrize("op", ["add", "replace", "remove"])
async def test_nothing_internal_is_reached_by_a_patch(
    alice: Person, op: str, path: str, status: int
) -> None:
    image = (await alice.create())["id"]
    operation: dict[str, Any] = {"op": op, "path": path}
    if op != "remove":
        operation["value"] = "x"
    assert (await alice.patch(image, operation)).status == status
    assert (await alice.show(image))["id"] == image


async def test_locations_cannot_be_written(alice: Person) -> None:
    image = (await alice.create())["id"]
    location = {"url": "http://127.0.0.1/x", "metadata": {}}
    for operation in (
        {"op": "add", "path": "/locations/-", "value": location},
        {"op": "replace", "path": "/locations", "value": [location]},
        {"op": "replace", "path": "/locations", "value": []},
        {"op": "remove", "path": "/locations/0"},
    ):
        assert (await alice.patch(image, operation)).status == 403


@pytest.mark.parametrize("name", ["image_id", "extra_properties", "member", "properties"])
async def test_names_of_internals_are_plain_properties(alice: Person, name: str) -> None:
    active = (await alice.create())["id"]
    assert await alice.upload(active, b"data") == 204
    image = (await alice.create())["id"]
    answer = await alice.patch(image, {"op": "add", "path": f"/{name}", "value": active})
    assert answer.status == 200
    assert (await answer.json())[name] == active
    assert (await alice.show(active))["status"] == "active"
    assert (await alice.show(image))["status"] == "queued"


async def test_formats_are_fixed_once_there_is_data(alice: Person) -> None:
    image = (await alice.create())["id"]
    change = {"op": "replace", "path": "/disk_format", "value": "qcow2"}
    assert (await alice.patch(image, change)).status == 200
    back = {"op": "replace", "path": "/disk_format", "value": "raw"}
    assert (await alice.patch(image, back)).status == 200
    assert await alice.upload(image, b"data") == 204
    assert (await alice.patch(image, change)).status == 403


@pytest.mark.every_database
async def test_a_patch_is_applied_whole_or_not_at_all(alice: Person) -> None:
    image = (await alice.create(colour="red"))["id"]
    answer = await alice.patch(
        image,
        {"op": "replace", "path": "/colour", "value": "green"},
        {"op": "remove", "path": "/shape"},
    )
    assert answer.status == 409
    assert (await alice.show(image))["colour"] == "red"


@pytest.mark.every_database
async def test_concurrent_patches_do_not_undo_each_other(alice: Person) -> None:
    image = (await alice.create())["id"]
    answers = await asyncio.gather(
        *(
            alice.patch(image, {"op": "add", "path": f"/p{number}", "value": str(number)})
            for number in range(20)
        )
    )
    assert {answer.status for answer in answers} == {200}
    shown = await alice.show(image)
    assert {shown[f"p{number}"] for number in range(20)} == {str(number) for number in range(20)}


@pytest.mark.every_database
async def test_an_id_is_never_used_again(alice: Person) -> None:
    image = (await alice.create())["id"]
    assert (await alice("POST", "/v2/images", json={"id": image})).status == 409
    assert (await alice("DELETE", f"/v2/images/{image}")).status == 204
    assert (await alice("POST", "/v2/images", json={"id": image})).status == 409
    assert (await alice("GET", f"/v2/images/{image}")).status == 404


async def test_quotas(start: Start) -> None:
    service = await start(
        limits=small(image_property_quota=2, image_tag_quota=2, image_member_quota=1)
    )
    alice = service.person("red")
    assert (await alice("POST", "/v2/images", json={"a": "", "b": "", "c": ""})).status == 413
    assert (await alice("POST", "/v2/images", json={"tags": ["a", "b", "c"]})).status == 413
    image = (await alice.create(a="1", b="2", tags=["x", "y"]))["id"]
    add = {"op": "add", "path": "/c", "value": "3"}
    assert (await alice.patch(image, add)).status == 413
    assert (await alice.patch(image, {"op": "remove", "path": "/a"}, add)).status == 200
    assert (await alice("PUT", f"/v2/images/{image}/tags/z")).status == 413
    assert (await alice("PUT", f"/v2/images/{image}/tags/x")).status == 204
    members = f"/v2/images/{image}/members"
    assert (await alice("POST", members, json={"member": "blue"})).status == 200
    assert (await alice("POST", members, json={"member": "green"})).status == 413


async def test_visibility(service: Service, alice: Person, bob: Person, admin: Person) -> None:
    assert (await alice("POST", "/v2/images", json={"visibility": "public"})).status == 403
    public = (await admin.create(visibility="public"))["id"]
    assert (await bob("GET", f"/v2/images/{public}")).status == 200
    image = (await alice.create())["id"]
    raised = await alice.patch(image, {"op": "replace", "path": "/visibility", "value": "public"})
    assert raised.status == 403
    await alice.patch(image, {"op": "replace", "path": "/visibility", "value": "community"})
    assert (await bob("GET", f"/v2/images/{image}")).status == 200
    assert (await bob("DELETE", f"/v2/images/{image}")).status == 403
    reader = service.person("red", "reader")
    assert (await reader("DELETE", f"/v2/images/{image}")).status == 403


async def test_a_protected_image_stays(alice: Person, admin: Person) -> None:
    image = (await alice.create(protected=True))["id"]
    assert (await admin("DELETE", f"/v2/images/{image}")).status == 403
    await alice.patch(image, {"op": "replace", "path": "/protected", "value": False})
    assert (await alice("DELETE", f"/v2/images/{image}")).status == 204
    assert (await alice("DELETE", f"/v2/images/{image}")).status == 404


@pytest.mark.every_database
async def test_members(alice: Person, bob: Person, admin: Person) -> None:
    image = (await alice.create())["id"]
    path = f"/v2/images/{image}/members"
    assert (await alice("POST", path, json={"member": "blue"})).status == 200
    assert (await alice("POST", path, json={"member": "blue"})).status == 409
    for body in ({}, {"member": ""}, [], {"member": "x" * 256}):
        assert (await alice("POST", path, json=body)).status == 400
    assert (await alice("PUT", f"{path}/blue", json={"status": "accepted"})).status == 403
    assert (await bob("PUT", f"{path}/blue", json={"status": "perhaps"})).status == 400
    assert (await bob("PUT", f"{path}/blue", json={"status": "accepted"})).status == 200
    await alice("POST", path, json={"member": "green"})
    seen = await (await bob("GET", path)).json()
    assert [member["member_id"] for member in seen["members"]] == ["blue"]
    assert len((await (await alice("GET", path)).json())["members"]) == 2
    assert (await bob("GET", f"{path}/green")).status == 404
    assert (await bob("DELETE", f"{path}/blue")).status == 403
    assert (await alice("DELETE", f"{path}/blue")).status == 204
    assert (await bob("GET", f"/v2/images/{image}")).status == 404
    private = (await alice.create(visibility="private"))["id"]
    assert (await alice("GET", f"/v2/images/{private}/members")).status == 403
    assert (await alice("GET", f"/v2/images/{private}/members/blue")).status == 404


@pytest.mark.every_database
async def test_paging_keeps_every_parameter(alice: Person) -> None:
    for number in range(5):
        await alice.create(name=f"n{number}", tags=["a", "b"])
    await alice.create(name="other", tags=["a"])
    path = "/v2/images?limit=2&tag=a&tag=b&sort_key=name&sort_key=id&sort_dir=asc"
    names = []
    while path:
        page = await (await alice("GET", path)).json()
        names += [image["name"] for image in page["images"]]
        path = page.get("next")
    assert names == [f"n{number}" for number in range(5)]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'"x"', b"1", b'{"os_hash_algo": 1, "name": ', b"\xff", b'{"name": 1}'],
)
async def test_bad_bodies_are_told_as_such(alice: Person, body: bytes) -> None:
    assert (await alice("POST", "/v2/images", data=body)).status == 400


async def test_hashes_cannot_be_given(alice: Person) -> None:
    for name, value in (
        ("os_hash_algo", "sha512"),
        ("os_hash_value", "0" * 128),
        ("checksum", "0" * 32),
        ("status", "active"),
        ("size", 1),
    ):
        assert (await alice("POST", "/v2/images", json={name: value})).status == 403


async def test_nobody_comes_in_without_an_identity(service: Service) -> None:
    for path in ("/v2/images", "/v2/nothing", "/v2/schemas/image"):
        assert (await service.client.get(path)).status == 401
    assert (await service.client.get("/versions")).status == 200
    assert (await service.client.get("/healthcheck")).status == 200
