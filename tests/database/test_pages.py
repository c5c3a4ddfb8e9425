from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import Connection

from imagestore.database import images, lookups, members, pages, walks
from imagestore.database.engine import Database
from imagestore.model.errors import Invalid
from imagestore.model.image import Image, ImageStatus, Location, MemberStatus, Visibility
from imagestore.model.query import SORT_KEYS, Condition, Direction, ImageQuery, Op, Scope, Sort
from tests.database import samples
from tests.database.oracle import World
from tests.database.samples import image, member
from tests.services.databases import execute, fresh_url_of

MOMENT = samples.MOMENT.replace(microsecond=250_000)
PROJECTS = ("one", "two", "three")
SCOPES = (
    Scope("one"),
    Scope("One"),
    Scope("a project with nothing"),
    Scope(None),
    Scope("one", is_admin=True),
    Scope(None, is_admin=True),
)
ALL = ImageQuery(1000)


def population(seed: int, number: int) -> World:
    """Images of all kinds, with few different values, so that there are many ties."""
    chance = random.Random(seed)
    found: list[Image] = []
    memberships: dict[tuple[str, str], MemberStatus] = {}
    for _ in range(number):
        created = MOMENT + timedelta(seconds=chance.randrange(4) / 2)
        made = image(
            id=str(uuid.UUID(int=chance.getrandbits(128))),
            created_at=created,
            updated_at=created + timedelta(seconds=chance.randrange(3)),
            owner=chance.choice((*PROJECTS, "One", None)),
            visibility=chance.choice(list(Visibility)),
            status=chance.choice([*ImageStatus, ImageStatus.ACTIVE, ImageStatus.ACTIVE]),
            name=chance.choice((None, "", "a", "A", "b", "ä")),
            os_hidden=chance.random() < 0.1,
            protected=chance.random() < 0.3,
            size=chance.choice((None, 0, 1, 2**40)),
            disk_format=chance.choice((None, "raw", "qcow2")),
            container_format=chance.choice((None, "bare")),
            min_ram=chance.randrange(3),
            checksum=chance.choice((None, "c0ffee")),
            properties={
                name: chance.choice(("1", "2", "x" * 300 + "1", "x" * 300 + "2"))
                for name in ("first", "second")
                if chance.random() < 0.6
            },
            tags=tuple(tag for tag in ("odd", "Odd", "even", "ü") if chance.random() < 0.5),
            locations=(Location("file:///x"),) if chance.random() < 0.5 else (),
        )
        found.append(made)
        for project in PROJECTS:
            if chance.random() < 0.4 and project != made.owner:
                memberships[made.id, project] = chance.choice(list(MemberStatus))
    return World(found, memberships)


def fill(conn: Connection, world: World) -> None:
    for one in world.images:
        images.insert(conn, one)
        if one.status is ImageStatus.DELETED:
            images.soft_delete(conn, one.id, MOMENT, {one.status})
    for (image_id, project), status in world.memberships.items():
        members.insert(conn, member(image_id, project, status))


WORLD = population(7, 150)


OF_GLANCE = "mariadb as Glance makes it"
AS_GLANCE = tuple(
    f"ALTER TABLE {table} MODIFY {column} {kind} COLLATE utf8_general_ci"
    for table, column, kind in (
        ("images", "name", "VARCHAR(255)"),
        ("images", "owner", "VARCHAR(255)"),
        ("images", "disk_format", "VARCHAR(20)"),
        ("image_properties", "name", "VARCHAR(255) NOT NULL"),
        ("image_properties", "value", "TEXT"),
        ("image_tags", "value", "VARCHAR(255) NOT NULL"),
        ("image_members", "member", "VARCHAR(255) NOT NULL"),
    )
)
"""Compared without regard to case and accents."""
WHOLE = World(
    [
        replace(
            one,
            created_at=one.created_at.replace(microsecond=0),
            updated_at=one.updated_at.replace(microsecond=0),
        )
        for one in WORLD.images
    ],
    WORLD.memberships,
)
"""The same where the columns keep no fractions of a second."""


@pytest_asyncio.fixture(
    scope="module", loop_scope="module", params=["embedded", "mariadb", OF_GLANCE, "postgresql"]
)
async def filled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Database]:
    kind = request.param.split()[0]
    url = await asyncio.to_thread(fresh_url_of, request, kind, tmp_path_factory.mktemp("pages"))
    async with samples.opened(url) as database:
        if request.param == OF_GLANCE:
            await execute(url, *AS_GLANCE)
        await database.write(fill, WORLD)
        yield database


