from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from multidict import MultiDict

from imagestore.api.v2.listing import NEVER, links, parse
from imagestore.config.settings import Limits
from imagestore.model.errors import Invalid
from imagestore.model.image import MemberStatus, Visibility
from imagestore.model.query import SORT_KEYS, Condition, Direction, ImageQuery, Op, Sort

ASC, DESC = Direction.ASC, Direction.DESC
LIMITS = Limits()


def ask(query: str, limits: Limits = LIMITS) -> ImageQuery:
    """``query``: as in a URL, but spelled out."""
    pairs = [part.partition("=") for part in query.split("&")] if query else []
    return parse(MultiDict((name, value) for name, _, value in pairs), limits)


def condition(query: str) -> Condition:
    (found,) = ask(query).conditions
    return found


def refuse(query: str) -> str:
    with pytest.raises(Invalid) as caught:
        ask(query)
    return caught.value.message


def test_nothing_asked_for() -> None:
    assert ask("") == ImageQuery(limit=25, sort=(Sort("created_at"), Sort("id")))


class TestLimit:
    @pytest.mark.parametrize(
        ("value", "limit"),
        [
            ("0", 0),
            ("1", 1),
            ("1000", 1000),
            ("5000", 1000),
            ("9" * 30, 1000),
            ("+1", 1),
            (" 1", 1),
        ],
    )
    def test_how_many(self, value: str, limit: int) -> None:
        assert ask(f"limit={value}").limit == limit

    @pytest.mark.parametrize("value", ["-1", "a", "", "1.0", "0x1", "１", "9" * 5000])
    def test_how_many_not(self, value: str) -> None:
        assert "limit" in refuse(f"limit={value}")

    def test_the_operator_sets_the_default_and_the_most(self) -> None:
        limits = Limits(limit_param_default=7, api_limit_max=5)

        assert ask("", limits).limit == 5
        assert ask("limit=6", limits).limit == 5
        assert ask("limit=3", limits).limit == 3


def test_marker() -> None:
    assert ask("marker=abc").marker == "abc"
    assert ask("marker=").marker == ""
    assert ask("").marker is None


class TestSort:
    @pytest.mark.parametrize(
        ("query", "order"),
        [
            ("sort=name", [("name", DESC), ("created_at", DESC), ("id", DESC)]),
            ("sort=name:asc", [("name", ASC), ("created_at", ASC), ("id", ASC)]),
            (
                "sort=name:asc,size:desc",
                [("name", ASC), ("size", DESC), ("created_at", DESC), ("id", DESC)],
            ),
            ("sort= name : asc ", [("name", ASC), ("created_at", ASC), ("id", ASC)]),
            ("sort=name&sort=size", [("name", DESC), ("size", DESC)]),
            ("sort=created_at:asc", [("created_at", ASC), ("id", ASC)]),
            ("sort=id", [("id", DESC), ("created_at", DESC)]),
            ("sort=name:asc,name:desc", [("name", ASC), ("created_at", DESC), ("id", DESC)]),
            ("sort_key=name", [("name", DESC), ("created_at", DESC), ("id", DESC)]),
            ("sort_key=name&sort_dir=asc", [("name", ASC), ("created_at", ASC), ("id", ASC)]),
            (
                "sort_key=name&sort_key=size&sort_dir=asc",
                [("name", ASC), ("size", ASC), ("created_at", ASC), ("id", ASC)],
            ),
            (
                "sort_key=name&sort_dir=asc&sort_key=size&sort_dir=desc",
                [("name", ASC), ("size", DESC), ("created_at", DESC), ("id", DESC)],
            ),
            ("sort_dir=asc", [("created_at", ASC), ("id", ASC)]),
        ],
    )
    def test_orders(self, query: str, order: list[tuple[str, Direction]]) -> None:
        found = [(sort.key, sort.direction) for sort in ask(query).sort]

        assert found[: len(order)] == order
        assert {"created_at", "id"} <= {key for key, _ in found}

    @pytest.mark.parametrize("key", sorted(SORT_KEYS))
    def test_keys(self, key: str) -> None:
        assert ask(f"sort_key={key}").sort[0] == Sort(key)

    @pytest.mark.parametrize(
        "query",
        [
            "sort=", "sort=foo", "sort=name:up", "sort=name,", "sort=owner", "sort=name:asc:desc",
            "sort_key=", "sort_key=owner", "sort_key=min_ram", "sort_dir=up", "sort_dir=",
            "sort=name:asc&sort_key=name", "sort=name&sort_dir=asc",
            "sort_key=name&sort_dir=asc&sort_dir=desc", "sort_dir=asc&sort_dir=desc",
            "sort_key=name&sort_key=size&sort_key=id&sort_dir=asc&sort_dir=desc",
        ],
    )  # fmt: skip
    def test_no_orders(self, query: str) -> None:
        refuse(query)


