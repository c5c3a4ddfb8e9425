"""Metadata definitions as rows: every statement, in each way of running it."""

from __future__ import annotations

import asyncio
import functools
import itertools
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event, text, update

from imagestore.database.engine import Database
from imagestore.database.metadefs import contents, namespaces, resource_types
from imagestore.database.metadefs.items import OBJECTS, PROPERTIES, TAGS
from imagestore.database.schema import metadef_namespaces, metadef_resource_types
from imagestore.model.errors import Conflict, NotFound
from imagestore.model.metadef import (
    NAMESPACE_SORT_KEYS,
    TAG_SORT_KEYS,
    Association,
    Contents,
    MetadefObject,
    MetadefProperty,
    MetadefTag,
    Namespace,
    NamespaceFilter,
    Page,
)
from imagestore.model.query import Scope
from tests.database.samples import LATER, MOMENT

ADMIN = Scope(None, is_admin=True)
EVERY = NamespaceFilter()
TEXT = {"title": "T", "type": "string"}
FULL = Contents(
    associations=(Association("image", "hw_", "image"), Association("volume")),
    objects=(MetadefObject("o2"), MetadefObject("o1", "d", ("p", "q"), {"p": TEXT})),
    properties=(MetadefProperty("p1", {**TEXT, "description": "é 🎉 \0"}),),
    tags=(MetadefTag("t1"), MetadefTag("t2")),
)


def namespace(name: str, *, owner: str = "one", later: int = 0, **more: Any) -> Namespace:
    moment = MOMENT + timedelta(seconds=later)
    return Namespace(name, owner, moment, moment, **more)


async def made(database: Database, one: Namespace, inside: Contents | None = None) -> int:
    def add(conn: Connection) -> int:
        key = namespaces.add(conn, one)
        contents.add(conn, key, inside or Contents(), one.created_at)
        return key

    return await database.write(add)


async def names(
    database: Database,
    page: Page,
    wanted: NamespaceFilter = EVERY,
    scope: Scope = ADMIN,
    marker: str | None = None,
) -> list[str]:
    def find(conn: Connection) -> list[Namespace]:
        last = None if marker is None else namespaces.get(conn, marker)
        return namespaces.select_page(conn, scope, wanted, page, last)

    return [found.namespace for found in await database.read(find)]


async def test_a_namespace_comes_back_as_it_was_written(database: Database) -> None:
    bare, full = (
        namespace("bare"),
        namespace("full", display_name="D", description="é", visibility="public", protected=True),
    )
    for one in (bare, full):
        key = await made(database, one)
        found = await database.read(namespaces.get, one.namespace)
        assert found is not None
        assert found.id == key
        assert Namespace(**{**_fields(found), "id": 0}) == one
    assert await database.read(namespaces.get, "none") is None
    assert [one.namespace for one in await database.read(namespaces.list_all)] == ["bare", "full"]


def _fields(one: Namespace) -> dict[str, Any]:
    return {name: getattr(one, name) for name in Namespace.__slots__}


async def test_a_name_is_there_once(database: Database) -> None:
    await made(database, namespace("a"))
    with pytest.raises(Conflict):
        await made(database, namespace("a", owner="two"))
    await made(database, namespace("b"))
    b = await database.read(namespaces.get, "b")
    assert b is not None
    with pytest.raises(Conflict):
        await database.write(namespaces.change, Namespace(**{**_fields(b), "namespace": "a"}))


