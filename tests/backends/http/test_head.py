"""What the head of an answer is believed to say."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict

from imagestore.backends.errors import NotFound, Unavailable, Unusable
from imagestore.backends.http.faults import Broken
from imagestore.backends.http.head import Head, read_head

DATE = "Tue, 24 Nov 2026 10:00:00 GMT"
BEFORE = "Tue, 24 Nov 2026 09:59:59 GMT"


def of(status: int, method: str = "GET", **headers: str) -> Head:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return read_head(method, status, CIMultiDict(named))


def test_a_whole_object() -> None:
    head = of(200, content_length="10", etag='"v1"', last_modified=BEFORE, date=DATE)
    assert head == Head(10, '"v1"', BEFORE, validator='"v1"', first=0, count=10)
    assert head.end == 10
    head = of(200, transfer_encoding="chunked")
    assert (head.size, head.count, head.end) == (None, None, None)


def test_a_part() -> None:
    head = of(206, content_range="bytes 5-9/20", content_length="5")
    assert (head.size, head.first, head.count, head.end) == (20, 5, 5, 10)
    assert head.partial
    head = of(206, content_range="BYTES 0-0/*", transfer_encoding="chunked")
    assert (head.size, head.first, head.count) == (None, 0, 1)


def test_a_part_that_is_not_there() -> None:
    head = of(416, content_range="bytes */20", content_length="500")
    assert (head.size, head.count) == (20, 0)
    assert of(416).size is None


@pytest.mark.parametrize(
    ("headers", "validator"),
    [
        ({"etag": '"a"', "last_modified": BEFORE, "date": DATE}, '"a"'),
        # A weak tag may be that of other bytes; a date in the same second, too.
        ({"etag": 'W/"a"'}, None),
        ({"etag": "a"}, None),
        ({"etag": 'W/"a"', "last_modified": BEFORE, "date": DATE}, BEFORE),
        ({"last_modified": DATE, "date": DATE}, None),
        ({"last_modified": BEFORE}, None),
        ({"last_modified": "yesterday", "date": DATE}, None),
        ({"last_modified": BEFORE, "date": "Tue, 24 Nov 2026 10:00:00"}, None),
        ({}, None),
    ],
)
def test_what_tells_one_object_from_another(headers: dict[str, str], validator: str | None) -> None:
    head = of(200, content_length="1", **headers)
    assert head.validator == validator
    assert head.same_object(head) is (validator is not None)
    assert not head.same_object(of(200, content_length="2", **headers))
    assert not head.same_object(of(200, content_length="1", etag='"other"'))


@pytest.mark.parametrize("encoding", ["gzip", "identity, br", "x-gzip"])
def test_a_label_of_an_encoding_changes_nothing(encoding: str) -> None:
    assert of(200, content_length="7", content_encoding=encoding) == of(200, content_length="7")


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (200, {}),
        (200, {"content_length": "-1"}),
        (200, {"content_length": "+1"}),
        (200, {"content_length": "1, 1"}),
        (200, {"content_length": "0x10"}),
        (200, {"content_length": "\N{SUPERSCRIPT TWO}"}),
        (200, {"content_length": "9" * 30}),
        (200, {"content_length": "1", "transfer_encoding": "gzip, chunked"}),
        (206, {"content_length": "1"}),
        (206, {"content_length": "1", "content_range": "bytes 0-0"}),
        (206, {"content_length": "1", "content_range": "0-0/1"}),
        (206, {"content_length": "1", "content_range": "bytes */1"}),
        (206, {"content_length": "1", "content_range": "items 0-0/1"}),
        (206, {"content_length": "2", "content_range": "bytes 0-0/1"}),
        (206, {"content_length": "1", "content_range": "bytes 1-0/9"}),
        (206, {"content_length": "2", "content_range": "bytes 8-9/9"}),
        (206, {"content_length": "1", "content_range": "bytes -1-0/9"}),
        (100, {}),
        (201, {"content_length": "1"}),
        (204, {}),
        (304, {}),
        (400, {"content_length": "1"}),
        (401, {"content_length": "1"}),
        (403, {"content_length": "1"}),
    ],
)
def test_what_is_not_believed(status: int, headers: dict[str, str]) -> None:
    with pytest.raises((Unavailable, Unusable)) as caught:
        of(status, **headers)
    assert not isinstance(caught.value, Broken)


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (200, {}),
        (200, {"content_length": "1", "transfer_encoding": "gzip, chunked"}),
        (401, {"content_length": "1"}),
        (403, {"content_length": "1"}),
    ],
)
def test_what_will_be_the_same_next_time(status: int, headers: dict[str, str]) -> None:
    with pytest.raises(Unusable):
        of(status, **headers)


def test_a_head_needs_no_length() -> None:
    assert of(200, "HEAD").size is None
    assert of(200, "HEAD", content_length="7").size == 7


@pytest.mark.parametrize("status", [404, 410])
def test_gone(status: int) -> None:
    with pytest.raises(NotFound):
        of(status)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_for_now(status: int) -> None:
    with pytest.raises(Broken):
        of(status)