class TestVisibility:
    @pytest.mark.parametrize("value", ["public", "private", "shared", "community"])
    def test_one_of_four(self, value: str) -> None:
        found = ask(f"visibility={value}")

        assert found.visibility is Visibility(value)
        assert not found.all_visibilities
        assert found.conditions == ()

    def test_all(self) -> None:
        found = ask("visibility=all")

        assert found.visibility is None
        assert found.all_visibilities

    def test_none(self) -> None:
        assert ask("visibility=").conditions == (NEVER,)

    @pytest.mark.parametrize("value", ["foo", "PUBLIC", "public,private"])
    def test_another(self, value: str) -> None:
        assert "public, private, shared, community, all" in refuse(f"visibility={value}")

    def test_of_several_the_last(self) -> None:
        assert ask("visibility=public&visibility=private").visibility is Visibility.PRIVATE


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", MemberStatus.ACCEPTED),
        ("member_status=accepted", MemberStatus.ACCEPTED),
        ("member_status=pending", MemberStatus.PENDING),
        ("member_status=rejected", MemberStatus.REJECTED),
        ("member_status=all", None),
    ],
)
def test_member_status(query: str, status: MemberStatus | None) -> None:
    assert ask(query).member_status is status


@pytest.mark.parametrize("value", ["foo", "", "ALL"])
def test_member_status_of_another_kind(value: str) -> None:
    refuse(f"member_status={value}")


@pytest.mark.parametrize(
    ("value", "hidden"), [("true", True), ("TRUE", True), ("True", True), ("false", False)]
)
def test_os_hidden(value: str, hidden: bool) -> None:
    assert ask(f"os_hidden={value}").os_hidden is hidden


@pytest.mark.parametrize("value", ["1", "", "yes"])
def test_os_hidden_is_a_boolean(value: str) -> None:
    refuse(f"os_hidden={value}")


def test_protected() -> None:
    assert condition("protected=true") == Condition("protected", Op.EQ, True)
    assert condition("protected=false") == Condition("protected", Op.EQ, False)
    for value in ("True", "", "1", "in:true"):
        refuse(f"protected={value}")


class TestLists:
    @pytest.mark.parametrize("name", ["name", "id", "status", "container_format", "disk_format"])
    def test_one_or_several(self, name: str) -> None:
        assert condition(f"{name}=x") == Condition(name, Op.EQ, "x")
        assert condition(f"{name}=eq:x") == Condition(name, Op.EQ, "x")
        assert condition(f"{name}=in:x,y") == Condition(name, Op.IN, ("x", "y"))
        for operator in ("neq", "gt", "foo", "", "IN"):
            assert "operator" in refuse(f"{name}={operator}:x")

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("", ""),
            ("a b", "a b"),
            ("a,b", "a,b"),
            ('"a"', '"a"'),
            ("eq:a:b", "a:b"),
            ("eq:", ""),
            ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
        ],
    )
    def test_one(self, value: str, expected: str) -> None:
        assert condition(f"name={value}") == Condition("name", Op.EQ, expected)

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("a", ("a",)),
            ("a,b", ("a", "b")),
            ("a,a", ("a",)),
            ("", ("",)),
            (",", ("",)),
            ("a,,b", ("a", "", "b")),
            ("a, b", ("a", " b")),
            ('"a,b",c', ("a,b", "c")),
            ('c,"a,b"', ("c", "a,b")),
            (r'"a\"b"', ('a"b',)),
            (r'"a\\",b', ("a\\", "b")),
            ('""', ("",)),
            ("a:b,c:d", ("a:b", "c:d")),
        ],
    )
    def test_several(self, value: str, expected: tuple[str, ...]) -> None:
        assert condition(f"name=in:{value}") == Condition("name", Op.IN, expected)

    @pytest.mark.parametrize("value", ['"a', 'a"b', '"a"b', 'a"', '"a","', '"a"b",c', '"a\\"'])
    def test_bad_quoting(self, value: str) -> None:
        assert "quotes" in refuse(f"name=in:{value}")


