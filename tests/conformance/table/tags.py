"""Setting and removing single tags."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.entry import Request, Scene, each, scene
from tests.conformance.requests import IMAGES, get, image, listing, share, show, tag

NAMES = {
    "plain": "red",
    "255": "t" * 255,
    "256": "t" * 256,
    "space": "a%20b",
    "plus": "a+b",
    "comma": "a,b",
    "percent": "50%25",
    "slash-escaped": "a%2Fb",
    "slash": "a/b",
    "utf-8": "%C3%A9",
    "utf-8-3-byte": "%E6%98%A0",
    "utf-8-4-byte": "%F0%9F%8E%89",
    "bad-utf-8": "%FF",
    "nul": "a%00b",
    "newline": "a%0Ab",
    "dot": "a.b",
    "quote": "%22a%22",
    "upper-case": "RED",
    "colon": "in:red",
    "semicolon": "a;b",
    "query": "red?x=y",
}


def scenes() -> Iterator[Scene]:
    for word, name in NAMES.items():
        yield from each((image(),), {f"tags/name-{word}": [tag("PUT", name), show()]})
    yield from each(
        (image(tags=["red", "blue"]),),
        {
            "tags/again": [tag("PUT", "red"), show()],
            "tags/remove": [tag("DELETE", "red"), show()],
            "tags/remove-twice": [tag("DELETE", "red"), tag("DELETE", "red")],
            "tags/remove-missing": tag("DELETE", "green"),
            "tags/remove-case": tag("DELETE", "RED"),
            "tags/remove-256": tag("DELETE", "t" * 256),
            "tags/put-and-list": [tag("PUT", "green"), listing("tag=green&owner=<owner>")],
            "tags/get": tag("GET", "red"),
            "tags/post": tag("POST", "red"),
            "tags/patch": tag("PATCH", "red"),
            "tags/collection-get": get(f"{IMAGES}/<a>/tags"),
            "tags/collection-put": Request("PUT", f"{IMAGES}/<a>/tags", json=["a"]),
            "tags/empty-name": tag("PUT", ""),
            "tags/body": Request("PUT", f"{IMAGES}/<a>/tags/green", json={"a": 1}),
            "tags/body-text": Request("PUT", f"{IMAGES}/<a>/tags/green", body=b"green"),
            "tags/body-on-delete": Request("DELETE", f"{IMAGES}/<a>/tags/red", json={}),
            "tags/body-chunked": Request(
                "PUT", f"{IMAGES}/<a>/tags/green", body=b"{}", chunked=True
            ),
        },
    )
    full = (image(tags=[f"t{number}" for number in range(6)]),)
    yield from each(
        full,
        {
            "tags/over-quota": [tag("PUT", "more"), show()],
            "tags/again-at-quota": tag("PUT", "t1"),
        },
    )
    callers = ("colleague", "reader", "writer", "invited", "other", "admin", "anonymous")
    for caller in callers:
        yield from each(
            (image(tags=["red"]), share("invited")),
            {
                f"tags/put-as-{caller}": tag("PUT", "green", caller=caller),
                f"tags/delete-as-{caller}": tag("DELETE", "red", caller=caller),
            },
        )
    protected = (image(protected=True, tags=["red"]),)
    yield from each(protected, {"tags/protected": [tag("PUT", "x"), tag("DELETE", "red"), show()]})
    missing = {
        "tags/missing-put": tag("PUT", "x", "never"),
        "tags/missing": tag("DELETE", "x", "no"),
    }
    yield scene((), missing)
