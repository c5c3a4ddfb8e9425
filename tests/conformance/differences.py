"""The differences from Glance that are meant, each with its reason.

A difference that is not listed here fails the test, and so does a listed one that is gone.
"""

from __future__ import annotations

from typing import Final

from tests.conformance.compare import ABSENT, ANY, Difference

REFUSED: Final = (
    "formats/iso-as-qcow2",
    "formats/iso-as-text",
    "formats/qcow2-as-vmdk",
    "formats/qcow2-backing",
    "formats/qcow2-data-file",
    "formats/qcow2-empty",
    "formats/qcow2-short",
    "formats/qcow2-text",
    "formats/qcow2-unknown-feature",
    "formats/qcow2-v2-backing",
    "formats/raw-as-backing",
    "formats/refused-then-good",
    "formats/vdi-as-qcow2",
    "formats/vhd-as-qcow2",
    "formats/vhdx-as-text",
    "formats/vmdk-as-qcow2",
    "formats/vmdk-extent-path",
    "formats/vmdk-flat",
    "formats/vmdk-text",
)
"""Uploads that are refused for their content after they were read to the end."""

OWNER: Final = (
    Difference(
        ("changes/add-owner-own",),
        "1.status",
        200,
        403,
        "Only an administrator may set the owner, by whatever operation.",
    ),
    Difference(
        ("changes/add-owner-foreign",),
        "2.status",
        404,
        200,
        "Glance answers 403 but has given the image away; here nothing changed.",
    ),
)

INTERNALS: Final = (
    Difference(
        ("changes/active-image-id", "changes/replace-image_id"),
        "1.status",
        404,
        409,
        "An unknown path is a custom property, here one that is missing, not a column of the row.",
    ),
    Difference(
        ("changes/replace-member",),
        "1.status",
        200,
        409,
        "An unknown path is a custom property, here a missing one, not an internal attribute.",
    ),
    Difference(
        ("changes/image-id-of-other",),
        "*.body.*",
        ANY,
        ANY,
        "Glance writes the row of the other image; here image_id is a custom property of this one.",
    ),
    Difference(
        ("changes/add-stores", "changes/remove-stores"),
        "1.status",
        200,
        403,
        "Where the data is follows from the data; Glance takes the word for a custom property.",
    ),
    Difference(
        ("changes/replace-stores",),
        "1.status",
        409,
        403,
        "Where the data is follows from the data; Glance takes the word for a custom property.",
    ),
    Difference(
        ("create/os-hash-algo", "create/os-hash-value"),
        "1.status",
        201,
        403,
        "A digest is read-only; Glance says yes and drops it.",
    ),
)

REFUSED_UPLOADS: Final = (
    *(
        Difference(
            (*REFUSED, "formats/refused-chunked", "formats/refused-second-store"),
            f"2.body.{field}",
            ANY,
            ABSENT if field == "stores" else None,
            "A refused upload leaves nothing on the image.",
        )
        for field in ("checksum", "os_hash_algo", "os_hash_value", "stores")
    ),
    Difference(
        REFUSED,
        "3.status",
        500,
        204,
        "A refused upload leaves no data, so there is none to download.",
    ),
    Difference(
        ("formats/refused-then-good",),
        "[456].*",
        ANY,
        ANY,
        "After a refused upload a good one succeeds; in Glance the image stays broken.",
    ),
    Difference(
        ("upload/over-quota-chunked",),
        "2.body.status",
        "saving",
        "queued",
        "An upload over the quota leaves the image queued; in Glance it stays in saving for ever.",
    ),
)

SERVER_ERRORS: Final = (
    Difference(
        (
            "changes/path-null",
            "changes/path-number",
            "create/body-list",
            "create/body-list-of-objects",
            "create/body-surrogate",
            "filters/name-of-relation-locations",
            "filters/name-of-relation-members",
            "filters/name-of-relation-properties",
            "filters/unknown-max",
            "filters/unknown-min",
            "members/add-list",
            "members/add-object",
            "protocol/request-id-65",
            "protocol/request-id-long",
            "tags/name-bad-utf-8",
        ),
        "1.status",
        500,
        400,
        "Bad input is told as such.",
    ),
    Difference(
        ("members/add-list", "members/add-object"),
        "2.status",
        500,
        200,
        "A bad member is refused and leaves nothing behind.",
    ),
    Difference(
        ("filters/size-min-huge",),
        "1.status",
        500,
        200,
        "A bound beyond what a column can hold is above every size.",
    ),
    Difference(
        ("changes/replace-extra_properties",),
        "1.status",
        500,
        409,
        "An unknown path is a custom property, here one that is missing.",
    ),
    Difference(
        (
            "download/content-range-all-stars",
            "download/content-range-unsatisfied",
            "download/range-no-numbers",
        ),
        "1.status",
        500,
        416,
        "A range without a start and an end is unsatisfiable, no error of the server.",
    ),
    Difference(
        ("download/queued-range",),
        "1.status",
        500,
        204,
        "No data is no data, in a range as well.",
    ),
    Difference(
        ("protocol/path-id-latin-1",),
        "1.status",
        500,
        404,
        "An id that is no text is no id.",
    ),
)

