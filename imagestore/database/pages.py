"""One page of images: a narrow query for ids in order, then the rows, then the children."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    Select,
    bindparam,
    false,
    or_,
    select,
)

from imagestore.database import filters, lookups, order, walks
from imagestore.database.branches import branches_of, condition_of
from imagestore.database.expressions import PREFIX_LENGTH, exact
from imagestore.database.lookups import PROPERTY, TAG, Lookup
from imagestore.database.rows import COLUMNS, load_children, load_children_within, to_image
from imagestore.database.schema import images
from imagestore.database.walks import Shape
from imagestore.model.errors import Invalid
from imagestore.model.image import DELETED_STATUSES, Image, can_see
from imagestore.model.query import ImageQuery, Op, Scope

CHARACTERS = 8 << 20
"""Of properties and locations of the images of one page."""
DEPTHS = (1_000, 10_000)
"""How many images each arm of a list is walked past and tested before something else is tried."""
PAGES = 2
"""How many pages it is at least."""

_ANY_MARKER = select(*COLUMNS).where(exact(images.c.id, bindparam("id")))
_MARKER = _ANY_MARKER.where(images.c.deleted == false())


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
    shape = Shape(
        branches,
        tuple((condition.column, condition.op) for condition in conditions),
        tuple(len(value) > PREFIX_LENGTH for _, value in query.properties),
        len(query.tags),
        sort,
        query.deleted,
        conn.dialect.name == "postgresql",
        len(sort) if query.marker is not None else 0,
    )
    found = [to_image(row) for row in _rows(conn, shape, values)]
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


def _rows(conn: Connection, shape: Shape, values: dict[str, Any]) -> Sequence[Row[Any]]:
    lookup = lookups.few(conn, shape, values)
    if lookup is not None:
        return conn.execute(_looked_up(shape, lookup), values).all()
    return _in_order(conn, shape, values)


def _in_order(conn: Connection, shape: Shape, values: dict[str, Any]) -> Sequence[Row[Any]]:
    shape = walks.with_arms(conn, shape, values)
    if not shape.arms:
        return []
    if not shape.needs_slices:
        return conn.execute(_walked(shape), values).all()
    return _sliced(conn, shape, values)


def _sliced(conn: Connection, shape: Shape, values: dict[str, Any]) -> Sequence[Row[Any]]:
    """Test images in their order, but not for long where none pass."""
    found: list[Row[Any]] = []
    of_index = order.is_of_index(shape.sort)
    keys = len(shape.sort) if of_index else 1
    limit = values["limit"]
    if not of_index and shape.after and walks.are_many(conn, shape, values, values["m0"]):
        found += _tied(conn, shape, values, values["m0"])
        shape = replace(shape, after=1)
    for depth in DEPTHS:
        if len(found) >= limit:
            return found
        values = values | {"limit": limit - len(found)}
        end = walks.end(conn, shape, {**values, "depth": max(depth, PAGES * limit)})
        if end is None:
            break
        apart = not of_index and walks.are_many(conn, shape, values, end[0])
        reached = {f"u{number}": end[number] for number in range(keys)}
        part = replace(shape, until=keys, apart=apart)
        found += conn.execute(_walked(part), values | reached)
        shape = replace(shape, after=keys)
        if apart and len(found) < limit:
            values["limit"] = limit - len(found)
            found += _tied(conn, replace(shape, after=0), values, end[0])
        values |= {f"m{number}": end[number] for number in range(keys)}
    else:
        if len(found) >= limit:
            return found
        values["limit"] = limit - len(found)
        if (lookup := lookups.least(conn, shape, values)) is not None:
            return [*found, *conn.execute(_looked_up(shape, lookup), values)]
        shape = walks.all_sorted(shape)
    return [*found, *conn.execute(_walked(shape), values)]


def _tied(conn: Connection, shape: Shape, values: dict[str, Any], value: Any) -> Sequence[Row[Any]]:
    """Images that all have this value of the first key, in the order of the next ones."""
    first, *rest = shape.sort
    after = max(shape.after - 1, 0)
    values = values | {f"m{number}": values[f"m{number + 1}"] for number in range(after)}
    values[f"s{len(shape.same)}"] = value
    tied = replace(shape, sort=tuple(rest), same=(*shape.same, first.key), after=after, arms=())
    return _in_order(conn, tied, values)


@lru_cache(maxsize=500)
def _walked(shape: Shape) -> Select[Any]:
    return _whole(shape, walks.page(shape))


@lru_cache(maxsize=500)
def _looked_up(shape: Shape, lookup: Lookup) -> Select[Any]:
    seen = or_(*(condition_of(branch, probed=True) for branch in shape.branches))
    hidden = images.c.os_hidden == bindparam("os_hidden")
    properties, tags = (
        [n for n in range(number) if not lookups.decides(lookup, kind, n)]
        for kind, number in ((PROPERTY, len(shape.properties)), (TAG, shape.tags))
    )
    tests = (
        *(images.c.deleted == false(), hidden, seen),
        *(*walks.bounds(shape), *walks.tests(shape, properties, tags)),
    )
    found = lookups.found_by(lookup, merged=shape.lateral)
    return _whole(shape, walks.sorted_page(shape, found, tests))


def _whole(shape: Shape, page: Select[Any]) -> Select[Any]:
    """The rows of a page. Only ids and sort keys are sorted, not whole rows."""
    ids = page.subquery()
    return (
        select(*COLUMNS)
        .join(ids, ids.c.id == images.c.id)
        .order_by(*walks.directions(shape.sort, ids.c))
    )
