"""Who sees what in a list: a few disjoint sets of images, each of which an index walks.

A single condition that says the same ("public, or mine, or shared with me") would
make a database read and sort everything that somebody can see for every page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, or_, select

from imagestore.database.expressions import not_deleted, residual
from imagestore.database.schema import image_members, images
from imagestore.image import Visibility
from imagestore.query import ImageQuery, Op, Scope

PUBLIC, PRIVATE, SHARED, COMMUNITY = (
    Visibility.PUBLIC,
    Visibility.PRIVATE,
    Visibility.SHARED,
    Visibility.COMMUNITY,
)
_EVERYTHING = (PUBLIC, PRIVATE, SHARED, COMMUNITY)


class By(Enum):
    """What an index finds the images of a branch by."""

    VISIBILITY = "visibility"
    OWNER = "owner"
    MEMBER = "member"
    MEMBER_OF_STATUS = "member of status"


@dataclass(frozen=True, slots=True)
class Branch:
    """Images of the given visibilities, found by visibility, owner or membership.

    ``owner``: the parameter that names the owner, if one is asked for. ``not_owner``:
    the parameter that names one who is left out, because another branch has those.
    """

    by: By
    visibilities: tuple[Visibility, ...]
    owner: str | None = None
    not_owner: str | None = None


def branches_of(scope: Scope, query: ImageQuery) -> tuple[tuple[Branch, ...], dict[str, Any]]:
    """The branches of one list and the values of their parameters. None: nothing is visible."""
    asked = _visibilities(query)
    owner = _owner_asked_for(query)
    values: dict[str, Any] = {"project": scope.project_id}
    if owner is not None:
        values["owner"] = owner
    # Foreign community images are in no list unless they are asked for.
    foreign = tuple(v for v in asked if v is not COMMUNITY or _community_asked_for(query))
    if not scope.is_admin:
        foreign = tuple(v for v in foreign if v in (PUBLIC, COMMUNITY))
    mine = asked if scope.project_id is not None else ()
    if owner is not None:
        found = _of_owner(mine if owner == scope.project_id else foreign)
    else:
        found = [Branch(By.VISIBILITY, (visibility,)) for visibility in foreign]
        found += _of_owner(tuple(v for v in mine if v not in foreign), parameter="project")
    if not scope.is_admin and SHARED in mine and owner != scope.project_id:
        found.append(_shared_with_project(query, owner))
        if query.member_status is not None:
            values["member_status"] = query.member_status.value
    return tuple(found), values


def condition_of(branch: Branch) -> ColumnElement[bool]:
    """The images of the branch, apart from ``os_hidden`` and ``deleted``."""
    match branch.by:
        case By.VISIBILITY:
            return images.c.visibility == branch.visibilities[0].value
        case By.OWNER:
            return and_(images.c.owner == bindparam(branch.owner), residual(_one_of(branch)))
    memberships = select(image_members.c.image_id).where(
        image_members.c.member == bindparam("project"), not_deleted(image_members)
    )
    if branch.by is By.MEMBER_OF_STATUS:
        memberships = memberships.where(
            residual(image_members.c.status == bindparam("member_status"))
        )
    others = [_one_of(branch)]
    if branch.owner is not None:
        others.append(images.c.owner == bindparam(branch.owner))
    if branch.not_owner is not None:
        foreign = images.c.owner != bindparam(branch.not_owner)
        others.append(or_(images.c.owner.is_(None), foreign))
    return and_(images.c.id.in_(memberships), residual(and_(*others)))


def _of_owner(visibilities: Sequence[Visibility], parameter: str = "owner") -> list[Branch]:
    return [Branch(By.OWNER, tuple(visibilities), owner=parameter)] if visibilities else []


def _shared_with_project(query: ImageQuery, owner: str | None) -> Branch:
    by = By.MEMBER if query.member_status is None else By.MEMBER_OF_STATUS
    if owner is None:
        return Branch(by, (SHARED,), not_owner="project")
    return Branch(by, (SHARED,), owner="owner")


def _one_of(branch: Branch) -> ColumnElement[bool]:
    return images.c.visibility.in_([visibility.value for visibility in branch.visibilities])


def _visibilities(query: ImageQuery) -> tuple[Visibility, ...]:
    return _EVERYTHING if query.visibility is None else (query.visibility,)


def _community_asked_for(query: ImageQuery) -> bool:
    return query.all_visibilities or query.visibility is COMMUNITY


def _owner_asked_for(query: ImageQuery) -> str | None:
    for condition in query.conditions:
        if condition.column == "owner" and condition.op is Op.EQ:
            return str(condition.value)
    return None
