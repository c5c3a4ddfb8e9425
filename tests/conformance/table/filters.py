"""Listing images by every filter and operator."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.entry import Request, Scene, scene
from tests.conformance.requests import (
    action,
    answer,
    delete,
    image,
    listing,
    raw_image,
    share,
    upload,
)

# The queries are asked among the images of one project; "owner=" keeps the public images
# of other scenes out of the pages.
QUERIES: dict[str, str] = {
    "all": "",
    "name": "name=plain",
    "name-case": "name=PLAIN",
    "name-none": "name=nothing",
    "name-empty": "name=",
    "name-escaped": "name=a%2Cb%20c",
    "name-plus": "name=a%2Cb+c",
    "name-unicode": "name=%C3%9Cbung",
    "name-in": "name=in:plain,big",
    "name-in-quoted": "name=in:%22a,b%20c%22,big",
    "name-in-quoted-colon": "name=in:%22colon:name%22",
    "name-in-one": "name=in:plain",
    "name-in-empty": "name=in:",
    "name-in-spaces": "name=in:plain,%20big",
    "name-in-open-quote": "name=in:%22plain,big",
    "name-in-quote-inside": "name=in:pl%22ain,big",
    "name-in-escaped-quote": "name=in:%22quo%5C%22te%22",
    "name-neq": "name=neq:plain",
    "name-eq": "name=eq:plain",
    "name-gt": "name=gt:plain",
    "name-colon": "name=colon:name",
    "name-quoted-colon": "name=%22colon:name%22",
    "name-twice": "name=plain&name=big",
    "name-4-byte": "name=%F0%9F%8E%89",
    "name-bad-utf8": "name=%FF%FE",
    "name-nul": "name=a%00b",
    "name-300": "name=" + "n" * 300,
    "id": "id=<plain>",
    "id-in": "id=in:<plain>,<big>",
    "id-unknown": "id=nothing",
    "id-foreign": "id=<foreign>",
    "status-active": "status=active",
    "status-queued": "status=queued",
    "status-deactivated": "status=deactivated",
    "status-in": "status=in:active,deactivated",
    "status-unknown": "status=glowing",
    "status-deleted": "status=deleted",
    "status-neq": "status=neq:active",
    "disk-format": "disk_format=raw",
    "disk-format-in": "disk_format=in:raw,qcow2",
    "disk-format-unknown": "disk_format=floppy",
    "container-format": "container_format=bare",
    "container-format-in": "container_format=in:bare,ovf",
    "visibility-private": "visibility=private",
    "visibility-shared": "visibility=shared",
    "visibility-community": "visibility=community",
    "visibility-public": "visibility=public",
    "visibility-all": "visibility=all",
    "visibility-unknown": "visibility=secret",
    "visibility-empty": "visibility=",
    "visibility-case": "visibility=Private",
    "hidden-true": "os_hidden=true",
    "hidden-false": "os_hidden=false",
    "hidden-case": "os_hidden=True",
    "hidden-one": "os_hidden=1",
    "hidden-unknown": "os_hidden=maybe",
    "hidden-empty": "os_hidden=",
    "protected-true": "protected=true",
    "protected-false": "protected=false",
    "protected-case": "protected=True",
    "protected-one": "protected=1",
    "protected-unknown": "protected=maybe",
    "tag": "tag=red",
    "tag-two": "tag=red&tag=blue",
    "tag-none": "tag=green",
    "tag-empty": "tag=",
    "tag-unicode": "tag=%C3%A9",
    "tag-in": "tag=in:red,blue",
    "member-status-accepted": "member_status=accepted",
    "member-status-pending": "member_status=pending",
    "member-status-all": "member_status=all",
    "member-status-unknown": "member_status=perhaps",
    "member-status-empty": "member_status=",
    "size": "size=10",
    "size-text": "size=ten",
    "size-min": "size_min=10",
    "size-max": "size_max=9",
    "size-between": "size_min=1&size_max=20",
    "size-min-text": "size_min=ten",
    "size-min-empty": "size_min=",
    "size-min-negative": "size_min=-1",
    "size-max-negative": "size_max=-1",
    "size-min-float": "size_min=1.5",
    "size-min-huge": "size_min=99999999999999999999",
    "size-min-over-max": "size_min=20&size_max=1",
    "virtual-size-min": "virtual_size_min=1",
    "min-ram": "min_ram=512",
    "min-ram-min": "min_ram_min=1",
    "min-ram-max": "min_ram_max=511",
    "min-ram-text": "min_ram=lots",
    "min-disk": "min_disk=3",
    "min-disk-min": "min_disk_min=3",
    "min-disk-max": "min_disk_max=2",
    "unknown-min": "colour_min=1",
    "unknown-max": "colour_max=1",
    "name-min": "name_min=1",
    "created-gt": "created_at=gt:2001-01-01T00:00:00Z",
    "created-gte": "created_at=gte:2001-01-01T00:00:00Z",
    "created-lt": "created_at=lt:2001-01-01T00:00:00Z",
    "created-lte": "created_at=lte:2101-01-01T00:00:00Z",
    "created-eq": "created_at=eq:2001-01-01T00:00:00Z",
    "created-neq": "created_at=neq:2001-01-01T00:00:00Z",
    "created-plain": "created_at=2001-01-01T00:00:00Z",
    "created-date": "created_at=gt:2001-01-01",
    "created-offset": "created_at=gt:2001-01-01T00:00:00%2B02:00",
    "created-offset-unescaped": "created_at=gt:2001-01-01T00:00:00+02:00",
    "created-fraction": "created_at=gt:2001-01-01T00:00:00.5Z",
    "created-bad": "created_at=gt:yesterday",
    "created-bad-operator": "created_at=after:2001-01-01T00:00:00Z",
    "created-in": "created_at=in:2001-01-01T00:00:00Z",
    "created-empty": "created_at=",
    "created-two": "created_at=gt:2001-01-01&created_at=lt:2101-01-01",
    "updated-gt": "updated_at=gt:2001-01-01T00:00:00Z",
    "updated-lt": "updated_at=lt:2001-01-01T00:00:00Z",
    "updated-bad": "updated_at=lt:never",
    "property": "colour=red",
    "property-two": "colour=red&shape=round",
    "property-none": "colour=black",
    "property-operator": "colour=neq:red",
    "property-in": "colour=in:red,blue",
    "property-empty": "colour=",
    "property-case": "Colour=red",
    "property-dots": "a.b.c=1",
    "unknown-name": "flavour=1",
    "is-public": "is_public=true",
    "checksum": "checksum=781e5e245d69b566979b86e28d23f2c7",
    "os-hash-algo": "os_hash_algo=sha512",
    "os-hash-value": "os_hash_value=0",
    "deleted-true": "deleted=true",
    "deleted-bad": "deleted=maybe",
    "changes-since": "changes-since=2001-01-01",
    "combined": "status=active&disk_format=raw&tag=red&colour=red",
    "contradiction": "status=active&size_max=0",
    "name-of-relation-locations": "locations=x",
    "name-of-relation-properties": "properties=x",
    "name-of-relation-members": "members=x",
    "name-of-relation-tags": "tags=red",
    "name-of-column-deleted-at": "deleted_at=x",
    "name-of-column-is-public": "is_public=false",
    "empty-name": "=x",
    "no-value": "colour",
    "reserved": "os_glance_import_task=x",
    "self": "self=x",
}

GROUND = (
    image("plain", name="plain", tags=["red"], colour="red"),
    raw_image("big", name="big", tags=["red", "blue"], colour="red", shape="round", min_ram=512),
    raw_image("off", name="a,b c", min_disk=3, visibility="private", protected=True),
    image("hidden", name="hidden", os_hidden=True, tags=["red"]),
    image("open", name="Übung", visibility="community", disk_format="qcow2", tags=["é"]),
    image("odd", name="colon:name", container_format="ovf", **{"a.b.c": "1"}),
    image("quote", name='quo"te'),
    image("gone", name="gone"),
    image("foreign", "other", name="plain"),
    upload("big"),
    upload("off", b"01234"),
    delete("gone"),
    action("deactivate", "off"),
)


def scenes() -> Iterator[Scene]:
    own = {}
    for name, query in QUERIES.items():
        own[f"filters/{name}"] = listing(f"owner=<owner>&{query}&limit=8".replace("&&", "&"))
    own["filters/owner-other"] = listing("owner=<other>")
    own["filters/owner-twice"] = listing("owner=<other>&owner=<owner>")
    own["filters/limit-default"] = listing("owner=<owner>")
    own["filters/admin-all"] = listing("owner=<owner>&limit=8", "admin")
    own["filters/admin-community"] = listing("owner=<owner>&visibility=community", "admin")
    own["filters/admin-hidden"] = listing("owner=<owner>&os_hidden=true", "admin")
    own["filters/reader"] = listing("owner=<owner>&limit=8", "reader")
    own["filters/writer"] = listing("owner=<owner>&limit=8", "writer")
    own["filters/roleless"] = listing("owner=<owner>&limit=8", "roleless")
    own["filters/bare-admin"] = listing("owner=<owner>&limit=8", "bare-admin")
    own["filters/other"] = listing("owner=<owner>&limit=8", "other")
    own["filters/other-community"] = listing("owner=<owner>&visibility=community", "other")
    own["filters/other-all"] = listing("owner=<owner>&visibility=all", "other")
    own["filters/anonymous"] = listing("", "anonymous")
    own["filters/homeless"] = listing("owner=<owner>", "homeless")
    yield scene(GROUND, own)

    shared = (
        *(image(label, name=label) for label in ("pending", "accepted", "rejected", "kept")),
        *(share("invited", label) for label in ("pending", "accepted", "rejected")),
        answer("accepted", label="accepted"),
        answer("rejected", label="rejected"),
        image("own", "invited"),
        image("veiled", os_hidden=True),
        share("invited", "veiled"),
        answer("accepted", label="veiled"),
    )
    seen = {
        f"filters/shared-{status}": listing(f"member_status={status}&visibility=shared", "invited")
        for status in ("accepted", "pending", "rejected", "all", "perhaps", "")
    }
    seen["filters/shared-default"] = listing("visibility=shared", "invited")
    seen["filters/shared-all-visible"] = listing("member_status=all&owner=<owner>", "invited")
    seen["filters/shared-hidden"] = listing("owner=<owner>&os_hidden=true", "invited")
    seen["filters/shared-to-reader"] = listing("owner=<owner>&member_status=all", "invited-reader")
    seen["filters/shared-to-other"] = listing("owner=<owner>&member_status=all", "other")
    seen["filters/shared-to-admin"] = listing("owner=<owner>&member_status=pending", "admin")
    seen["filters/shared-owner-view"] = listing("member_status=rejected&owner=<owner>")
    yield scene(shared, seen)
    yield scene((), {"filters/body": Request("GET", "/v2/images", json={"a": 1})})
