"""Placement: which stores shall have a copy of an image, and the jobs that bring that about.

What the rules of replication ask for is worked out of the image alone. Whoever makes an image
active, or changes what a rule may look at, calls :meth:`Placements.follow` in the same
transaction: then no crash comes between the change and the copies.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from sqlalchemy import Connection

from imagestore.backends.base import Capability
from imagestore.catalog.dependencies import Dependencies
from imagestore.config.replication import PROPERTY, Condition, Rule
from imagestore.database import images, jobs, replicas
from imagestore.model.clock import now
from imagestore.model.image import Image, ImageStatus, Location
from imagestore.model.job import JobDraft

COPY = "copy"
RULE = "rule"
"""In the payload of a copy: the rule that it is for. Without it, it is for a user."""


@dataclass(frozen=True, slots=True)
class Placement:
    """What all rules together want of one image.

    ``stores``: those that shall have a copy, each with the first rule that says so.
    ``floor``: the copies that a removal has to leave.
    """

    stores: dict[str, str]
    floor: int
    rules: tuple[str, ...]


def placement(rules: Iterable[Rule], image: Image, stores: Collection[str]) -> Placement:
    """``stores``: those in which the image has a copy now."""
    wanted: dict[str, str] = {}
    floor = 1
    matching = [rule for rule in rules if matches(rule, image, stores)]
    for rule in matching:
        for store in rule.stores:
            wanted.setdefault(store, rule.name)
        floor = max(floor, rule.min_copies)
    return Placement(wanted, floor, tuple(rule.name for rule in matching))


def matches(rule: Rule, image: Image, stores: Collection[str]) -> bool:
    if not rule.match:
        return True
    return any(
        all(_holds(condition, image, stores) for condition in conditions)
        for conditions in rule.match
    )


def _holds(condition: Condition, image: Image, stores: Collection[str]) -> bool:
    values = _values(condition.field, image, stores)
    fits = any(fnmatchcase(value, pattern) for value in values for pattern in condition.patterns)
    return fits is not condition.negated


def _values(field: str, image: Image, stores: Collection[str]) -> Collection[str]:
    match field:
        case "visibility":
            return (image.visibility.value,)
        case "tag":
            return image.tags
        case "owner":
            return () if image.owner is None else (image.owner,)
        case "name":
            return () if image.name is None else (image.name,)
        case "store":
            return stores
    value = image.properties.get(field.removeprefix(PROPERTY))
    return () if value is None else (value,)


@dataclass(frozen=True, slots=True)
class Standing:
    """An image, what the rules want of it, and the copies that it has by store."""

    image: Image
    placement: Placement
    copies: dict[str, Location]

    @property
    def missing(self) -> dict[str, str]:
        """The stores without a copy that shall have one, each with the rule that says so."""
        return {
            store: rule for store, rule in self.placement.stores.items() if store not in self.copies
        }


class Placements:
    """Knows the rules and the stores. Does no I/O but in the transactions that it is given."""

    def __init__(self, deps: Dependencies) -> None:
        self._rules = deps.settings.replication.rules
        self._stores = deps.stores

    def standing(self, image: Image) -> Standing:
        copies: dict[str, Location] = {}
        for location in image.locations:
            store = self._stores.of(location)
            if store is not None:
                copies.setdefault(store.name, location)
        return Standing(image, placement(self._rules, image, copies.keys()), copies)

    def can_take(self, store: str) -> bool:
        """Whether copies may be made in the store; one that is read-only gets none."""
        return Capability.WRITABLE in self._stores.get(store).capabilities

    def is_kept(self, standing: Standing) -> bool:
        """Whether a copy is in a store whose objects are the service's own: they do not change."""
        return any(
            Capability.EXTERNAL not in self._stores.get(store).capabilities
            for store in standing.copies
        )

    def follow(self, conn: Connection, image_id: str, but: Collection[str] = ()) -> None:
        """Queue the copies that the image lacks by the rules, if it is active; ``but``: not those
        into stores that it is being written into already."""
        if not self._rules:
            return
        row = images.get(conn, image_id)
        if row is not None and row.image.status is ImageStatus.ACTIVE:
            standing = self.standing(row.image)
            missing = standing.missing.items()
            self.queue(conn, row.image, (each for each in missing if each[0] not in but))

    def queue(self, conn: Connection, image: Image, missing: Iterable[tuple[str, str]]) -> int:
        """Queue copies into stores, each for a rule; how many are new or tried again."""
        queued = 0
        for store, rule in missing:
            if not self.can_take(store):
                continue
            draft = draft_of(image, store, rule)
            parked = replicas.parked(conn, image.id, draft.key)
            if parked is not None:
                queued += jobs.retry(conn, parked, now())
            else:
                queued += jobs.enqueue(conn, draft, now())[1]
        return queued


def draft_of(image: Image, store: str, rule: str | None) -> JobDraft:
    """The job that copies the image into the store, for a rule or for a user."""
    if rule is None:
        return JobDraft(COPY, {}, image.id, store, image.owner)
    return JobDraft(COPY, {RULE: rule}, image.id, store, image.owner)
