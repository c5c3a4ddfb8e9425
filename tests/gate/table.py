"""Door by rule: a cell is a test of :mod:`tests.gate.test_rules`, or the reason for none."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest

from tests.gate.doors import ALL, COPIES

T = TypeVar("T")

RULES = {
    "who": "Who may: strangers and readers bring nothing.",
    "format": "What is dangerous to whoever opens it is refused, whatever it is called.",
    "virtual size": "The size of the disk inside is found out.",
    "size cap": "image_size_cap.",
    "quota": "What a project may store.",
    "staged": "What is staged counts too.",
    "signature": "Signed images take the signed bytes alone.",
    "digest": "Bytes that are not what they have to be never count.",
    "checksum": "Without md5_checksum no MD5 is recorded, and all else goes on without one.",
    "journal": "A journal row before the first byte.",
    "activation": "Nothing becomes active, and nothing is left, that was deleted meanwhile.",
    "telling": "Events and notifications, after the commit.",
    "failure": "A store that fails leaves nothing behind.",
}

_LOCATIONS = ("PATCH locations", "POST locations", "v1 location", "registry location")
_BY_OPERATOR = "The operator's configuration asks for it, and no caller."
_INSPECTED = "Its bytes are those of an active image, by digest: they were judged when they came."
_SAME_SIZE = "The size of an active image is not changed by one more copy."
_NOTHING_STAGED = "The bytes go into the stores at once; nothing is staged."
_NO_DIGEST = "No digest comes along at this door, and the image has none yet."
_NOT_WRITTEN = "The bytes stay where they are: nothing is written into a store."
_OF_PEER = "The other service does it, by its own gate: its PUT file."
_OF_CACHE = "The cache is no store: an entry is there when it is whole and renamed, else swept."

REASONS: dict[tuple[str, str], str] = {
    **{(door.name, "staged"): _NOTHING_STAGED for door in ALL if door.name != "glance-direct"},
    **{
        (door.name, rule): reason
        for door in ALL
        if door.does == COPIES
        for rule, reason in (
            ("format", _INSPECTED), ("virtual size", _SAME_SIZE), ("size cap", _SAME_SIZE),
            ("signature", _INSPECTED),
        )
    },
    **{(name, rule): _NOT_WRITTEN for name in _LOCATIONS for rule in ("journal", "failure")},
    **{
        (name, "digest"): _NO_DIGEST
        for name in ("PUT file", "glance-direct", "web-download", "POST tasks")
    },
    **{
        (name, "who"): _BY_OPERATOR
        for name in (
            "site, pull", "site, push", "copy by rule, sent", "copy by rule, by the store",
            "repair by the patrol",
        )
    },
    **{
        (name, "quota"): "An operator's rule is not refused for what a project may have."
        for name in ("copy by rule, sent", "copy by rule, by the store")
    },
    ("repair by the patrol", "quota"): "A copy takes the place of another one of its size.",
    ("fill of the cache", "quota"): "The cache is the node's, and no project's.",
    **{
        ("site, push", rule): _OF_PEER
        for rule in ("quota", "journal", "activation", "telling", "failure")
    },
    **{("fill of the cache", rule): _OF_CACHE for rule in ("journal", "activation", "failure")},
    ("fill of the cache", "telling"): "Nothing about the image changes.",
    ("site, push", "checksum"): _OF_PEER,
}  # fmt: skip


def doors(rule: str) -> Callable[[T], T]:
    """Marks a test of the rule, to be run at the doors at which it holds."""
    found = [door for door in ALL if (door.name, rule) not in REASONS]

    each = [
        pytest.param(
            door, id=door.name, marks=pytest.mark.service if door.needs.get("keystone") else ()
        )
        for door in found
    ]

    def mark(function: T) -> T:
        return pytest.mark.rule(rule)(pytest.mark.parametrize("door", each)(function))

    return mark
