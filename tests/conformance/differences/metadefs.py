"""Where metadata definitions are answered otherwise than by Glance."""

from __future__ import annotations

from typing import Final

from tests.conformance.compare import ABSENT, ANY, Difference

_UNSTORABLE: Final = (
    "metadefs-namespaces/create-object-81",
    "metadefs-namespaces/create-property-81",
    "metadefs-namespaces/create-tag-81",
    "metadefs-namespaces/create-type-81",
    "metadefs-tags/append-name-81",
    "metadefs-tags/set-name-81",
)
_CHARACTERS: Final = (
    "metadefs-namespaces/create-display-name-nul",
    "metadefs-objects/object-property-4-byte",
    "metadefs-objects/object-put-property-4-byte",
    "metadefs-tags/append-name-4-byte",
    "metadefs-tags/name-4-byte",
    "metadefs-tags/name-nul",
    "metadefs-tags/set-name-4-byte",
    "metadefs-tags/type-name-4-byte",
    "metadefs-tags/type-prefix-4-byte",
)
_NAMELESS: Final = (
    "metadefs-namespaces/create-property-nameless",
    "metadefs-namespaces/name-empty",
    "metadefs-namespaces/replace-name-empty",
    "metadefs-objects/object-name-empty",
    "metadefs-objects/object-put-name-empty",
    "metadefs-objects/property-name-empty",
    "metadefs-objects/property-rename-empty",
    "metadefs-tags/append-name-empty",
    "metadefs-tags/rename-empty",
    "metadefs-tags/set-name-empty",
    "metadefs-tags/type-name-empty",
)
_CASE: Final = (
    "metadefs-tags/append-case",
    "metadefs-tags/name-taken-case",
    "metadefs-tags/rename-taken-case",
    "metadefs-tags/set-case",
)

METADEFS: Final = (
    Difference(
        (
            "metadefs-lists/by-empty",
            "metadefs-lists/by-unknown",
            "metadefs-lists/limit-empty",
            "metadefs-lists/limit-float",
            "metadefs-lists/limit-text",
            "metadefs-namespaces/body-list",
            "metadefs-namespaces/create-object-nameless",
            "metadefs-namespaces/create-object-unknown-key",
            "metadefs-namespaces/create-property-unknown-key",
            "metadefs-namespaces/create-tag-nameless",
            "metadefs-namespaces/create-type-nameless",
            "metadefs-namespaces/create-type-unknown-key",
            "metadefs-namespaces/name-nul",
            "metadefs-namespaces/replace-list",
            "metadefs-objects/clear-body",
            "metadefs-objects/object-body-list",
            "metadefs-objects/object-put-body-list",
            "metadefs-objects/object-put-property-unknown-key",
            "metadefs-objects/property-delete-body",
            "metadefs-objects/property-list-body",
            "metadefs-tags/append-list",
            "metadefs-tags/append-missing",
            "metadefs-tags/clear-body",
            "metadefs-tags/list-sort_key=",
            "metadefs-tags/list-sort_key=colour",
            "metadefs-tags/rename-list",
            "metadefs-tags/set-list",
            "metadefs-tags/set-missing",
            "metadefs-tags/type-body-list",
        ),
        "1.status",
        500,
        400,
        "Bad input is told as such.",
    ),
    Difference(
        tuple(
            f"metadefs-objects/{place}-{word}"
            for place in ("definition", "inside")
            for word in (
                "enum-numbers", "items-numbers", "items-typeless", "items-unknown-key", "required",
            )
        ),
        "1.status",
        500,
        400,
        "The schema lets it pass, but Glance fails on it, now or when it reads the row.",
    ),
    Difference(
        ("metadefs-objects/object-put-taken", "metadefs-objects/property-rename-taken"),
        "1.status",
        500,
        409,
        "A name that is taken is a conflict.",
    ),
    *(
        Difference(cases, "[1-4].*", ANY, ANY, reason)
        for cases, reason in (
            (_UNSTORABLE, "A name is as long as its column, also where it comes with others."),
            (_CHARACTERS, "A text that not every database can hold is refused wherever it stands."),
            (_NAMELESS, "What has no name could never be asked for."),
            (_CASE, "Tags that differ only in case are the same in every database."),
        )
    ),
    Difference(
        ("metadefs-namespaces/create-tag-4-byte",),
        "2.status",
        200,
        404,
        "A namespace that is refused is not there; Glance leaves it half made.",
    ),
    Difference(
        ("metadefs-lists/marker-foreign",),
        "1.status",
        403,
        404,
        "A namespace that the caller cannot see is no marker; Glance tells that it exists.",
    ),
    Difference(
        ("metadefs-lists/marker-empty",),
        "1.status",
        404,
        200,
        "An empty marker stands for the beginning, as in the list of tags.",
    ),
    Difference(
        ("metadefs-namespaces/create-owner-empty",),
        "[12].body.owner",
        "",
        "<admin>",
        "An empty owner is none, as when a namespace is replaced.",
    ),
    Difference(
        ("metadefs-namespaces/create-object-as-shown",),
        "1.status",
        500,
        201,
        "Extension: what a namespace shows of its objects can be given back.",
    ),
    Difference(
        ("metadefs-namespaces/create-object-as-shown",),
        "2.body.objects",
        ABSENT,
        ANY,
        "Extension: what a namespace shows of its objects can be given back.",
    ),
    Difference(
        (
            "metadefs-namespaces/name-latin",
            "metadefs-namespaces/name-percent",
            "metadefs-namespaces/name-question",
            "metadefs-namespaces/name-slash",
            "metadefs-namespaces/name-space",
        ),
        "1.headers.location",
        ANY,
        ANY,
        "Location is a URL, with the characters escaped that have to be.",
    ),
    Difference(
        ("metadefs-namespaces/name-cjk", "metadefs-namespaces/name-newline"),
        "1.status",
        500,
        201,
        "Glance has made it and then fails to write the header Location.",
    ),
    Difference(
        ("metadefs-namespaces/path-latin", "metadefs-namespaces/path-slash"),
        "[12].status",
        404,
        ANY,
        "Names in paths are read as UTF-8 behind their percent signs.",
    ),
    Difference(
        ("metadefs-tags/name-slash",),
        "[1-4].*",
        ANY,
        ANY,
        "Names in paths are read as UTF-8 behind their percent signs.",
    ),
    Difference(
        (
            "metadefs-objects/definition-default-list",
            "metadefs-objects/definition-default-object",
            "metadefs-objects/inside-default-list",
            "metadefs-objects/inside-default-object",
        ),
        "*.default",
        None,
        ANY,
        "The default of a list or an object is kept; Glance says yes and drops it.",
    ),
    Difference(
        ("metadefs-objects/definition-minimum-float", "metadefs-objects/inside-minimum-float"),
        "*.minimum",
        0,
        0.5,
        "A limit that is no whole number is kept; Glance cuts it off.",
    ),
)  # fmt: skip
