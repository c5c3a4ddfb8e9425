from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from imagestore.api.ranges import Answer, Status, choose
from imagestore.model.errors import Invalid, UnsatisfiableRange

ETAG = '"abc"'


def answer(size: int = 10, etag: str | None = ETAG, /, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return choose(CIMultiDict(named), size, etag)


def test_without_conditions_the_whole() -> None:
    assert answer() == Answer(Status.WHOLE, 0, 10)
    assert answer(0) == Answer(Status.WHOLE, 0, 0)


@pytest.mark.parametrize(
    ("value", "offset", "length"),
    [
        ("bytes=0-3", 0, 4),
        ("bytes=4-", 4, 6),
        ("bytes=9-9", 9, 1),
        ("bytes=-3", 7, 3),
        ("bytes=-30", 0, 10),
        ("bytes=0-100", 0, 10),
        ("bytes=0-", 0, 10),
        ("BYTES=1-2", 1, 2),
        (" bytes= 1 - 2 ", 1, 2),
        ("bytes=1-99999999999999999999", 1, 9),
    ],
)
@pytest.mark.parametrize("name", ["Range", "range"])
def test_a_part(name: str, value: str, offset: int, length: int) -> None:
    last = offset + length - 1

    assert answer(**{name: value}) == Answer(
        Status.PART, offset, length, {"Content-Range": f"bytes {offset}-{last}/10"}
    )


@pytest.mark.parametrize(
    "value",
    [
        "bytes=10-", "bytes=5-2", "bytes=a-b", "bytes=-", "bytes=", "", "items=0-1", "0-3",
        "bytes 0-3", "bytes=-0", "bytes=1-2-3", "bytes=+1-2", "bytes=" + "9" * 5000 + "-",
        "bytes=-" + "9" * 5000, "bytes=１-２",
    ],
)  # fmt: skip
def test_a_range_that_is_not_there(value: str) -> None:
    with pytest.raises(UnsatisfiableRange) as caught:
        answer(Range=value)
    assert caught.value.size == 10


@pytest.mark.parametrize("value", ["bytes=0-", "bytes=-1", "bytes=0-0"])
def test_no_part_of_nothing(value: str) -> None:
    with pytest.raises(UnsatisfiableRange):
        answer(0, Range=value)


@pytest.mark.parametrize("value", ["bytes=0-1,3-4", "bytes=0-1, -1", "bytes=1-2,"])
def test_several_ranges(value: str) -> None:
    with pytest.raises(Invalid, match="one at a time"):
        answer(Range=value)


@pytest.mark.parametrize("value", ["bytes 0-3/*", "bytes 0-3/10", "bytes 0-3/11", " bytes 0-3/* "])
def test_the_old_request_header_content_range(value: str) -> None:
    assert answer(Content_Range=value) == Answer(
        Status.PART, 0, 4, {"Content-Range": "bytes 0-3/10"}
    )


@pytest.mark.parametrize(
    "value", ["bytes 4-10/*", "bytes */10", "bytes 5-2/*", "x", "bytes=0-3/*", "bytes 4-/*", ""]
)
def test_an_old_header_that_does_not_fit(value: str) -> None:
    with pytest.raises(UnsatisfiableRange):
        answer(Content_Range=value)


def test_range_goes_before_the_old_header() -> None:
    assert answer(Range="bytes=1-1", Content_Range="bytes 0-3/*").offset == 1


@pytest.mark.parametrize("value", [ETAG, "*", f'"x", {ETAG}', f"W/{ETAG}"])
def test_not_modified(value: str) -> None:
    assert answer(If_None_Match=value) == Answer(Status.NOT_MODIFIED, headers={"ETag": ETAG})


def test_not_modified_goes_before_a_range() -> None:
    assert answer(If_None_Match=ETAG, Range="bytes=0-1").status is Status.NOT_MODIFIED
    assert answer(If_None_Match=ETAG, Range="bytes=99-").status is Status.NOT_MODIFIED


@pytest.mark.parametrize("value", ['"x"', "abc", ""])
def test_modified(value: str) -> None:
    assert answer(If_None_Match=value).status is Status.WHOLE


def test_without_a_digest_nothing_is_known_to_be_the_same() -> None:
    assert answer(10, None, If_None_Match=ETAG).status is Status.WHOLE
    assert answer(10, None, If_Match=ETAG).status is Status.PRECONDITION_FAILED
    assert answer(10, None, If_Range=ETAG, Range="bytes=0-1").status is Status.WHOLE


@pytest.mark.parametrize(
    ("value", "status"),
    [
        (ETAG, Status.WHOLE),
        ("*", Status.WHOLE),
        ('"x"', Status.PRECONDITION_FAILED),
        (f"W/{ETAG}", Status.PRECONDITION_FAILED),
        ("", Status.PRECONDITION_FAILED),
    ],
)
def test_if_match(value: str, status: Status) -> None:
    assert answer(If_Match=value).status is status


def test_if_match_goes_before_if_none_match() -> None:
    found = answer(If_Match='"x"', If_None_Match=ETAG)

    assert found.status is Status.PRECONDITION_FAILED
    assert found.length == 0


def test_if_match_and_a_range() -> None:
    assert answer(If_Match=ETAG, Range="bytes=2-").status is Status.PART


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        (ETAG, Status.PART),
        ('"x"', Status.WHOLE),
        (f"W/{ETAG}", Status.WHOLE),
        ("Thu, 01 Jan 2026 00:00:00 GMT", Status.WHOLE),
    ],
)
def test_if_range(condition: str, status: Status) -> None:
    assert answer(If_Range=condition, Range="bytes=0-1").status is status


def test_if_range_without_a_range_says_nothing() -> None:
    assert answer(If_Range='"x"') == Answer(Status.WHOLE, 0, 10)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 50), st.text(st.sampled_from("bytes=0123456789-, "), max_size=20))
def test_whatever_is_asked_for_lies_within_the_data(size: int, value: str) -> None:
    try:
        found = choose({"Range": value}, size, None)
    except (Invalid, UnsatisfiableRange):
        return
    assert 0 <= found.offset < size
    assert 0 < found.length <= size - found.offset
