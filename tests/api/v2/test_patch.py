from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imagestore.api.v2.patch import ACCEPT_PATCH, V2_0, V2_1, UnsupportedPatch, parse
from imagestore.model.changes import Change
from imagestore.model.errors import Forbidden, Invalid
from imagestore.model.image import READ_ONLY


def parse_json(operations: Any, media_type: str = V2_1) -> tuple[Change, ...]:
    return parse(media_type, json.dumps(operations).encode())


def one(op: str, path: Any, value: Any = "x") -> Change:
    operation = {"op": op, "path": path} | ({} if op == "remove" else {"value": value})
    (change,) = parse_json([operation])
    return change


def test_operations_of_2_1() -> None:
    assert parse_json(
        [
            {"op": "add", "path": "/a", "value": "1"},
            {"op": "replace", "path": "/name", "value": None},
            {"op": "remove", "path": "/b"},
        ]
    ) == (
        Change("add", "a", "1"),
        Change("replace", "name", None),
        Change("remove", "b"),
    )


def test_operations_of_2_0() -> None:
    operations = [{"add": "/a", "value": "1"}, {"replace": "/b", "value": 5}, {"remove": "/c"}]

    assert parse_json(operations, V2_0) == (
        Change("add", "a", "1", must_be_new=True),
        Change("replace", "b", 5),
        Change("remove", "c"),
    )


def test_no_operations() -> None:
    assert parse_json([]) == ()


@pytest.mark.parametrize(
    "content_type", [V2_1, V2_0, f"{V2_1}; charset=utf-8", f" {V2_1} ;x=y", V2_1.upper()]
)
def test_media_types(content_type: str) -> None:
    assert parse(content_type, b"[]") == ()


@pytest.mark.parametrize(
    "content_type",
    [
        "", "application/json", "application/json-patch+json", "text/plain",
        "application/openstack-images-v2-json-patch", V2_1 + "x",
    ],
)  # fmt: skip
def test_other_media_types(content_type: str) -> None:
    with pytest.raises(UnsupportedPatch) as caught:
        parse(content_type, b"[]")
    assert caught.value.headers == {"Accept-Patch": ACCEPT_PATCH}
    assert V2_0 in ACCEPT_PATCH
    assert V2_1 in ACCEPT_PATCH


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x",
        b"null",
        b"5",
        b'"x"',
        b"{}",
        b'["x"]',
        b"[[]]",
        b"[null]",
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_bodies_that_are_no_list_of_operations(body: bytes) -> None:
    for media_type in (V2_0, V2_1):
        with pytest.raises(Invalid):
            parse(media_type, body)


@pytest.mark.parametrize(
    "operation",
    [
        {},
        {"op": "test", "path": "/a", "value": "x"},
        {"op": "move", "path": "/a", "from": "/b"},
        {"op": "copy", "path": "/a", "from": "/b"},
        {"op": ["add"], "path": "/a", "value": "x"},
        {"op": None, "path": "/a", "value": "x"},
        {"path": "/a", "value": "x"},
        {"op": "add", "value": "x"},
        {"op": "add", "path": "/a"},
        {"op": "replace", "path": "/a"},
        {"add": "/a", "value": "x"},
    ],
)
def test_operations_that_are_none_in_2_1(operation: Any) -> None:
    with pytest.raises(Invalid):
        parse_json([operation])


@pytest.mark.parametrize(
    "operation",
    [
        {},
        {"value": "x"},
        {"add": "/a", "replace": "/a", "value": "x"},
        {"add": "/a"},
        {"add": 5, "value": "x"},
        {"op": "add", "path": "/a", "value": "x"},
        {"test": "/a", "value": "x"},
    ],
)
def test_operations_that_are_none_in_2_0(operation: Any) -> None:
    with pytest.raises(Invalid):
        parse_json([operation], V2_0)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/a", "a"),
        ("/a~1b", "a/b"),
        ("/a~0b", "a~b"),
        ("/a~01", "a~1"),
        ("/ a ", "a"),
        ("/", ""),
        ("/image_id", "image_id"),
        ("/a.b:c", "a.b:c"),
        ("/ü", "ü"),
    ],
)
def test_pointers(path: str, name: str) -> None:
    assert one("add", path).name == name


@pytest.mark.parametrize(
    "path",
    [
        "", "a", "//", "/a//b", "/a/ /b", "/a/", "/ /", "/a/b", "/tags/-", "/name/x", "/a~2",
        "/a~", "/~a", None, 5, ["/a"], {},
    ],
)  # fmt: skip
def test_pointers_that_lead_nowhere(path: Any) -> None:
    for op in ("add", "replace", "remove"):
        with pytest.raises(Invalid):
            one(op, path)


@pytest.mark.parametrize("name", sorted(READ_ONLY))
@pytest.mark.parametrize("op", ["add", "replace", "remove"])
def test_read_only_attributes(op: str, name: str) -> None:
    with pytest.raises(Forbidden, match="read-only"):
        one(op, f"/{name}")


@pytest.mark.parametrize("name", ["location", "deleted", "deleted_at", "os_glance_x", "os_glance"])
@pytest.mark.parametrize("op", ["add", "replace", "remove"])
def test_reserved_names(op: str, name: str) -> None:
    with pytest.raises(Forbidden, match="reserved"):
        one(op, f"/{name}")


@pytest.mark.parametrize(
    ("op", "path", "index"),
    [
        ("add", "/locations/-", "-"),
        ("add", "/locations/0", 0),
        ("add", "/locations/12", 12),
        ("remove", "/locations/1", 1),
        ("remove", "/locations/-", "-"),
        ("replace", "/locations", None),
    ],
)
def test_places_in_locations(op: Any, path: str, index: Any) -> None:
    change = one(op, path, [])

    assert (change.op, change.name, change.index) == (op, "locations", index)


@pytest.mark.parametrize(
    ("op", "path"),
    [
        ("add", "/locations"),
        ("remove", "/locations"),
        ("replace", "/locations/0"),
        ("add", "/locations/0/url"),
        ("add", "/locations/x"),
        ("add", "/locations/-1"),
        ("remove", "/locations/²"),
    ],
)
def test_places_that_are_none(op: str, path: str) -> None:
    with pytest.raises(Invalid):
        one(op, path)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from([V2_0, V2_1]),
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "op": st.sampled_from(["add", "replace", "remove"]) | st.text() | st.none(),
                "path": st.text("/~01a-", max_size=8) | st.integers(),
                "add": st.text("/~01a-", max_size=8) | st.none(),
                "remove": st.text("/~01a-", max_size=8) | st.lists(st.integers()),
                "value": st.none() | st.text() | st.integers(),
            },
        )
    ),
)
def test_no_body_ends_in_anything_but_changes_or_a_refusal(media_type: str, body: Any) -> None:
    try:
        changes = parse_json(body, media_type)
    except (Invalid, Forbidden):
        return
    assert len(changes) == len(body)
