"""Whose object a location in one of the service's own stores is."""

from __future__ import annotations

import pytest

from imagestore.catalog.locations.rules import fetched, is_named_after

OWN = "3f0c2d34-5a3e-4b0e-9d0e-000000000001"
OTHER = "3f0c2d34-5a3e-4b0e-9d0e-000000000002"


@pytest.mark.parametrize(
    ("url", "own"),
    [
        (f"rbd://fsid/pool/{OWN}/snap", True),
        (f"rbd://{OWN}", True),
        (f"swift+https://keystone/v3/container/{OWN}", True),
        (f"s3+https://host/bucket/{OWN}", True),
        (f"rbd://fsid/pool/{OTHER}/snap", False),
        (f"rbd://fsid/pool/{OTHER}/{OWN}", False),
        (f"rbd://fsid/{OWN}/{OTHER}/snap", False),
        (f"swift+https://keystone/v3/{OWN}/{OTHER}", False),
        (f"s3+https://host/bucket/{OTHER}/", False),
        (f"s3+https://host/bucket/{OWN}x", False),
    ],
)
def test_the_object_of_an_image_is_named_after_it(url: str, own: bool) -> None:
    assert is_named_after(OWN, url) is own


def test_a_fragment_is_not_asked_for() -> None:
    assert fetched("http://example.org/a?b#c") == "http://example.org/a?b"
    for url in ("http://example.org/a", "http://example.org#@127.0.0.1/", "http://a/#b#c", "x#y"):
        assert fetched(url) == url