REPEATED_PARAMETERS: Final = (
    Difference(
        (
            "filters/created-two",
            "filters/name-twice",
            "filters/owner-twice",
            "filters/tag-two",
            "paging/limit-twice",
            "paging/next-keeps-tags",
            "paging/sort-keys-no-dir",
            "paging/sort-keys-one-dir",
            "paging/sort-keys-paged",
            "paging/sort-keys-two-dirs",
            "paging/sort-twice",
        ),
        "1.body.first.query",
        ANY,
        ANY,
        "Links keep every value of a repeated parameter; Glance keeps the last alone.",
    ),
    Difference(
        ("filters/owner-twice", "paging/next-keeps-tags", "paging/sort-keys-paged"),
        "1.body.next.query",
        ANY,
        ANY,
        "Links keep every value of a repeated parameter; Glance keeps the last alone.",
    ),
    Difference(
        ("paging/limit-twice", "paging/marker-twice", "paging/sort-twice"),
        "1.body.images",
        ANY,
        ANY,
        "Glance takes the surplus value for the value of a custom property and finds nothing.",
    ),
    Difference(
        ("paging/limit-twice",),
        "1.body.next",
        ABSENT,
        ANY,
        "Glance takes the surplus value for the value of a custom property and finds nothing.",
    ),
)

EXTENSIONS: Final = (
    Difference(
        ("actions/*", "download/*", "formats/*", "upload/*", "visibility/*"),
        "*.headers.accept-ranges",
        ABSENT,
        "bytes",
        "Extension: a client may learn that ranges are served.",
    ),
    Difference(
        ("actions/*", "download/*", "formats/*", "upload/*", "visibility/*"),
        "*.headers.etag",
        ABSENT,
        ANY,
        "Extension: the digest of the data serves for conditional requests.",
    ),
    Difference(
        ("download/range-*", "download/content-range-*", "download/both-ranges"),
        "1.headers.content-md5",
        ANY,
        ABSENT,
        "The digest of the whole would be wrong for a part.",
    ),
    Difference(
        ("download/range-*", "download/content-range-*", "download/zero-bytes-*"),
        "1.headers.content-range",
        ABSENT,
        ANY,
        "Extension: a refused range is answered with the size.",
    ),
    Difference(
        ("download/head",),
        "1.status",
        405,
        200,
        "Extension: HEAD of the data.",
    ),
    Difference(
        ("download/head-missing",),
        "1.status",
        405,
        404,
        "Extension: HEAD of the data.",
    ),
    Difference(
        ("protocol/delete-file", "upload/delete"),
        "1.headers.allow",
        ["GET", "PUT"],
        ["GET", "HEAD", "PUT"],
        "Extension: HEAD of the data.",
    ),
    Difference(
        ("download/if-range", "download/if-range-date"),
        "1.status",
        206,
        200,
        "Extension: a range of other data than the client has a part of is not served.",
    ),
    Difference(
        ("download/if-none-match-any",),
        "1.status",
        200,
        304,
        "Extension: conditional requests.",
    ),
    Difference(
        ("download/if-match",),
        "1.status",
        200,
        412,
        "Extension: conditional requests.",
    ),
)

