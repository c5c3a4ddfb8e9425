"""What the comparison finds, forgives and complains of."""

from __future__ import annotations

import json
from typing import Any

from tests.conformance.compare import ABSENT, ANY, Delta, Difference, deltas, explain
from tests.conformance.normalise import Answer, Names, Record


def answered(status: int = 200, **parts: Any) -> Record:
    return {"status": status, "headers": {}, **parts}


def test_equal_runs_have_no_difference() -> None:
    run = {"a/b": [answered(body={"x": [1, {"y": None}]})]}
    assert list(deltas(run, run)) == []


def test_status_hides_the_rest() -> None:
    theirs, ours = {"a/b": [answered(200, body=1)]}, {"a/b": [answered(404, body=2)]}
    assert list(deltas(theirs, ours)) == [Delta("a/b", "1.status", 200, 404)]


def test_places_are_named() -> None:
    theirs = {"a/b": [answered(), answered(body={"images": [{"size": 1}]})]}
    ours = {"a/b": [answered(), answered(body={"images": [{"size": None, "new": "x"}]})]}
    assert list(deltas(theirs, ours)) == [
        Delta("a/b", "2.body.images.0.new", ABSENT, "x"),
        Delta("a/b", "2.body.images.0.size", 1, None),
    ]


def test_types_differ() -> None:
    theirs, ours = {"a/b": [answered(body=1)]}, {"a/b": [answered(body=True)]}
    assert [delta.field for delta in deltas(theirs, ours)] == ["1.body"]


def test_failed_setup_is_one_difference() -> None:
    theirs: dict[str, list[Record]] = {"a/b": [answered(), answered()]}
    found = list(deltas(theirs, {"a/b": [{"setup": "POST /: 500"}]}))
    assert found == [Delta("a/b", "setup", "good", "POST /: 500")]


def test_missing_case_is_a_difference() -> None:
    assert list(deltas({"a/b": [answered()]}, {})) == [Delta("a/b", "setup", "good", ABSENT)]


def test_explain() -> None:
    found = [Delta("a/b", "1.status", 500, 400), Delta("a/c", "1.status", 200, 201)]
    listed = [
        Difference(("a/b", "a/gone"), "1.status", 500, ANY, "better"),
        Difference(("a/c",), "1.status", 200, 404, "other value"),
    ]
    left, stale = explain(found, listed)
    assert left == [found[1]]
    assert stale == [("a/gone", listed[0]), ("a/c", listed[1])]


def test_normalised_record() -> None:
    image = "0a1b2c3d-0000-4000-8000-000000000001"
    names = Names("http://127.0.0.1:1", {image: "<a>", "f" * 32: "<owner>"})
    listed = {
        "id": image,
        "owner": "f" * 32,
        "tags": ["b", "a"],
        "created_at": "2026-01-02T03:04:05Z",
    }
    foreign = {"id": "11111111-0000-4000-8000-000000000001"}
    following = f"/v2/images?marker={image}&limit=1"
    body = json.dumps({"images": [listed, foreign], "next": following})
    headers = {"content-type": "application/json; charset=UTF-8", "allow": "PUT, GET"}
    assert names.record(Answer(200, headers, body.encode())) == {
        "status": 200,
        "headers": {"allow": ["GET", "PUT"], "x-openstack-request-id": "absent"},
        "type": "application/json",
        "body": {
            "images": [
                {"id": "<a>", "owner": "<owner>", "tags": ["a", "b"], "created_at": "<time>"}
            ],
            "next": {"path": "/v2/images", "query": [["limit", "1"], ["marker", "<a>"]]},
        },
    }


def test_error_text_is_free() -> None:
    names = Names("http://127.0.0.1:1", {})
    page = b"<html><head><title>404 Not Found</title></head><body>no such image</body></html>"
    assert names.record(Answer(404, {"content-type": "text/html"}, page))["body"] == {
        "title": "404 Not Found"
    }
    text = names.record(Answer(404, {"content-type": "text/plain"}, b"404 Not Found\n\nwords\n"))
    assert text["body"] == {"first line": "404 Not Found"}
