from __future__ import annotations

import pytest

from imagestore.backends import errors
from imagestore.backends.s3 import S3Settings
from imagestore.backends.s3.location import S3Location, redacted
from imagestore.backends.s3.store import S3Store

KEY = "2f1c3e0a-7c55-4d4b-9d0c-2f1f5d3f0001"


def place(host: str, bucket: str = "images") -> S3Location:
    return S3Location.configured("s3", S3Settings(s3_store_host=host, s3_store_bucket=bucket))


@pytest.mark.parametrize(
    ("host", "endpoint", "url"),
    [
        ("s3.example", "http://s3.example", "s3://s3.example/images/k"),
        ("http://s3.example:8080/", "http://s3.example:8080", "s3://s3.example:8080/images/k"),
        ("https://s3.example", "https://s3.example", "s3+https://s3.example/images/k"),
        ("https://a.example/s3/", "https://a.example/s3", "s3+https://a.example/s3/images/k"),
    ],
)
def test_locations_are_those_of_glance(host: str, endpoint: str, url: str) -> None:
    assert place(host).endpoint == endpoint
    assert place(host).url("k") == url
    assert place(host).key(url) == "k"
    assert place(host).owns(url)


@pytest.mark.parametrize("host", ["", "://x", "ftp://x", "https://", "http:///"])
def test_a_host_that_is_none(host: str) -> None:
    with pytest.raises(errors.Misconfigured, match="s3_store_host"):
        place(host)


def test_a_bucket_that_is_none() -> None:
    with pytest.raises(errors.Misconfigured, match="s3_store_bucket"):
        place("http://x", "")


@pytest.mark.parametrize(
    "url",
    [
        f"s3://key:secret@s3.example/images/{KEY}",
        f"s3+https://key:sec/r/et@s3.example/images/{KEY}",
        f"s3+http://key:se@cret@s3.example/images/{KEY}",
    ],
)
def test_credentials_in_old_locations_are_ignored(url: str) -> None:
    assert place("http://s3.example").owns(url)
    assert place("http://s3.example").key(url) == KEY


def test_credentials_in_locations_are_not_told() -> None:
    url = f"s3://key:sec/r@et@s3.example/other/{KEY}"
    with pytest.raises(errors.InvalidLocation) as caught:
        place("http://s3.example").key(url)
    assert "et" not in str(caught.value).partition("s3.example")[0].partition("s3://")[2]
    assert redacted(url) == f"s3://s3.example/other/{KEY}"


def test_the_server_may_get_another_name() -> None:
    """Glance asks the configured server, whatever the location says."""
    old = f"s3://old.example/images/{KEY}"
    assert place("https://new.example").key(old) == KEY
    assert not place("https://new.example").owns(old)


def test_of_two_stores_one_owns_a_location() -> None:
    url = f"s3://s3.example:80/images/{KEY}"
    assert place("http://S3.example").owns(url)
    assert not place("http://s3.example", "other").owns(url)
    assert not place("http://s3.example:8080").owns(url)
    assert not place("http://s3.example").owns(f"file:///images/{KEY}")


def test_places_are_named_the_same() -> None:
    def store(host: str) -> S3Store:
        return S3Store("s", S3Settings(s3_store_host=host, s3_store_bucket="images"))

    same = ["s3.example", "http://s3.example:80/", "https://S3.example:443"]
    assert len({store(host).places() for host in same}) == 1
    assert store("http://s3.example:8080").places() != store("http://s3.example").places()


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("https://s3.eu-west-1.amazonaws.com", "eu-west-1"),
        ("https://s3-ap-southeast-2.amazonaws.com", "ap-southeast-2"),
        ("https://s3.dualstack.us-gov-east-1.amazonaws.com", "us-gov-east-1"),
        ("https://s3.amazonaws.com", "us-east-1"),
        ("http://127.0.0.1:7480", "us-east-1"),
    ],
)
def test_the_region_is_told_by_amazons_hosts(host: str, region: str) -> None:
    assert place(host).region() == region
