"""What Glance gets wrong and imagestore does not copy."""

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
        400,
        "A path that is no text is told as such.",
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
