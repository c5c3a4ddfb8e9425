"""Locations, in both forms."""

from __future__ import annotations

import pytest

from imagestore.backends.rbd.location import Location

FSID = "6f0c1a3e-7c55-4d4b-9d0c-2f1f5d3f0001"


@pytest.mark.parametrize(
    ("url", "location"),
    [
        (f"rbd://{FSID}/images/id/snap", Location("id", "snap", "images", FSID)),
        (f"rbd://{FSID}/a%2Fb/%C3%A4%20%25/s%40p", Location("ä %", "s@p", "a/b", FSID)),
        ("rbd://id", Location("id")),
        # What Glance puts there undecoded it reads undecoded.
        ("rbd://a%20b", Location("a%20b")),
    ],
)
def test_there_and_back(url: str, location: Location) -> None:
    assert Location.parse(url) == location
    assert location.url == url


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "does not begin"),
        ("file:///a", "does not begin"),
        ("rbd:/a", "does not begin"),
        ("rbd://", "empty"),
        ("rbd://a/b", "neither"),
        ("rbd://a/b/c", "neither"),
        ("rbd://a/b/c/d/e", "neither"),
        ("rbd://a/b/c/", "empty"),
        ("rbd:///b/c/d", "empty"),
        ("rbd://a/b/c%00/d", "name"),
        ("rbd://a\0", "name"),
        ("rbd://a/b/%ff/d", "utf-8"),
    ],
)
def test_what_is_none(url: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Location.parse(url)
