"""Everything that lies in the containers of a store, and is named as an upload names it."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from imagestore.backends.base import Held, Pages
from imagestore.backends.errors import InvalidLocation, NotFound
from imagestore.backends.ids import is_id, leading_id
from imagestore.backends.swift.account import Account
from imagestore.backends.swift.container import Container, Entry
from imagestore.backends.swift.faults import Forbidden
from imagestore.backends.swift.names import is_leftover
from imagestore.backends.swift.placement import Placement

log = logging.getLogger(__name__)


async def in_container(container: Container, placement: Placement) -> Pages:
    """The objects, segments and claims of images whose place this container is."""
    try:
        async for page in container.pages():
            found = (_held(entry) for entry in page)
            yield [
                held
                for held in found
                if held is not None
                and placement.of(held.image_id, None).container == container.name
            ]
    except NotFound:
        return


async def in_containers(account: Account, base: str, placement: Placement) -> Pages:
    """The same of all containers whose names begin with ``base``."""
    async for page in account.containers(base):
        for entry in page:
            async for held in in_container(Container(account, entry.name), placement):
                yield held


async def of_projects(
    account: Account, base: str, placement: Placement, projects: Iterable[str]
) -> Pages:
    """The containers of images, each of which has its own, in our account and in the projects'.

    What is in them is not looked at, which would take a request for each: Swift's own count is
    minutes behind, so each counts for an object.
    """
    seen: set[str | None] = set()
    for project in (None, *projects):
        try:
            address = placement.account_of(project)
        except InvalidLocation:
            continue  # no project of Swift's
        if address in seen:
            continue
        seen.add(address)
        try:
            async for page in account.containers(f"{base}_", address):
                yield [
                    Held(image_id, whole=True, size=entry.bytes, owner=project)
                    for entry in page
                    if is_id(image_id := entry.name.removeprefix(f"{base}_"))
                ]
        except NotFound:
            continue
        except Forbidden as error:
            if project is None:
                raise
            log.warning("the account of project %s cannot be listed: %s", project, error)


def _held(entry: Entry) -> Held | None:
    image_id = leading_id(entry.name)
    if image_id is None:
        return None
    if entry.name == image_id:
        # Of a large object, which is its segments, this is only the list.
        return Held(image_id, whole=True, size=entry.size)
    if is_leftover(image_id, entry.name):
        return Held(image_id, whole=False, size=entry.size)
    return None
