"""Members of shared images: adding, answering, removing, and who sees whom."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.conformance.entry import Request, Scene, each, scene
from tests.conformance.requests import (
    IMAGES,
    answer,
    get,
    image,
    listing,
    patch,
    replace,
    share,
    show,
)

PATH = f"{IMAGES}/<a>/members"
MEMBER = f"{PATH}/<invited>"

BODIES: dict[str, Any] = {
    "good": {"member": "<second>"},
    "again": {"member": "<invited>"},
    "owner-itself": {"member": "<owner>"},
    "empty": {"member": ""},
    "null": {"member": None},
    "number": {"member": 12},
    "list": {"member": ["a"]},
    "object": {"member": {"a": "b"}},
    "true": {"member": True},
    "255": {"member": "m" * 255},
    "256": {"member": "m" * 256},
    "4-byte": {"member": "🎉"},
    "unicode": {"member": "projet-é"},
    "missing": {},
    "wrong-key": {"member_id": "<second>"},
    "extra-key": {"member": "<second>", "status": "accepted"},
    "list-body": ["<second>"],
    "text-body": "<second>",
    "null-body": None,
}
STATUSES: dict[str, Any] = {
    "accepted": {"status": "accepted"},
    "rejected": {"status": "rejected"},
    "pending": {"status": "pending"},
    "unknown": {"status": "perhaps"},
    "empty": {"status": ""},
    "null": {"status": None},
    "number": {"status": 1},
    "list": {"status": ["accepted"]},
    "upper-case": {"status": "ACCEPTED"},
    "missing": {},
    "extra-key": {"status": "accepted", "member_id": "x"},
    "list-body": ["accepted"],
    "text-body": "accepted",
}
CALLERS = ("owner", "colleague", "reader", "writer", "roleless", "invited", "invited-reader")
OUTSIDERS = ("other", "admin", "bare-admin", "anonymous")


def scenes() -> Iterator[Scene]:
    ground = (image(name="shared"), share("invited"))
    for name, body in BODIES.items():
        yield from each(
            ground, {f"members/add-{name}": [Request("POST", PATH, json=body), get(PATH)]}
        )
    for name, body in STATUSES.items():
        request = Request("PUT", MEMBER, "invited", json=body)
        yield from each(ground, {f"members/status-{name}": [request, get(MEMBER, "invited")]})
    two = (*ground, share("second"), answer("accepted", "second", "second"))
    for caller in (*CALLERS, *OUTSIDERS):
        yield scene(
            two,
            {
                f"members/list-as-{caller}": get(PATH, caller),
                f"members/show-as-{caller}": get(MEMBER, caller),
                f"members/show-second-as-{caller}": get(f"{PATH}/<second>", caller),
            },
        )
        yield from each(
            ground,
            {
                f"members/add-as-{caller}": share("second", caller=caller),
                f"members/accept-as-{caller}": [answer("accepted", caller), get(MEMBER, "admin")],
                f"members/remove-as-{caller}": Request("DELETE", MEMBER, caller),
            },
        )
    yield from each(
        ground,
        {
            "members/remove-and-see": [Request("DELETE", MEMBER), show(caller="invited")],
            "members/remove-twice": [Request("DELETE", MEMBER), Request("DELETE", MEMBER)],
            "members/add-after-remove": [
                answer("accepted"),
                Request("DELETE", MEMBER),
                share("invited"),
                get(MEMBER),
            ],
            "members/accept-and-list": [
                listing("owner=<owner>", "invited"),
                answer("accepted"),
                listing("owner=<owner>", "invited"),
            ],
            "members/reject-and-see": [
                answer("rejected"),
                show(caller="invited"),
                listing("owner=<owner>", "invited"),
            ],
            "members/answer-of-second": answer("accepted", "second", "second"),
            "members/answer-for-another": answer("accepted", "invited", "second"),
            "members/private-and-back": [
                answer("accepted"),
                patch(replace("/visibility", "private")),
                show(caller="invited"),
                get(PATH),
                get(PATH, "invited"),
                patch(replace("/visibility", "shared")),
                show(caller="invited"),
            ],
            "members/of-private": [
                patch(replace("/visibility", "private")),
                get(PATH),
                get(MEMBER),
                share("second"),
                answer("accepted"),
                Request("DELETE", MEMBER),
            ],
            "members/of-community": [
                patch(replace("/visibility", "community")),
                get(PATH),
                get(MEMBER),
                share("second"),
                answer("accepted"),
                Request("DELETE", MEMBER),
            ],
            "members/of-public-as-admin": [
                patch(replace("/visibility", "public"), caller="admin"),
                get(PATH, "admin"),
                share("second", caller="admin"),
            ],
        },
    )
    yield from each(
        (*ground, share("second"), share("other")),
        {"members/over-quota": [share("service"), get(PATH)]},
    )
    protected = (image(protected=True), share("invited"))
    yield from each(protected, {"members/of-protected": [share("second"), answer("accepted")]})
    yield scene(
        ground,
        {
            "members/show-missing": get(f"{PATH}/nobody"),
            "members/remove-missing": Request("DELETE", f"{PATH}/nobody"),
            "members/status-of-missing": Request(
                "PUT", f"{PATH}/nobody", json={"status": "accepted"}
            ),
            "members/status-of-missing-admin": Request(
                "PUT", f"{PATH}/nobody", "admin", json={"status": "accepted"}
            ),
            "members/list-of-missing": get(f"{IMAGES}/<never>/members"),
            "members/add-to-missing": share("invited", "never"),
            "members/show-of-missing": get(f"{IMAGES}/<never>/members/x"),
            "members/status-no-body": Request("PUT", MEMBER, "invited"),
            "members/status-malformed": Request("PUT", MEMBER, "invited", body=b"{"),
            "members/add-no-body": Request("POST", PATH),
            "members/add-malformed": Request("POST", PATH, body=b'{"member":'),
            "members/list-body": Request("GET", PATH, json={}),
            "members/list-body-text": Request("GET", PATH, body=b"x"),
            "members/remove-body": Request("DELETE", MEMBER, json={}),
            "members/list-query": get(f"{PATH}?limit=x"),
            "members/put-collection": Request("PUT", PATH, json={}),
            "members/patch-collection": Request("PATCH", PATH),
            "members/post-member": Request("POST", MEMBER, json={}),
            "members/patch-member": Request("PATCH", MEMBER),
        },
    )
