"""The service's own account: what has to be configured, and what a wrong one costs."""

from __future__ import annotations

from typing import Any

import pytest
from keystoneauth1.session import Session

from imagestore.config.settings import Keystone as Settings
from imagestore.identity.keystone.credentials import Credentials
from imagestore.model.errors import ConfigurationError, Unavailable
from tests.identity.keystone.conftest import Doors
from tests.services.keystone import PROJECTS, Keystone

ACCOUNT = {
    "auth_url": "http://127.0.0.1:1/v3",
    "username": "glance",
    "password": "hidden",
    "user_domain_id": "default",
    "project_name": "service",
    "project_domain_id": "default",
}


@pytest.mark.parametrize("name", ACCOUNT)
def test_what_is_missing_is_named(name: str) -> None:
    account = {option: value for option, value in ACCOUNT.items() if option != name}
    expected = {
        "user_domain_id": "user_domain_name",
        "project_domain_id": "project_domain_name",
        "project_name": "project_id",
    }.get(name, name)
    with pytest.raises(ConfigurationError, match=rf"\[keystone_authtoken\] {expected}") as caught:
        Credentials(Settings(auth_type="password", auth=account))
    assert "hidden" not in caught.value.message


def test_nothing_at_all() -> None:
    with pytest.raises(ConfigurationError, match=r"\[keystone_authtoken\] auth_type is not set"):
        Credentials(Settings())


@pytest.mark.parametrize(
    ("auth_type", "auth"),
    [
        ("v3applicationcredential", {"auth_url": "http://127.0.0.1:1/v3"}),
        ("v3applicationcredential", {"application_credential_id": "x"}),
        ("admin_token", {"token": "x"}),
    ],
)
def test_other_plugins_say_what_they_miss(auth_type: str, auth: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match=r"\[keystone_authtoken\]"):
        Credentials(Settings(auth_type=auth_type, auth=auth))


def test_secrets_are_not_shown() -> None:
    assert "hidden" not in repr(Settings(auth_type="password", auth=ACCOUNT))


def application_credential(keystone: Keystone) -> dict[str, Any]:
    session = keystone.session("glance")
    made = session.post(
        f"{keystone.url}/users/{session.get_user_id()}/application_credentials",
        json={"application_credential": {"name": session.get_token()[-20:]}},
    ).json()["application_credential"]
    return {
        "auth_url": keystone.url,
        "application_credential_id": made["id"],
        "application_credential_secret": made["secret"],
    }


@pytest.mark.parametrize("kind", ["v3password", "system", "application credential", "unversioned"])
async def test_ways_to_prove_who_the_service_is(
    keystone: Keystone, door_to: Doors, kind: str
) -> None:
    changes: dict[str, Any] = {
        "v3password": {"auth_type": "v3password"},
        "system": {
            "auth_type": "v3password",
            "auth": {
                "username": "admin",
                "password": "adminpw",
                "system_scope": "all",
                "project_name": None,
                "project_domain_id": None,
            },
        },
        "application credential": {"auth_type": "v3applicationcredential"},
        "unversioned": {"auth": {"auth_url": keystone.url.removesuffix("/v3")}},
    }[kind]
    if kind == "application credential":
        changes["auth"] = dict.fromkeys(ACCOUNT) | application_credential(keystone)
    caller = await door_to(keystone, **changes)(keystone.token("member"))
    assert caller.project_id == PROJECTS["demo"]


async def test_a_wrong_password_is_not_tried_for_every_request(
    own_keystone: Keystone, door_to: Doors, caplog: pytest.LogCaptureFixture
) -> None:
    door = door_to(own_keystone, auth={"password": "wrong"})
    for _ in range(20):
        with pytest.raises(Unavailable):
            await door(own_keystone.token("member"))
    assert 1 <= own_keystone.attempts(401) < 5
    assert "refuses the account" in caplog.text
    assert "wrong" not in caplog.text


async def test_an_endpoint_that_the_catalog_does_not_have(
    keystone: Keystone, door_to: Doors, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Unavailable):
        await door_to(keystone, region_name="nowhere")(keystone.token("member"))
    assert "region_name = nowhere" in caplog.text


async def test_the_region_chooses_the_endpoint(keystone: Keystone, door_to: Doors) -> None:
    region = keystone.region("http://127.0.0.1:9")
    door = door_to(keystone, region_name=region, interface="public")
    assert (await door(keystone.token("member"))).project_id == PROJECTS["demo"]


async def test_one_token_of_its_own_serves_many_validations(
    keystone: Keystone, door_to: Doors
) -> None:
    door = door_to(keystone)
    tokens = [keystone.token("member") for _ in range(5)]
    before = keystone.attempts(201)
    for token in tokens:
        await door(token)
    # Other tests get tokens from the same Keystone at the same time; five would be one for each.
    credentials = door.source._tokens._validation.credentials
    first = await credentials.get()
    assert await credentials.get() is first
    assert isinstance(credentials._session, Session)
    assert keystone.attempts(201) > before