class TestTimes:
    @pytest.mark.parametrize(
        ("value", "op", "moment"),
        [
            ("2020-01-02", Op.EQ, datetime(2020, 1, 2)),
            ("2020", Op.EQ, datetime(2020, 1, 1)),
            ("2020-03", Op.EQ, datetime(2020, 3, 1)),
            ("gt:2020-01-02", Op.GT, datetime(2020, 1, 2)),
            ("gte:2020-01-02T03:04:05Z", Op.GTE, datetime(2020, 1, 2, 3, 4, 5)),
            ("lt:2020-01-02T03:04", Op.LT, datetime(2020, 1, 2, 3, 4)),
            ("lte:20200102T030405Z", Op.LTE, datetime(2020, 1, 2, 3, 4, 5)),
            ("eq:2020-01-02T03:04:05+02:00", Op.EQ, datetime(2020, 1, 2, 1, 4, 5)),
            ("neq:2020-01-02T03:04:05-0530", Op.NEQ, datetime(2020, 1, 2, 8, 34, 5)),
            ("2020-01-02T03:04:05+02:00", Op.EQ, datetime(2020, 1, 2, 1, 4, 5)),
            ("gt:2020-01-02T03:04:05.123Z", Op.GT, datetime(2020, 1, 2, 3, 4, 5, 123000)),
        ],
    )
    @pytest.mark.parametrize("name", ["created_at", "updated_at"])
    def test_moments(self, name: str, value: str, op: Op, moment: datetime) -> None:
        assert condition(f"{name}={value}") == Condition(name, op, moment)

    @pytest.mark.parametrize(
        "value",
        [
            "", "foo", "gt:foo", "gt:", "in:2020-01-01", "xx:2020-01-01", "2020-13-01",
            "gt:2020-01-01T00:00:00 02:00", "gt:9999-12-31T23:59:59-05:00",
            "0001-01-01T00:00:00+05:00", "0000", "2020-00",
        ],
    )  # fmt: skip
    def test_no_moments(self, value: str) -> None:
        assert "created_at" in refuse(f"created_at={value}")


class TestIntegers:
    @pytest.mark.parametrize("column", ["size", "virtual_size", "min_ram", "min_disk"])
    def test_bounds_are_inclusive(self, column: str) -> None:
        assert condition(f"{column}_min=5") == Condition(column, Op.GTE, 5)
        assert condition(f"{column}_max=5") == Condition(column, Op.LTE, 5)
        assert condition(f"{column}=5") == Condition(column, Op.EQ, 5)

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("size_min=-1", Condition("size", Op.GTE, 0)),
            ("size_max=-1", NEVER),
            ("size_min=" + "9" * 30, NEVER),
            ("size_max=" + "9" * 30, Condition("size", Op.LTE, 2**63 - 1)),
            ("min_ram_min=2147483648", NEVER),
            ("min_ram_max=2147483648", Condition("min_ram", Op.LTE, 2**31 - 1)),
            ("size=" + "9" * 30, NEVER),
            ("size=-1", NEVER),
            ("size=a", NEVER),
            ("size=", NEVER),
            ("size=in:1,2", NEVER),
            ("min_ram=2147483648", NEVER),
        ],
    )
    def test_numbers_that_no_column_holds(self, query: str, expected: Condition) -> None:
        assert condition(query) == expected

    @pytest.mark.parametrize("value", ["a", "", "1.5", "gt:1", "1_0", "9" * 5000])
    @pytest.mark.parametrize("name", ["size_min", "min_disk_max"])
    def test_bounds_are_numbers(self, name: str, value: str) -> None:
        assert name in refuse(f"{name}={value}")

    @pytest.mark.parametrize("name", ["foo_min", "_min", "name_max", "created_at_min", "owner_max"])
    def test_other_things_have_no_bounds(self, name: str) -> None:
        assert "size, virtual_size, min_ram, min_disk" in refuse(f"{name}=1")


@pytest.mark.parametrize("name", ["owner", "checksum", "os_hash_algo", "os_hash_value"])
@pytest.mark.parametrize("value", ["x", "", "in:a,b", "a:b"])
def test_columns_with_equality_alone(name: str, value: str) -> None:
    assert condition(f"{name}={value}") == Condition(name, Op.EQ, value)


