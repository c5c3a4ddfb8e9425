from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from imagestore.database import images, members
from imagestore.database.engine import Database
from imagestore.model.errors import Conflict
from imagestore.model.image import MemberStatus
from tests.database.samples import LATER, image, member


async def test_members_come_and_go(database: Database) -> None:
    shared = image()
    await database.write(images.insert, shared)
    two, three = member(shared.id, "two"), member(shared.id, "three")
    await database.write(members.insert, two)
    await database.write(members.insert, three)
    assert await database.read(members.list, shared.id) == [two, three]
    assert await database.read(members.count, shared.id) == 2
    accepted = MemberStatus.ACCEPTED
    assert await database.write(members.set_status, shared.id, "two", accepted, LATER)
    assert await database.read(members.get, shared.id, "two") == replace(
        two, status=accepted, updated_at=LATER
    )
    assert await database.read(members.get, shared.id, "three") == three
    assert await database.write(members.remove, shared.id, "two")
    assert not await database.write(members.remove, shared.id, "two")
    assert not await database.write(members.set_status, shared.id, "two", accepted, LATER)
    assert await database.read(members.get, shared.id, "two") is None
    assert await database.read(members.count, shared.id) == 1


async def test_one_who_comes_back_starts_anew(database: Database) -> None:
    shared = image()
    await database.write(images.insert, shared)
    await database.write(members.insert, member(shared.id, "two", MemberStatus.REJECTED))
    await database.write(members.remove, shared.id, "two")
    again = member(shared.id, "two")
    await database.write(members.insert, again)
    assert await database.read(members.list, shared.id) == [again]


async def test_the_same_member_twice(database: Database) -> None:
    shared = image()
    await database.write(images.insert, shared)
    outcomes = await asyncio.gather(
        *(database.write(members.insert, member(shared.id, "two")) for _ in range(5)),
        return_exceptions=True,
    )
    assert [outcome for outcome in outcomes if outcome is None] == [None]
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 4
    assert await database.read(members.count, shared.id) == 1


async def test_the_same_project_in_two_images(database: Database) -> None:
    for _ in range(2):
        shared = image()
        await database.write(images.insert, shared)
        await database.write(members.insert, member(shared.id, "two"))
        with pytest.raises(Conflict):
            await database.write(members.insert, member(shared.id, "two"))
