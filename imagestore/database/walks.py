"""A list as a few arms, each of which yields a page in order without a sort of more than a few.

An arm is walked in an index that has the order of the list, or has so few images that
they are all read and sorted. Where rows have to be tested that are in no index, a walk is
cut into slices: how far they reach is found in the indexes alone, before any row is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Row,
    Select,
    and_,
    bindparam,
    false,
    or_,
    select,
    true,
    union_all,
)

from imagestore.database import filters, order
from imagestore.database.branches import PRIVATE, Branch, By, condition_of, memberships_of
from imagestore.database.expressions import MYSQL, counted, fenced, found_in, null_key, residual
from imagestore.database.filters import ConditionShape
from imagestore.database.schema import HOLDS, OF_ID, OF_OWNER, OF_VISIBILITY, ORDERS, images
from imagestore.model.image import DELETED_STATUSES, ImageStatus
from imagestore.model.query import Sort

SMALL = 3000
"""The most images of a branch, or memberships, that are sorted and not looked for in the order
of all."""
TIED = 10_000
"""The most images with one value of the first key that are sorted by the next ones: more of them
are soon met in the order of the next key."""
_NEVER_LISTED = sorted({status.value for status in (*DELETED_STATUSES, ImageStatus.KILLED)})
_WALKED = {"id": OF_ID, **ORDERS}


@dataclass(frozen=True, slots=True)
class Arm:
    """Images of some branches.

    ``index``: what they are walked in, in the order of the list; None: they are sorted.
    ``null``: whether the column of the first key is, where images are told apart by that.
    """

    branches: tuple[Branch, ...]
    deleted: bool
    index: str | None = None
    null: bool | None = None


@dataclass(frozen=True, slots=True)
class Shape:
    """All that the statements of a list depend on, apart from values.

    ``properties``: for each whether its value is too long for an index.
    ``lateral``: whether the database knows LATERAL, and is to look up what was found one by one.
    ``after``, ``until``: how many keys of the order bound a page; ``until``: with those that are
    equal to the bound, or where ``apart`` without them. ``same``: the keys before those of
    ``sort``, in which all are equal to the parameters ``s0``, ``s1``, …
    """

    branches: tuple[Branch, ...]
    conditions: tuple[ConditionShape, ...]
    properties: tuple[bool, ...]
    tags: int
    sort: tuple[Sort, ...]
    deleted: bool | None
    lateral: bool
    after: int = 0
    until: int = 0
    apart: bool = False
    same: tuple[str, ...] = ()
    arms: tuple[Arm, ...] = ()

    @property
    def tested(self) -> set[str]:
        """The columns of images that are compared with anything but the bounds."""
        return {column for column, _ in self.conditions} | {*self.same}

    @property
    def needs_slices(self) -> bool:
        """Whether images are tested by more than an index has, or are sorted as they come."""
        return (
            bool(self.properties or self.tags)
            or not order.is_of_index(self.sort)
            or any(
                _has_members(arm) or self.tested - {*HOLDS[arm.index]}
                for arm in self.arms
                if arm.index is not None
            )
        )


def with_arms(conn: Connection, shape: Shape, values: Mapping[str, Any]) -> Shape:
    """The same list with its arms; without any where nothing is in it."""
    flags = (False, True) if shape.deleted is None else (shape.deleted,)
    parts = tuple(product(shape.branches, flags))
    key = shape.sort[0].key
    small = _small(conn, parts, values, only_members=key == "created_at")
    arms = [Arm((branch,), deleted) for (branch, deleted), count in small.items() if count]
    large = [part for part in parts if part not in small]
    if key == "created_at":
        for branch, deleted in large:
            index = OF_OWNER if branch.by is By.OWNER else OF_VISIBILITY
            arms.append(Arm((branch,), deleted, index))
    else:
        for deleted in flags:
            branches = tuple(branch for branch, flag in large if flag is deleted)
            nulls: tuple[bool | None, ...] = (False, True) if key in order.NULLABLE else (None,)
            if any(column == key for column, _ in shape.conditions):
                # Null passes no comparison.
                nulls = nulls[:1]
            if branches:
                arms += (Arm(branches, deleted, _WALKED[key], null) for null in nulls)
    return replace(shape, arms=tuple(arms))


def all_sorted(shape: Shape) -> Shape:
    """The same list with all rows tested and those left sorted, unless an index has both the
    order and most of what is tested."""
    if shape.sort[0].key == "created_at":
        return shape
    parts = ((branch, arm.deleted) for arm in shape.arms for branch in arm.branches)
    return replace(shape, arms=tuple(Arm((branch,), flag) for branch, flag in dict.fromkeys(parts)))


def _small(
    conn: Connection,
    parts: Sequence[tuple[Branch, bool]],
    values: Mapping[str, Any],
    *,
    only_members: bool,
) -> dict[tuple[Branch, bool], int]:
    """The parts that have few images each, and how many; or as many memberships."""
    if any(branch.by is By.VISIBILITY and branch.visibility is PRIVATE for branch, _ in parts):
        # All is seen.
        return {}
    asked = tuple(part for part in parts if part[0].by is By.MEMBER or not only_members)
    if not asked:
        return {}
    counts = conn.execute(_counts(asked), {**values, "few": SMALL + 1}).one()
    return {part: count for part, count in zip(asked, counts, strict=True) if count <= SMALL}


@lru_cache(maxsize=100)
def _counts(parts: tuple[tuple[Branch, bool], ...]) -> Select[Any]:
    counts = []
    for branch, deleted in parts:
        if branch.by is By.MEMBER:
            found = memberships_of(branch)
        else:
            found = select(images.c.id).where(condition_of(branch), _listed(deleted))
        counts.append(counted(found).scalar_subquery())
    return select(*counts)


def page(shape: Shape) -> Select[Any]:
    """The ids and sort keys of a page, in order."""
    pages = [_page_of(shape, arm) for arm in shape.arms]
    if len(pages) == 1:
        return pages[0]
    # Each arm is asked for a whole page, as all of it may come from one.
    return _together(shape, pages).limit(bindparam("limit"))


def end(conn: Connection, shape: Shape, values: Mapping[str, Any]) -> Row[Any] | None:
    """The sort keys of the image up to which no walk passes more than ``depth`` images.

    None: no walk has more.
    """
    if all(arm.index is None for arm in shape.arms):
        return None
    return conn.execute(_end(shape), values).one_or_none()


def are_many(conn: Connection, shape: Shape, values: Mapping[str, Any], value: Any) -> bool:
    """Whether a walk passes more than :data:`TIED` images that have this value of the first key."""
    if all(arm.index is None for arm in shape.arms):
        return False
    tied = replace(shape, sort=shape.sort[:1], after=0)
    return conn.execute(_tied(tied), {**values, "tied": value, "depth": TIED}).first() is not None


@lru_cache(maxsize=500)
def _tied(shape: Shape) -> Select[Any]:
    return _ends(shape, tied=True)


@lru_cache(maxsize=500)
def _end(shape: Shape) -> Select[Any]:
    if not order.is_of_index(shape.sort):
        # The first key is what there is an index for.
        shape = replace(shape, sort=shape.sort[:1], after=min(shape.after, 1))
    return _ends(shape)


def _ends(shape: Shape, *, tied: bool = False) -> Select[Any]:
    ends = []
    for arm in shape.arms:
        if arm.index is not None:
            passed = _walked(shape, arm)
            if tied:
                passed.append(order.equal(shape.sort[0].key, "tied", arm.null))
            ends.append(_ordered(shape, arm, passed).limit(1).offset(bindparam("depth")))
    return _together(shape, ends).limit(1) if len(ends) > 1 else ends[0]


def tests(
    shape: Shape, properties: Iterable[int] | None = None, tags: Iterable[int] | None = None
) -> list[ColumnElement[bool]]:
    """What every image of the list has to pass, wherever it was found; of properties and tags
    those of these numbers, or all."""
    properties = range(len(shape.properties)) if properties is None else properties
    tags = range(shape.tags) if tags is None else tags
    return [
        *((images.c.status.not_in(_NEVER_LISTED),) if shape.deleted is False else ()),
        *(order.equal(key, f"s{number}") for number, key in enumerate(shape.same)),
        *(filters.compare(condition, n) for n, condition in enumerate(shape.conditions)),
        *(filters.has_property(n, is_long=shape.properties[n]) for n in properties),
        *map(filters.has_tag, tags),
    ]


def bounds(shape: Shape, null: bool | None = None) -> list[ColumnElement[bool]]:
    """What comes after the marker, and not after the end of a slice."""
    return [
        *((order.after(shape.sort[: shape.after], null),) if shape.after else ()),
        *((order.until(shape.sort[: shape.until], null, shape.apart),) if shape.until else ()),
    ]


def directions(sort: Sequence[Sort], columns: Any) -> list[ColumnElement[Any]]:
    return [order.directed(key, columns[key.key]) for key in sort]


def sorted_page(
    shape: Shape, found: FromClause, tests: Sequence[ColumnElement[bool]]
) -> Select[Any]:
    """A page of the images whose ids are ``found``, all of them read and sorted."""
    keys = [order.expression(one.key).label(one.key) for one in shape.sort]
    is_found, passes = images.c.id == found.c[0], residual(and_(true(), *tests))
    if shape.lateral:
        one = fenced(select(*keys).where(is_found, passes)).lateral()
        rows = select(one).select_from(found.join(one, true())).subquery()
    else:
        read = select(*keys).join_from(found, images, is_found).where(passes)
        if not (shape.tested | {key.key for key in shape.sort}) - {*HOLDS[OF_ID]}:
            read = found_in(read, images, OF_ID)
        rows = read.subquery()
    page = select(rows).order_by(*directions(shape.sort, rows.c)).limit(bindparam("limit"))
    for dialect in MYSQL:
        # It makes one of both queries, which begins with what was found.
        page = page.prefix_with("STRAIGHT_JOIN", dialect=dialect)
    return page


def _page_of(shape: Shape, arm: Arm) -> Select[Any]:
    if arm.index is not None:
        tested = residual(and_(*_seen(arm), *tests(shape), true()))
        return _ordered(shape, arm, [*_walked(shape, arm), tested]).limit(bindparam("limit"))
    [branch] = arm.branches
    seen: tuple[ColumnElement[bool], ...] = ()
    if branch.by is By.MEMBER:
        seen = (_listed(arm.deleted), condition_of(branch, probed=True))
        found = memberships_of(branch).distinct()
    else:
        index = OF_OWNER if branch.by is By.OWNER else OF_VISIBILITY
        # As much as the index has of the rows.
        passes = [
            filters.compare(condition, number)
            for number, condition in enumerate(shape.conditions)
            if condition[0] in HOLDS[index]
        ]
        found = select(images.c.id).where(condition_of(branch), _listed(arm.deleted))
        found = found_in(found.where(residual(and_(true(), *passes))), images, index)
    return sorted_page(shape, found.subquery(), (*seen, *bounds(shape), *tests(shape)))


def _ordered(shape: Shape, arm: Arm, conditions: Sequence[ColumnElement[bool]]) -> Select[Any]:
    first = shape.sort[0]
    keys = [order.expression(one.key, _null(arm, one, first)) for one in shape.sort]
    column = order.column(first.key)
    sorted_by = [null_key(column) if arm.null else column, *keys[1:]]
    by = [order.directed(one, key) for one, key in zip(shape.sort, sorted_by, strict=True)]
    labels = [key.label(one.key) for one, key in zip(shape.sort, keys, strict=True)]
    found = select(*labels).select_from(images).where(*conditions).order_by(*by)
    return found_in(found, images, arm.index or "")


def _null(arm: Arm, one: Sort, first: Sort) -> bool | None:
    return arm.null if one is first else None


def _walked(shape: Shape, arm: Arm) -> list[ColumnElement[bool]]:
    """What the index of an arm finds, in order."""
    key = shape.sort[0].key
    column: ColumnElement[Any] = images.c[key]
    listed = _listed(arm.deleted)
    conditions = [residual(listed) if key == "id" else listed, *bounds(shape, arm.null)]
    if arm.index in (OF_OWNER, OF_VISIBILITY):
        [branch] = arm.branches
        if branch.by is By.MEMBER:
            conditions.append(images.c.visibility == branch.visibility.value)
        else:
            conditions.append(condition_of(branch))
    # The walk begins and ends where the list does.
    compared = [
        filters.compare(condition, number)
        for number, condition in enumerate(shape.conditions)
        if condition[0] == key
    ]
    if arm.null:
        conditions.append(column.is_(None))
    elif arm.null is False and not (compared or shape.after or shape.until):
        # Said only where nothing else says it: SQLite would begin with the first not null.
        conditions.append(column.is_not(None))
    conditions += compared
    return conditions


def _seen(arm: Arm) -> list[ColumnElement[bool]]:
    if arm.index in (OF_OWNER, OF_VISIBILITY) and not _has_members(arm):
        return []
    return [or_(*(condition_of(branch, probed=True) for branch in arm.branches))]


def _has_members(arm: Arm) -> bool:
    return any(branch.by is By.MEMBER for branch in arm.branches)


def _together(shape: Shape, parts: Sequence[Select[Any]]) -> Select[Any]:
    together = union_all(*(select(part.subquery()) for part in parts)).subquery()
    return select(together).order_by(*directions(shape.sort, together.c))


def _listed(deleted: bool) -> ColumnElement[bool]:
    return and_(
        images.c.os_hidden == bindparam("os_hidden"),
        images.c.deleted == (true() if deleted else false()),
    )
