"""Sharing by v1."""

from __future__ import annotations

from typing import Any

import pytest

from tests.service.conftest import Person
from tests.service.v1.conftest import ON_ONE, head, listed, made


async def members(person: Person, image: str) -> dict[str, bool]:
    answer = await person("GET", f"/v1/images/{image}/members")
    assert answer.status == 200
    return {m["member_id"]: m["can_share"] for m in (await answer.json())["members"]}


async def shared(person: Person, project: str) -> list[str]:
    answer = await person("GET", f"/v1/shared-images/{project}")
    assert answer.status == 200
    return sorted(image["image_id"] for image in (await answer.json())["shared_images"])


@pytest.mark.every_database
async def test_sharing(alice: Person, bob: Person, admin: Person) -> None:
    image = (await made(alice, b"data", name="shared"))["id"]
    path = f"/v1/images/{image}/members"
    assert (await bob("HEAD", f"/v1/images/{image}")).status == 404
    assert (await alice("PUT", f"{path}/blue")).status == 204
    # Nobody has accepted anything: v1 knows of no such step.
    assert await listed(bob) == ["shared"]
    assert await (await bob("GET", f"/v1/images/{image}")).read() == b"data"
    listing: dict[str, Any] = await (await bob("GET", "/v2/images")).json()
    assert listing["images"] == []

    assert (await alice("PUT", f"{path}/green", json={"member": {"can_share": True}})).status == 204
    assert await members(alice, image) == {"blue": False, "green": True}
    assert (await alice("PUT", f"{path}/green", json={"member": {}})).status == 204
    assert (await alice("PUT", f"{path}/blue", json={"member": {"can_share": True}})).status == 204
    assert await members(admin, image) == {"blue": True, "green": True}
    assert await members(bob, image) == {"blue": True}
    # The word gives no right: who may share is for the policy.
    assert (await bob("PUT", f"{path}/yellow")).status == 403
    assert await shared(bob, "blue") == await shared(alice, "blue") == [image]
    assert await shared(bob, "green") == []
    assert await shared(admin, "green") == [image]
    assert await shared(bob, "nobody") == []

    wanted = {"memberships": [{"member_id": "blue", "can_share": False}, {"member_id": "gold"}]}
    assert (await bob("PUT", path, json=wanted)).status == 403
    assert (await alice("PUT", path, json=wanted)).status == 204
    assert await members(alice, image) == {"blue": False, "gold": False}
    assert (await alice("DELETE", f"{path}/gold")).status == 204
    assert (await alice("DELETE", f"{path}/gold")).status == 404
    assert (await alice("PUT", path, json={"memberships": []})).status == 204
    assert (await bob("HEAD", f"/v1/images/{image}")).status == 404
    assert await listed(bob) == []


async def test_a_rejected_image_is_shared_all_the_same(alice: Person, bob: Person) -> None:
    image = (await made(alice, name="offered"))["id"]
    await alice("PUT", f"/v1/images/{image}/members/blue")
    await bob("PUT", f"/v2/images/{image}/members/blue", json={"status": "rejected"})
    assert await listed(bob) == ["offered"]
    # And what v1 says of the member leaves what he has answered.
    body = {"member": {"can_share": True}}
    assert (await alice("PUT", f"/v1/images/{image}/members/blue", json=body)).status == 204
    answer = await bob("GET", f"/v2/images/{image}/members/blue")
    assert (await answer.json())["status"] == "rejected"


@ON_ONE
async def test_what_is_no_member(alice: Person, admin: Person) -> None:
    image = (await made(alice))["id"]
    path = f"/v1/images/{image}/members"
    for body in (
        {}, [], {"memberships": {}}, {"memberships": [1]}, {"memberships": [{}]},
        {"memberships": [{"member_id": 1}]}, {"memberships": [{"member_id": ""}]},
        {"memberships": [{"member_id": "x", "can_share": "yes"}]},
        {"memberships": [{"member_id": "x\0"}]}, {"memberships": [{"member_id": "x" * 256}]},
    ):  # fmt: skip
        assert (await alice("PUT", path, json=body)).status == 400, body
    for text in (b"{", b"[]", b'{"member": 1}', b'{"member": {"can_share": 1}}', b"\xff"):
        assert (await alice("PUT", f"{path}/x", data=text)).status == 400, text
    assert (await alice("PUT", f"{path}/{'x' * 256}")).status == 400
    assert (await alice("PUT", f"{path}/%F0%9F%98%80")).status == 404
    assert (await alice("GET", f"{path}/x")).status == 405
    assert await members(alice, image) == {}
    public = (await made(admin, is_public="True"))["id"]
    assert await members(alice, public) == {}
    assert (await admin("PUT", f"/v1/images/{public}/members/x")).status == 403
    assert (await head(alice, public))["x-image-meta-is_public"] == "True"
