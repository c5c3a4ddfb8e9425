"""Metadata definitions through the whole service: who sees what, and writers who meet."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from imagestore.config.settings import Identity
from tests.service.conftest import Person, Start, small

NAMESPACES = "/v2/metadefs/namespaces"
TEXT = {"title": "T", "type": "string"}


async def create(person: Person, name: str, **more: Any) -> None:
    answer = await person("POST", NAMESPACES, json={"namespace": name, **more})
    assert answer.status == 201, await answer.text()


async def names(person: Person, query: str = "") -> list[str]:
    answer = await person("GET", f"{NAMESPACES}?sort_key=namespace&sort_dir=asc&{query}")
    assert answer.status == 200, await answer.text()
    return [one["namespace"] for one in (await answer.json())["namespaces"]]


async def test_a_private_namespace_is_not_there_for_others(
    admin: Person, alice: Person, bob: Person
) -> None:
    await create(admin, "hidden", owner="red", tags=[{"name": "t"}], objects=[{"name": "o"}])
    for path in ("", "/objects", "/objects/o", "/properties", "/tags", "/tags/t",
                 "/resource_types"):  # fmt: skip
        assert (await alice("GET", f"{NAMESPACES}/hidden{path}")).status == 200
        hidden = await bob("GET", f"{NAMESPACES}/hidden{path}")
        missing = await bob("GET", f"{NAMESPACES}/missing{path}")
        assert hidden.status == missing.status == 404
        assert (await hidden.text()).replace("hidden", "missing") == await missing.text()
    assert (await bob("DELETE", f"{NAMESPACES}/hidden")).status == 404
    assert (await alice("DELETE", f"{NAMESPACES}/hidden")).status == 403
    assert (await bob("GET", f"{NAMESPACES}?marker=hidden")).status == 404
    assert (await names(alice), await names(bob)) == (["hidden"], [])


async def test_a_public_namespace_is_for_all_to_read(
    admin: Person, alice: Person, bob: Person
) -> None:
    await create(admin, "open", visibility="public", owner="red")
    for person in (alice, bob):
        assert await names(person) == ["open"]
        assert (await person("GET", f"{NAMESPACES}/open")).status == 200
        refused = await person("POST", f"{NAMESPACES}/open/tags/x")
        assert refused.status == 403


async def test_a_policy_file_opens_what_it_names_and_no_more(start: Start, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        '"add_metadef_namespace": "role:member"\n'
        '"add_metadef_tags": "role:member and project_id:%(project_id)s"\n'
        '"get_metadef_namespace": "role:reader and project_id:%(project_id)s"\n'
        '"get_metadef_objects": "!"\n'
    )
    service = await start(identity=Identity(flavor="trusted-headers", policy_file=policy))
    alice, bob = service.person("red"), service.person("blue")
    await create(alice, "a", visibility="public")
    body = {"namespace": "b", "tags": [{"name": "t"}]}
    assert (await alice("POST", NAMESPACES, json=body)).status == 403
    tags = {"tags": [{"name": "t"}]}
    assert (await alice("POST", f"{NAMESPACES}/a/tags", json=tags)).status == 201
    # Public, but the file says otherwise: refusals do not tell that it is there.
    assert (await bob("POST", f"{NAMESPACES}/a/tags", json=tags)).status == 404
    assert (await bob("GET", f"{NAMESPACES}/a")).status == 404
    assert await names(bob) == []
    # Whole namespaces are shown to those who may see all that is in them.
    assert (await alice("GET", f"{NAMESPACES}/a")).status == 403
    assert (await alice("GET", f"{NAMESPACES}/a/tags")).status == 200


async def test_hidden_namespaces_do_not_end_the_list_early(start: Start, tmp_path: Path) -> None:
    """A page from which the policy takes some away still says what comes after it."""
    policy = tmp_path / "policy.yaml"
    policy.write_text('"get_metadef_namespace": "role:reader and project_id:%(project_id)s"\n')
    service = await start(
        identity=Identity(flavor="trusted-headers", policy_file=policy),
        limits=small(limit_param_default=2),
    )
    admin, alice = service.person("ops", "admin,member,reader"), service.person("red")
    for number in range(6):
        owner = "red" if number in (1, 5) else "blue"
        await create(admin, f"n{number}", visibility="public", owner=owner)
    path, seen = f"{NAMESPACES}?sort_key=namespace&sort_dir=asc", []
    for _ in range(4):
        page = await (await alice("GET", path)).json()
        seen += [one["namespace"] for one in page["namespaces"]]
        if "next" not in page:
            break
        path = page["next"]
    assert seen == ["n1", "n5"]


async def test_without_authentication_there_is_an_owner(start: Start) -> None:
    service = await start(identity=Identity())
    answer = await service.client.post(NAMESPACES, json={"namespace": "a"})
    assert answer.status == 201
    assert (await answer.json())["owner"] == "admin"


async def test_pages_are_linked_to_the_end(admin: Person) -> None:
    expected = [f"n {number}" for number in range(5)]
    for name in expected:
        await create(admin, name, resource_type_associations=[{"name": "t"}])
    path = f"{NAMESPACES}?sort_key=namespace&sort_dir=asc&limit=2&resource_types=t"
    seen: list[str] = []
    while path:
        page = await (await admin("GET", path)).json()
        assert page["first"].startswith(f"{NAMESPACES}?sort_key=namespace")
        seen += [one["namespace"] for one in page["namespaces"]]
        path = page.get("next", "")
    assert seen == expected


@pytest.mark.every_database
async def test_a_namespace_that_is_refused_leaves_nothing(admin: Person) -> None:
    body = {"namespace": "a", "objects": [{"name": "o"}], "tags": [{"name": "t"}, {"name": "T"}]}
    assert (await admin("POST", NAMESPACES, json=body)).status == 409
    assert (await admin("GET", f"{NAMESPACES}/a")).status == 404


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "", {"namespace": "new"}),
        ("POST", "/a/objects", {"name": "n"}),
        ("POST", "/a/properties", {"name": "n", **TEXT}),
        ("POST", "/a/tags/n", None),
        ("POST", "/a/resource_types", {"name": "n"}),
        ("PUT", "/{}", {"namespace": "n"}),
        ("PUT", "/a/objects/{}", {"name": "n"}),
        ("PUT", "/a/properties/{}", {"name": "n", **TEXT}),
        ("PUT", "/a/tags/{}", {"name": "n"}),
    ],
)
@pytest.mark.every_database
async def test_of_writers_who_want_the_same_name_one_gets_it(
    admin: Person, method: str, path: str, body: Any
) -> None:
    words = [f"w{number}" for number in range(8)]
    for word in words:
        await create(admin, word)
    await create(
        admin,
        "a",
        objects=[{"name": word} for word in words],
        properties=dict.fromkeys(words, TEXT),
        tags=[{"name": word} for word in words],
    )
    answers = await asyncio.gather(
        *(admin(method, NAMESPACES + path.format(word), json=body) for word in words)
    )
    good = 200 if method == "PUT" else 201
    assert Counter(answer.status for answer in answers) == {good: 1, 409: 7}


@pytest.mark.every_database
async def test_writers_in_a_namespace_that_goes_away(admin: Person) -> None:
    """What they write is there before it, or they are told that it is gone."""
    await create(admin, "a", resource_type_associations=[{"name": "t"}])
    writes = [
        *(admin("POST", f"{NAMESPACES}/a/tags/t{n}") for n in range(5)),
        *(admin("POST", f"{NAMESPACES}/a/objects", json={"name": f"o{n}"}) for n in range(5)),
        admin("DELETE", f"{NAMESPACES}/a"),
        *(admin("PUT", f"{NAMESPACES}/a", json={"namespace": "a"}) for _ in range(5)),
        *(admin("POST", f"{NAMESPACES}/a/resource_types", json={"name": f"t{n}"})
          for n in range(5)),
    ]  # fmt: skip
    statuses = Counter([answer.status for answer in await asyncio.gather(*writes)])
    assert statuses[204] == 1
    assert statuses.keys() <= {200, 201, 204, 404}
    assert (await admin("GET", f"{NAMESPACES}/a")).status == 404
    await create(admin, "a")
    shown = await (await admin("GET", f"{NAMESPACES}/a")).json()
    assert not {"tags", "objects", "resource_type_associations"} & shown.keys()


@pytest.mark.every_database
async def test_whoever_replaces_all_tags_replaces_all(admin: Person) -> None:
    await create(admin, "a")
    sets = [[f"{word}{number}" for number in range(3)] for word in "abcdefgh"]
    answers = await asyncio.gather(
        *(
            admin("POST", f"{NAMESPACES}/a/tags", json={"tags": [{"name": t} for t in tags]})
            for tags in sets
        )
    )
    assert {answer.status for answer in answers} == {201}
    listed = await (await admin("GET", f"{NAMESPACES}/a/tags")).json()
    assert sorted(tag["name"] for tag in listed["tags"]) in sets


async def test_a_location_leads_to_the_namespace(admin: Person) -> None:
    for name in ("OS::A", "a b", "a/b", "é%41?#"):
        answer = await admin("POST", NAMESPACES, json={"namespace": name})
        location = answer.headers["Location"]
        path = "/" + location.split("/", 3)[3]
        shown = await admin("GET", path)
        assert (await shown.json())["namespace"] == name
        assert (await admin("DELETE", path)).status == 204


@pytest.mark.every_database
async def test_numbers_in_a_definition_survive(admin: Person) -> None:
    await create(admin, "a")
    limits = {"minimum": -0.25, "maximum": 1e30, "minLength": 2.0, "maxLength": 2**63 - 1}
    body = {"name": "p", **TEXT, **limits, "default": 7}
    answer = await admin("POST", f"{NAMESPACES}/a/properties", json=body)
    assert answer.status == 201
    shown = await (await admin("GET", f"{NAMESPACES}/a/properties/p")).json()
    assert shown == body | {"default": "7"}
    assert isinstance(shown["minLength"], int)