@pytest.mark.parametrize(
    "name",
    [
        "foo", "os_distro", "is_public", "hw:cpu", "self", "file", "direct_url", "stores",
        "image_id", "deleted_at", "metadata", "tags", "property-x", "minimum",
    ],
)  # fmt: skip
@pytest.mark.parametrize("value", ["bar", "", "in:a,b", "gt:1"])
def test_any_other_name_is_a_custom_property(name: str, value: str) -> None:
    found = ask(f"{name}={value}")

    assert found.properties == ((name, value),)
    assert found.conditions == ()


@pytest.mark.parametrize("name", ["locations", "properties", "members", "changes-since"])
@pytest.mark.parametrize("value", ["x", ""])
def test_names_that_are_refused(name: str, value: str) -> None:
    assert name in refuse(f"{name}={value}")


@pytest.mark.parametrize("value", ["true", "false", "foo", ""])
def test_deleted_says_nothing(value: str) -> None:
    assert ask(f"deleted={value}") == ask("")


@pytest.mark.parametrize(
    ("query", "tags"),
    [
        ("tag=a", ("a",)),
        ("tag=a&tag=b", ("a", "b")),
        ("tag=a&tag=a", ("a",)),
        ("tag= a ", ("a",)),
        ("tag=", ("",)),
        ("tag=a,b", ("a,b",)),
    ],
)
def test_tags_all_have_to_be_there(query: str, tags: tuple[str, ...]) -> None:
    assert ask(query).tags == tags


def test_filters_add_up() -> None:
    found = ask("name=x&size_min=1&size_max=9&a=b&c=d&tag=t&status=active&name=y")

    assert found.conditions == (
        Condition("name", Op.EQ, "y"),
        Condition("size", Op.GTE, 1),
        Condition("size", Op.LTE, 9),
        Condition("status", Op.EQ, "active"),
    )
    assert found.properties == (("a", "b"), ("c", "d"))
    assert found.tags == ("t",)


@pytest.mark.parametrize("query", ["name=a\0", "a\0=b", "foo=\0", "tag=\0", "owner=\0"])
def test_no_image_has_a_nul(query: str) -> None:
    assert NEVER in ask(query).conditions


class TestLinks:
    def test_first_and_next(self) -> None:
        query = MultiDict({"limit": "2", "marker": "id-0"})

        assert links("/v2/images", query, "id-2") == {
            "first": "/v2/images?limit=2",
            "next": "/v2/images?limit=2&marker=id-2",
        }

    def test_without_parameters(self) -> None:
        found = links("/v2/images", MultiDict(), "id-24")

        assert found == {"first": "/v2/images", "next": "/v2/images?marker=id-24"}

    def test_a_page_that_is_not_full_is_the_last(self) -> None:
        assert links("/v2/images", MultiDict(limit="2"), None) == {"first": "/v2/images?limit=2"}

    def test_repeated_parameters_are_kept_in_order(self) -> None:
        pairs = [
            ("tag", "a"), ("sort_key", "name"), ("sort_dir", "asc"), ("tag", "b&c=d é"),
            ("sort_key", "size"), ("sort_dir", "desc"), ("name", 'in:"a,b",c'),
        ]  # fmt: skip
        found = links("/v2/images", MultiDict(pairs), "id-1")

        assert parse_qsl(urlsplit(found["first"]).query) == pairs
        assert parse_qsl(urlsplit(found["next"]).query) == [*pairs, ("marker", "id-1")]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                [
                    "limit", "marker", "sort", "sort_key", "sort_dir", "name", "created_at",
                    "size_min", "size", "visibility", "os_hidden", "tag", "foo", "protected",
                ]
            ),
            st.text('in:gt,"\\2026-01TZ+ \0', max_size=12)
            | st.sampled_from(["name", "asc", "public", "true", "1"]),
        ),
        max_size=6,
    )
)  # fmt: skip
def test_no_query_ends_in_anything_but_a_query_or_a_refusal(pairs: list[tuple[str, Any]]) -> None:
    try:
        found = parse(MultiDict(pairs), LIMITS)
    except Invalid:
        return
    assert 0 <= found.limit <= 1000
    link = links("/v2/images", MultiDict(pairs), "id-1")["first"]
    kept = [pair for pair in pairs if pair[0] != "marker"]
    assert link == ("/v2/images?" + urlencode(kept) if kept else "/v2/images")