STRICTER: Final = (
    Difference(
        ("download/range-suffix-zero", "download/range-negative", "download/zero-bytes-suffix"),
        "1.status",
        206,
        416,
        "The last zero bytes, and what no grammar knows, are unsatisfiable (RFC 9110, 14.1).",
    ),
    Difference(
        ("changes/pointer-double-slash",),
        "1.status",
        200,
        400,
        "A pointer with an empty step is malformed; Glance drops the first slashes of any number.",
    ),
    Difference(
        ("changes/pointer-double-slash",),
        "2.body.name",
        "new",
        "old",
        "A pointer with an empty step is malformed; Glance drops the first slashes of any number.",
    ),
    Difference(
        ("changes/add-property-name-256", "members/add-256", "create/name-nul"),
        "1.status",
        ANY,
        400,
        "More than the column holds; only SQLite lets it pass.",
    ),
    Difference(
        ("changes/add-property-name-256", "members/add-256"),
        "2.body.*",
        ANY,
        ANY,
        "More than the column holds; only SQLite lets it pass.",
    ),
    Difference(
        ("protocol/body-on-show-chunked",),
        "1.status",
        200,
        400,
        "A body is refused whatever way it is sent.",
    ),
    Difference(
        ("upload/store-reserved",),
        "1.status",
        204,
        400,
        "The staging area is no store to upload to.",
    ),
    Difference(
        ("upload/store-reserved",),
        "2.body.*",
        ANY,
        ANY,
        "The staging area is no store to upload to.",
    ),
    Difference(
        ("upload/store-reserved",),
        "3.status",
        200,
        204,
        "The staging area is no store to upload to.",
    ),
    Difference(
        ("upload/size-over-cap",),
        "1.status",
        400,
        413,
        "A declared size over the limit is refused before a byte is read.",
    ),
)

CLEARER: Final = (
    Difference(
        ("create/body-exponent", "create/min-disk-whole-float"),
        "1.body.min_disk",
        ANY,
        ANY,
        "A whole number is told as an integer, as the schema says.",
    ),
    Difference(
        ("changes/media-upper-case",),
        "1.status",
        415,
        200,
        "Media types have no case (RFC 9110, 8.3.1).",
    ),
    Difference(
        ("upload/media-octets-upper-case",),
        "1.status",
        415,
        204,
        "Media types have no case (RFC 9110, 8.3.1).",
    ),
    Difference(
        ("upload/media-octets-upper-case",),
        "2.body.*",
        ANY,
        ANY,
        "Media types have no case (RFC 9110, 8.3.1).",
    ),
    Difference(
        ("protocol/put-images-malformed", "upload/patch", "upload/post"),
        "1.status",
        400,
        405,
        "A method that a path does not have is refused whatever the body.",
    ),
    Difference(
        ("tags/name-utf-8", "tags/name-utf-8-3-byte", "tags/name-utf-8-4-byte"),
        "2.body.tags.0",
        ANY,
        ANY,
        "The path of a tag is read as UTF-8; Glance takes its bytes for Latin-1.",
    ),
    Difference(
        ("tags/name-slash-escaped",),
        "1.status",
        404,
        204,
        "An escaped slash belongs to the name of the tag.",
    ),
    Difference(
        ("tags/name-slash-escaped",),
        "2.body.tags",
        [],
        ["a/b"],
        "An escaped slash belongs to the name of the tag.",
    ),
    Difference(
        ("protocol/accept-json-parameter-error",),
        "1.*",
        ANY,
        ANY,
        "JSON with a parameter is JSON.",
    ),
    Difference(
        ("filters/name-in-escaped-quote",),
        "1.body.images",
        [],
        ANY,
        "An escaped quote inside quotes stands for the quote.",
    ),
)

NOT_YET: Final = (
    Difference(
        ("create/*", "protocol/request-id-of-create"),
        "*.headers.openstack-image-import-methods",
        ANY,
        ABSENT,
        "Import is not built yet, and only what works is announced.",
    ),
    Difference(
        ("discovery/info-import-as-*",),
        "1.body.import-methods.value",
        ANY,
        [],
        "Import is not built yet, and only what works is announced.",
    ),
)

DIFFERENCES: Final = (
    *OWNER,
    *INTERNALS,
    *REFUSED_UPLOADS,
    *SERVER_ERRORS,
    *REPEATED_PARAMETERS,
    *EXTENSIONS,
    *STRICTER,
    *CLEARER,
    *NOT_YET,
)


def concerning(group: str) -> list[Difference]:
    """The listed differences of one part of the API, with their cases in it alone."""
    found = []
    for entry in DIFFERENCES:
        cases = tuple(case for case in entry.cases if case.startswith(f"{group}/"))
        if cases:
            found.append(Difference(cases, entry.field, entry.theirs, entry.ours, entry.reason))
    return found
