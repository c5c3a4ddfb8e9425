"""The matrix of routes and callers: images and what the service tells of itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from tests.conformance.entry import Request, Scene
from tests.conformance.requests import (
    IMAGES,
    OCTETS,
    action,
    answer,
    create,
    delete,
    download,
    get,
    listing,
    patch,
    raw_image,
    replace,
    share,
    show,
    tag,
    upload,
)
from tests.conformance.table.copies import DETAIL, remove_copy
from tests.conformance.table.matrix import Row, matrix, outcome

MEMBERS = f"{IMAGES}/<a>/members"
OFF = action("deactivate")
DRAFT = "draft"
"""An image without data, also shared."""
WITHOUT_DATA = (raw_image(DRAFT), share("invited", DRAFT))
FETCH = {"name": "web-download", "uri": "http://127.0.0.1/image"}
TASKS = "/v2/tasks"


def _import(label: str, method: dict[str, str], store: str) -> Request:
    body = {"method": method, "stores": [store]}
    return Request("POST", f"{IMAGES}/<{label}>/import", json=body)


ROWS: Final[Mapping[str, Row]] = {
    "list": ((), listing("owner=<owner>")),
    "create": ((), create({"name": "new"})),
    "create-community": ((), create({"visibility": "community"})),
    "create-public": ((), create({"visibility": "public"})),
    "create-for-another": ((), create({"owner": "<second>"})),
    "show": ((), show()),
    "change": ((), patch(replace("/name", "changed"))),
    "change-visibility": ((), patch(replace("/visibility", "private"))),
    "communitize": ((), patch(replace("/visibility", "community"))),
    "publicize": ((), patch(replace("/visibility", "public"))),
    "give-away": ((), patch(replace("/owner", "<second>"))),
    "delete": ((), delete()),
    "upload": (WITHOUT_DATA, upload(DRAFT)),
    "download": ((), download()),
    "deactivate": ((), action("deactivate")),
    "reactivate": ((OFF,), action("reactivate")),
    "download-while-off": ((OFF,), download()),
    "add-tag": ((), tag("PUT", "new")),
    "remove-tag": ((), tag("DELETE", "old")),
    "list-members": ((), get(MEMBERS)),
    "show-member": ((), get(f"{MEMBERS}/<invited>")),
    "show-another-member": ((), get(f"{MEMBERS}/<second>")),
    "add-member": ((), Request("POST", MEMBERS, json={"member": "<other>"})),
    "answer": ((), answer("rejected")),
    "remove-member": ((), Request("DELETE", f"{MEMBERS}/<invited>")),
    "info-import": ((), get("/v2/info/import")),
    "info-stores": ((), get("/v2/info/stores")),
    "info-stores-detail": ((), outcome(get(DETAIL))),
    "info-usage": ((), get("/v2/info/usage")),
    "schema": ((), get("/v2/schemas/member")),
    "stage": (
        WITHOUT_DATA,
        Request(
            "PUT", f"{IMAGES}/<{DRAFT}>/stage", body=b"data", headers={"Content-Type": OCTETS}
        ),
    ),
    # There is no such store, or the copy is there: nothing goes on behind the answer.
    "import": (WITHOUT_DATA, _import(DRAFT, FETCH, "nowhere")),
    "copy": ((), _import("a", {"name": "copy-image"}, "file1")),
    "tasks-of-image": ((), get(f"{IMAGES}/<a>/tasks")),
    # A location has the name of a directory in it.
    "list-locations": ((), outcome(get(f"{IMAGES}/<a>/locations"))),
    "delete-copy": ((), remove_copy()),
    "delete-copy-of-draft": (WITHOUT_DATA, remove_copy(label=DRAFT)),
    "list-tasks": ((), outcome(get(TASKS))),
    "create-task": ((), Request("POST", TASKS, json={"type": "import", "input": {}})),
    "show-task": ((), get(f"{TASKS}/<never>")),
    "delete-task": ((), Request("DELETE", f"{TASKS}/<never>")),
}  # fmt: skip

HARMLESS: Final = frozenset(
    {"create", "create-community", "create-public", "create-for-another"}
    | {"create-task", "delete-task"}
)

LATER: Final = ("/v2/events", "/v2/openapi.json")
"""What Glance has not at all; tests/service/test_events.py tries the callers of events."""


def scenes() -> Iterator[Scene]:
    ground = (
        raw_image(tags=["old"]),
        upload(),
        share("invited"),
        answer("accepted"),
        share("second"),
    )
    yield from matrix("rbac", ground, ROWS, HARMLESS)
