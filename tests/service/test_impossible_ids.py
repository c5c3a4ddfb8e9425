"""Characters that nothing can have in its id: not there, whatever the database can compare."""

from __future__ import annotations

import pytest

from tests.service.conftest import Person

pytestmark = pytest.mark.every_database

EMOJI = "%F0%9F%8E%89"


@pytest.mark.parametrize("character", [EMOJI, "a%00b"])
async def test_what_cannot_be_is_not_there(alice: Person, character: str) -> None:
    image = (await alice.create())["id"]
    for method, path in (
        ("GET", f"/v2/images/{character}"),
        ("GET", f"/v2.17/images/{character}"),
        ("DELETE", f"/v2/images/{character}"),
        ("GET", f"/v2/images/{character}/file"),
        ("GET", f"/v2/images/{character}/members"),
        ("GET", f"/v2/images/{image}/members/{character}"),
        ("DELETE", f"/v2/images/{image}/members/{character}"),
        ("DELETE", f"/v2/images/{image}/tags/{character}"),
        ("DELETE", f"/v2/stores/file1/{character}"),
        ("GET", f"/v2/metadefs/namespaces/{character}"),
    ):
        assert (await alice(method, path)).status == 404, f"{method} {path}"
    assert (await alice("PUT", f"/v2/images/{image}/tags/{character}")).status == 400
    assert (await alice("GET", f"/v2/images?marker={character}")).status == 400
    for query in (f"name={character}", f"tag={character}", f"own={character}", f"{character}=x"):
        answer = await alice("GET", f"/v2/images?{query}")
        assert (answer.status, (await answer.json())["images"]) == (200, []), query
