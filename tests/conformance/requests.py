"""Short ways to write the requests of the table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.conformance.entry import ABSENT, Request

IMAGES = "/v2/images"
V20 = "application/openstack-images-v2.0-json-patch"
V21 = "application/openstack-images-v2.1-json-patch"
OCTETS = "application/octet-stream"
JSON = {"Accept": "application/json"}

Headers = Mapping[str, str]


def get(path: str, caller: str = "owner", headers: Headers | None = None) -> Request:
    return Request("GET", path, caller, headers=headers or {})


def show(label: str = "a", caller: str = "owner") -> Request:
    return get(f"{IMAGES}/<{label}>", caller)


def listing(query: str = "", caller: str = "owner") -> Request:
    return get(f"{IMAGES}?{query}" if query else IMAGES, caller)


def create(body: Any = ABSENT, caller: str = "owner", headers: Headers | None = None) -> Request:
    """A POST whose image, if there is one, is called ``new``."""
    return Request("POST", IMAGES, caller, json=body, headers=headers or {}, label="new")


def image(label: str = "a", caller: str = "owner", **fields: Any) -> Request:
    """A POST of an image with the id ``<label>``."""
    return Request("POST", IMAGES, caller, json={"id": f"<{label}>", **fields})


def raw_image(label: str = "a", caller: str = "owner", **fields: Any) -> Request:
    """An image that any bytes may be uploaded to."""
    return image(label, caller, **{"disk_format": "raw", "container_format": "bare", **fields})


def upload(
    label: str = "a",
    data: bytes = b"0123456789",
    caller: str = "owner",
    headers: Headers | None = None,
    *,
    chunked: bool = False,
) -> Request:
    given = {"Content-Type": OCTETS, **(headers or {})}
    path = f"{IMAGES}/<{label}>/file"
    return Request("PUT", path, caller, body=data, headers=given, chunked=chunked)


def download(label: str = "a", caller: str = "owner", headers: Headers | None = None) -> Request:
    return get(f"{IMAGES}/<{label}>/file", caller, headers)


def patch(
    *operations: Any, label: str = "a", caller: str = "owner", media: str | None = V21
) -> Request:
    """A PATCH of ``<label>`` with a list of operations."""
    headers = {"Content-Type": media} if media else {}
    return Request("PATCH", f"{IMAGES}/<{label}>", caller, json=list(operations), headers=headers)


def add(path: str, value: Any) -> dict[str, Any]:
    return {"op": "add", "path": path, "value": value}


def replace(path: str, value: Any) -> dict[str, Any]:
    return {"op": "replace", "path": path, "value": value}


def remove(path: str) -> dict[str, Any]:
    return {"op": "remove", "path": path}


def delete(label: str = "a", caller: str = "owner") -> Request:
    return Request("DELETE", f"{IMAGES}/<{label}>", caller)


def tag(method: str, name: str, label: str = "a", caller: str = "owner") -> Request:
    return Request(method, f"{IMAGES}/<{label}>/tags/{name}", caller)


def action(name: str, label: str = "a", caller: str = "owner") -> Request:
    return Request("POST", f"{IMAGES}/<{label}>/actions/{name}", caller)


def share(project: str = "invited", label: str = "a", caller: str = "owner") -> Request:
    """Make the project of the caller named ``project`` a member."""
    path = f"{IMAGES}/<{label}>/members"
    return Request("POST", path, caller, json={"member": f"<{project}>"})


def answer(
    status: str, caller: str = "invited", project: str = "invited", label: str = "a"
) -> Request:
    """Set the status of a membership."""
    path = f"{IMAGES}/<{label}>/members/<{project}>"
    return Request("PUT", path, caller, json={"status": status})
