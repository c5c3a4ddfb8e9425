"""Who comes in, and as whom, with real tokens of every kind."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from keystoneauth1.identity import v3
from keystoneauth1.session import Session

from imagestore.identity.caller import Caller
from imagestore.model.errors import Unauthenticated
from tests.identity.keystone.conftest import Doors
from tests.services.keystone import PROJECTS, Keystone

CLAIMS = {
    "X_Identity_Status": "Confirmed",
    "X_User_Id": "root",
    "X_Project_Id": "everything",
    "X_Tenant_Id": "everything",
    "X_Roles": "admin",
    "X_Role": "admin",
    "X_Service_Roles": "service",
    "X_Service_Identity_Status": "Confirmed",
    "X_Domain_Id": "default",
    "X_Is_Admin_Project": "True",
    "OpenStack_System_Scope": "all",
}


async def refused(door: Any, *args: Any, **more: Any) -> Unauthenticated:
    with pytest.raises(Unauthenticated) as caught:
        await door(*args, **more)
    return caught.value


async def test_a_token_for_a_project(keystone: Keystone, door_to: Doors) -> None:
    caller = await door_to(keystone)(keystone.token("member"))
    assert caller.project_id == PROJECTS["demo"]
    assert caller.user_id == keystone.session("member").get_user_id()
    assert caller.roles == {"member", "reader"}
    assert (caller.is_admin, caller.read_only, caller.domain_id) == (False, False, None)
    assert caller.credentials["project_name"] == "demo"
    assert caller.credentials["user_name"] == "member"
    assert caller.credentials["user_domain_id"] == "default"
    assert caller.credentials["project_domain_name"] == "Default"
    assert caller.credentials["is_admin_project"] is True


async def test_an_administrator(keystone: Keystone, door_to: Doors) -> None:
    caller = await door_to(keystone)(keystone.token("admin"))
    assert caller.is_admin
    assert caller.roles == {"admin", "manager", "member", "reader"}


async def test_a_token_for_a_domain(keystone: Keystone, door_to: Doors) -> None:
    caller = await door_to(keystone)(keystone.token("domain", domain_id="default"))
    assert (caller.project_id, caller.domain_id) == (None, "default")
    assert caller.is_admin
    assert caller.credentials["domain_name"] == "Default"


async def test_a_token_for_the_system(keystone: Keystone, door_to: Doors) -> None:
    caller = await door_to(keystone)(keystone.token("admin", system_scope="all"))
    assert (caller.project_id, caller.domain_id) == (None, None)
    assert caller.credentials["system_scope"] == caller.credentials["system"] == "all"
    assert caller.is_admin


async def test_a_token_without_a_scope(keystone: Keystone, door_to: Doors) -> None:
    caller = await door_to(keystone)(keystone.token("member", unscoped=True))
    assert (caller.project_id, caller.domain_id, caller.roles) == (None, None, frozenset())
    assert not caller.is_admin


async def test_the_old_header(keystone: Keystone, door_to: Doors) -> None:
    door = door_to(keystone)
    caller = await door(X_Storage_Token=keystone.token("reader"))
    assert caller.roles == {"reader"}
    await refused(door, "not a token", X_Storage_Token=keystone.token("reader"))


async def test_claims_of_the_client_count_for_nothing(keystone: Keystone, door_to: Doors) -> None:
    door, token = door_to(keystone), keystone.token("reader")
    assert await door(token, **CLAIMS) == await door(token)
    assert (await door(token, **CLAIMS)).credentials == (await door(token)).credentials
    await refused(door, **CLAIMS)
    await refused(door, "not a token", **CLAIMS)


@pytest.mark.parametrize(
    "token",
    ["", " ", "nobody-issued-this", "g" * 300, "x" * 8000, "x" * 20000, "é", "\udcff", "a\tb"],
)
async def test_what_is_no_token(keystone: Keystone, door_to: Doors, token: str) -> None:
    error = await refused(door_to(keystone), token)
    assert error.challenge == f'Keystone uri="{keystone.url}"'


async def test_without_a_token(keystone: Keystone, door_to: Doors) -> None:
    door = door_to(keystone, www_authenticate_uri="https://keystone.example.org/v3")
    error = await refused(door)
    assert error.challenge == 'Keystone uri="https://keystone.example.org/v3"'


async def test_a_revoked_token(keystone: Keystone, door_to: Doors) -> None:
    token = keystone.token("member")
    keystone.revoke(token)
    await refused(door_to(keystone), token)


async def test_anonymous_callers_read_where_they_may(keystone: Keystone, door_to: Doors) -> None:
    door = door_to(keystone, allow_anonymous_access=True)
    for token in (None, "not a token"):
        assert await door(token, **CLAIMS) == Caller(read_only=True)
    assert not (await door(keystone.token("reader"))).read_only


class TestServiceTokens:
    async def test_its_roles_are_beside_those_of_the_user(
        self, keystone: Keystone, door_to: Doors
    ) -> None:
        nova = keystone.session("nova")
        caller = await door_to(keystone)(
            keystone.token("reader"), X_Service_Token=str(nova.get_token())
        )
        assert caller.roles == {"reader"}
        assert caller.service_roles == {"service"}
        assert caller.credentials["service_user_id"] == nova.get_user_id()
        assert caller.credentials["service_project_id"] == PROJECTS["service"]

    async def test_alone_it_lets_nobody_in(self, keystone: Keystone, door_to: Doors) -> None:
        await refused(door_to(keystone), X_Service_Token=keystone.token("nova"))

    @pytest.mark.parametrize("presented", ["nonsense", "member"])
    async def test_one_that_is_none_is_ignored(
        self, keystone: Keystone, door_to: Doors, presented: str
    ) -> None:
        token = keystone.token("member") if presented == "member" else presented
        caller = await door_to(keystone)(keystone.token("reader"), X_Service_Token=token)
        assert caller.service_roles == frozenset()
        assert "service_user_id" not in caller.credentials

    async def test_roles_of_any_token_count_where_they_are_not_required(
        self, keystone: Keystone, door_to: Doors
    ) -> None:
        door = door_to(keystone, service_token_roles_required=False)
        caller = await door(keystone.token("reader"), X_Service_Token=keystone.token("member"))
        assert caller.service_roles == {"member", "reader"}


class TestAccessRules:
    """Application credentials that are good for some requests only."""

    @staticmethod
    def credential(keystone: Keystone, rules: list[dict[str, str]] | None) -> str:
        """A token of a new application credential of the user ``member``."""
        session = keystone.session("member")
        body: dict[str, Any] = {"name": uuid.uuid4().hex}
        if rules is not None:
            body["access_rules"] = rules
        made = session.post(
            f"{keystone.url}/users/{session.get_user_id()}/application_credentials",
            json={"application_credential": body},
        ).json()["application_credential"]
        plugin = v3.ApplicationCredential(
            keystone.url,
            application_credential_id=made["id"],
            application_credential_secret=made["secret"],
        )
        return str(Session(plugin).get_token())

    async def test_without_rules_it_is_a_token_like_others(
        self, keystone: Keystone, door_to: Doors
    ) -> None:
        caller = await door_to(keystone)(self.credential(keystone, None), "DELETE", "/v2/images/a")
        assert caller.project_id == PROJECTS["demo"]

    async def test_only_what_the_rules_say(self, keystone: Keystone, door_to: Doors) -> None:
        rules = [
            {"service": "image", "method": "GET", "path": "/v2/images/*"},
            {"service": "compute", "method": "GET", "path": "/v2/images"},
        ]
        door, token = door_to(keystone), self.credential(keystone, rules)
        assert (await door(token, "GET", "/v2/images/a")).project_id == PROJECTS["demo"]
        await refused(door, token, "GET", "/v2/images")
        await refused(door, token, "GET", "/v2/images/a/file")
        await refused(door, token, "DELETE", "/v2/images/a")
        await refused(door, token, "HEAD", "/v2/images/a")

    async def test_another_service_may_go_on_with_it(
        self, keystone: Keystone, door_to: Doors
    ) -> None:
        rules = [{"service": "compute", "method": "POST", "path": "/v2.1/servers"}]
        door, token = door_to(keystone), self.credential(keystone, rules)
        await refused(door, token)
        await refused(door, token, X_Service_Token=keystone.token("member"))
        caller = await door(token, X_Service_Token=keystone.token("nova"))
        assert caller.project_id == PROJECTS["demo"]

    async def test_the_name_of_this_service_is_an_option(
        self, keystone: Keystone, door_to: Doors
    ) -> None:
        rules = [{"service": "pictures", "method": "GET", "path": "/v2/images"}]
        token = self.credential(keystone, rules)
        await refused(door_to(keystone), token)
        caller = await door_to(keystone, service_type="pictures")(token)
        assert caller.project_id == PROJECTS["demo"]
