"""Schemas, and what the service tells of itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tests.conformance.entry import Request, Scene, scene
from tests.conformance.requests import JSON, get

SCHEMAS = ("image", "images", "member", "members")


def _prose(request: Request) -> Request:
    return replace(request, prose=True)


def scenes() -> Iterator[Scene]:
    schemas = {f"discovery/schema-{name}": _prose(get(f"/v2/schemas/{name}")) for name in SCHEMAS}
    for caller in ("reader", "roleless", "admin", "anonymous", "homeless"):
        schemas[f"discovery/schema-as-{caller}"] = _prose(get("/v2/schemas/image", caller))
    schemas |= {
        "discovery/schema-unknown": get("/v2/schemas/painting"),
        "discovery/schemas": get("/v2/schemas"),
        "discovery/schema-slash": get("/v2/schemas/image/"),
        "discovery/schema-post": Request("POST", "/v2/schemas/image"),
        "discovery/schema-delete": Request("DELETE", "/v2/schemas/images"),
        "discovery/schema-put-json": Request("PUT", "/v2/schemas/member", json={}),
        "discovery/schema-body": Request("GET", "/v2/schemas/image", json={}, prose=True),
        "discovery/schema-query": _prose(get("/v2/schemas/members?x=y")),
    }
    yield scene((), schemas)

    info = {}
    for name in ("import", "stores"):
        for caller in ("owner", "reader", "roleless", "admin", "service", "anonymous"):
            info[f"discovery/info-{name}-as-{caller}"] = _prose(get(f"/v2/info/{name}", caller))
        info[f"discovery/info-{name}-post"] = Request("POST", f"/v2/info/{name}")
        info[f"discovery/info-{name}-slash"] = get(f"/v2/info/{name}/")
    info |= {
        "discovery/info-import-body": Request("GET", "/v2/info/import", json={}),
        "discovery/info-import-body-text": Request("GET", "/v2/info/import", body=b"x"),
        "discovery/info-stores-body": Request("GET", "/v2/info/stores", json={}),
        "discovery/info": get("/v2/info"),
        "discovery/info-unknown": get("/v2/info/weather"),
        "discovery/info-unknown-json": get("/v2/info/weather", headers=JSON),
    }
    yield scene((), info)

    health = {
        "discovery/health": get("/healthcheck", "anonymous"),
        "discovery/health-json": get("/healthcheck", "anonymous", JSON),
        "discovery/health-html": get("/healthcheck", "anonymous", {"Accept": "text/html"}),
        "discovery/health-text": get("/healthcheck", "anonymous", {"Accept": "text/plain"}),
        "discovery/health-head": Request("HEAD", "/healthcheck", "anonymous"),
        "discovery/health-post": Request("POST", "/healthcheck", "anonymous"),
        "discovery/health-below": get("/healthcheck/deep", "anonymous"),
        "discovery/health-identified": get("/healthcheck"),
    }
    yield scene((), health)
