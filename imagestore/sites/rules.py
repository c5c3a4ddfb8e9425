"""What is to be carried over, and who is right where both sites have an image. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from imagestore.model.errors import Invalid
from imagestore.sites.record import Record


class Conflict(StrEnum):
    """Whose metadata count where they differ. Data of an image never changes: images that
    differ in their data are reported under every rule, and left as they are."""

    SOURCE = "source"
    TARGET = "target"
    """An image that is there is left as it is."""
    NEWER = "newer"
    """Those that were changed last, by the clocks of the sites."""


@dataclass(frozen=True, slots=True)
class Match:
    """Conditions that all have to hold: (name, value), with ``tag`` for a tag and else the name
    of an attribute or property."""

    conditions: tuple[tuple[str, str], ...] = ()

    def __call__(self, record: Record) -> bool:
        return all(_holds(record, name, value) for name, value in self.conditions)


def parse_match(texts: Iterable[str]) -> Match:
    """From ``name=value`` each. Raises :class:`Invalid`."""
    conditions = []
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (name and equals):
            raise Invalid(f"{text!r} is not of the form name=value.")
        conditions.append((name, value))
    return Match(tuple(conditions))


def _holds(record: Record, name: str, value: str) -> bool:
    if name == "tag":
        return value in record.fields.get("tags", ())
    if name in ("id", "status"):
        return str(getattr(record, name)) == value
    known = record.fields.get(name)
    if isinstance(known, bool):
        return str(known).lower() == value.lower()
    return known is not None and str(known) == value


@dataclass(frozen=True, slots=True)
class SiteRules:
    """``skip``: names of fields that stay as they are at the target. ``delete``: remove what the
    source does not have any more. ``data``: carry over bytes, not only metadata."""

    match: Match = Match()
    skip: frozenset[str] = frozenset()
    conflict: Conflict = Conflict.SOURCE
    members: bool = False
    delete: bool = False
    data: bool = True

    def __post_init__(self) -> None:
        """Raises :class:`Invalid` for a field without which no image can be made."""
        if needed := self.skip & {"container_format", "disk_format"}:
            raise Invalid(f"{', '.join(sorted(needed))} cannot be left out.")
