"""Compiled checks decide as oslo.policy itself does; where they do not, a test says so."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oslo_config import cfg
from oslo_policy import policy as oslo

from imagestore.identity.checks import CycleError, compile_all, is_refusal, references
from imagestore.identity.rules import RULES

PARSED = {rule.name: oslo.RuleDefault(rule.name, rule.check).check for rule in RULES}


@pytest.fixture(scope="module")
def enforcer() -> oslo.Enforcer:
    conf = cfg.ConfigOpts()
    conf([], project="imagestore", default_config_files=[], default_config_dirs=[])
    enforcer = oslo.Enforcer(conf, use_conf=False)
    enforcer.set_rules(PARSED)
    return enforcer


def decide(check: str, target: dict[str, Any], credentials: dict[str, Any]) -> bool:
    rules = dict(oslo.Rules.from_dict({"rule": check}))
    return compile_all(rules)["rule"](target, credentials)


@pytest.mark.parametrize("name", [rule.name for rule in RULES])
def test_every_default_decides_as_oslo_policy(name: str, enforcer: oslo.Enforcer) -> None:
    ours = compile_all(PARSED)[name]
    for roles, owner, member, visibility in itertools.product(
        (["admin"], ["member"], ["reader"], ["service"], ["member", "reader"], []),
        ("mine", "other"),
        ("mine", "other", None),
        ("public", "private", "shared", "community"),
    ):
        target = {"project_id": owner, "owner": owner, "visibility": visibility}
        if member:
            target["member_id"] = member
        credentials = {"roles": roles, "project_id": "mine", "user_id": "u"}
        theirs = enforcer.enforce(name, target, dict(credentials))
        assert ours(target, credentials) == theirs, (roles, owner, member, visibility)


_ATOMS = st.sampled_from(
    [
        "@",
        "!",
        "role:member",
        "role:Admin",
        "role:%(wanted)s",
        "project_id:%(project_id)s",
        "project_id:p1",
        "tenant:%(missing)s",
        "absent:%(project_id)s",
        "'public':%(visibility)s",
        "True:%(protected)s",
        "5:%(min_ram)s",
        "domain.id:%(domain)s",
        "domain.id:x%(domain)sy",
        "list:%(project_id)s",
        "is_admin:True",
    ]
)
_CHECKS = st.recursive(
    _ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda two: f"({two[0]} and {two[1]})"),
        st.tuples(inner, inner).map(lambda two: f"({two[0]} or {two[1]})"),
        inner.map(lambda one: f"not ({one})"),
    ),
    max_leaves=6,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    check=_CHECKS,
    target=st.fixed_dictionaries(
        {
            "visibility": st.sampled_from(["public", "private"]),
            "protected": st.booleans(),
            "min_ram": st.sampled_from([5, 6]),
            "domain": st.sampled_from(["d1", "d2"]),
            "wanted": st.sampled_from(["member", "MEMBER", "other"]),
        },
        optional={"project_id": st.sampled_from(["p1", "p2"])},
    ),
    credentials=st.fixed_dictionaries(
        {
            "roles": st.lists(st.sampled_from(["member", "admin", "reader"])),
            "domain": st.fixed_dictionaries({"id": st.sampled_from(["d1", "xd1y"])}),
            "list": st.just(["p1", "p9"]),
            "is_admin": st.booleans(),
        },
        optional={"project_id": st.sampled_from(["p1", "p2"])},
    ),
)
def test_any_rule_decides_as_oslo_policy(
    enforcer: oslo.Enforcer, check: str, target: dict[str, Any], credentials: dict[str, Any]
) -> None:
    parsed = oslo.RuleDefault("any", check).check
    theirs = enforcer.enforce(parsed, target, dict(credentials))

    assert decide(check, target, credentials) == theirs


@pytest.mark.parametrize(
    ("check", "target", "credentials"),
    [
        ("role:%(wanted)s", {"wanted": "Member"}, {"roles": ["member"]}),
        ("role:%(wanted)s", {"wanted": "other"}, {"roles": ["member"]}),
        ("role:%(wanted)s", {}, {"roles": ["member"]}),
        ("role:member", {}, {}),
        ("'x-y':%(a)s-%(b)s", {"a": "x", "b": "y"}, {}),
        ("'x-y':%(a)s-%(b)s", {"a": "x"}, {}),
        ("'x':x", {}, {}),
        ("user.id:%(a)s", {"a": "1"}, {"user": {"id": "1"}}),
        ("user.id:%(a)s", {"a": "1"}, {"user": {"name": "1"}}),
        ("user.id:%(a)s", {}, {"user": {"id": "1"}}),
        ("user.roles.name:%(a)s", {"a": "r"}, {"user": {"roles": [{"name": "q"}, {"name": "r"}]}}),
        ("user.roles.name:%(a)s", {"a": "z"}, {"user": {"roles": [{"name": "q"}]}}),
        ("groups:%(a)s", {"a": "g2"}, {"groups": ["g1", "g2"]}),
        ("groups:%(a)s", {"a": "g3"}, {"groups": ["g1", "g2"]}),
        ("number:%(a)s", {"a": "5"}, {"number": 5}),
        ("5:%(a)s", {"a": 5}, {}),
        ("None:%(owner)s", {"owner": None}, {}),
        ("True:%(protected)s", {"protected": False}, {}),
    ],
)
def test_forms_of_a_check(
    enforcer: oslo.Enforcer, check: str, target: dict[str, Any], credentials: dict[str, Any]
) -> None:
    theirs = enforcer.enforce(oslo.RuleDefault("any", check).check, target, dict(credentials))

    assert decide(check, target, credentials) == theirs


def test_rules_in_the_old_form_of_lists() -> None:
    rules = compile_all(
        dict(oslo.Rules.from_dict({"rule": [["role:admin"], ["role:a", "role:b"]]}))
    )

    assert rules["rule"]({}, {"roles": ["admin"]})
    assert rules["rule"]({}, {"roles": ["a", "b"]})
    assert not rules["rule"]({}, {"roles": ["a"]})


def test_no_project_is_the_owner_of_what_has_no_owner_but_never_one_named_none() -> None:
    check = "project_id:%(project_id)s"

    assert decide(check, {"project_id": None}, {"project_id": None})
    assert not decide(check, {"project_id": None}, {"project_id": "None"})
    assert not decide(check, {"project_id": "None"}, {"project_id": None})


def test_a_kind_that_is_no_python_is_the_name_of_a_credential() -> None:
    assert decide("for:%(a)s", {"a": "x"}, {"for": "x"})


def test_rules_that_refer_to_each_other_in_a_circle() -> None:
    rules = dict(oslo.Rules.from_dict({"a": "rule:b", "b": "role:x or not rule:c", "c": "rule:a"}))

    with pytest.raises(CycleError, match="a -> b -> c -> a"):
        compile_all(rules)


@pytest.mark.parametrize(("missing", "allowed"), [(None, False), ("fallback", True)])
def test_a_reference_to_a_rule_that_does_not_exist(missing: str | None, allowed: bool) -> None:
    rules = dict(oslo.Rules.from_dict({"a": "rule:gone", "fallback": "@"}))

    assert compile_all(rules, missing)["a"]({}, {}) is allowed


def test_references_are_found_at_any_depth() -> None:
    check = oslo.RuleDefault("x", "rule:a or (role:m and not rule:b) or @").check

    assert references(check) == {"a", "b"}


def test_what_oslo_policy_cannot_read_refuses() -> None:
    assert is_refusal(oslo.RuleDefault("x", "no colon here").check)
    assert not is_refusal(oslo.RuleDefault("x", "role:a").check)


class Weekday(oslo.Check):  # type: ignore[misc]
    """A kind of check as a package could bring one."""

    def __call__(self, target: Any, creds: Any, enforcer: Any, current_rule: Any = None) -> bool:
        return bool(self.match in target["days"] and "r1" in creds["roles"])


def test_a_foreign_kind_of_check_is_asked_as_it_is() -> None:
    check = Weekday("weekday", "monday")
    ask = compile_all({"rule": check})["rule"]

    assert ask({"days": ["monday"]}, {"roles": frozenset({"r1"})}) is True
    assert ask({"days": ["sunday"]}, {"roles": frozenset({"r1"})}) is False
