"""A browser is told the same by imagestore and by the real Glance, whose filter is another one."""

from __future__ import annotations

import pytest

from tests.conformance.client import Client

ORIGIN = {"Origin": "https://page.example"}
METHOD = {"Access-Control-Request-Method": "PUT"}
HEADERS = "Access-Control-Request-Headers"
REQUESTS = {
    "no origin": ("OPTIONS", "/v2/images", {}),
    "allowed": ("OPTIONS", "/v2/images", ORIGIN | METHOD),
    "another allowed": (
        "OPTIONS", "/v2/images/x/file", {"Origin": "https://other.example:8443"} | METHOD,
    ),
    "another port": ("OPTIONS", "/v2/images", {"Origin": "https://other.example"} | METHOD),
    "another case": ("OPTIONS", "/v2/images", {"Origin": "https://PAGE.example"} | METHOD),
    "another origin": ("OPTIONS", "/v2/images", {"Origin": "https://evil.example"} | METHOD),
    "null": ("OPTIONS", "/v2/images", {"Origin": "null"} | METHOD),
    "no method": ("OPTIONS", "/v2/images", ORIGIN),
    "another method": (
        "OPTIONS", "/v2/images", ORIGIN | {"Access-Control-Request-Method": "TRACE"},
    ),
    "method in lower case": (
        "OPTIONS", "/v2/images", ORIGIN | {"Access-Control-Request-Method": "put"},
    ),
    "allowed headers": (
        "OPTIONS", "/v2/images", ORIGIN | METHOD | {HEADERS: "x-auth-token, Content-Type"},
    ),
    "another header": ("OPTIONS", "/v2/images", ORIGIN | METHOD | {HEADERS: "X-Auth-Token,X-A"}),
    "empty headers": ("OPTIONS", "/v2/images", ORIGIN | METHOD | {HEADERS: ", ,"}),
    "unknown path": ("OPTIONS", "/v2/paintings", ORIGIN | METHOD),
    "without version": ("OPTIONS", "/paintings", ORIGIN | METHOD),
    "versions": ("GET", "/", ORIGIN),
    "error": ("GET", "/v2/images", ORIGIN),
    "error of another origin": ("GET", "/v2/images", {"Origin": "https://evil.example"}),
    "unknown": ("GET", "/v2/paintings", ORIGIN),
    "health": ("GET", "/healthcheck", ORIGIN),
}  # fmt: skip
TOLD = (
    "vary",
    "access-control-allow-origin",
    "access-control-allow-methods",
    "access-control-allow-headers",
    "access-control-allow-credentials",
    "access-control-expose-headers",
    "access-control-max-age",
)


@pytest.mark.parametrize("name", REQUESTS)
def test_same(name: str, glance: str, imagestore: str) -> None:
    assert told(imagestore, name) == told(glance, name)


def told(url: str, name: str) -> tuple[int | None, dict[str, str]]:
    """What a browser looks at; the status only of what is asked for its sake."""
    method, path, headers = REQUESTS[name]
    with Client(url) as client:
        answer = client.ask(method, path, {"Accept": "application/json"} | headers)
    found = {header: answer.headers[header] for header in TOLD if header in answer.headers}
    if "vary" in found:
        # Compression is ours.
        found["vary"] = found["vary"].removeprefix("Accept-Encoding,")
    return (answer.status if method == "OPTIONS" else None), found
