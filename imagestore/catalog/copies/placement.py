"""What the rules of replication ask for an image. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from imagestore.config.replication import PROPERTY, Condition, Rule
from imagestore.model.image import Image


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
    """Whether the rule is for the image."""
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
