"""What is refused at the doors of locations, by imagestore and by the real Glance: the same.

Outside of the recorded table, whose servers do not show locations and have no HTTP store.
"""

from __future__ import annotations

import functools
import hashlib
import http.server
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.served import serve
from tests.services import glance

DATA = b"served by a web server" * 100
V21 = "application/openstack-images-v2.1-json-patch"
RIGHT = {"os_hash_algo": "sha512", "os_hash_value": hashlib.sha512(DATA).hexdigest()}
STRICTER = {
    # Glance takes the request, and its task fails.
    "post-file-as-service",
    "post-unknown-scheme-as-service",
}
"""Where imagestore says at once, with 4xx, what Glance says nowhere (202)."""


class Ask:
    """Requests to one server, with identities as it takes them."""

    def __init__(self, url: str, identity: Callable[[str, str], dict[str, str]]) -> None:
        self._url = url
        self._identity = identity

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        roles: str = "member,reader",
        project: str = "owner",
    ) -> requests.Response:
        headers = self._identity(project if "admin" not in roles else "ops", roles)
        if method == "PATCH":
            headers["Content-Type"] = V21
        return requests.request(method, self._url + path, json=body, headers=headers, timeout=60)

    def image(self, **attributes: Any) -> str:
        body = {"disk_format": "raw", "container_format": "bare", **attributes}
        answer = self("POST", "/v2/images", body)
        assert answer.status_code == 201, answer.text
        made: str = answer.json()["id"]
        return made

    def upload(self, image: str, data: bytes) -> None:
        headers = self._identity("owner", "member,reader")
        headers["Content-Type"] = "application/octet-stream"
        answer = requests.put(
            f"{self._url}/v2/images/{image}/file", data=data, headers=headers, timeout=60
        )
        assert answer.status_code == 204, answer.text


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    place = tmp_path_factory.mktemp("site")
    for name, data in {"one": DATA, "none": b""}.items():
        (place / name).write_bytes(data)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=place)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, site: str) -> Iterator[tuple[Ask, Ask]]:
    port = site.rpartition(":")[2]
    allowed = {"allowed_hosts": "127.0.0.1", "allowed_ports": port}
    shown = {
        "show_multiple_locations": "true",
        "show_image_direct_url": "true",
        "enabled_backends": "file1:file,file2:file,web:http",
    }
    peer = glance.start(
        tmp_path_factory.mktemp("glance"),
        options={"DEFAULT": shown, "import_filtering_opts": allowed, "web": {}},
    )
    lines = [f"{name} = {value}" for name, value in shown.items()]
    lines += ["[import_filtering_opts]", *(f"{name} = {value}" for name, value in allowed.items())]
    options = "\n".join(["[DEFAULT]", *lines, ""])

    def trusted(project: str, roles: str) -> dict[str, str]:
        return {
            "X-Identity-Status": "Confirmed",
            "X-User-Id": "user",
            "X-Project-Id": project,
            "X-Roles": roles,
        }

    try:
        with serve(tmp_path_factory.mktemp("ours"), options=options) as served:
            yield (
                Ask(served.url, trusted),
                Ask(peer.url, lambda project, roles: {"X-Auth-Token": f"user:{project}:{roles}"}),
            )
    finally:
        peer.stop()