@pytest.fixture
def world(request: pytest.FixtureRequest) -> World:
    """What is in the database."""
    if OF_GLANCE in request.node.callspec.id:
        return replace(WHOLE, folded=lambda name: name.casefold().replace("ä", "a"))
    return WHOLE if "mariadb" in request.node.callspec.id else WORLD


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(params=["few are sorted", "all are walked", "all have much in common"])
def any_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """All ways to find what a filter leaves, whichever the number of matches asks for."""
    few = {"few are sorted": 10_000}
    monkeypatch.setattr(lookups, "FEW", few.get(request.param, -1))
    if request.param == "all have much in common":
        monkeypatch.setattr(lookups, "MANY", -1)
        monkeypatch.setattr(walks, "SMALL", 5)
        monkeypatch.setattr(walks, "TIED", 2)
        monkeypatch.setattr(pages, "DEPTHS", (1, 3))
        monkeypatch.setattr(pages, "PAGES", 0)


async def listed(database: Database, scope: Scope, query: ImageQuery) -> list[str]:
    found, _ = await database.read(images.select_page, scope, query)
    return [image.id for image in found]


def visible_sets() -> Iterator[ImageQuery]:
    for status in (*MemberStatus, None):
        query = replace(ALL, member_status=status)
        yield query
        yield replace(query, all_visibilities=True)
        for visibility in Visibility:
            yield replace(query, visibility=visibility)


def filtered() -> Iterator[ImageQuery]:
    def where(column: str, op: Op, value: Any) -> ImageQuery:
        return replace(ALL, conditions=(Condition(column, op, value),))

    second = MOMENT.replace(microsecond=0)
    for column in ("created_at", "updated_at"):
        for op in (Op.EQ, Op.NEQ, Op.GT, Op.GTE, Op.LT, Op.LTE):
            for moment in (second, second + timedelta(seconds=1), MOMENT):
                yield where(column, op, moment)
    for bound in (0, 1, 2**40):
        yield where("size", Op.GTE, bound)
        yield where("size", Op.LTE, bound)
    for owner in ("one", "two", "a project with nothing"):
        yield where("owner", Op.EQ, owner)
        yield replace(where("owner", Op.EQ, owner), all_visibilities=True)
        yield replace(where("owner", Op.EQ, owner), visibility=Visibility.SHARED)
    yield where("name", Op.EQ, "a")
    yield where("name", Op.IN, ("a", "ä", "unknown"))
    yield where("name", Op.IN, ())
    yield where("id", Op.EQ, WORLD.images[3].id)
    yield where("id", Op.EQ, "unknown")
    yield where("id", Op.IN, tuple(one.id for one in WORLD.images[:20]))
    yield where("status", Op.EQ, "active")
    yield where("status", Op.EQ, "no such status")
    yield where("status", Op.IN, ("queued", "saving", "killed", "deleted"))
    yield where("disk_format", Op.IN, ("raw",))
    yield where("container_format", Op.EQ, "bare")
    yield where("checksum", Op.EQ, "c0ffee")
    yield where("protected", Op.EQ, True)
    yield where("min_ram", Op.EQ, 2)
    yield replace(ALL, os_hidden=True)
    yield replace(ALL, properties=(("first", "1"),))
    yield replace(ALL, properties=(("first", "1"), ("second", "2")))
    yield replace(ALL, properties=(("first", "x" * 300 + "2"),))
    yield replace(ALL, properties=(("unknown", "1"),))
    yield replace(ALL, tags=("odd",))
    yield replace(ALL, tags=("odd", "ü", "even"))
    yield replace(ALL, tags=("Odd",))
    yield replace(where("min_ram", Op.GTE, 1), tags=("odd",), properties=(("first", "1"),))


@pytest.mark.slow
@pytest.mark.parametrize("scope", SCOPES, ids=str)
async def test_who_sees_what(filled: Database, world: World, scope: Scope) -> None:
    for query in visible_sets():
        assert await listed(filled, scope, query) == world.ids(scope, query), query


@pytest.mark.slow
@pytest.mark.usefixtures("any_way")
@pytest.mark.parametrize("scope", SCOPES, ids=str)
async def test_filters(filled: Database, world: World, scope: Scope) -> None:
    for query in filtered():
        assert await listed(filled, scope, query) == world.ids(scope, query), query


