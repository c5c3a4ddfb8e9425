"""What imagestore offers beyond Glance."""

from __future__ import annotations

from typing import Final

from tests.conformance.compare import ABSENT, ANY, Difference

EXTENSIONS: Final = (
    Difference(
        ("actions/*", "download/*", "formats/*", "rbac/*", "upload/*", "visibility/*"),
        "*.headers.accept-ranges",
        ABSENT,
        "bytes",
        "Extension: a client may learn that ranges are served.",
    ),
    Difference(
        ("actions/*", "download/*", "formats/*", "rbac/*", "upload/*", "visibility/*"),
        "*.headers.etag",
        ABSENT,
        ANY,
        "Extension: the digest of the data serves for conditional requests.",
    ),
    Difference(
        ("rbac/schema-as-*",),
        "1.body.properties.*.description",
        ANY,
        ANY,
        "Descriptions are free text.",
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
        (
            "download/head",
            "metadefs-lists/head",
            "metadefs-namespaces/head-one",
            "protocol/head-image",
            "protocol/head-images",
            "protocol/head-info",
            "protocol/head-members",
            "protocol/head-schema",
            "protocol/head-stores",
        ),
        "1.status",
        405,
        200,
        "Extension: HEAD of whatever can be got.",
    ),
    Difference(
        ("download/head-missing", "protocol/head-member"),
        "1.status",
        405,
        404,
        "Extension: HEAD of whatever can be got.",
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
    Difference(
        ("copies/detail-as-*", "copies/detail-query"),
        "1.body.stores.*.health",
        ABSENT,
        ANY,
        "Extension: an administrator is told whether a store answers.",
    ),
    Difference(
        ("tags/name-nul", "tags/name-utf-8-4-byte"),
        "1.status",
        204,
        400,
        "Stricter: characters that not every database can hold, as in the tags of a new image.",
    ),
    Difference(
        ("tags/name-nul", "tags/name-utf-8-4-byte"),
        "2.body.tags",
        ANY,
        [],
        "Stricter: characters that not every database can hold, as in the tags of a new image.",
    ),
)
