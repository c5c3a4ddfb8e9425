"""Rules that an operator has changed, where more than one of them has a say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imagestore.config.settings import Identity, Images
from tests.service.conftest import Service, Start


async def ruled(
    start: Start, directory: Path, images: Images | None = None, **rules: str
) -> Service:
    file = directory / "policy.json"
    file.write_text(json.dumps(rules))
    identity = Identity(flavor="trusted-headers", policy_file=file)
    return await start(identity=identity, images=images or Images())


async def test_a_list_has_only_what_may_be_seen(start: Start, tmp_path: Path) -> None:
    """And it goes on where a page has less than was asked for, or nothing at all."""
    service = await ruled(start, tmp_path, get_image="role:admin or 'seen':%(name)s")
    alice = service.person("red")
    ids = [(await alice.create(name=name))["id"] for name in ("seen", "hid", "hid", "seen")]
    found: list[str] = []
    path, pages = "/v2/images?limit=1&sort=created_at:asc", 0
    while path:
        page = await (await alice("GET", path)).json()
        found += [image["id"] for image in page["images"]]
        path, pages = page.get("next"), pages + 1
        assert pages < 10
    # The four were made in one second, which is all that some databases tell.
    assert sorted(found) == sorted([ids[0], ids[3]])
    assert (await alice("GET", f"/v2/images/{ids[1]}")).status == 404


async def test_a_member_sees_in_a_list_what_is_shared_with_it(start: Start, tmp_path: Path) -> None:
    rule = "project_id:%(project_id)s or project_id:%(member_id)s"
    service = await ruled(start, tmp_path, get_image=rule, modify_member="@", get_member="@")
    alice, bob = service.person("red"), service.person("blue")
    image = (await alice.create())["id"]
    members = f"/v2/images/{image}/members"
    assert (await alice("POST", members, json={"member": "blue"})).status == 200
    accepted = await bob("PUT", f"{members}/blue", json={"status": "accepted"})
    assert accepted.status == 200
    for person in (alice, bob):
        listed = await (await person("GET", "/v2/images")).json()
        assert [one["id"] for one in listed["images"]] == [image]
    assert (await (await service.person("green")("GET", "/v2/images")).json())["images"] == []


async def test_members_that_may_not_be_shown_are_not_listed(start: Start, tmp_path: Path) -> None:
    service = await ruled(start, tmp_path, get_member="!")
    alice = service.person("red")
    image = (await alice.create())["id"]
    members = f"/v2/images/{image}/members"
    assert (await alice("POST", members, json={"member": "blue"})).status == 200
    answer = await alice("GET", members)
    assert (answer.status, (await answer.json())["members"]) == (200, [])


async def test_a_copy_goes_by_the_hand_of_who_may_know_of_it(start: Start, tmp_path: Path) -> None:
    service = await ruled(start, tmp_path, delete_image_location="@", get_image_location="!")
    alice = service.person("red")
    image = (await alice.create())["id"]
    assert await alice.upload(image, b"data") == 204
    answer = await alice("DELETE", f"/v2/stores/file1/{image}")
    assert answer.status == 403
    assert "get_image_location" in await answer.text()


@pytest.mark.parametrize("rule", [None, "role:admin"])
async def test_where_data_lies_is_for_all_who_see_the_image_or_by_the_rule(
    start: Start, tmp_path: Path, rule: str | None
) -> None:
    shown = Images(show_multiple_locations=True, show_image_direct_url=True)
    rules = {} if rule is None else {"get_image_location": rule}
    service = await ruled(start, tmp_path, images=shown, **rules)
    alice, bob = service.person("red"), service.person("blue")
    image = (await alice.create(visibility="community"))["id"]
    assert await alice.upload(image, b"data") == 204
    for person in (alice, bob):
        seen = await person.show(image)
        assert ("direct_url" in seen, len(seen["locations"])) == (not rule, int(not rule))
    assert "direct_url" in await service.person("ops", "admin,member,reader").show(image)


async def test_a_policy_for_everybody_is_for_every_owner(start: Start, tmp_path: Path) -> None:
    """Old files say ``"modify_image": ""`` and leave it to the service whose image it is."""
    names = (
        "modify_image", "delete_image", "upload_image", "deactivate", "reactivate", "add_member",
        "delete_member", "publicize_image", "communitize_image", "delete_image_location",
    )  # fmt: skip
    service = await ruled(start, tmp_path, **dict.fromkeys(names, ""))
    alice, bob = service.person("red"), service.person("blue")
    image = (await alice.create(visibility="community"))["id"]
    path = f"/v2/images/{image}"
    data = {"data": b"data", "headers": {"Content-Type": "application/octet-stream"}}
    assert (await bob("PUT", f"{path}/file", **data)).status == 403
    assert (await bob("PUT", f"{path}/stage", **data)).status == 403
    assert await alice.upload(image, b"data") == 204
    change = {"op": "replace", "path": "/name", "value": "mine"}
    assert (await bob.patch(image, change)).status == 403
    for method, below in (
        ("DELETE", ""), ("POST", "/actions/deactivate"), ("POST", "/actions/reactivate"),
        ("PUT", "/tags/mine"),
    ):  # fmt: skip
        assert (await bob(method, path + below)).status == 403, below
    assert (await alice.patch(image, change)).status == 200
    assert (await alice("POST", f"{path}/actions/deactivate")).status == 204
    assert (await alice("DELETE", path)).status == 204
