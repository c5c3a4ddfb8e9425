"""Creating images: every field, right and wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.conformance.entry import Request, Scene, each, scene
from tests.conformance.requests import IMAGES, create, delete, image, show

LONG = "n" * 255

GOOD: dict[str, dict[str, Any]] = {
    "empty": {},
    "name": {"name": "debian"},
    "name-empty": {"name": ""},
    "name-null": {"name": None},
    "name-255": {"name": LONG},
    "name-unicode": {"name": "Übung – 映像"},
    "name-control": {"name": "a\tb\nc"},
    "disk-format-null": {"disk_format": None},
    "container-format-null": {"container_format": None},
    "min-disk-largest": {"min_disk": 2**31 - 1},
    "min-ram-largest": {"min_ram": 2**31 - 1},
    "min-disk-whole-float": {"min_disk": 3.0},
    "protected": {"protected": True},
    "hidden": {"os_hidden": True},
    "private": {"visibility": "private"},
    "shared": {"visibility": "shared"},
    "community": {"visibility": "community"},
    "owner-own": {"owner": "<owner>"},
    "owner-null": {"owner": None},
    "tags": {"tags": ["b", "a"]},
    "tags-empty": {"tags": []},
    "tags-repeated": {"tags": ["a", "a", "b"]},
    "tags-255": {"tags": ["t" * 255]},
    "tags-unicode": {"tags": ["é", "映"]},
    "tags-empty-text": {"tags": [""]},
    "property": {"os_distro": "debian"},
    "property-empty": {"colour": ""},
    "property-long-value": {"colour": "v" * 70_000},
    "property-unicode": {"couleur": "vert émeraude"},
    "property-name-unicode": {"größe": "1"},
    "property-name-255": {"k" * 255: "v"},
    "property-name-punctuation": {"owner_specified.openstack.md5": "1", "a/b": "2", "a:b": "3"},
    "property-name-spaces": {" a b ": "v"},
    "property-name-upper-case": {"Colour": "v"},
    "property-names-like-fields": {"Name": "v", "image_id": "w", "member": "x", "metadata": "y"},
    "property-kernel-id": {"kernel_id": "0" * 8 + "-0000-4000-8000-" + "0" * 12},
    "property-kernel-id-null": {"kernel_id": None},
    "property-deletion-policy": {"cinder_encryption_key_deletion_policy": "do_not_delete"},
    "properties-at-quota": {f"p{number}": "v" for number in range(6)},
    "tags-at-quota": {"tags": [f"t{number}" for number in range(6)]},
    "everything": {
        "name": "all",
        "disk_format": "qcow2",
        "container_format": "bare",
        "min_disk": 1,
        "min_ram": 512,
        "protected": False,
        "os_hidden": False,
        "visibility": "private",
        "tags": ["x"],
        "os_version": "13",
    },
}

DISK_FORMATS = ["ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "iso", "ploop"]
CONTAINER_FORMATS = ["ami", "ari", "aki", "bare", "ovf", "ova", "docker", "compressed"]

BAD: dict[str, dict[str, Any]] = {
    "name-256": {"name": LONG + "n"},
    "name-number": {"name": 1},
    "name-list": {"name": ["a"]},
    "name-4-byte": {"name": "party 🎉"},
    "name-nul": {"name": "a\0b"},
    "disk-format-unknown": {"disk_format": "floppy"},
    "disk-format-upper-case": {"disk_format": "RAW"},
    "disk-format-number": {"disk_format": 1},
    "disk-format-empty": {"disk_format": ""},
    "container-format-unknown": {"container_format": "tin"},
    "aki-in-bare": {"disk_format": "aki", "container_format": "bare"},
    "ami-in-aki": {"disk_format": "ami", "container_format": "aki"},
    "min-disk-text": {"min_disk": "1"},
    "min-disk-negative": {"min_disk": -1},
    "min-disk-too-large": {"min_disk": 2**31},
    "min-disk-huge": {"min_disk": 10**30},
    "min-disk-float": {"min_disk": 1.5},
    "min-disk-null": {"min_disk": None},
    "min-disk-boolean": {"min_disk": True},
    "min-ram-text": {"min_ram": "lots"},
    "min-ram-negative": {"min_ram": -1},
    "min-ram-too-large": {"min_ram": 2**31},
    "min-ram-huge": {"min_ram": 2**64},
    "protected-text": {"protected": "true"},
    "protected-number": {"protected": 1},
    "protected-null": {"protected": None},
    "hidden-text": {"os_hidden": "yes"},
    "visibility-unknown": {"visibility": "secret"},
    "visibility-null": {"visibility": None},
    "visibility-list": {"visibility": ["public"]},
    "visibility-public": {"visibility": "public"},
    "owner-foreign": {"owner": "<other>"},
    "owner-number": {"owner": 7},
    "owner-256": {"owner": "o" * 256},
    "id-not-uuid": {"id": "debian-13"},
    "id-number": {"id": 12},
    "id-null": {"id": None},
    "id-upper-case": {"id": "AAAAAAAA-0000-4000-8000-00000000000G"},
    "id-without-dashes": {"id": "0" * 32},
    "tags-256": {"tags": ["t" * 256]},
    "tags-text": {"tags": "a"},
    "tags-number": {"tags": [1]},
    "tags-null": {"tags": None},
    "tags-object": {"tags": {"a": "b"}},
    "tags-4-byte": {"tags": ["🎉"]},
    "property-number": {"colour": 1},
    "property-null": {"colour": None},
    "property-boolean": {"colour": True},
    "property-list": {"colour": ["red"]},
    "property-object": {"colour": {"a": "b"}},
    "property-4-byte": {"colour": "🎉"},
    "property-name-4-byte": {"🎉": "v"},
    "property-name-256": {"k" * 256: "v"},
    "property-name-empty": {"": "v"},
    "property-kernel-id-bad": {"kernel_id": "vmlinuz"},
    "property-deletion-policy-bad": {"cinder_encryption_key_deletion_policy": "never"},
    "properties-over-quota": {f"p{number}": "v" for number in range(7)},
    "tags-over-quota": {"tags": [f"t{number}" for number in range(7)]},
    "status": {"status": "active"},
    "status-unknown": {"status": "glowing"},
    "checksum": {"checksum": "0" * 32},
    "size": {"size": 1},
    "virtual-size": {"virtual_size": 1},
    "created-at": {"created_at": "2020-01-01T00:00:00Z"},
    "updated-at": {"updated_at": "2020-01-01T00:00:00Z"},
    "direct-url": {"direct_url": "file:///etc/passwd"},
    "self": {"self": "/v2/images/x"},
    "file": {"file": "/v2/images/x/file"},
    "schema": {"schema": "/v2/schemas/image"},
    "stores": {"stores": "file1"},
    "os-hash-algo": {"os_hash_algo": "sha512"},
    "os-hash-value": {"os_hash_value": "0" * 128},
    "location": {"location": "file:///etc/passwd"},
    "locations": {"locations": [{"url": "file:///etc/passwd", "metadata": {}}]},
    "locations-empty": {"locations": []},
    "deleted": {"deleted": False},
    "deleted-text": {"deleted": "false"},
    "deleted-at": {"deleted_at": None},
    "reserved-prefix": {"os_glance_import_task": "x"},
    "reserved-prefix-other": {"os_glance_mine": "x"},
    "is-public": {"is_public": True},
    "properties": {"properties": {"a": "b"}},
}

RAW_BODIES: dict[str, bytes] = {
    "malformed": b'{"name": ',
    "nothing": b"",
    "spaces": b"   ",
    "binary": bytes(range(256)),
    "latin-1": b'{"name": "\xfc"}',
    "surrogate": b'{"name": "\\ud83c"}',
    "escaped-4-byte": b'{"name": "\\ud83c\\udf89"}',
    "byte-order-mark": b'\xef\xbb\xbf{"name": "bom"}',
    "list": b"[]",
    "list-of-objects": b'[{"name": "a"}]',
    "text": b'"name"',
    "number": b"1",
    "null": b"null",
    "true": b"true",
    "nan": b'{"min_disk": NaN}',
    "infinity": b'{"min_ram": Infinity}',
    "repeated-key": b'{"name": "a", "name": "b"}',
    "trailing": b'{"name": "a"} {}',
    "exponent": b'{"min_disk": 1e2}',
    "huge-exponent": b'{"min_ram": 1e400}',
    "form": b"name=a",
}


def _raw(body: bytes, headers: dict[str, str] | None = None) -> Request:
    given = {"Content-Type": "application/json", **(headers or {})}
    return Request("POST", IMAGES, body=body, headers=given, label="new")


def scenes() -> Iterator[Scene]:
    yield scene((), {f"create/{name}": create(body) for name, body in GOOD.items()})
    yield scene((), {f"create/{name}": create(body) for name, body in BAD.items()})
    yield scene((), {f"create/disk-{word}": create({"disk_format": word}) for word in DISK_FORMATS})
    containers = {
        f"create/container-{word}": create({"container_format": word}) for word in CONTAINER_FORMATS
    }
    yield scene((), containers)
    yield scene((), {f"create/body-{name}": _raw(body) for name, body in RAW_BODIES.items()})
    media = {
        "text": "text/plain",
        "octets": "application/octet-stream",
        "form": "application/x-www-form-urlencoded",
        "none": "<omit>",
    }
    yield scene(
        (),
        {
            f"create/media-{name}": _raw(b'{"name": "m"}', {"Content-Type": value})
            for name, value in media.items()
        },
    )
    yield scene(
        (),
        {
            "create/chunked": Request(
                "POST", IMAGES, json={"name": "c"}, chunked=True, label="new"
            ),
            "create/chunked-empty": Request("POST", IMAGES, body=b"", chunked=True),
            "create/query-ignored": Request("POST", f"{IMAGES}?limit=x", json={}, label="new"),
        },
    )
    yield scene(
        (),
        {
            "create/as-reader": create({}, "reader"),
            "create/as-writer": create({}, "writer"),
            "create/as-roleless": create({}, "roleless"),
            "create/as-shouting": create({}, "shouting"),
            "create/as-admin": create({}, "admin"),
            "create/as-bare-admin": create({}, "bare-admin"),
            "create/as-service": create({}, "service"),
            "create/as-homeless": create({}, "homeless"),
            "create/as-anonymous": create({}, "anonymous"),
            "create/as-invalid": create({}, "invalid"),
            "create/admin-public": create({"visibility": "public"}, "admin"),
            "create/admin-for-other": create({"owner": "<other>"}, "admin"),
            "create/admin-for-nobody": create({"owner": None}, "admin"),
            "create/reader-malformed": Request("POST", IMAGES, "reader", body=b"{"),
            "create/admin-read-only": create({"status": "active"}, "admin"),
        },
    )
    yield from each(
        (),
        {
            "create/given-id": [image("a", name="given"), show("a")],
            "create/given-id-twice": [image("a"), image("a")],
            "create/given-id-of-foreign": [image("a", "other"), image("a"), show("a")],
            "create/given-id-of-deleted": [image("a"), delete("a"), image("a"), show("a")],
        },
    )