def play(ask: Ask, site: str) -> dict[str, int | str]:
    """Statuses by what was asked."""
    one = f"{site}/one"
    said: dict[str, int | str] = {}

    def patch(name: str, image: str, *operations: Any, roles: str = "member,reader") -> None:
        answer = ask("PATCH", f"/v2/images/{image}", list(operations), roles)
        said[name] = answer.status_code

    def post(name: str, image: str, body: Any, roles: str = "member,reader") -> None:
        said[name] = ask("POST", f"/v2/images/{image}/locations", body, roles).status_code

    def add(url: str, index: str = "-", **more: Any) -> dict[str, Any]:
        value = {"url": url, "metadata": {}, **more}
        return {"op": "add", "path": f"/locations/{index}", "value": value}

    def replace(*urls: str, **metadata: str) -> dict[str, Any]:
        value = [{"url": url, "metadata": metadata} for url in urls]
        return {"op": "replace", "path": "/locations", "value": value}

    def remove(index: str) -> dict[str, Any]:
        return {"op": "remove", "path": f"/locations/{index}"}

    image = ask.image()
    patch("remove-from-queued", image, remove("0"), roles="admin")
    patch("replace-by-nothing", image, replace())
    patch("add-file", image, add("file:///etc/passwd"))
    patch("add-swift-config", image, add("swift+config://ref/a/b"))
    patch("add-unknown-scheme", image, add("gopher://127.0.0.1/x"))
    patch("add-filtered", image, add("http://127.0.0.1:1/x"))
    patch("add-nothing-there", image, add(f"{site}/none"))
    patch(
        "add-without-metadata", image, {"op": "add", "path": "/locations/-", "value": {"url": one}}
    )
    patch("add-text", image, {"op": "add", "path": "/locations/-", "value": one})
    patch("add-at-word", image, add(one, "x"))
    patch("add-as-reader", image, add(one), roles="reader")
    said["still"] = ask("GET", f"/v2/images/{image}").json()["status"]
    image = ask.image()
    wrong = RIGHT | {"os_hash_value": "00"}
    patch("validation-algorithm", image, add(one, validation_data=RIGHT | {"os_hash_algo": "md5"}))
    patch("validation-length", image, add(one, validation_data=wrong))
    patch("validation-hex", image, add(one, validation_data=RIGHT | {"os_hash_value": "x" * 128}))
    patch("validation-checksum", image, add(one, validation_data=RIGHT | {"checksum": "0" * 31}))

    image = ask.image()
    post("post-no-url", image, {})
    post("post-half", image, {"url": one, "validation_data": {"os_hash_algo": "md5"}})
    post("post-other-key", image, {"url": one, "validation_data": RIGHT | {"checksum": "0" * 32}})
    post("post-length", image, {"url": one, "validation_data": wrong})
    post("post-algorithm", image, {"url": one, "validation_data": RIGHT | {"os_hash_algo": "x"}})
    post("post-filtered", image, {"url": "http://127.0.0.1:1/x"})
    post("post-file", image, {"url": "file:///etc/passwd"})
    post("post-as-reader", image, {"url": one}, roles="reader")
    said["get"] = ask("GET", f"/v2/images/{image}/locations").status_code
    said["get-as-admin"] = ask("GET", f"/v2/images/{image}/locations", roles="admin").status_code
    said["delete"] = ask("DELETE", f"/v2/images/{image}/locations").status_code
    post("post-file-as-service", ask.image(), {"url": "file:///etc/passwd"}, roles="admin,service")
    post("post-unknown-scheme-as-service", ask.image(), {"url": "x://y/z"}, roles="admin,service")
    post("post-file-as-admin", ask.image(), {"url": "file:///etc/passwd"}, roles="admin")
    post("post-without-formats", ask.image(disk_format=None), {"url": one})
    missing = "/v2/images/00000000-0000-4000-8000-000000000000/locations"
    said["post-missing"] = ask("POST", missing, {"url": one}).status_code
    return said


def test_the_same_statuses(both: tuple[Ask, Ask], site: str) -> None:
    ours, theirs = (play(ask, site) for ask in both)
    different = {name: (ours[name], theirs[name]) for name in ours if ours[name] != theirs[name]}
    assert different == dict.fromkeys(STRICTER, (400, 202))


def where(ask: Ask) -> dict[str, Any]:
    """What is told of where the data of an image lies, by whom is told it."""
    shared, community, private = (
        ask.image(visibility=visibility) for visibility in ("shared", "community", "private")
    )
    for image in (shared, community, private):
        ask.upload(image, DATA)
    assert ask("POST", f"/v2/images/{shared}/members", {"member": "friend"}).status_code == 200
    said: dict[str, Any] = {}

    def show(name: str, image: str, project: str, roles: str) -> None:
        shown = ask("GET", f"/v2/images/{image}", roles=roles, project=project).json()
        listed = ask(
            "GET", f"/v2/images?id=in:{image}&visibility=all&member_status=all",
            roles=roles, project=project,
        ).json()["images"]  # fmt: skip
        told = [shown, *listed]
        said[f"{name} {project} {roles}"] = [
            (
                urlsplit(each.get("direct_url", "")).scheme,
                [urlsplit(place["url"]).scheme for place in each.get("locations", ())],
            )
            for each in told
        ]

    def all_of(state: str) -> None:
        for name, image, projects in (
            ("shared", shared, ("owner", "friend")),
            ("community", community, ("owner", "friend", "stranger")),
            ("private", private, ("owner",)),
        ):
            for project in projects:
                for roles in ("member,reader", "reader", "admin,member,reader"):
                    show(f"{state} {name}", image, project, roles)

    all_of("active")
    for image in (shared, community, private):
        assert ask("POST", f"/v2/images/{image}/actions/deactivate").status_code == 204
    all_of("deactivated")
    return said


def test_locations_are_shown_to_the_same_projects(both: tuple[Ask, Ask]) -> None:
    ours, theirs = (where(ask) for ask in both)
    assert ours == theirs
    assert ours["active community stranger reader"] == [("file", ["file"])] * 2
