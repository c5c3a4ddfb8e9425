"""What follows from how an image stands at two sites."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from imagestore.model.errors import Invalid
from imagestore.sites.compare import Action, compare, wanted
from imagestore.sites.images_api import patch
from imagestore.sites.record import Record, from_document, has_same_bytes
from imagestore.sites.rules import Conflict, SiteRules, parse_match

ID = "11111111-2222-3333-4444-555555555555"
MOMENT = datetime(2026, 1, 1)
FIELDS = {"name": "a", "disk_format": "raw", "tags": ("x",), "prop": "1"}
MD5, OTHER_MD5 = "c0" * 16, "c1" * 16
SHA512, OTHER_SHA512 = "d0" * 64, "d1" * 64
ONE = Record(ID, "active", 3, MD5, "sha512", SHA512, MOMENT, FIELDS)


def changed(**fields: Any) -> Record:
    return replace(ONE, fields=FIELDS | fields)


@pytest.mark.parametrize(
    ("target", "action"),
    [
        (None, Action.CREATE),
        (ONE, Action.NOTHING),
        (changed(name="b"), Action.CHANGE),
        (changed(tags=("x", "y")), Action.CHANGE),
        (changed(other="1"), Action.CHANGE),
        (replace(ONE, status="deactivated"), Action.CHANGE),
        (replace(ONE, status="queued", size=None), Action.FILL),
        (replace(ONE, status="saving"), Action.WAIT),
        (replace(ONE, status="importing"), Action.WAIT),
        (replace(ONE, status="killed"), Action.CONFLICT),
        (replace(ONE, size=4), Action.CONFLICT),
        (replace(ONE, os_hash_value=OTHER_SHA512), Action.CONFLICT),
        (changed(disk_format="qcow2"), Action.CONFLICT),
    ],
)
def test_steps(target: Record | None, action: Action) -> None:
    assert compare(ONE, target, SiteRules()).action is action


def test_whose_metadata_count() -> None:
    later = replace(changed(name="b"), updated_at=MOMENT + timedelta(seconds=1))
    earlier = replace(changed(name="b"), updated_at=MOMENT)
    assert compare(ONE, later, SiteRules(conflict=Conflict.TARGET)).action is Action.LEAVE
    assert compare(ONE, later, SiteRules(conflict=Conflict.NEWER)).action is Action.LEAVE
    assert compare(ONE, earlier, SiteRules(conflict=Conflict.NEWER)).action is Action.CHANGE
    left = SiteRules(skip=frozenset({"name", "prop"}))
    target = changed(name="b", prop="2", more="3")
    step = compare(ONE.without(left.skip), target, left)
    assert step.fields == ("more",)
    assert wanted(ONE.without(left.skip), target, left) == FIELDS | {"name": "b", "prop": "2"}


def test_digests_that_both_know() -> None:
    other = replace(ONE, os_hash_algo="sha256", os_hash_value="d9" * 32)
    assert has_same_bytes(ONE, other)
    assert not has_same_bytes(ONE, replace(other, checksum=OTHER_MD5))
    assert not has_same_bytes(replace(ONE, checksum=None), replace(ONE, os_hash_value=OTHER_SHA512))
    assert has_same_bytes(replace(ONE, checksum=None, os_hash_value=None), ONE)


def test_match() -> None:
    record = changed(protected=True, min_ram=5)
    for text in ("name=a", "tag=x", "prop=1", "protected=true", "min_ram=5", f"id={ID}"):
        assert parse_match([text])(record), text
    for text in ("name=b", "tag=y", "prop=", "protected=false", "absent=1", "status=queued"):
        assert not parse_match([text])(record), text
    assert not parse_match(["name=a", "tag=y"])(record)
    for text in ("", "name", "=x"):
        with pytest.raises(Invalid):
            parse_match([text])


def test_documents_are_not_believed_blindly() -> None:
    good = ONE.document() | {"tags": ["x"], "os_glance_x": "1", "locations": [], "n": None}
    assert from_document(good) == ONE
    bad: list[Any] = [None, [], {}, {"id": 5}, {"id": "../../etc/passwd"}, good | {"size": "3"}]
    bad += [
        good | {"size": -1},
        good | {"tags": "x"},
        good | {"tags": [1]},
        good | {"id": ID + "\n"},
    ]
    for document in bad:
        with pytest.raises(Invalid):
            from_document(document)
    odd = from_document(good | {"updated_at": "never", "prop": {"a": 1}, "checksum": 5})
    assert (odd.checksum, odd.updated_at, "prop" in odd.fields) == (None, datetime.min, False)


def test_patch() -> None:
    before = {"name": "a", "tags": ("x",), "a/b~c": "1", "gone": "2", "owner": "me"}
    after = {"name": None, "tags": ("x", "y"), "a/b~c": "2", "new": "3"}
    assert patch(before, after) == [
        {"op": "replace", "path": "/name", "value": None},
        {"op": "replace", "path": "/tags", "value": ["x", "y"]},
        {"op": "replace", "path": "/a~1b~0c", "value": "2"},
        {"op": "add", "path": "/new", "value": "3"},
        {"op": "remove", "path": "/gone"},
    ]
    assert patch(before, before) == []
