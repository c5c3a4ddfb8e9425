"""PATCH: each media type, each operation on each class of attribute."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.conformance.entry import Request, Scene, each, scene
from tests.conformance.requests import (
    V20,
    V21,
    add,
    image,
    patch,
    raw_image,
    remove,
    replace,
    share,
    show,
    upload,
)

READ_ONLY = [
    "id",
    "created_at",
    "updated_at",
    "status",
    "checksum",
    "size",
    "virtual_size",
    "direct_url",
    "self",
    "file",
    "schema",
    "os_hash_algo",
    "os_hash_value",
    "stores",
]
RESERVED = ["location", "deleted", "deleted_at", "os_glance_import_task", "os_glance_mine"]
BASE = ["name", "min_ram", "min_disk", "protected", "visibility", "os_hidden", "tags", "owner"]
INTERNAL = ["image_id", "member", "extra_properties", "metadata", "is_public", "properties"]

# One change of an image with a name, two tags and the property colour=red.
CHANGES: dict[str, list[dict[str, Any]]] = {
    "nothing": [],
    "replace-name": [replace("/name", "new")],
    "replace-name-null": [replace("/name", None)],
    "replace-name-256": [replace("/name", "n" * 256)],
    "replace-name-number": [replace("/name", 1)],
    "replace-name-4-byte": [replace("/name", "🎉")],
    "replace-name-unicode": [replace("/name", "Übung")],
    "add-name": [add("/name", "new")],
    "replace-min-disk": [replace("/min_disk", 4)],
    "replace-min-disk-text": [replace("/min_disk", "4")],
    "replace-min-disk-negative": [replace("/min_disk", -4)],
    "replace-min-disk-huge": [replace("/min_disk", 2**31)],
    "replace-min-ram-largest": [replace("/min_ram", 2**31 - 1)],
    "replace-min-ram-null": [replace("/min_ram", None)],
    "replace-protected": [replace("/protected", True)],
    "replace-protected-text": [replace("/protected", "true")],
    "replace-hidden": [replace("/os_hidden", True)],
    "replace-hidden-number": [replace("/os_hidden", 1)],
    "replace-visibility": [replace("/visibility", "private")],
    "replace-visibility-community": [replace("/visibility", "community")],
    "replace-visibility-public": [replace("/visibility", "public")],
    "replace-visibility-unknown": [replace("/visibility", "secret")],
    "replace-visibility-null": [replace("/visibility", None)],
    "replace-tags": [replace("/tags", ["b", "c", "c"])],
    "replace-tags-empty": [replace("/tags", [])],
    "replace-tags-text": [replace("/tags", "b")],
    "replace-tags-null": [replace("/tags", None)],
    "replace-tags-256": [replace("/tags", ["t" * 256])],
    "replace-tags-at-quota": [replace("/tags", [f"t{number}" for number in range(6)])],
    "replace-tags-over-quota": [replace("/tags", [f"t{number}" for number in range(7)])],
    "add-tags": [add("/tags", ["z"])],
    "add-tag-below": [add("/tags/-", "z")],
    "replace-tag-below": [replace("/tags/0", "z")],
    "remove-tag-below": [remove("/tags/0")],
    "replace-disk-format": [replace("/disk_format", "qcow2")],
    "replace-disk-format-null": [replace("/disk_format", None)],
    "replace-disk-format-unknown": [replace("/disk_format", "floppy")],
    "add-disk-format": [add("/disk_format", "iso")],
    "remove-disk-format": [remove("/disk_format")],
    "replace-container-format": [replace("/container_format", "ova")],
    "add-property": [add("/shape", "round")],
    "add-property-again": [add("/colour", "blue")],
    "add-property-empty": [add("/shape", "")],
    "add-property-number": [add("/shape", 1)],
    "add-property-null": [add("/shape", None)],
    "add-property-list": [add("/shape", ["a"])],
    "add-property-object": [add("/shape", {"a": "b"})],
    "add-property-boolean": [add("/shape", True)],
    "add-property-4-byte": [add("/shape", "🎉")],
    "add-property-name-4-byte": [add("/🎉", "v")],
    "add-property-name-unicode": [add("/größe", "1")],
    "add-property-name-255": [add("/" + "k" * 255, "v")],
    "add-property-name-256": [add("/" + "k" * 256, "v")],
    "add-property-long": [add("/shape", "v" * 70_000)],
    "add-property-kernel-id-bad": [add("/kernel_id", "vmlinuz")],
    "add-property-kernel-id": [add("/kernel_id", "00000000-0000-4000-8000-000000000000")],
    "add-property-slash": [add("/a~1b", "1")],
    "add-property-tilde": [add("/a~0b", "1")],
    "add-property-both-escapes": [add("/~01", "1")],
    "add-property-dots": [add("/a.b:c", "1")],
    "add-property-space": [add("/a b", "1")],
    "replace-property": [replace("/colour", "blue")],
    "replace-property-missing": [replace("/shape", "round")],
    "replace-property-number": [replace("/colour", 1)],
    "remove-property": [remove("/colour")],
    "remove-property-missing": [remove("/shape")],
    "remove-property-with-value": [{"op": "remove", "path": "/colour", "value": "red"}],
    "properties-at-quota": [add(f"/p{number}", "v") for number in range(5)],
    "properties-over-quota": [add(f"/p{number}", "v") for number in range(6)],
    "properties-swapped-at-quota": [
        *(add(f"/p{number}", "v") for number in range(5)),
        remove("/colour"),
        add("/p5", "v"),
    ],
    "replace-owner-own": [replace("/owner", "<owner>")],
    "replace-owner-foreign": [replace("/owner", "<other>")],
    "replace-owner-null": [replace("/owner", None)],
    "add-owner-foreign": [add("/owner", "<other>")],
    "add-owner-own": [add("/owner", "<owner>")],
    "locations-empty": [replace("/locations", [])],
    "locations-add": [add("/locations/-", {"url": "http://127.0.0.1/x", "metadata": {}})],
    "locations-remove": [remove("/locations/0")],
    "locations-replace": [replace("/locations", [{"url": "http://127.0.0.1/x", "metadata": {}}])],
    "op-test": [{"op": "test", "path": "/name", "value": "old"}],
    "op-move": [{"op": "move", "from": "/colour", "path": "/shape"}],
    "op-copy": [{"op": "copy", "from": "/colour", "path": "/shape"}],
    "op-unknown": [{"op": "paint", "path": "/name", "value": "new"}],
    "op-upper-case": [{"op": "REPLACE", "path": "/name", "value": "new"}],
    "op-missing": [{"path": "/name", "value": "new"}],
    "op-null": [{"op": None, "path": "/name", "value": "new"}],
    "op-list": [{"op": ["replace"], "path": "/name", "value": "new"}],
    "path-missing": [{"op": "replace", "value": "new"}],
    "path-null": [{"op": "replace", "path": None, "value": "new"}],
    "path-number": [{"op": "replace", "path": 1, "value": "new"}],
    "value-missing": [{"op": "replace", "path": "/name"}],
    "value-missing-add": [{"op": "add", "path": "/shape"}],
    "extra-member": [{"op": "replace", "path": "/name", "value": "new", "why": "so"}],
    "two-ops-in-one": [{"op": "replace", "add": "/shape", "path": "/name", "value": "new"}],
    "pointer-relative": [replace("name", "new")],
    "pointer-empty": [replace("", "new")],
    "pointer-slash": [replace("/", "new")],
    "pointer-double-slash": [replace("//name", "new")],
    "pointer-trailing-slash": [replace("/name/", "new")],
    "pointer-two-levels": [replace("/name/first", "new")],
    "pointer-two-levels-property": [add("/colour/red", "new")],
    "pointer-two-levels-unknown": [add("/shape/size", "new")],
    "pointer-bad-escape": [add("/a~2b", "1")],
    "pointer-open-escape": [add("/a~", "1")],
    "several": [replace("/name", "new"), add("/shape", "round"), remove("/colour")],
    "several-same": [replace("/name", "x"), replace("/name", "y")],
    "add-then-remove": [add("/shape", "round"), remove("/shape")],
    "add-then-replace": [add("/shape", "round"), replace("/shape", "square")],
    "remove-then-replace": [remove("/colour"), replace("/colour", "blue")],
    "remove-twice": [remove("/colour"), remove("/colour")],
    "unit-missing-last": [replace("/name", "new"), replace("/shape", "round")],
    "unit-read-only-last": [replace("/name", "new"), replace("/status", "active")],
    "unit-bad-value-last": [replace("/name", "new"), replace("/min_ram", -1)],
    "unit-quota-last": [replace("/name", "new"), replace("/tags", list("abcdefgh"))],
    "unit-public-last": [replace("/name", "new"), replace("/visibility", "public")],
}

RAW_BODIES: dict[str, bytes] = {
    "malformed": b"[{",
    "nothing": b"",
    "object": b'{"op": "replace", "path": "/name", "value": "new"}',
    "empty-object": b"{}",
    "null": b"null",
    "text": b'"replace"',
    "number": b"1",
    "list-of-text": b'["replace"]',
    "list-of-null": b"[null]",
    "list-of-lists": b"[[]]",
    "list-of-empty": b"[{}]",
    "latin-1": b'[{"op": "replace", "path": "/name", "value": "\xfc"}]',
    "nan": b'[{"op": "replace", "path": "/min_ram", "value": NaN}]',
    "huge-exponent": b'[{"op": "replace", "path": "/min_ram", "value": 1e400}]',
}

OLD_FORM: dict[str, Any] = {
    "replace": [{"replace": "/name", "value": "new"}],
    "add": [{"add": "/shape", "value": "round"}],
    "add-existing": [{"add": "/colour", "value": "blue"}],
    "add-base": [{"add": "/name", "value": "new"}],
    "remove": [{"remove": "/colour"}],
    "remove-missing": [{"remove": "/shape"}],
    "new-form": [{"op": "replace", "path": "/name", "value": "new"}],
    "two-ops": [{"replace": "/name", "add": "/shape", "value": "new"}],
    "nothing": [],
    "read-only": [{"replace": "/status", "value": "active"}],
    "unknown-op": [{"test": "/name", "value": "old"}],
    "no-value": [{"replace": "/name"}],
}

MEDIA = {
    "json-patch": "application/json-patch+json",
    "json": "application/json",
    "unnumbered": "application/openstack-images-v2-json-patch",
    "v2.2": "application/openstack-images-v2.2-json-patch",
    "parameter": f"{V21}; charset=utf-8",
    "upper-case": V21.upper(),
    "text": "text/plain",
    "none": "<omit>",
}

GROUND = (
    image(
        name="old",
        tags=["a", "b"],
        colour="red",
        disk_format="raw",
        container_format="bare",
    ),
)


def scenes() -> Iterator[Scene]:
    for name, operations in CHANGES.items():
        yield from each(GROUND, {f"changes/{name}": [patch(*operations), show()]})
    for name, body in RAW_BODIES.items():
        request = Request("PATCH", "/v2/images/<a>", body=body, headers={"Content-Type": V21})
        yield from each(GROUND, {f"changes/body-{name}": [request, show()]})
    for name, old in OLD_FORM.items():
        yield from each(GROUND, {f"changes/v2.0-{name}": [patch(*old, media=V20), show()]})
    yield scene(
        GROUND,
        {
            f"changes/media-{name}": patch(replace("/name", "new"), media=media)
            for name, media in MEDIA.items()
        },
    )
    yield scene(GROUND, dict(_refusals()))
    yield from _callers()
    yield from _states()


def _refusals() -> Iterator[tuple[str, Request]]:
    """What the owner may not touch, whatever the operation."""
    for name in READ_ONLY:
        yield f"changes/replace-{name}", patch(replace(f"/{name}", "x"))
    for name in ("id", "status", "size", "checksum", "self", "stores"):
        yield f"changes/add-{name}", patch(add(f"/{name}", "x"))
        yield f"changes/remove-{name}", patch(remove(f"/{name}"))
    for name in RESERVED:
        yield f"changes/add-{name}", patch(add(f"/{name}", "x"))
        yield f"changes/replace-{name}", patch(replace(f"/{name}", "x"))
        yield f"changes/remove-{name}", patch(remove(f"/{name}"))
    for name in BASE:
        yield f"changes/remove-{name}", patch(remove(f"/{name}"))
    for name in INTERNAL:
        yield f"changes/replace-{name}", patch(replace(f"/{name}", "x"))


def _callers() -> Iterator[Scene]:
    rename = replace("/name", "new")
    ground = (*GROUND, share("invited"))
    callers = ("colleague", "reader", "writer", "roleless", "invited", "other", "admin")
    for caller in (*callers, "bare-admin", "homeless", "anonymous", "invalid"):
        yield from each(ground, {f"changes/as-{caller}": [patch(rename, caller=caller), show()]})
    openly = (image(name="old", visibility="community"),)
    yield from each(openly, {"changes/community-as-other": patch(rename, caller="other")})
    yield from each(
        GROUND,
        {
            "changes/admin-owner": patch(replace("/owner", "<other>"), caller="admin"),
            "changes/admin-owner-null": patch(replace("/owner", None), caller="admin"),
            "changes/admin-owner-number": patch(replace("/owner", 1), caller="admin"),
            "changes/admin-public": patch(replace("/visibility", "public"), caller="admin"),
            "changes/admin-status": patch(replace("/status", "active"), caller="admin"),
            "changes/reader-malformed": Request(
                "PATCH", "/v2/images/<a>", "reader", body=b"{", headers={"Content-Type": V21}
            ),
            "changes/other-read-only": patch(replace("/status", "active"), caller="other"),
            "changes/other-media": patch(rename, caller="other", media="application/json"),
        },
    )
    missing = {
        "changes/missing": patch(rename, label="never"),
        "changes/missing-empty": patch(label="never"),
        "changes/no-uuid": Request("PATCH", "/v2/images/x", json=[], headers={"Content-Type": V21}),
    }
    yield scene((), missing)


def _states() -> Iterator[Scene]:
    active = (raw_image(name="old", colour="red"), upload())
    yield from each(
        active,
        {
            "changes/active-name": patch(replace("/name", "new")),
            "changes/active-disk-format": [patch(replace("/disk_format", "iso")), show()],
            "changes/active-same-disk-format": patch(replace("/disk_format", "raw")),
            "changes/active-container-format": patch(add("/container_format", "ova")),
            "changes/active-image-id": [patch(replace("/image_id", "<nonce>")), show()],
            "changes/active-checksum": patch(replace("/checksum", "0" * 32)),
            "changes/active-remove-property": patch(remove("/colour")),
            "changes/active-extra-properties": [patch(replace("/extra_properties", {})), show()],
            "changes/active-min-disk": patch(replace("/min_disk", 2)),
        },
    )
    protected = (image(protected=True, name="old"),)
    yield from each(protected, {"changes/protected": patch(replace("/name", "new"))})
    overwriting = (image("a"), raw_image("active"), upload("active"))
    yield from each(
        overwriting,
        {
            "changes/image-id-of-other": [
                patch(add("/image_id", "<active>")),
                show(),
                show("active"),
            ]
        },
    )
