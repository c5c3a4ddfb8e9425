"""Who sees what in a list: a few disjoint sets of images, each of which an index walks.

A single condition that says the same ("public, or mine, or shared with me") would
make a database read and sort everything that somebody can see for every page.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, not_, or_, select

from imagestore.database.expressions import exact, fenced, found_in, not_deleted, residual
from imagestore.database.schema import image_members, images
from imagestore.model.image import Visibility
from imagestore.model.query import ImageQuery, Op, Scope

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


@dataclass(frozen=True, slots=True)
class Branch:
    """Images of one visibility: all, or those of an owner, or those shared with a project.

    ``owner``: the parameter that names the owner. ``not_owner``: the parameter that
    names one who is left out, because other branches have those. ``of_status``:
    whether the membership has to be in the state of the parameter ``member_status``.
    """

    by: By
    visibility: Visibility
    owner: str | None = None
    not_owner: str | None = None
    of_status: bool = False


def branches_of(scope: Scope, query: ImageQuery) -> tuple[tuple[Branch, ...], dict[str, Any]]:
    """The branches of one list and the values of their parameters. None: nothing is visible."""
    asked = _EVERYTHING if query.visibility is None else (query.visibility,)
    owner = _owner_asked_for(query)
    # Foreign community images are in no list unless they are asked for.
    foreign = [v for v in asked if v is not COMMUNITY or _community_asked_for(query)]
    if not scope.is_admin:
        foreign = [v for v in foreign if v in (PUBLIC, COMMUNITY)]
    mine = asked if scope.project_id is not None else ()
    if owner is not None:
        seen = mine if owner == scope.project_id else foreign
        found = [Branch(By.OWNER, visibility, owner="owner") for visibility in seen]
    else:
        found = [Branch(By.VISIBILITY, visibility) for visibility in foreign]
        rest = (visibility for visibility in mine if visibility not in foreign)
        found += [Branch(By.OWNER, visibility, owner="project") for visibility in rest]
    if not scope.is_admin and SHARED in mine and owner != scope.project_id:
        found.append(
            Branch(
                By.MEMBER,
                SHARED,
                owner=None if owner is None else "owner",
                not_owner="project" if owner is None else None,
                of_status=query.member_status is not None,
            )
        )
    values = {
        "project": scope.project_id,
        "owner": owner,
        "member_status": query.member_status and query.member_status.value,
    }
    return tuple(found), values


def condition_of(branch: Branch, *, probed: bool = False) -> ColumnElement[bool]:
    """The images of the branch, apart from ``os_hidden`` and ``deleted``.

    ``probed``: it tests images that are found by something else.
    """
    visibility = images.c.visibility == branch.visibility.value
    match branch.by:
        case By.VISIBILITY:
            return visibility
        case By.OWNER:
            return and_(exact(images.c.owner, bindparam(branch.owner)), visibility)
        case By.MEMBER:
            return _shared_with_project(branch, visibility, probed=probed)


def memberships_of(branch: Branch) -> Select[Any]:
    """The ids of the images of a branch that is found by memberships; and of some others."""
    found = select(image_members.c.image_id).where(
        exact(image_members.c.member, bindparam("project")), not_deleted(image_members)
    )
    if branch.of_status:
        status = image_members.c.status == bindparam("member_status")
        found = found.where(residual(status))
    return found


def _shared_with_project(
    branch: Branch, visibility: ColumnElement[bool], *, probed: bool
) -> ColumnElement[bool]:
    tests = [visibility]
    if branch.owner is not None:
        tests.append(exact(images.c.owner, bindparam(branch.owner)))
    if branch.not_owner is not None:
        foreign = not_(exact(images.c.owner, bindparam(branch.not_owner)))
        tests.append(or_(images.c.owner.is_(None), foreign))
    if not probed:
        return and_(images.c.id.in_(memberships_of(branch)), residual(and_(*tests)))
    membership = memberships_of(branch).where(image_members.c.image_id == images.c.id)
    # Not all memberships of the project, for each image.
    membership = found_in(membership, image_members, "ix_image_members_image_id_member")
    return and_(*tests, fenced(membership).exists())


def _community_asked_for(query: ImageQuery) -> bool:
    return query.all_visibilities or query.visibility is COMMUNITY


def _owner_asked_for(query: ImageQuery) -> str | None:
    for condition in query.conditions:
        if condition.column == "owner" and condition.op is Op.EQ:
            return str(condition.value)
    return None
