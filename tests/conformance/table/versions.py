"""The version documents, and how a version is chosen."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.entry import Request, Scene, scene
from tests.conformance.requests import get

MINORS = [f"v2.{minor}" for minor in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 17)]
UNLISTED = ["v2.14", "v2.16", "v2.18", "v2.99", "v1", "v1.1", "v3", "v02", "V2", "v2.", "2"]
VENDOR = "application/vnd.openstack.images-"


def scenes() -> Iterator[Scene]:
    listed = {f"versions/{minor}": get(f"/{minor}/images?owner=<owner>") for minor in MINORS}
    unlisted = {f"versions/{word}": get(f"/{word}/images", "anonymous") for word in UNLISTED}
    vendor = {
        f"versions/accept-{version or 'none'}-{path.strip('/').replace('/', '-') or 'root'}": get(
            f"{path}?owner=<owner>", headers={"Accept": f"{VENDOR}{version}"}
        )
        for version, path in (
            ("v2", "/images"),
            ("v2.17", "/images"),
            ("v9", "/images"),
            ("", "/images"),
            ("v2", "/v2/images"),
            ("v2", "/"),
        )
    }
    documents = {
        "versions/root": get("/", "anonymous"),
        "versions/root-identified": get("/"),
        "versions/root-query": get("/?limit=1", "anonymous"),
        "versions/root-post": Request("POST", "/", "anonymous"),
        "versions/root-delete": Request("DELETE", "/", "anonymous"),
        "versions/versions": get("/versions", "anonymous"),
        "versions/versions-slash": get("/versions/", "anonymous"),
        "versions/versions-below": get("/versions/v2", "anonymous"),
        "versions/versions-post": Request("POST", "/versions", "anonymous"),
        "versions/versions-put": Request("PUT", "/versions", "anonymous", json={"a": 1}),
        "versions/root-invalid": get("/", "invalid"),
        "versions/v2-alone": get("/v2"),
        "versions/v2-slash": get("/v2/"),
        "versions/v2-alone-anonymous": get("/v2", "anonymous"),
        "versions/v2-slash-anonymous": get("/v2/", "anonymous"),
        "versions/unknown-word": get("/nothing", "anonymous"),
        "versions/images-bare": get("/images", "anonymous"),
        "versions/double-slash": get("//v2/images?owner=<owner>"),
    }
    yield scene((), documents | listed | unlisted | vendor)
