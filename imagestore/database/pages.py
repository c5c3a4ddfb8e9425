"""One page of images: a narrow query for ids in order, then the rows, then the children."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    false,
    or_,
    select,
    true,
    union_all,
)

from imagestore.database import filters, lookups, order
from imagestore.database.branches import Branch, By, branches_of, condition_of
from imagestore.database.expressions import exact, residual
from imagestore.database.filters import ConditionShape
from imagestore.database.lookups import Lookup
from imagestore.database.rows import COLUMNS, load_children, load_children_within, to_image
from imagestore.database.schema import images
from imagestore.model.errors import Invalid
from imagestore.model.image import DELETED_STATUSES, Image, ImageStatus, can_see
from imagestore.model.query import ImageQuery, Op, Scope, Sort

CHARACTERS = 8 << 20
"""Of properties and locations of the images of one page."""
_NEVER_LISTED = sorted({status.value for status in (*DELETED_STATUSES, ImageStatus.KILLED)})

_ANY_MARKER = select(*COLUMNS).where(exact(images.c.id, bindparam("id")))
_MARKER = _ANY_MARKER.where(images.c.deleted == false())


@dataclass(frozen=True, slots=True)
class _Shape:
    """All that a statement depends on, apart from values."""

    branches: tuple[Branch, ...]
    conditions: tuple[ConditionShape, ...]
    properties: int
    tags: int
    sort: tuple[Sort, ...]
    after_marker: bool
    deleted: bool | None
    lookup: Lookup | None
    """What images are found by; None: the branches are walked."""


def select_page(
    conn: Connection, scope: Scope, query: ImageQuery, most: int = CHARACTERS
) -> tuple[list[Image], bool]:
    """The images of one page, in order, with their children; whether more may follow.

    A page is cut short after ``most`` characters, so that it never takes much memory.
    Raises :class:`Invalid` if the marker is no image that the scope sees.
    """
    sort = order.complete(query.sort)
    branches, values = branches_of(scope, query)
    if query.marker is not None:
        values |= order.marker_values(sort, _marker(conn, scope, query))
    if not branches or query.limit == 0 or _asks_for_nothing(query):
        return [], False
    conditions = filters.simplify(query.conditions)
    values |= {"os_hidden": query.os_hidden, "limit": query.limit}
    values |= filters.values_of(query, conditions) | lookups.values_of(query)
    shape = _Shape(
        branches,
        tuple((condition.column, condition.op) for condition in conditions),
        len(query.properties),
        len(query.tags),
        sort,
        query.marker is not None,
        query.deleted,
        # Lookups find nothing that is gone.
        lookups.few(conn, query, conditions, values) if query.deleted is False else None,
    )
    found = [to_image(row) for row in conn.execute(_statement(shape), values)]
    number = load_children_within(conn, found, most)
    return found[:number], number < len(found) or len(found) == query.limit


def _asks_for_nothing(query: ImageQuery) -> bool:
    return any(one.op is Op.IN and not one.value for one in query.conditions)


def _marker(conn: Connection, scope: Scope, query: ImageQuery) -> Image:
    image_id = query.marker
    assert image_id is not None
    gone_too = query.deleted is not False
    row = conn.execute(_ANY_MARKER if gone_too else _MARKER, {"id": image_id}).one_or_none()
    if row is not None:
        image = to_image(row)
        memberships = load_children(conn, (image,), member=scope.project_id)
        visible = can_see(
            image, scope.project_id, is_admin=scope.is_admin, is_member=image_id in memberships
        )
        if visible and (gone_too or image.status not in DELETED_STATUSES):
            return image
    raise Invalid(f"The marker {image_id} is no image that can be seen.")


@lru_cache(maxsize=500)
def _statement(shape: _Shape) -> Select[Any]:
    """The rows of a page. Only ids and sort keys are sorted, not whole rows."""
    if shape.lookup is not None:
        page = _ordered(shape, _looked_up(shape, shape.lookup)).subquery()
    elif len(shape.branches) == 1:
        page = _ordered(shape, _walk(shape, shape.branches[0])).subquery()
    else:
        # Each branch is asked for a whole page, as all of it may come from one.
        walks = [
            select(_ordered(shape, _walk(shape, branch)).subquery()) for branch in shape.branches
        ]
        together = union_all(*walks).subquery()
        page = (
            select(together)
            .order_by(*_directions(shape.sort, together.c))
            .limit(bindparam("limit"))
            .subquery()
        )
    return (
        select(*COLUMNS)
        .join(page, page.c.id == images.c.id)
        .order_by(*_directions(shape.sort, page.c))
    )


def _ordered(shape: _Shape, condition: ColumnElement[bool]) -> Select[Any]:
    keys = [order.expression(sort.key).label(sort.key) for sort in shape.sort]
    by = [order.directed(sort, order.expression(sort.key)) for sort in shape.sort]
    return select(*keys).where(condition).order_by(*by).limit(bindparam("limit"))


def _walk(shape: _Shape, branch: Branch) -> ColumnElement[bool]:
    listed = _listed(shape)
    if branch.by is By.MEMBER:
        listed = residual(listed)
    return and_(
        condition_of(branch), listed, *_after(shape), residual(and_(true(), *_tests(shape)))
    )


def _looked_up(shape: _Shape, lookup: Lookup) -> ColumnElement[bool]:
    seen = or_(*(condition_of(branch) for branch in shape.branches))
    tests = and_(seen, _listed(shape), *_after(shape), *_tests(shape))
    return and_(lookups.is_among(lookup), residual(tests))


def _listed(shape: _Shape) -> ColumnElement[bool]:
    hidden = images.c.os_hidden == bindparam("os_hidden")
    if shape.deleted is None:
        return hidden
    return and_(hidden, images.c.deleted == (true() if shape.deleted else false()))


def _after(shape: _Shape) -> Sequence[ColumnElement[bool]]:
    return (order.after_marker(shape.sort),) if shape.after_marker else ()


def _tests(shape: _Shape) -> list[ColumnElement[bool]]:
    """What every image of the list has to pass, wherever it was found."""
    return [
        *((images.c.status.not_in(_NEVER_LISTED),) if shape.deleted is False else ()),
        *(filters.compare(condition, n) for n, condition in enumerate(shape.conditions)),
        *(filters.has_property(number) for number in range(shape.properties)),
        *(filters.has_tag(number) for number in range(shape.tags)),
    ]


def _directions(sort: Sequence[Sort], columns: Any) -> list[ColumnElement[Any]]:
    return [order.directed(key, columns[key.key]) for key in sort]
