"""Who may do what by v1: never more than by v2, whatever rule it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from imagestore.config.settings import Identity, Images, Server
from imagestore.identity import policy as rules
from tests.service.conftest import OCTETS, Person, Service, Start, settings_in
from tests.service.test_property_protections import ROLES
from tests.service.v1.conftest import ON_ONE, RAW, head, listed, made, meta, post, put, reaching
from tests.service.web import Web

pytestmark = ON_ONE

CALLERS = {
    "admin": ("ops", "admin,member,reader"),
    "owner": ("red", "member,reader"),
    "reader": ("red", "reader"),
    "member": ("blue", "member,reader"),
    "other": ("green", "member,reader"),
}
IMAGE = "/v1/images/{image}"
Status = tuple[int, int, int, int, int]
"""Of each of the callers, in that order."""
EVERYONE: Status = (200, 200, 200, 200, 200)
TABLE: dict[str, tuple[str, str, dict[str, Any], Status]] = {
    "list": ("GET", "/v1/images", {}, EVERYONE),
    "detail": ("GET", "/v1/images/detail", {}, EVERYONE),
    "create": ("POST", "/v1/images", {"headers": RAW}, (201, 201, 403, 201, 201)),
    "create-with-data": (
        "POST", "/v1/images", {"headers": RAW | OCTETS, "data": b"x"}, (201, 201, 403, 201, 201),
    ),
    "create-public": (
        "POST", "/v1/images", {"headers": meta(is_public="True")}, (201, 403, 403, 403, 403),
    ),
    "meta": ("HEAD", IMAGE, {}, (200, 200, 200, 200, 404)),
    "download": ("GET", IMAGE, {}, (200, 200, 403, 200, 404)),
    "change": ("PUT", IMAGE, {"headers": meta(name="n")}, (200, 200, 403, 403, 404)),
    "change-nothing": ("PUT", IMAGE, {}, (200, 200, 403, 403, 404)),
    "publicize": ("PUT", IMAGE, {"headers": meta(is_public="1")}, (200, 403, 403, 403, 404)),
    "send-data": (
        "PUT", "/v1/images/{queued}", {"headers": OCTETS, "data": b"x"}, (200, 200, 403, 403, 404),
    ),
    "delete": ("DELETE", IMAGE, {}, (200, 200, 403, 403, 404)),
    "members": ("GET", IMAGE + "/members", {}, (200, 200, 200, 200, 404)),
    "replace-members": (
        "PUT", IMAGE + "/members", {"json": {"memberships": []}}, (204, 204, 403, 403, 404),
    ),
    "add-member": ("PUT", IMAGE + "/members/new", {}, (204, 204, 403, 403, 404)),
    "remove-member": ("DELETE", IMAGE + "/members/blue", {}, (204, 204, 403, 403, 404)),
    "shared": ("GET", "/v1/shared-images/blue", {}, EVERYONE),
}  # fmt: skip


@pytest.mark.parametrize("row", TABLE)
async def test_every_route_and_caller(service: Service, row: str) -> None:
    method, path, arguments, statuses = TABLE[row]
    alice = service.person("red")
    for (kind, (project, roles)), status in zip(CALLERS.items(), statuses, strict=True):
        ids = {"image": (await made(alice, b"data"))["id"], "queued": (await made(alice))["id"]}
        for image in ids.values():
            assert (await alice("PUT", f"/v1/images/{image}/members/blue")).status == 204
        answer = await service.person(project, roles)(method, path.format(**ids), **arguments)
        assert answer.status == status, (row, kind)


async def test_nobody_is_nobody(service: Service) -> None:
    for method, path, arguments, _ in TABLE.values():
        answer = await service.client.request(
            method, path.format(image="x", queued="x"), **arguments
        )
        assert answer.status == 401


async def test_the_policy_of_each_step(
    start: Start, tmp_path: Path, site: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "LOOK_INTERVAL", 0.0)
    policy = tmp_path / "policy.yaml"
    identity = Identity(flavor="trusted-headers", policy_file=policy)
    policy.write_text("")
    served = await start(identity=identity, **reaching(site, settings_in(tmp_path)))
    alice = served.person("red")
    image = (await made(alice, b"data"))["id"]
    await alice("PUT", f"/v1/images/{image}/members/blue")
    source = {"x-glance-api-copy-from": f"{site.url}/image"}
    located = meta(location=f"{site.url}/image")
    path = f"/v1/images/{image}"
    steps: dict[str, tuple[tuple[str, str, dict[str, Any]], ...]] = {
        "add_image": (("POST", "/v1/images", {}),),
        "get_image": (("HEAD", path, {}), ("GET", path, {})),
        "get_images": (("GET", "/v1/images", {}), ("GET", "/v1/images/detail", {})),
        "modify_image": (("PUT", path, meta(name="x")), ("POST", "/v1/images", RAW | source)),
        "delete_image": (("DELETE", path, {}),),
        "download_image": (("GET", path, {}),),
        "upload_image": (
            ("POST", "/v1/images", RAW | OCTETS),
            ("POST", "/v1/images", RAW | source),
            ("POST", "/v1/images", meta(size="0")),
        ),
        "copy_from": (("POST", "/v1/images", RAW | source),),
        "set_image_location": (("POST", "/v1/images", RAW | located),),
        "add_image_location": (("POST", "/v1/images", RAW | located),),
        "get_members": (("GET", f"{path}/members", {}),),
        "add_member": (("PUT", f"{path}/members/x", {}),),
        "delete_member": (("DELETE", f"{path}/members/blue", {}),),
    }
    count = len(await listed(alice, "changes-since=1999-01-01"))
    for rule, requests in steps.items():
        policy.write_text(f'"{rule}": "!"\n')
        for method, where, headers in requests:
            data = b"x" if headers.items() >= OCTETS.items() else None
            answer = await alice(method, where, headers=headers, data=data)
            assert answer.status == (404 if rule == "get_image" else 403), (rule, method, where)
    policy.write_text("")
    assert len(await listed(alice, "changes-since=1999-01-01")) == count
    assert not site.asked


async def test_property_protections(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "protections.conf"
    file.write_text(ROLES)
    served = await start(images=Images(property_protection_file=file))
    alice, ops = served.person("red"), served.person("red", "member,reader,ops")
    assert (await post(alice, property_secret_key="1")).status == 403
    image = (await made(ops, b"x", property_secret_key="1", property_fixed="1"))["id"]

    assert not [name for name in await head(alice, image) if "secret" in name]
    for path in (f"/v1/images/{image}", "/v1/images/detail", "/v1/images/detail?name=x"):
        answer = await alice("GET", path)
        assert "secret" not in repr(answer.headers) + await answer.text()
    assert await listed(alice, "property-secret_key=1") == []
    for fields in (
        {"property_secret_key": "2"}, {"property_secret_other": "2"}, {"property_fixed": "2"},
        {"property_fixed": ""},
    ):  # fmt: skip
        assert (await put(alice, image, **fields)).status in (403, 409), fields
    # What he does not see he does not take away; what he may not take away stops him.
    assert (await put(alice, image, purge="true")).status == 403
    assert (await put(alice, image, purge="true", property_fixed="1")).status == 200
    assert (await ops.show(image))["secret_key"] == "1"


async def test_data_withheld_is_withheld_here(alice: Person, admin: Person) -> None:
    image = (await made(alice, b"data"))["id"]
    await alice("POST", f"/v2/images/{image}/actions/deactivate")
    assert (await alice("GET", f"/v1/images/{image}")).status == 403
    assert (await head(alice, image))["x-image-meta-status"] == "deactivated"
    assert (await admin("GET", f"/v1/images/{image}")).status == 200


async def test_without_v1_it_is_a_choice_of_versions(start: Start) -> None:
    served = await start(server=Server(enable_v1_api=False))
    alice = served.person("red")
    for path in ("/v1", "/v1/images", "/v1.1/images/detail", "/v1/nothing"):
        answer = await alice("GET", path, allow_redirects=False)
        assert answer.status == 300
        assert "v1" not in {one["id"][:2] for one in (await answer.json())["versions"]}


async def test_with_v1_it_is_listed_last(alice: Person) -> None:
    found = (await (await alice("GET", "/versions")).json())["versions"]
    assert [(one["id"], one["status"]) for one in found[-2:]] == [
        ("v1.1", "SUPPORTED"), ("v1.0", "SUPPORTED"),
    ]  # fmt: skip
    assert found[-1]["links"][0]["href"].endswith("/v1/")
    assert found[0]["links"][0]["href"].endswith("/v2/")
