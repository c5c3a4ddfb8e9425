"""URLs taken apart."""

from __future__ import annotations

import pytest

from imagestore.backends.http.target import Target, normal_host, shown


@pytest.mark.parametrize(
    ("text", "target", "sent"),
    [
        ("http://example.org", Target("http", "example.org", None, "/"), "http://example.org/"),
        (
            "HTTPS://Example.ORG.:8443/A%2fb//../c?x=%C3&y=a+b",
            Target("https", "example.org", 8443, "/A%2fb//../c?x=%C3&y=a+b"),
            "https://example.org:8443/A%2fb//../c?x=%C3&y=a+b",
        ),
        ("http://h?q", Target("http", "h", None, "/?q"), "http://h/?q"),
        ("http://h/?q?q", Target("http", "h", None, "/?q?q"), "http://h/?q?q"),
        (
            "http://[2606:4700:0::1111]:80/x",
            Target("http", "2606:4700::1111", 80, "/x"),
            "http://[2606:4700::1111]/x",
        ),
        ("http://1.2.3.4/@x:y", Target("http", "1.2.3.4", None, "/@x:y"), "http://1.2.3.4/@x:y"),
        (
            "http://xn--bcher-kva.example/ü?é",
            Target("http", "xn--bcher-kva.example", None, "/%C3%BC?%C3%A9"),
            "http://xn--bcher-kva.example/%C3%BC?%C3%A9",
        ),
        ("http://1.example/", Target("http", "1.example", None, "/"), "http://1.example/"),
        ("ftp://h/", Target("ftp", "h", None, "/"), "ftp://h/"),
    ],
)
def test_parts(text: str, target: Target, sent: str) -> None:
    assert Target.parse(text) == target
    assert str(target.url) == sent
    assert target.url.raw_host == target.host
    assert target.url.raw_path_qs == target.path


def test_hosts_as_operators_write_them() -> None:
    assert normal_host(" Example.ORG. ") == "example.org"
    assert normal_host("[::1]") == normal_host("0:0::1") == "::1"
    assert normal_host("bücher.example") == "xn--bcher-kva.example"
    assert Target.parse("http://[0:0:0::1]/").host == normal_host("::1")


def test_what_is_shown_of_a_url_is_not_secret() -> None:
    assert shown("https://user:secret@h:1/x?signature=secret#secret") == "https://h:1/x"
    assert shown("http://a@secret@h/x") == "http://h/x"
    assert shown("http://h/a\r\nb") == "http://h/a??b"
    assert shown("secret") == ""
    assert len(shown("http://h/" + "a" * 9000)) == 200
