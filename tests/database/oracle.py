"""Which images a list shows, and in which order, said again without SQL.

The rules of glance-api's list: who sees what, what a filter means, how nulls and
ties sort. Slow and plain, to compare the database with.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from imagestore.model.image import Image, ImageStatus, MemberStatus, Visibility
from imagestore.model.query import Condition, Direction, ImageQuery, Op, Scope, Sort

Memberships = Mapping[tuple[str, str], MemberStatus]
"""(image id, project) → status."""

_OPERATORS = {
    Op.EQ: operator.eq,
    Op.NEQ: operator.ne,
    Op.GT: operator.gt,
    Op.GTE: operator.ge,
    Op.LT: operator.lt,
    Op.LTE: operator.le,
}
_HIDDEN_STATUSES = {ImageStatus.KILLED, ImageStatus.DELETED, ImageStatus.PENDING_DELETE}


@dataclass(frozen=True)
class World:
    """All images there are, and who is a member of which."""

    images: Sequence[Image]
    memberships: Memberships
    folded: Callable[[str], str] = str
    """What names are sorted by: on MariaDB as the collation of the column says."""

    def ids(self, scope: Scope, query: ImageQuery) -> list[str]:
        """All that a list without limit shows, in order; ``marker`` is left aside."""
        found = [
            image
            for image in self.images
            if self._is_listed(scope, query, image) and self._matches(query, image)
        ]
        for sort in reversed((*query.sort, *_ties(query.sort))):
            found.sort(key=partial(self._key, sort.key), reverse=sort.direction is Direction.DESC)
        return [image.id for image in found]

    def _key(self, key: str, image: Image) -> Any:
        value = getattr(image, key)
        if value is None:
            return -1 if key == "size" else ""
        return self.folded(value) if key == "name" else value

    def _is_listed(self, scope: Scope, query: ImageQuery, image: Image) -> bool:
        mine = scope.project_id is not None and image.owner == scope.project_id
        if query.visibility is not None and image.visibility is not query.visibility:
            return False
        if image.visibility is Visibility.COMMUNITY and not mine:
            return query.all_visibilities or query.visibility is Visibility.COMMUNITY
        if mine or scope.is_admin or image.visibility is Visibility.PUBLIC:
            return True
        status = self.memberships.get((image.id, scope.project_id or ""))
        return (
            image.visibility is Visibility.SHARED
            and status is not None
            and query.member_status in (None, status)
        )

    def _matches(self, query: ImageQuery, image: Image) -> bool:
        return (
            image.os_hidden is query.os_hidden
            and image.status not in _HIDDEN_STATUSES
            and all(_holds(condition, image) for condition in query.conditions)
            and all(image.properties.get(name) == value for name, value in query.properties)
            and set(query.tags) <= set(image.tags)
        )


def _ties(sort: Sequence[Sort]) -> list[Sort]:
    given = {key.key for key in sort}
    return [Sort(key, sort[-1].direction) for key in ("created_at", "id") if key not in given]


def _holds(condition: Condition, image: Image) -> bool:
    actual: Any = getattr(image, condition.column)
    if condition.op is Op.IN:
        return actual in condition.value
    if actual is None:
        return False
    if isinstance(actual, datetime):
        actual = actual.replace(microsecond=0)
    return bool(_OPERATORS[condition.op](actual, condition.value))
