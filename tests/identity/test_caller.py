from __future__ import annotations

from dataclasses import replace

from imagestore.identity.caller import Caller


def test_credentials_hold_the_facts_under_the_names_of_policy_rules() -> None:
    caller = Caller(
        user_id="u",
        project_id="p",
        roles=frozenset({"member"}),
        is_admin=True,
        credentials={"user_domain_id": "d"},
    )

    assert caller.credentials["project_id"] == caller.credentials["tenant"] == "p"
    assert caller.credentials["user_id"] == caller.credentials["user"] == "u"
    assert caller.credentials["roles"] == {"member"}
    assert caller.credentials["is_admin"] is True
    assert caller.credentials["user_domain_id"] == "d"


def test_an_altered_copy_leaves_the_original_as_it_was() -> None:
    caller = Caller(project_id="p")
    admin = replace(caller, is_admin=True)

    assert admin.credentials["is_admin"] is True
    assert caller.credentials["is_admin"] is False


def test_secrets_of_the_credentials_are_not_printed() -> None:
    assert "token" not in repr(Caller(credentials={"token": "token"}))
