"""Metadata as headers, both ways."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from imagestore.api.v1.metadata import Metadata, parse, written
from imagestore.model.errors import Invalid


def said(**fields: str) -> Metadata:
    return parse((f"X-Image-Meta-{name}", text) for name, text in fields.items())


def as_received(data: bytes) -> str:
    """As the server hands up the bytes of a header."""
    return data.decode("utf-8", "surrogateescape")


@pytest.mark.parametrize(
    "text", ["plain", "two words", "Bär 熊", "100%", "a%2Fb", "a+b=c?&", "a\nb"]
)
def test_clients_that_encode_and_clients_that_do_not(text: str) -> None:
    assert said(name=quote(text, safe="/:")).fields == {"name": text}
    if "\n" not in text and text != "a%2Fb":
        assert said(name=as_received(text.encode())).fields == {"name": text}


def test_one_header_tells_how_the_others_are_written() -> None:
    assert said(name="a%2Fb", owner="two words").fields == {"name": "a%2Fb", "owner": "two words"}
    assert said(name="a%2Fb", owner="two%20words").fields == {"name": "a/b", "owner": "two words"}


def test_bytes_of_old_are_latin() -> None:
    assert said(name=as_received("Bär".encode("latin-1"))).fields == {"name": "Bär"}
    assert said(name="B%E4r").fields == {"name": "B%E4r"}


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("http://example.org/a%20b", "http://example.org/a%20b"),
        (quote("http://example.org/a%20b?c=d&e", safe="/:"), "http://example.org/a%20b?c=d&e"),
        ("http://example.org/a?b=c%2Fd", "http://example.org/a?b=c%2Fd"),
        (
            "swift+http://tenant%3Auser:key@host/v1/a/b",
            "swift+http://tenant%3Auser:key@host/v1/a/b",
        ),
    ],
)
def test_urls_keep_the_percent_signs_that_are_theirs(sent: str, meant: str) -> None:
    assert parse([("x-glance-api-copy-from", sent)]).copy_from == meant
    assert said(location=sent).fields == {"location": meant}


def test_types() -> None:
    found = said(is_public="yes", protected="None", size="12", min_ram="0", owner="", name="5")
    assert found.fields == {
        "is_public": True, "protected": False, "size": 12, "min_ram": 0, "owner": None, "name": "5",
    }  # fmt: skip
    assert parse([("Host", "x"), ("X-Image", "y")]) == Metadata({}, {})


def test_names_of_properties() -> None:
    found = parse(
        [("X-Image-Meta-Property-OS-Version", "1"), ("x-image-meta-property-b%c3%a4r%20x", "2")]
    )
    assert found.properties == {"os_version": "1", "bär x": "2"}


@pytest.mark.parametrize(
    "headers",
    [
        [("x-image-meta-colour", "red")],
        [("x-image-meta-", "x")],
        [("x-image-meta-property-", "x")],
        [("x-image-meta-name", "a"), ("X-Image-Meta-Name", "b")],
        [("x-image-meta-property-a-b", "1"), ("x-image-meta-property-a_b", "2")],
        [("x-image-meta-size", "-1")],
        [("x-image-meta-size", "")],
        [("x-image-meta-size", "٣")],
        [("x-image-meta-min_disk", "9" * 5000)],
    ],
)
def test_what_is_refused(headers: list[tuple[str, str]]) -> None:
    with pytest.raises(Invalid):
        parse(headers)


def test_what_is_written_is_headers_and_can_be_read_again() -> None:
    image = {
        "name": "Bär", "size": 0, "checksum": None, "is_public": False,
        "properties": {"OS": "x", "a b:c\r\n": "one\r\ntwo"},
    }  # fmt: skip
    headers = written(image)
    assert headers == [
        ("x-image-meta-name", "Bär"),
        ("x-image-meta-size", "0"),
        ("x-image-meta-is_public", "False"),
        ("x-image-meta-property-os", "x"),
        ("x-image-meta-property-a%20b%3Ac%0D%0A", "one%0D%0Atwo"),
    ]
    assert parse(headers).properties == {"os": "x", "a b:c\r\n": "one%0D%0Atwo"}
