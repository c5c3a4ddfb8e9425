"""Property protections: who may create, read, update and delete which properties."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from imagestore import app
from imagestore.config.settings import Identity, Images, Limits
from imagestore.model.errors import ConfigurationError
from tests.service.conftest import Person, Service, Start, settings_in

ROLES = """\
[^secret_.*]
create = ops
read = ops
update = ops
delete = !
[^fixed$]
create = @
read = @
update = !
delete = ops,Billing
[^none$]
create = @
read = @
update =
delete =
[.*]
create = @
read = @
update = @
delete = @
"""


def operation(op: str, name: str, value: str = "new") -> dict[str, Any]:
    return {"op": op, "path": f"/{name}", **({} if op == "remove" else {"value": value})}


async def protected(start: Start, tmp_path: Path, text: str = ROLES, **more: Any) -> Service:
    file = tmp_path / "protections.conf"
    file.write_text(text)
    images = Images(property_protection_file=file, **more.pop("images", {}))
    return await start(images=images, **more)


async def test_roles(start: Start, tmp_path: Path) -> None:
    served = await protected(start, tmp_path)
    alice, ops = served.person("red"), served.person("red", "member,reader,ops")
    answer = await alice("POST", "/v2/images", json={"secret_key": "1"})
    assert answer.status == 403
    image = (await ops.create(secret_key="1", fixed="1", free="1", none="1"))["id"]
    assert (await ops.show(image))["secret_key"] == "1"

    shown = await alice.show(image)
    assert "secret_key" not in shown
    assert shown["fixed"] == "1"
    listed = await (await alice("GET", "/v2/images")).json()
    assert "secret_key" not in listed["images"][0]
    assert await found(alice, "fixed=1") == [image]
    assert await found(alice, "secret_key=1") == []  # nor is it told that there is one
    assert await found(ops, "secret_key=1") == [image]

    for change, status in (
        (operation("add", "secret_key"), 403),
        (operation("replace", "secret_key"), 409),
        (operation("remove", "secret_key"), 409),
        (operation("replace", "fixed"), 403),
        (operation("add", "fixed"), 403),
        (operation("remove", "fixed"), 403),
        (operation("replace", "none"), 403),
        (operation("remove", "none"), 403),
        (operation("add", "secret_other"), 403),
        (operation("replace", "free"), 200),
        (operation("remove", "free"), 200),
        (operation("add", "free"), 200),
    ):
        answer = await alice.patch(image, change)
        assert answer.status == status, change
        if status == 200:
            assert "secret_key" not in await answer.json()
    assert (await ops.patch(image, operation("replace", "secret_key"))).status == 200
    assert (await ops.patch(image, operation("remove", "secret_key"))).status == 403
    billing = served.person("red", "member,reader,billing")
    assert (await billing.patch(image, operation("remove", "fixed"))).status == 200
    assert (await ops.show(image))["secret_key"] == "new"


WRITE_ONLY = """\
[^secret$]
create = @
read = ops
update = ops
delete = ops
[^sealed$]
create = ops
read = ops
update = @
delete = @
[.*]
create = @
read = @
update = @
delete = @
"""


@pytest.mark.parametrize("name", ["secret", "sealed"])
@pytest.mark.parametrize("media", ["v2.0", "v2.1"])
async def test_whether_a_hidden_property_exists_is_not_told(
    start: Start, tmp_path: Path, name: str, media: str
) -> None:
    """Whatever is asked, at every door, the answer is that of an image without it."""
    served = await protected(start, tmp_path, WRITE_ONLY, limits=Limits(image_property_quota=3))
    alice, ops = served.person("red"), served.person("red", "member,reader,ops")

    async def answers(**more: str) -> list[Any]:
        told: list[Any] = []
        for op in ("add", "replace", "remove"):
            image = (await ops.create(**more))["id"]
            old = {op: f"/{name}", "value": "new"}
            answer = await alice(
                "PATCH", f"/v2/images/{image}",
                json=[old if media == "v2.0" else operation(op, name)],
                headers={"Content-Type": f"application/openstack-images-{media}-json-patch"},
            )  # fmt: skip
            told.append((op, answer.status, (await answer.text()).replace(image, "ID")[:60]))
        image = (await ops.create(**more))["id"]
        header = {f"x-image-meta-property-{name}": "new", "x-glance-registry-purge-props": "true"}
        told.append((await alice("PUT", f"/v1/images/{image}", headers=header)).status)
        listed = await alice("GET", f"/v1/images?property-{name}={more.get(name, 'x')}")
        told.append((await listed.json())["images"])
        told.append(await found(alice, f"{name}={more.get(name, 'x')}"))
        # At the edge of a quota one more is one more.
        image = (await ops.create(**more))["id"]
        others = [operation("add", each) for each in ("a", "b", "c")[: 3 - len(more)]]
        assert (await alice.patch(image, *others)).status == 200
        told.append((await alice.patch(image, operation("add", name))).status)
        return told

    def but_for(value: list[Any]) -> list[Any]:
        return [tuple(map(str, each))[:2] if isinstance(each, tuple) else each for each in value]

    assert but_for(await answers(**{name: "old"})) == but_for(await answers())
    # Who may not write over it has not, whatever he was told.
    kept = (await ops.create(**{name: "old"}))["id"]
    for op in ("add", "replace", "remove"):
        await alice.patch(kept, operation(op, name))
    await alice.patch(kept, operation("add", name), operation("remove", name))
    await alice("PUT", f"/v1/images/{kept}", headers={f"x-image-meta-property-{name}": "new"})
    assert (await ops.show(kept))[name] == "old"


async def found(person: Person, query: str) -> list[str]:
    answer = await (await person("GET", f"/v2/images?{query}")).json()
    return [image["id"] for image in answer["images"]]


async def test_a_refused_change_leaves_the_others_undone(start: Start, tmp_path: Path) -> None:
    served = await protected(start, tmp_path)
    alice = served.person("red")
    image = (await alice.create(name="old", fixed="1"))["id"]
    changes = (operation("replace", "name"), operation("replace", "fixed"))
    assert (await alice.patch(image, *changes)).status == 403
    assert (await alice.show(image))["name"] == "old"


async def test_the_first_section_counts_and_no_section_is_for_nobody(
    start: Start, tmp_path: Path
) -> None:
    everyone = "create = @\nread = @\nupdate = @\ndelete = @\n"
    nobody = "create = !\nread = !\nupdate = !\ndelete = !\n"
    served = await protected(start, tmp_path, f"[ab]\n{everyone}[a]\n{nobody}")
    admin = served.person("ops", "admin,member,reader")
    for name, status in (("ab", 201), ("xabx", 201), ("a", 403), ("other", 403)):
        answer = await admin("POST", "/v2/images", json={name: "1"})
        assert answer.status == status, name


async def test_policies(start: Start, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text('"keeper": "role:keeper or role:admin"\n')
    text = "[.*]\ncreate = keeper\nread = @\nupdate = keeper\ndelete = !\n"
    served = await protected(
        start,
        tmp_path,
        text,
        images={"property_protection_rule_format": "policies"},
        identity=Identity(flavor="trusted-headers", policy_file=policy),
    )
    alice, keeper = served.person("red"), served.person("red", "member,reader,keeper")
    assert (await alice("POST", "/v2/images", json={"a": "1"})).status == 403
    image = (await keeper.create(a="1"))["id"]
    assert (await alice.show(image))["a"] == "1"
    assert (await alice.patch(image, operation("replace", "a"))).status == 403
    assert (await keeper.patch(image, operation("replace", "a"))).status == 200
    assert (await keeper.patch(image, operation("remove", "a"))).status == 403


@pytest.mark.parametrize(
    ("text", "form", "named"),
    [
        (None, "roles", "cannot be read"),
        ("no section", "roles", "cannot be read"),
        ("[a]\ncreate = @\nread = @\nupdate = @\n", "roles", "[a] has no delete"),
        ("[*]\ncreate = @\nread = @\nupdate = @\ndelete = @\n", "roles", "regular expression"),
        ("[a]\ncreate = @,!\nread = @\nupdate = @\ndelete = @\n", "roles", "exclude each other"),
        ("[a]\ncreate = x,y\nread = @\nupdate = @\ndelete = @\n", "policies", "one policy rule"),
        ("[a]\ncreate = x\nread = @\nupdate = @\ndelete = @\n", "policies", "'x'"),
    ],
)
def test_a_file_that_cannot_be_used(
    tmp_path: Path, text: str | None, form: str, named: str
) -> None:
    file = tmp_path / "protections.conf"
    if text is not None:
        file.write_text(text)
    images = Images(property_protection_file=file, property_protection_rule_format=form)
    with pytest.raises(ConfigurationError) as raised:
        app.create(settings_in(tmp_path, images=images))
    assert named in raised.value.message
    assert str(file) in raised.value.message