@pytest.fixture(params=["all are sorted", "all are walked"])
def sorted_or_walked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways to find what somebody sees in an order, however much it is."""
    monkeypatch.setattr(walks, "SMALL", 10_000 if request.param == "all are sorted" else -1)


@pytest.mark.slow
@pytest.mark.usefixtures("sorted_or_walked")
@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("key", sorted(SORT_KEYS))
async def test_all_pages_of_a_sort_key(
    filled: Database, world: World, key: str, direction: Direction
) -> None:
    for scope in (Scope("one"), Scope("two", is_admin=True), Scope(None)):
        query = replace(ALL, limit=7, sort=(Sort(key, direction),), all_visibilities=True)
        await assert_pages(filled, world, scope, query)


@pytest.mark.slow
@pytest.mark.usefixtures("any_way")
@pytest.mark.parametrize("seed", range(12))
async def test_all_pages_of_any_list(filled: Database, world: World, seed: int) -> None:
    chance = random.Random(seed)
    shown = chance.choice(list(visible_sets()))
    narrowed = chance.choice([ALL, *filtered()])
    query = replace(
        narrowed,
        limit=chance.randrange(1, 9),
        visibility=shown.visibility,
        all_visibilities=shown.all_visibilities,
        member_status=shown.member_status,
        sort=tuple(
            Sort(key, chance.choice(list(Direction)))
            for key in chance.sample(sorted(SORT_KEYS), chance.randrange(1, 4))
        ),
    )
    await assert_pages(filled, world, chance.choice(SCOPES), query)


async def assert_pages(database: Database, world: World, scope: Scope, query: ImageQuery) -> None:
    expected = world.ids(scope, query)
    for number in range(0, len(expected) + 1, query.limit):
        page = await listed(database, scope, query)
        assert page == expected[number : number + query.limit], query
        if page:
            query = replace(query, marker=page[-1])


async def test_images_come_with_their_children(filled: Database, world: World) -> None:
    by_id = {one.id: one for one in world.images}
    page, _ = await filled.read(images.select_page, Scope(None, is_admin=True), ALL)
    assert len(page) > 50
    for found in page:
        written = by_id[found.id]
        locations = tuple(replace(place, id=None) for place in found.locations)
        assert replace(found, locations=locations) == written


async def test_a_marker_need_not_be_in_the_list(filled: Database, world: World) -> None:
    sizes = replace(ALL, sort=(Sort("size"),), tags=("odd",), all_visibilities=True)
    scope = Scope("one")
    anything = replace(ALL, sort=(Sort("size"),), all_visibilities=True)
    everything = world.ids(scope, anything)
    marker = next(one for one in everything if one not in world.ids(scope, sizes))
    after = everything[everything.index(marker) + 1 :]
    expected = [one for one in world.ids(scope, sizes) if one in after]
    assert await listed(filled, scope, replace(sizes, marker=marker)) == expected


async def test_markers_that_are_refused(filled: Database, world: World) -> None:
    private = next(
        one
        for one in world.images
        if one.visibility is Visibility.PRIVATE and one.owner and one.status is ImageStatus.ACTIVE
    )
    deleted = next(one for one in world.images if one.status is ImageStatus.DELETED)
    for marker in ("unknown", private.id, deleted.id, ""):
        with pytest.raises(Invalid, match="marker"):
            await listed(filled, Scope("stranger"), replace(ALL, marker=marker))
    assert isinstance(
        await listed(filled, Scope(private.owner), replace(ALL, marker=private.id)), list
    )


async def test_members_may_use_any_image_shared_with_them_as_marker(
    filled: Database, world: World
) -> None:
    shared = next(
        image_id
        for (image_id, project), status in world.memberships.items()
        if project == "two"
        and status is MemberStatus.REJECTED
        and any(
            one.id == image_id and one.visibility is Visibility.SHARED and one.status == "active"
            for one in world.images
        )
    )
    assert isinstance(await listed(filled, Scope("two"), replace(ALL, marker=shared)), list)


async def test_no_limit_no_images(filled: Database) -> None:
    assert await listed(filled, Scope("one"), ImageQuery(0)) == []


async def test_a_time_beyond_the_calendar(filled: Database) -> None:
    end = Condition("created_at", Op.LTE, datetime.max)
    with pytest.raises(Invalid):
        await listed(filled, Scope("one"), replace(ALL, conditions=(end,)))


async def test_a_number_beyond_the_column(filled: Database) -> None:
    huge = Condition("size", Op.GTE, 2**70)
    with pytest.raises(Invalid):
        await listed(filled, Scope("one"), replace(ALL, conditions=(huge,)))
