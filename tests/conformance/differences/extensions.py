"""What imagestore offers beyond Glance, and what it does not offer yet."""

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
        ("protocol/delete-file", "protocol/patch-file", "protocol/post-file", "upload/delete"),
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
    Difference(
        ("copies/detail-as-*", "copies/detail-query"),
        "1.body.stores.*.health",
        ABSENT,
        ANY,
        "Extension: an administrator is told whether a store answers.",
    ),
)

NOT_YET: Final = (
    Difference(
        (
            "protocol/options-file",
            "protocol/options-image",
            "protocol/options-images",
        ),
        "1.status",
        200,
        405,
        "The CORS filter, which answers OPTIONS, is not built yet.",
    ),
)
