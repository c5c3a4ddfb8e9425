from __future__ import annotations

from pathlib import Path

import pytest
from multidict import CIMultiDict

from imagestore.config.settings import Identity
from imagestore.identity.caller import Caller
from imagestore.identity.policy import Policy
from imagestore.identity.sources import source
from imagestore.model.errors import ConfigurationError, Unauthenticated

CONFIRMED = {"X-Identity-Status": "Confirmed"}


async def identify(headers: dict[str, str], **settings: object) -> Caller:
    identity = Identity(flavor="trusted-headers", **settings)  # type: ignore[arg-type]
    return await source(identity, Policy(identity)).identify(
        CIMultiDict(headers), "GET", "/v2/images"
    )


async def test_without_authentication_every_caller_is_an_administrator() -> None:
    identity = Identity(flavor="")
    policy = Policy(identity)
    caller = await source(identity, policy).identify({}, "GET", "/")

    assert caller.is_admin
    assert caller.project_id is None
    assert not caller.read_only
    assert policy.allows("publicize_image", caller, {})
    assert policy.allows("get_images", caller, {"project_id": None})


async def test_trusted_headers() -> None:
    caller = await identify(
        CONFIRMED
        | {
            "X-User-Id": "u1",
            "X-Project-Id": "p1",
            "X-Roles": "Member, reader,",
            "X-Service-Roles": "Service",
            "X-User-Domain-Id": "ud",
        }
    )

    assert (caller.user_id, caller.project_id, caller.domain_id) == ("u1", "p1", None)
    assert caller.roles == {"member", "reader"}
    assert caller.service_roles == {"service"}
    assert not caller.is_admin
    assert not caller.read_only
    assert caller.credentials["user_domain_id"] == "ud"
    assert caller.credentials["is_admin_project"] is True


@pytest.mark.parametrize(
    ("headers", "user", "project"),
    [
        ({"X-User": "u", "X-Tenant-Id": "t"}, "u", "t"),
        ({"X-Tenant": "t"}, None, "t"),
        ({"X-User-Id": "u", "X-User": "old", "X-Project-Id": "p", "X-Tenant-Id": "t"}, "u", "p"),
        ({"X-User-Id": "", "X-Project-Id": ""}, None, None),
        ({"x-user-id": "u", "x-project-id": "p"}, "u", "p"),
    ],
)
async def test_old_and_new_names(
    headers: dict[str, str], user: str | None, project: str | None
) -> None:
    caller = await identify(CONFIRMED | headers)

    assert (caller.user_id, caller.project_id) == (user, project)


async def test_each_role_has_to_be_named() -> None:
    """As with Glance behind such a proxy: a Keystone names the roles that others imply."""
    for roles, may in (("member", False), ("member,reader", True)):
        caller = await identify(CONFIRMED | {"X-Roles": roles, "X-Project-Id": "p"})
        assert Policy(Identity()).allows("get_image", caller, {"project_id": "p"}) is may


@pytest.mark.parametrize("roles", ["admin", "ADMIN", "reader,Admin"])
async def test_who_has_the_role_admin_is_one(roles: str) -> None:
    caller = await identify(CONFIRMED | {"X-Roles": roles})

    assert caller.is_admin
    assert caller.credentials["is_admin"] is True


async def test_the_policy_says_who_is_an_administrator(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text('"context_is_admin": "role:boss and user_domain_id:hq"\n')
    headers = CONFIRMED | {"X-Roles": "boss", "X-User-Domain-Id": "hq"}

    assert (await identify(headers, policy_file=path)).is_admin
    assert not (await identify(CONFIRMED | {"X-Roles": "admin"}, policy_file=path)).is_admin


async def test_the_scope_of_a_token() -> None:
    system = await identify(CONFIRMED | {"OpenStack-System-Scope": "all", "X-Roles": "admin"})
    domain = await identify(CONFIRMED | {"X-Domain-Id": "d", "X-Roles": "admin"})

    assert system.credentials["system_scope"] == system.credentials["system"] == "all"
    assert domain.domain_id == "d"


@pytest.mark.parametrize("status", [None, "Invalid", "confirmed", ""])
async def test_who_is_not_confirmed_stays_outside(status: str | None) -> None:
    headers = {"X-Roles": "admin"} | ({} if status is None else {"X-Identity-Status": status})

    with pytest.raises(Unauthenticated):
        await identify(headers)


async def test_or_may_only_read_where_that_is_allowed() -> None:
    caller = await identify({"X-Roles": "admin"}, allow_anonymous_access=True)

    assert caller.read_only
    assert not caller.is_admin
    assert caller.roles == frozenset()


def test_an_unknown_flavor_is_named() -> None:
    identity = Identity(flavor="kerberos")

    with pytest.raises(ConfigurationError, match=r"\[paste_deploy\] flavor: 'kerberos'"):
        source(identity, Policy(identity))


@pytest.mark.parametrize(
    ("flavor", "words"),
    [("", "every caller is an administrator"), ("trusted-headers", "believed as they come")],
)
def test_trusting_whoever_comes_is_loud(
    flavor: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    identity = Identity(flavor=flavor)
    source(identity, Policy(identity))

    assert words in caplog.text
    assert caplog.records[-1].levelname == "WARNING"
