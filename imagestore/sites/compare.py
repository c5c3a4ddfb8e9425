"""How an image stands at two sites, and what follows from that. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from imagestore.model.image import IMMUTABLE_ONCE_USED, ImageStatus
from imagestore.sites.record import ATTRIBUTES, Record, has_same_bytes
from imagestore.sites.rules import Conflict, SiteRules

_BEING_WRITTEN = frozenset({ImageStatus.SAVING, ImageStatus.UPLOADING, ImageStatus.IMPORTING})
_ABSENT = object()


class Action(StrEnum):
    """What is to be done at the target."""

    NOTHING = "same"
    CREATE = "create"
    FILL = "fill"
    """The image is there without its data."""
    CHANGE = "change"
    DELETE = "delete"
    LEAVE = "leave"
    """They differ, and the rules want the target to stay as it is."""
    CONFLICT = "conflict"
    """They differ in what cannot be changed."""
    WAIT = "wait"
    """Somebody is giving it its data at the moment."""


MOVING = frozenset({Action.CREATE, Action.FILL})
CHANGING = MOVING | {Action.CHANGE, Action.DELETE}


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done for one image. ``fields``: names of those that differ."""

    action: Action
    source: Record
    target: Record | None = None
    fields: tuple[str, ...] = ()
    switch: bool = False
    """The image is to be deactivated or reactivated."""
    members: Mapping[str, str] | None = field(default=None)
    """Those that it is to have, if they are to change."""
    members_before: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return self.source.id

    @property
    def bytes(self) -> int:
        """That have to be moved."""
        return (self.source.size or 0) if self.action in MOVING else 0


def compare(source: Record, target: Record | None, rules: SiteRules) -> Step:
    """The step that makes ``target`` what ``source`` is. Members are not looked at."""
    if target is None:
        return Step(Action.CREATE, source)
    fields = differing(source, target, rules)
    if target.status in _BEING_WRITTEN:
        return Step(Action.WAIT, source, target, fields)
    if target.status == ImageStatus.QUEUED and rules.data:
        return Step(Action.FILL, source, target, fields)
    has_data = target.has_data
    if has_data and (
        not has_same_bytes(source, target) or not IMMUTABLE_ONCE_USED.isdisjoint(fields)
    ):
        return Step(Action.CONFLICT, source, target, fields)
    if not has_data and target.status != ImageStatus.QUEUED:
        return Step(Action.CONFLICT, source, target, fields)
    switch = has_data and source.status != target.status
    if not fields and not switch:
        return Step(Action.NOTHING, source, target)
    if _target_stays(source, target, rules):
        return Step(Action.LEAVE, source, target, fields)
    return Step(Action.CHANGE, source, target, fields, switch)


def differing(source: Record, target: Record, rules: SiteRules) -> tuple[str, ...]:
    """Names of the fields that differ, in order."""
    names = (source.fields.keys() | target.fields.keys()) - rules.skip
    return tuple(
        sorted(
            name
            for name in names
            if source.fields.get(name, _ABSENT) != target.fields.get(name, _ABSENT)
            # An attribute that a site does not tell of is not known to differ.
            and (name not in ATTRIBUTES or (name in source.fields and name in target.fields))
        )
    )


def wanted(source: Record, before: Record, rules: SiteRules) -> dict[str, Any]:
    """The fields that the image at the target is to have."""
    kept = {name: value for name, value in before.fields.items() if name in rules.skip}
    own = {name: value for name, value in before.fields.items() if name in ATTRIBUTES}
    taken = {name: value for name, value in source.fields.items() if name not in rules.skip}
    return own | taken | kept


def _target_stays(source: Record, target: Record, rules: SiteRules) -> bool:
    if rules.conflict is Conflict.NEWER:
        return target.updated_at > source.updated_at
    return rules.conflict is Conflict.TARGET
