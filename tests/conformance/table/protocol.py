"""What holds for every route: methods, unknown paths, bodies, error bodies, request ids."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.entry import Request, Scene, scene
from tests.conformance.requests import IMAGES, JSON, OCTETS, create, get, image, show

ONE = f"{IMAGES}/<a>"
ROUTES = {
    "images": (IMAGES, ("PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")),
    "image": (ONE, ("PUT", "POST", "HEAD", "OPTIONS")),
    "file": (f"{ONE}/file", ("POST", "PATCH", "DELETE", "OPTIONS")),
    "tag": (f"{ONE}/tags/x", ("GET", "POST", "PATCH", "HEAD")),
    "members": (f"{ONE}/members", ("PUT", "PATCH", "DELETE", "HEAD")),
    "member": (f"{ONE}/members/x", ("POST", "PATCH", "HEAD")),
    "deactivate": (f"{ONE}/actions/deactivate", ("GET", "PUT", "PATCH", "DELETE", "HEAD")),
    "reactivate": (f"{ONE}/actions/reactivate", ("GET", "DELETE")),
    "schema": ("/v2/schemas/images", ("POST", "PUT", "PATCH", "DELETE", "HEAD")),
    "info": ("/v2/info/import", ("POST", "PUT", "PATCH", "DELETE", "HEAD")),
    "stores": ("/v2/info/stores", ("POST", "PUT", "DELETE", "HEAD")),
}
UNKNOWN_METHODS = ("TRACE", "PROPFIND", "BREW", "LOCK")
PATHS = {
    "slash": f"{IMAGES}/",
    "image-slash": f"{ONE}/",
    "file-slash": f"{ONE}/file/",
    "members-slash": f"{ONE}/members/",
    "tags": f"{ONE}/tags",
    "below": f"{ONE}/nothing",
    "below-file": f"{ONE}/file/more",
    "long-id": f"{IMAGES}/{'x' * 300}",
    "upper-case-id": f"{IMAGES}/ABCDEF00-0000-4000-8000-000000000000",
    "other-id": f"{IMAGES}/debian",
    "escaped-id": f"{IMAGES}/%2e%2e",
    "id-nul": f"{IMAGES}/a%00b",
    "id-latin-1": f"{IMAGES}/%FF",
    "id-4-byte": f"{IMAGES}/%F0%9F%8E%89",
    "id-quote": f"{IMAGES}/'%20or%20'1'='1",
    "double-slash": "/v2//images",
    "unknown": "/v2/paintings",
    "unknown-below": "/v2/paintings/x/y",
    "upper-case": "/v2/IMAGES",
    "version-only": "/v2",
    "favicon": "/favicon.ico",
    "query-in-path": f"{IMAGES}%3Flimit=1",
    "semicolon": f"{IMAGES};x=y",
}
ACCEPTS = {
    "any": "*/*",
    "json": "application/json",
    "json-upper": "APPLICATION/JSON",
    "json-quality": "application/json;q=0.5, text/html;q=0.9",
    "json-parameter": "application/json; charset=utf-8",
    "html": "text/html",
    "text": "text/plain",
    "text-or-json": "text/plain, application/json",
    "xml": "application/xml",
    "browser": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "client": "application/json, text/plain, */*",
    "empty": "",
    "malformed": "///",
    "none": "<omit>",
    "star-text": "text/*",
    "star-application": "application/*",
    "refusing": "application/json;q=0",
}
ERRORS = {
    "400": get(f"{IMAGES}?limit=x"),
    "401": get(IMAGES, "anonymous"),
    "403": create({"visibility": "public"}),
    "404": get(f"{IMAGES}/nothing"),
    "404-route": get("/v2/paintings"),
    "405": Request("PUT", IMAGES),
    "409": create({"id": "<a>"}),
    "413": create({"tags": list("abcdefgh")}),
    "415": Request("PATCH", ONE, json=[]),
    "415-data": Request("PUT", f"{ONE}/file", body=b"x", headers={"Content-Type": "text/plain"}),
}
REQUEST_IDS = {
    "own": "req-11111111-2222-4333-8444-555555555555",
    "own-unprefixed": "11111111-2222-4333-8444-555555555555",
    "word": "my-request",
    "prefixed-word": "req-my-request",
    "empty": "",
    "64": "req-" + "x" * 60,
    "65": "req-" + "x" * 61,
    "unprefixed-64": "x" * 64,
    "long": "y" * 300,
    "spaces": "req-a b",
    "punctuation": "req-<>\"'&",
}


def scenes() -> Iterator[Scene]:
    ground = (image(),)
    methods = {}
    for name, (path, refused) in ROUTES.items():
        for method in refused:
            methods[f"protocol/{method.lower()}-{name}"] = Request(method, path)
    for method in UNKNOWN_METHODS:
        methods[f"protocol/{method.lower()}-images"] = Request(method, IMAGES)
        methods[f"protocol/{method.lower()}-unknown"] = Request(method, "/v2/paintings")
    methods |= {
        "protocol/put-images-json": Request("PUT", IMAGES, json={}),
        "protocol/put-images-malformed": Request("PUT", IMAGES, body=b"{"),
        "protocol/put-images-anonymous": Request("PUT", IMAGES, "anonymous"),
        "protocol/post-unknown": Request("POST", "/v2/paintings", json={}),
        "protocol/post-unknown-malformed": Request("POST", "/v2/paintings", body=b"{"),
        "protocol/delete-unknown": Request("DELETE", "/v2/paintings"),
        "protocol/unknown-anonymous": get("/v2/paintings", "anonymous"),
    }
    yield scene(ground, methods)
    yield scene(ground, {f"protocol/path-{name}": get(path) for name, path in PATHS.items()})
    yield scene(
        ground,
        {
            "protocol/body-on-list": Request("GET", IMAGES, body=b"x"),
            "protocol/body-on-show": Request("GET", ONE, json={}),
            "protocol/body-on-show-text": Request("GET", ONE, body=b"x"),
            "protocol/body-on-show-chunked": Request("GET", ONE, body=b"x", chunked=True),
            "protocol/body-on-show-missing": Request("GET", f"{IMAGES}/<never>", json={}),
            "protocol/body-on-show-anonymous": Request("GET", ONE, "anonymous", json={}),
            "protocol/octets-on-create": Request(
                "POST", IMAGES, body=b"\x00\x01", headers={"Content-Type": OCTETS}
            ),
            "protocol/show": show(),
            "protocol/show-as-invalid": show(caller="invalid"),
            "protocol/show-as-homeless": show(caller="homeless"),
        },
    )
    accepts = {}
    for name, accept in ACCEPTS.items():
        for path, word in ((f"{IMAGES}/nothing", "error"), (ONE, "show")):
            accepts[f"protocol/accept-{name}-{word}"] = get(path, headers={"Accept": accept})
    yield scene(ground, accepts)
    forms = {}
    for status, request in ERRORS.items():
        for word, accept in (
            ("json", JSON["Accept"]),
            ("html", "text/html"),
            ("text", "text/plain"),
        ):
            headers = {**request.headers, "Accept": accept}
            asked = Request(
                request.method,
                request.path,
                request.caller,
                request.json,
                request.body,
                headers,
            )
            forms[f"protocol/error-{status}-{word}"] = asked
    yield scene(ground, forms)
    ids = {
        f"protocol/request-id-{name}": get(ONE, headers={"X-OpenStack-Request-ID": value})
        for name, value in REQUEST_IDS.items()
    }
    given = {"X-OpenStack-Request-ID": REQUEST_IDS["own"]}
    ids |= {
        "protocol/request-id-of-error": get(f"{IMAGES}/nothing", headers=given),
        "protocol/request-id-of-405": Request("PUT", IMAGES, headers=given),
        "protocol/request-id-of-401": get(IMAGES, "anonymous", given),
        "protocol/request-id-of-versions": get("/versions", headers=given),
        "protocol/request-id-of-health": get("/healthcheck", headers=given),
        "protocol/request-id-of-create": create({"name": "x"}, headers=given),
    }
    yield scene(ground, ids)