async def test_two_creators_at_once(database: Database) -> None:
    outcomes = await asyncio.gather(
        *(made(database, namespace("a"), FULL) for _ in range(8)), return_exceptions=True
    )
    assert sum(isinstance(outcome, int) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 7


async def test_contents_come_back_as_they_were_written(database: Database) -> None:
    key = await made(database, namespace("a"), FULL)
    found = await database.read(contents.load, key)
    assert [(a.name, a.prefix, a.properties_target) for a in found.associations] == [
        ("image", "hw_", "image"),
        ("volume", None, None),
    ]
    assert [(o.name, o.description, o.required, o.properties) for o in found.objects] == [
        ("o1", "d", ("p", "q"), {"p": TEXT}),
        ("o2", None, (), {}),
    ]
    assert [(p.name, p.definition) for p in found.properties] == [
        ("p1", {**TEXT, "description": "é 🎉 \0"})
    ]
    assert [tag.name for tag in found.tags] == ["t2", "t1"]
    assert {one.created_at for kind in (found.objects, found.tags) for one in kind} == {MOMENT}


async def test_contents_are_read_in_as_many_statements_whatever_there_is(
    database: Database,
) -> None:
    keys = [await made(database, namespace(f"n{n}"), FULL) for n in range(5)]
    counts: list[int] = []

    def count(conn: Connection, function: Any, *arguments: Any) -> None:
        statements: list[str] = []

        def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
            statements.append(statement)

        event.listen(conn, "before_cursor_execute", note)
        try:
            function(conn, *arguments)
        finally:
            event.remove(conn, "before_cursor_execute", note)
        counts.append(len(statements))

    await database.read(count, contents.load, keys[0])
    await database.read(count, resource_types.associations, keys)
    await database.read(count, namespaces.select_page, ADMIN, EVERY, Page())
    assert counts == [4, 1, 1]


async def test_removing_a_namespace_leaves_the_others_alone(database: Database) -> None:
    gone, kept = [await made(database, namespace(name), FULL) for name in ("gone", "kept")]
    await database.write(namespaces.remove, gone)
    assert await database.read(namespaces.get, "gone") is None
    assert await database.read(contents.load, gone) == Contents()
    assert len((await database.read(contents.load, kept)).objects) == 2
    assert [t.name for t in await database.read(resource_types.list_all)] == ["image", "volume"]
    assert await database.write(namespaces.remove_all) == 1
    assert await database.read(resource_types.list_all) == []
    assert await database.read(contents.load, kept) == Contents()


@pytest.mark.parametrize(
    ("kind", "item", "renamed"),
    [
        (OBJECTS, MetadefObject("a", "d", ("x",), {"x": TEXT}), MetadefObject("b")),
        (PROPERTIES, MetadefProperty("a", TEXT), MetadefProperty("b", {**TEXT, "title": "N"})),
        (TAGS, MetadefTag("a"), MetadefTag("b")),
    ],
    ids=["objects", "properties", "tags"],
)
async def test_items_come_and_go(database: Database, kind: Any, item: Any, renamed: Any) -> None:
    key, other = [await made(database, namespace(name)) for name in ("one", "two")]
    for place in (key, other):
        await database.write(kind.add, place, [item], MOMENT)
        with pytest.raises(Conflict):
            await database.write(kind.add, place, [item], MOMENT)
    taken = type(item)(**{**{n: getattr(item, n) for n in item.__slots__}, "name": "c"})
    await database.write(kind.add, key, [taken], MOMENT)
    with pytest.raises(Conflict):
        await database.write(kind.change, key, "c", item, LATER)
    with pytest.raises(Conflict):
        await database.write(kind.add, key, [renamed, renamed], MOMENT)

    await database.write(kind.change, key, "a", renamed, LATER)
    assert await database.read(kind.get, key, "a") is None
    found = await database.read(kind.get, key, "b")
    assert (found.name, found.created_at, found.updated_at) == ("b", MOMENT, LATER)
    assert [one.name for one in await database.read(kind.list, key)] == ["b", "c"]
    assert await database.write(kind.remove, key, "b")
    assert not await database.write(kind.remove, key, "b")
    await database.write(kind.clear, key)
    assert await database.read(kind.list, key) == ()
    assert [one.name for one in await database.read(kind.list, other)] == ["a"]


async def test_tags_that_differ_only_in_case_are_the_same(database: Database) -> None:
    key = await made(database, namespace("a"))
    await database.write(TAGS.add, key, [MetadefTag("Größe"), MetadefTag("b")], MOMENT)
    for taken in ("größe", "GRÖSSE", "B"):
        with pytest.raises(Conflict):
            await database.write(TAGS.add, key, [MetadefTag(taken)], MOMENT)
    with pytest.raises(Conflict):
        await database.write(TAGS.change, key, "b", MetadefTag("GRÖßE"), LATER)
    await database.write(TAGS.change, key, "b", MetadefTag("B"), LATER)
    assert {tag.name for tag in await database.read(TAGS.list, key)} == {"Größe", "B"}


async def test_pages_of_namespaces_make_up_the_list(database: Database) -> None:
    """Whatever is sorted by, and however many are equal or null in it."""
    every = [
        namespace("e", later=3, display_name="x", description="same", owner="two"),
        namespace("a", later=1, display_name="x", protected=True),
        namespace("d", later=1, description="same", visibility="public"),
        namespace("b", later=2, display_name="a", owner="two", protected=True),
        namespace("c", later=0),
    ]
    for one in every:
        await made(database, one)

    def forget(conn: Connection) -> None:
        # As rows that other programs have written.
        c = metadef_namespaces.c
        conn.execute(update(metadef_namespaces).where(c.namespace == "c").values(protected=None))
        conn.execute(update(metadef_namespaces).where(c.namespace == "b").values(updated_at=None))

    await database.write(forget)
    places = {one.namespace: place for place, one in enumerate(every)}

    def sort_key(key: str, name: str) -> tuple[Any, datetime, int]:
        one = every[places[name]]
        value = places[name] if key == "id" else getattr(one, key)
        return "" if value is None else value, one.created_at, places[name]

    for key, ascending in itertools.product(NAMESPACE_SORT_KEYS, (True, False)):
        whole = await names(database, Page(sort_key=key, ascending=ascending))
        expected = sorted(places, key=functools.partial(sort_key, key), reverse=not ascending)
        assert whole == expected, (key, ascending)
        walked: list[str] = []
        for _ in range(6):
            step = Page(limit=1, sort_key=key, ascending=ascending)
            walked += await names(database, step, marker=walked[-1] if walked else None)
        assert walked == whole, (key, ascending)
        assert await names(database, Page(limit=0, sort_key=key)) == []


async def test_filters_and_scopes(database: Database) -> None:
    tied = Contents(associations=(Association("image"),))
    both = Contents(associations=(Association("image"), Association("volume")))
    await made(database, namespace("mine"), tied)
    await made(database, namespace("public", owner="two", visibility="public"), both)
    await made(database, namespace("theirs", owner="two"), tied)
    page = Page(sort_key="namespace", ascending=True)

    assert await names(database, page) == ["mine", "public", "theirs"]
    assert await names(database, page, scope=Scope("one")) == ["mine", "public"]
    assert await names(database, page, scope=Scope("three")) == ["public"]
    assert await names(database, page, scope=Scope(None)) == ["public"]
    private = NamespaceFilter(visibility="private")
    assert await names(database, page, private, Scope("two")) == ["theirs"]
    images = NamespaceFilter(resource_types=("image", "none"))
    assert await names(database, page, images, Scope("two")) == ["public", "theirs"]
    either = NamespaceFilter(resource_types=("image", "volume"))
    assert await names(database, page, either) == ["mine", "public", "theirs"]
    assert await names(database, page, NamespaceFilter(resource_types=())) == []
    assert await names(database, page, NamespaceFilter(resource_types=("none",))) == []


async def test_pages_of_tags_make_up_the_list(database: Database) -> None:
    place = await made(database, namespace("a"))
    await made(database, namespace("b"), Contents(tags=(MetadefTag("elsewhere"),)))
    for later, name in ((1, "y"), (1, "x"), (0, "z")):
        moment = MOMENT + timedelta(seconds=later)
        await database.write(TAGS.add, place, [MetadefTag(name)], moment)
    for key, ascending in itertools.product(TAG_SORT_KEYS, (True, False)):
        expected = {"name": ["x", "y", "z"], "id": ["y", "x", "z"]}.get(key, ["z", "y", "x"])
        walked: list[str] = []
        for _ in range(4):
            page = Page(1, walked[-1] if walked else None, key, ascending)
            walked += [tag.name for tag in await database.read(TAGS.page, place, page)]
        assert walked == (expected if ascending else expected[::-1]), (key, ascending)
    with pytest.raises(NotFound):
        await database.read(TAGS.page, place, Page(marker="elsewhere"))


async def test_resource_types_are_shared(database: Database) -> None:
    one, two = [await made(database, namespace(name)) for name in ("one", "two")]
    image = Association("image", "hw_")
    for place in (one, two):
        await database.write(resource_types.associate, place, [image], MOMENT)
        with pytest.raises(Conflict):
            await database.write(resource_types.associate, place, [image], MOMENT)
    assert [t.name for t in await database.read(resource_types.list_all)] == ["image"]
    await database.write(
        resource_types.reassociate, one, Association("image", "x_", "target"), LATER
    )
    changed = await database.read(resource_types.association, one, "image")
    assert changed == Association("image", "x_", "target", MOMENT, LATER)
    assert await database.write(resource_types.dissociate, one, "image")
    assert not await database.write(resource_types.dissociate, one, "image")
    assert await database.read(resource_types.association, one, "image") is None
    assert await database.read(resource_types.association, two, "image") is not None


async def test_many_name_a_new_resource_type_at_once(database: Database) -> None:
    places = [await made(database, namespace(f"n{n}")) for n in range(8)]
    wanted = [Association("new"), Association("newer")]
    await asyncio.gather(
        *(database.write(resource_types.associate, place, wanted, MOMENT) for place in places)
    )
    found = await database.read(resource_types.associations, places)
    assert [[one.name for one in found[place]] for place in places] == [["new", "newer"]] * 8


async def test_which_types_are_protected(database: Database) -> None:
    key = await made(database, namespace("a"), Contents(associations=(Association("plain"),)))
    await database.write(
        resource_types.associate, key, [Association("loaded")], MOMENT, protected=True
    )

    def flags(conn: Connection) -> dict[str, bool]:
        t = metadef_resource_types
        rows = conn.execute(t.select()).all()
        return {row.name: row.protected for row in rows}

    assert await database.read(flags) == {"plain": False, "loaded": True}


async def test_an_object_that_glance_manage_wrote_without_properties(database: Database) -> None:
    key = await made(database, namespace("a"), Contents(objects=(MetadefObject("o"),)))
    await database.write(
        lambda conn: conn.execute(text("UPDATE metadef_objects SET json_schema = 'null'"))
    )
    found = await database.read(OBJECTS.get, key, "o")
    assert found is not None
    assert found.properties == {}
